# Behalf - one makefile for all of it, non-recursive. `make help` lists the targets.
#
# Every variant builds into its own folder, build/<variant>/, so switching needs no `clean`.
# CC, CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS belong to the user and come last on each line.
# pkg-config is asked when the first recipe needs it: `clean`, `help` and `deps` work without.

VARIANT ?= release#   release debug asan tsan ubsan fuzz cov shrunk
O       ?= build#     root of everything that is built
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
# Random worlds a property program tries: half a minute in release, as long under a sanitizer.
WORLDS  ?= $(if $(SANITIZE),400,2000)
# Those with agents or attributes go on for longer, each with many writes.
AGENT_WORLDS ?= $(if $(SANITIZE),60,300)
FUZZ_TIME ?= 60#      seconds a fuzzer runs
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
B := $(strip $(O))/$(strip $(VARIANT))
Q := $(if $(V),,@)
SAY = $(if $(V),@:,@printf '  %-8s%s\n')
VERSION := $(file <VERSION)
FORCE:
.PHONY: FORCE

ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(VARIANT)),clang,gcc)
endif
ifeq ($(origin CXX),default)
CXX := $(if $(filter fuzz,$(VARIANT)),clang++,g++)
endif

# ---- Flags -------------------------------------------------------------------------------------

# $(call once,NAME,TEXT): TEXT is expanded at the first use of NAME and kept.
once = $(eval $(1) = $$(eval $(1) := $(2))$$($(1)))
probe = $(shell for f in $(1); do $(CC) -Werror $$f -x c -c /dev/null -o /dev/null 2>/dev/null \
          && printf '%s ' $$f; done)

PACKAGES = rocksdb libevent libevent_pthreads libssl libcrypto libxxhash jansson re2 yaml-0.1 libseccomp $(MSGPACK)
$(call once,MSGPACK,$$(shell pkg-config --exists msgpack 2>/dev/null && echo msgpack || echo msgpack-c))
$(call once,PKG_CFLAGS,$$(shell pkg-config --cflags $$(PACKAGES) 2>/dev/null))
$(call once,PKG_LIBS,$$(shell pkg-config --libs $$(PACKAGES) 2>/dev/null))
$(call once,TLS_LIBS,$$(shell pkg-config --libs libssl libcrypto 2>/dev/null))
$(call once,ROCKSDB,$$(shell pkg-config --modversion rocksdb 2>/dev/null))
$(call once,CRITERION_LIBS,$$(shell pkg-config --libs criterion 2>/dev/null))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wformat=2 -Wwrite-strings \
  -Wcast-qual -Wcast-align -Wpointer-arith -Wconversion -Wdouble-promotion -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wswitch-enum -Wimplicit-fallthrough \
  -Wredundant-decls -Wnull-dereference -Wunused-macros
$(call once,PROBED,$$(call probe,-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init -Wcomma))
$(call once,FORTIFY,$$(if $$(call probe,-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),3,2))
# Objects that can be linked either way: the server and the micro benches are optimised as a whole,
# which makes a check a seventh cheaper; the other programs link sooner without.
$(call once,FAT,$$(call probe,-ffat-lto-objects))
$(call once,BRANCHES,$$(firstword $$(call probe,-fcf-protection -mbranch-protection=standard)))

# _FORTIFY_SOURCE does not go with sanitizers; asserts stay on everywhere, release included.
HARDEN = -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE \
  -D_FORTIFY_SOURCE=$(FORTIFY) $(BRANCHES)
SANITIZE.asan    := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE.ubsan   := -fsanitize=undefined -fno-sanitize-recover=all
SANITIZE.tsan    := -fsanitize=thread
SANITIZE.shrunk  := $(SANITIZE.asan)
SANITIZE.fuzz    := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
SANITIZE := $(SANITIZE.$(VARIANT))
OPTIMIZE.release = -O2 $(HARDEN) $(if $(FAT),-flto=auto -ffat-lto-objects)
OPTIMIZE.debug   := -Og -DBEHALF_DEBUG
OPTIMIZE.asan    := -O1 -DBEHALF_DEBUG
OPTIMIZE.ubsan   := -O1 -DBEHALF_DEBUG
OPTIMIZE.tsan    := -O1 -DBEHALF_DEBUG
OPTIMIZE.fuzz    := -O1 -DBEHALF_DEBUG
OPTIMIZE.shrunk  := -O1 -DBEHALF_DEBUG -DBEHALF_SHRUNK
OPTIMIZE.cov     := -O0 --coverage
ifeq ($(origin OPTIMIZE.$(VARIANT)),undefined)
$(error VARIANT=$(VARIANT) is not one of: release debug asan tsan ubsan fuzz cov shrunk)
endif

MY_CPPFLAGS = -I. -D_GNU_SOURCE -DBEHALF_VERSION='"$(VERSION)"' -DBEHALF_VARIANT='"$(VARIANT)"' \
  -DBEHALF_ROCKSDB='"$(ROCKSDB)"' $(patsubst -I%,-isystem %,$(PKG_CFLAGS))
MY_CFLAGS = -std=c17 -g -pthread -fno-common -fno-strict-aliasing -fno-omit-frame-pointer \
  -ffile-prefix-map=$(CURDIR)=. $(WARNINGS) $(PROBED) $(if $(WERROR),-Werror) \
  $(OPTIMIZE.$(VARIANT)) $(SANITIZE)
MY_LDFLAGS = -pthread -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(SANITIZE) \
  $(if $(filter cov,$(VARIANT)),--coverage)
# The one C++ file stands between RE2 and everything else: no exception and no type leaves it.
MY_CXXFLAGS = -std=c++17 -g -pthread -fno-exceptions -fno-rtti -fno-omit-frame-pointer \
  -ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror) \
  $(OPTIMIZE.$(VARIANT)) $(SANITIZE) $(if $(SANITIZE),-fno-sanitize=vptr) \
  $(if $(filter fuzz,$(VARIANT)),-fno-sanitize=function)
COMPILE_CXX = $(CXX) $(MY_CPPFLAGS) $(MY_CXXFLAGS) $(PIC) -MMD -MP $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<
COMPILE = $(CC) $(MY_CPPFLAGS) $(MY_CFLAGS) $(FILTER) $(PIC) -MMD -MP $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
PIC = -fPIE
CXX_LIBS = -lstdc++

# ---- Sources -----------------------------------------------------------------------------------

FLOORS    ?= base http audit schema storage graph eval engine net
MAINS     := %/main.c %/behalfd.c %/behalf.c %/behalf_bench.c %/bench.c
CORE_SRC  := $(wildcard $(FLOORS:%=%/*.c))
CXX_SRC   := $(wildcard $(FLOORS:%=%/*.cc))
CLIENT_SRC:= $(wildcard client/*.c)
# Of base/ the installed library has these, and otherwise headers alone.
CLIENT_BASE:= base/tls.c base/error.c base/check.c
SERVER_SRC:= $(wildcard server/*.c)
CLI_SRC   := $(wildcard cli/*.c validate/*.c)
BENCH_SRC := $(wildcard bench/*.c)
MICRO_SRC := $(filter-out bench/micro/micro_%,$(wildcard bench/micro/*.c))
MICRO_PARTS := $(wildcard bench/micro/micro_*.c)
UNIT_SRC  := $(wildcard tests/unit/*.c)
HELP_SRC  := $(wildcard tests/support/*.c)
PROP_SRC  := $(wildcard tests/property/*.c)
STRESS_SRC:= $(wildcard tests/stress/*.c)
TIMING_SRC:= $(wildcard tests/timing/*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
ALL_SRC   := $(CORE_SRC) $(CLIENT_SRC) $(SERVER_SRC) $(CLI_SRC) $(BENCH_SRC) $(MICRO_SRC) $(MICRO_PARTS) \
             $(UNIT_SRC) $(HELP_SRC) $(PROP_SRC) $(STRESS_SRC) $(TIMING_SRC) $(FUZZ_SRC)
OWN       := base http audit schema storage graph eval engine net server client validate cli bench bench/micro tests \
             tests/unit tests/support tests/property tests/stress tests/timing tests/fuzz
HEADERS   := $(wildcard $(OWN:%=%/*.h))
TEXTS     := $(ALL_SRC) $(CXX_SRC) $(HEADERS) $(wildcard tests/torture/*.c)

obj  = $(patsubst %.c,$(B)/obj/%.o,$(1))
pic  = $(patsubst %.c,$(B)/pic/%.o,$(1))
name = $(patsubst %.c,$(B)/$(1)/%,$(notdir $(2)))

CORE      := $(B)/libbehalf-core.a
CLIENT    := $(B)/libbehalf-client.a
# What the tests may link beside the core: the programs without their main().
PARTS     := $(B)/libbehalf-parts.a
SUPPORT   := $(B)/libbehalf-support.a
PROGRAMS  := $(if $(SERVER_SRC),$(B)/behalfd) $(if $(CLI_SRC),$(B)/behalf) \
             $(if $(BENCH_SRC),$(B)/behalf-bench)
LIBRARIES := $(if $(CLIENT_SRC),$(B)/libbehalf.a $(B)/libbehalf.so.0)
MICROS    := $(call name,micro,$(MICRO_SRC))
UNIT      := $(if $(UNIT_SRC),$(B)/test-unit)
PROPERTY  := $(call name,property,$(PROP_SRC))
STRESS    := $(call name,stress,$(STRESS_SRC))
TIMINGS   := $(call name,timing,$(TIMING_SRC))
FUZZERS   := $(if $(filter fuzz,$(VARIANT)),$(call name,fuzz,$(FUZZ_SRC)))

# ---- Building ----------------------------------------------------------------------------------

.PHONY: all
all: $(CORE) $(PROGRAMS) $(LIBRARIES) ## server, command line, load tool, client library

# Rewritten only when its text changes: new flags rebuild, a deleted source file relinks.
stamp = @mkdir -p $(@D); t=$(1); [ "$$t" = "$$(cat $@ 2>/dev/null)" ] || printf '%s\n' "$$t" >$@
quote = '$(subst ','\'',$(1))'
$(B)/flags: FORCE
	@[ -n "$(strip $(PKG_LIBS))" ] || tools/install-deps.sh --name-missing
	$(call stamp,$(call quote,$(CC) $(MY_CPPFLAGS) $(MY_CFLAGS) $(CPPFLAGS) $(CFLAGS) \
	  $(CXX) $(MY_CXXFLAGS) $(CXXFLAGS) \
	  $(MY_LDFLAGS) $(LDFLAGS) $(PKG_LIBS) $(LDLIBS)))
$(B)/sources: FORCE
	$(call stamp,$(call quote,$(ALL_SRC) $(CXX_SRC)))

$(B)/obj/%.o: %.c $(B)/flags
	$(SAY) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE)
$(B)/obj/%.o: %.cc $(B)/flags
	$(SAY) CXX $<
	$(Q)mkdir -p $(@D) && $(COMPILE_CXX)
# Sanitizers and coverage make system calls of their own.
$(B)/obj/server/syscall_filter.o: FILTER = $(if $(SANITIZE)$(filter cov,$(VARIANT)),,-DBEHALF_SYSCALL_FILTER)
# The installed library is plain objects: others link it, whatever their compiler.
$(B)/pic/%.o: PIC = -fPIC -fvisibility=hidden -fno-lto
$(B)/pic/%.o: %.c $(B)/flags
	$(SAY) CC '$< (pic)'
	$(Q)mkdir -p $(@D) && $(COMPILE)

# q never replaces: two floors may have a file of the same name.
define archive
	$(SAY) AR $(@F)
	$(Q)rm -f $@ && ar qcs $@ $(filter %.o,$^)
endef
$(CORE): $(call obj,$(CORE_SRC)) $(CXX_SRC:%.cc=$(B)/obj/%.o) $(B)/sources ; $(archive)
$(CLIENT): $(call obj,$(CLIENT_SRC)) $(B)/sources ; $(archive)
$(PARTS): $(call obj,$(filter-out $(MAINS),$(SERVER_SRC) $(CLI_SRC) $(BENCH_SRC))) $(B)/sources
	$(archive)
$(SUPPORT): $(call obj,$(HELP_SRC)) $(B)/sources ; $(archive)

LINKED = $(filter %.o,$^) $(filter %.a,$^)
LTO = $(if $(FAT),-fno-lto)
# Warnings were given for each file; what is guessed again over all of them is mostly wrong.
$(B)/behalfd $(B)/micro/% $(B)/timing/%: LTO = $(if $(FAT),-w)
define link
	$(SAY) LINK $(patsubst $(B)/%,%,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(MY_CFLAGS) $(CFLAGS) -pie $(LTO) $(MY_LDFLAGS) $(LDFLAGS) -o $@ \
	  $(LINKED) $(MORE) $(PKG_LIBS) $(CXX_LIBS) -lm $(LDLIBS)
endef
$(B)/behalfd: $(call obj,$(SERVER_SRC)) $(CORE) $(B)/sources ; $(link)
$(B)/behalf: $(call obj,$(CLI_SRC)) $(CLIENT) $(CORE) $(B)/sources ; $(link)
$(B)/behalf-bench: $(call obj,$(BENCH_SRC)) $(CLIENT) $(CORE) $(B)/sources ; $(link)
$(B)/micro/%: $(B)/obj/bench/micro/%.o $(call obj,$(MICRO_PARTS)) $(PARTS) $(CLIENT) $(CORE) ; $(link)
$(B)/test-unit: MORE = $(CRITERION_LIBS)
$(B)/test-unit: $(call obj,$(UNIT_SRC)) $(SUPPORT) $(PARTS) $(CLIENT) $(CORE) $(B)/sources ; $(link)
$(B)/property/%: $(B)/obj/tests/property/%.o $(SUPPORT) $(PARTS) $(CLIENT) $(CORE) ; $(link)
$(B)/stress/%: $(B)/obj/tests/stress/%.o $(SUPPORT) $(PARTS) $(CLIENT) $(CORE) ; $(link)
$(B)/timing/%: $(B)/obj/tests/timing/%.o $(CORE) ; $(link)
$(B)/fuzz/%: MORE = -fsanitize=fuzzer
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(SUPPORT) $(PARTS) $(CLIENT) $(CORE) ; $(link)

# The installed library: one object with everything local but behalf_*, so that its names can never
# meet those of the program that links it. It needs libc and OpenSSL.
$(B)/libbehalf.a: $(call pic,$(CLIENT_SRC) $(CLIENT_BASE)) $(B)/sources
	$(SAY) AR $(@F)
	$(Q)$(LD) -r -o $(B)/libbehalf.o $(LINKED)
	$(Q)objcopy --wildcard --keep-global-symbol='behalf_*' $(B)/libbehalf.o
	$(Q)rm -f $@ && ar rcs $@ $(B)/libbehalf.o
$(B)/libbehalf.so.0: $(call pic,$(CLIENT_SRC) $(CLIENT_BASE)) $(B)/sources
	$(SAY) LINK $(@F)
	$(Q)echo '{ global: behalf_*; local: *; };' >$(B)/libbehalf.map
	$(Q)$(CC) $(MY_CFLAGS) $(CFLAGS) -shared -Wl,-soname,libbehalf.so.0 \
	  -Wl,--version-script=$(B)/libbehalf.map $(if $(SANITIZE),,-Wl,-z,defs) $(MY_LDFLAGS) \
	  $(LDFLAGS) -o $@ $(LINKED) $(TLS_LIBS) $(LDLIBS)
	$(Q)ln -sf libbehalf.so.0 $(B)/libbehalf.so
	$(Q)nm -D --defined-only $@ | grep -q ' T behalf_' || \
	  { echo 'libbehalf.so.0 exports nothing: mark the functions of client/behalf.h' >&2; exit 1; }
$(B)/behalf.pc: tools/behalf.pc.in FORCE
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@INCDIR@|$(INCDIR)|' \
	  -e 's|@VERSION@|$(VERSION)|' $< >$@

-include $(patsubst %.c,$(B)/obj/%.d,$(ALL_SRC)) $(CXX_SRC:%.cc=$(B)/obj/%.d) $(patsubst %.c,$(B)/pic/%.d,$(CLIENT_SRC) $(CLIENT_BASE))

# ---- Testing -----------------------------------------------------------------------------------

# Criterion reports a leaking test as passed, so the sanitizers write files and any file fails.
export BUILD := $(B)
RUN_ENV = ASAN_OPTIONS=log_path=$(abspath $(B))/san:$(ASAN_OPTIONS) \
  UBSAN_OPTIONS=print_stacktrace=1:$(UBSAN_OPTIONS) LSAN_OPTIONS=$(LSAN_OPTIONS) \
  TSAN_OPTIONS=suppressions=$(CURDIR)/tools/tsan.supp:exitcode=66:$(TSAN_OPTIONS)
fresh = @rm -f $(B)/san.*
clean_run = @if ls $(B)/san.* >/dev/null 2>&1; then cat $(B)/san.* >&2; \
  echo 'sanitizer reports: $(B)/san.*' >&2; exit 1; fi
# All of them run, so that one failure tells no less than it can.
each = s=0; for p in $(1); do echo "  RUN     $${p\#$(B)/}"; $(RUN_ENV) $(2) $$p || \
  { s=1; echo "  FAILED  $${p\#$(B)/}" >&2; }; done; [ $$s = 0 ]
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: test unit property stress timing integration build-tests suite
test: deps ## installs what is missing, then property, integration and unit tests, and some torture
	@$(MAKE) $(PARALLEL) all build-tests
	@$(MAKE) property
	@$(MAKE) integration
	@$(MAKE) unit
	@$(MAKE) torture-quick
build-tests: $(UNIT) $(PROPERTY)
unit: $(UNIT) ## unit tests; T='schema/*' filters, TEST_ARGS goes to Criterion
	$(fresh)
	@$(if $(UNIT),$(RUN_ENV) $(UNIT) $(if $(T),--filter='$(T)') $(TEST_ARGS) 2>&1 \
	  | tee $(B)/unit.log; s=$$?; [ $$s = 0 ] || tools/criterion-leak.sh $(B) || exit $$s; \
	  grep -q 'Tested: .*[1-9]' $(B)/unit.log || \
	  { echo "no unit test matches T='$(T)'" >&2; exit 1; },echo '  no unit tests')
	$(clean_run)
property: $(PROPERTY) ## random worlds against the oracle; WORLDS=n, BEHALF_SEED replays
	$(fresh)
	@$(call each,$(filter-out %/agents %/attributes,$(PROPERTY)),BEHALF_WORLDS=$(strip $(WORLDS)))
	@$(call each,$(filter %/agents %/attributes,$(PROPERTY)),BEHALF_WORLDS=$(strip $(AGENT_WORLDS)))
	$(clean_run)
stress: $(STRESS) ## programs with many threads
	$(fresh)
	@$(call each,$(STRESS))
	$(clean_run)
timing: $(TIMINGS) ## whether time tells of keys; TIMING_MEASUREMENTS=n; on a machine at rest
	@$(call each,$(TIMINGS))
integration: $(PROGRAMS) $(B)/stress/audit ## black-box tests over a socket
	$(fresh)
	@if [ -x tests/integration/run.sh ]; then $(RUN_ENV) tests/integration/run.sh; else \
	  $(call each,$(filter-out tests/integration/lib_%,$(wildcard tests/integration/*.py)),/usr/bin/python3); fi
	$(clean_run)
suite:
	@$(MAKE) $(PARALLEL) all build-tests
	@s=0; for t in property integration unit; do $(MAKE) $$t || s=1; done; exit $$s

# The harness needs a server without a sanitizer: strace and a preloaded library go with no other.
FAULTS := $(B)/torture-faults.so $(B)/torture-recorder.so
$(FAULTS): $(B)/torture-%.so: tests/torture/%.c $(B)/flags
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(MY_CPPFLAGS) $(filter-out -flto% -Wredundant-decls,$(MY_CFLAGS)) -Wno-pedantic -fPIC -shared \
	  $(CPPFLAGS) $(CFLAGS) -o $@ $< -ldl
.PHONY: torture torture-quick
torture: deps ## faults against a server; about 12 minutes on two cores; TORTURE_ARGS='--seed N --only kills'
	@$(MAKE) $(PARALLEL) all $(FAULTS)
	@/usr/bin/python3 tests/torture/run.py $(TORTURE_ARGS)
torture-quick: $(PROGRAMS) $(FAULTS) ## a part of it that ends within 90 seconds
	@$(if $(SANITIZE),echo "  skipped  torture: not with a sanitizer",/usr/bin/python3 tests/torture/run.py --quick $(TORTURE_ARGS))

.PHONY: asan ubsan shrunk tsan valgrind fuzz coverage mutants
asan: ; @$(MAKE) VARIANT=asan suite ## the tests with AddressSanitizer and UBSan
ubsan: ; @$(MAKE) VARIANT=ubsan suite ## the tests with UBSan alone
shrunk: ; @$(MAKE) VARIANT=shrunk suite ## the tests with every limit shrunk
tsan: ## threaded programs and properties with ThreadSanitizer (Criterion cannot)
	@$(MAKE) $(PARALLEL) VARIANT=tsan tsan-build
	@$(MAKE) VARIANT=tsan stress && $(MAKE) VARIANT=tsan property
tsan-build: $(STRESS) $(PROPERTY)
valgrind: ## properties (few worlds) under valgrind
	@$(MAKE) $(PARALLEL) VARIANT=debug build-tests
	@$(MAKE) VARIANT=debug valgrind-run
valgrind-run: $(PROPERTY)
	@$(call each,$(PROPERTY),BEHALF_WORLDS=20 valgrind -q --error-exitcode=9 --leak-check=full)
fuzz: ## each fuzzer for FUZZ_TIME seconds, from tests/fuzz/corpus; F=name for one
	@$(MAKE) $(PARALLEL) VARIANT=fuzz fuzz-build
	@tools/fuzz.sh $(strip $(O))/fuzz $(strip $(FUZZ_TIME)) $(F)
fuzz-build: $(FUZZERS)
coverage: ## lines reached by the tests, floor by floor
	@find $(strip $(O))/cov -name '*.gcda' -delete 2>/dev/null || true
	@s=0; $(MAKE) VARIANT=cov suite || s=$$?; tools/coverage.sh $(strip $(O))/cov || s=$$?; \
	  [ $$s = 0 ] || echo 'coverage: a test failed; the figures are those of what ran' >&2; exit $$s
mutants: ## breaks the code on purpose and counts what the tests notice
	@tests/mutants/run.sh
.PHONY: tsan-build valgrind-run fuzz-build

# ---- Checking ----------------------------------------------------------------------------------

.PHONY: check lint format format-check headers floors tidy cppcheck clang-tidy docs-check
check: ## what a commit must pass; about 40 minutes on two cores
	@echo 'check: about 40 minutes on two cores'
	@tools/install-deps.sh check
	@$(MAKE) format-check floors docs-check
	@$(MAKE) $(PARALLEL) headers lint
	@$(MAKE) test
	@$(MAKE) asan
	@$(MAKE) ubsan
	@$(MAKE) tsan
	@echo 'check: all passed'
lint: tidy cppcheck clang-tidy ## text rules, cppcheck and clang-tidy
tidy: ; @tools/tidy.sh $(TEXTS)
cppcheck:
	$(SAY) CPPCHECK
	$(Q)mkdir -p $(strip $(O))/cppcheck && cppcheck --quiet --std=c11 --inline-suppr -I. \
	  -D_GNU_SOURCE -DBEHALF_VERSION='""' -DBEHALF_VARIANT='""' -DBEHALF_ROCKSDB='""' \
	  --cppcheck-build-dir=$(strip $(O))/cppcheck --enable=warning,performance,portability \
	  --suppressions-list=tools/cppcheck.supp --error-exitcode=1 \
	  $(filter-out tests/unit/%,$(ALL_SRC))
clang-tidy: $(patsubst %.c,$(strip $(O))/tidy/%.ok,$(ALL_SRC))
ANALYZER = $(if $(filter %/error.c %/client_error.c,$<),,-include tools/analyzer.h) \
  $(if $(filter client/%,$<),-DANALYZE_CLIENT)
$(strip $(O))/tidy/%.ok: %.c tools/analyzer.h .clang-tidy $(HEADERS)
	$(SAY) TIDY $<
	$(Q)mkdir -p $(@D) && clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c17 \
	  $(MY_CPPFLAGS) $(ANALYZER) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
format: ; @clang-format -i $(TEXTS) ## clang-format over everything
format-check: ; @clang-format --dry-run --Werror $(TEXTS)
headers: $(B)/flags ## each header compiles alone
	@CC='$(CC)' tools/headers.sh $(call quote,$(MY_CPPFLAGS) -std=c17 $(WARNINGS)) $(HEADERS)
floors: ; @tools/floors.sh ## who may include whom
docs-check: $(PROGRAMS) ## docs name each method, option and error; their transcripts are run
	@tools/docs-check.sh
	@/usr/bin/python3 tests/integration/transcripts.py

# ---- The rest ----------------------------------------------------------------------------------

.PHONY: deps demo bench install uninstall dist clean help
deps: ; @tools/install-deps.sh build ## installs the Debian packages that are missing
demo: deps ## builds all, starts a server, asks it something; about 2 minutes on two cores
	@echo 'demo: about 2 minutes on two cores, nearly all of it to build; seconds once that is done'
	@$(MAKE) $(PARALLEL) all
	@examples/agents/demo.sh
	@examples/grants/demo.sh
	@examples/attributes/demo.sh
bench: all $(MICROS) ## micro benches, then the figures of docs/performance.md
	@$(call each,$(MICROS))
	@$(RUN_ENV) $(B)/behalf-bench numbers $(BENCH_ARGS)

I = $(DESTDIR)
MAN1 := $(wildcard docs/man/*.1)
MAN3 := $(wildcard docs/man/*.3)
MAN8 := $(wildcard docs/man/*.8)
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
install: all $(B)/behalf.pc ## into $(DESTDIR)$(PREFIX)
	install -d $I$(BINDIR) $I$(LIBDIR)/pkgconfig $I$(INCDIR)
	$(if $(PROGRAMS),install -m 755 $(PROGRAMS) $I$(BINDIR))
	$(if $(LIBRARIES),install -m 644 client/behalf.h $I$(INCDIR)/behalf.h)
	$(if $(LIBRARIES),install -m 644 $(B)/libbehalf.a $(B)/libbehalf.so.0 $I$(LIBDIR))
	$(if $(LIBRARIES),ln -sf libbehalf.so.0 $I$(LIBDIR)/libbehalf.so)
	$(if $(LIBRARIES),install -m 644 $(B)/behalf.pc $I$(LIBDIR)/pkgconfig/behalf.pc)
	$(if $(MAN1),install -D -m 644 -t $I$(MANDIR)/man1 $(MAN1))
	$(if $(MAN3),install -D -m 644 -t $I$(MANDIR)/man3 $(MAN3))
	$(if $(MAN8),install -D -m 644 -t $I$(MANDIR)/man8 $(MAN8))
	install -D -m 644 cli/completion.bash $I$(COMPLETIONS)/behalf
	@$(if $(DESTDIR),,echo 'install: run ldconfig (as root) before programs are linked with libbehalf.so')
uninstall: ## removes what install put there
	rm -f $(addprefix $I$(BINDIR)/,behalfd behalf behalf-bench) $I$(INCDIR)/behalf.h
	rm -f $(addprefix $I$(LIBDIR)/,libbehalf.a libbehalf.so libbehalf.so.0 pkgconfig/behalf.pc)
	rm -f $(addprefix $I$(MANDIR)/man1/,$(notdir $(MAN1))) $(addprefix $I$(MANDIR)/man8/,$(notdir $(MAN8)))
	rm -f $(addprefix $I$(MANDIR)/man3/,$(notdir $(MAN3))) $I$(COMPLETIONS)/behalf
dist: ## source archive of the last commit
	@git rev-parse --verify --quiet HEAD >/dev/null || { \
	  echo 'dist: needs git and a clone with its history; this is neither' >&2; exit 1; }
	@mkdir -p $(strip $(O))
	git archive --prefix=behalf-$(VERSION)/ --output=$(strip $(O))/behalf-$(VERSION).tar HEAD
	gzip -9nf $(strip $(O))/behalf-$(VERSION).tar
clean: ; @rm -rf $(strip $(O)) ## removes everything that was built
help: ## this list
	@echo 'make [TARGET] [VARIANT=release|debug|asan|tsan|ubsan|fuzz|cov|shrunk] [V=1] [WERROR=1]'
	@sed -nE 's/^([a-z][a-z-]*):.*## (.*)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) \
	  | sort | expand -t 18
