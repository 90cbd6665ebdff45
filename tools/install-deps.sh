#!/bin/bash
# install-deps.sh - the Debian packages that Behalf is built, tested and checked with.
#
#   install-deps.sh build            what `make all`, `make test` and `make demo` need
#   install-deps.sh check            that, and what `make check` and `make fuzz` need
#   install-deps.sh --name-missing   only says what is missing, and fails
#
# Prints nothing when everything is there.
set -u

# package, how to see that it is there, what it is for
build_set='
gcc                   program:gcc                 C compiler
g++                   program:g++                 C++ compiler, for the file in front of RE2
binutils              program:ar                  archives and linking
libc6-dev             header:stdlib.h             C library headers
pkg-config            program:pkg-config          finds the libraries
librocksdb-dev        module:rocksdb              durable storage
libevent-dev          module:libevent_pthreads    network loops
libmsgpack-dev        module:msgpack|msgpack-c    wire format
libxxhash-dev         module:libxxhash            hash tables
libjansson-dev        module:jansson              JSON
libre2-dev            module:re2                  regular expressions of caveats
libssl-dev            module:libcrypto            TLS, digests and sealed tokens
libseccomp-dev        module:libseccomp        filter of system calls
libyaml-dev           module:yaml-0.1             validation files
libcriterion-dev      module:criterion            unit tests
python3               program:/usr/bin/python3    integration tests
python3-msgpack       python:msgpack              integration tests
python3-cryptography  python:cryptography         integration tests: signatures of audit checkpoints
strace                program:strace              kills at system calls (make torture)
'
check_set='
clang                 program:clang               fuzzers, second compiler
clang-format          program:clang-format        make format-check
clang-tidy            program:clang-tidy          make lint
cppcheck              program:cppcheck            make lint
valgrind              program:valgrind            make valgrind
prometheus            program:promtool            metrics (tests/integration/side.py, which goes without)
'

present() {
    local kind=${1%%:*} what=${1#*:} name
    case $kind in
    program) command -v "$what" >/dev/null 2>&1 ;;
    header) [ -e "/usr/include/$what" ] ;;
    python) /usr/bin/python3 -c "import $what" >/dev/null 2>&1 ;;
    module)
        for name in ${what//|/ }; do
            pkg-config --exists "$name" 2>/dev/null && return 0
        done
        return 1
        ;;
    esac
}

missing() {
    local package probe why
    while read -r package probe why; do
        [ -n "$package" ] || continue
        present "$probe" || printf '%-20s %s\n' "$package" "$why"
    done
}

case ${1-} in
build | --name-missing) list=$(missing <<<"$build_set") ;;
check) list=$(missing <<<"$build_set$check_set") ;;
*)
    echo 'usage: install-deps.sh build | check | --name-missing' >&2
    exit 2
    ;;
esac
[ -n "$list" ] || exit 0
packages=$(awk '{ print $1 }' <<<"$list" | tr '\n' ' ')

if [ "$1" = --name-missing ]; then
    echo "missing packages: ${packages}- run \`make deps\`" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    printf 'Behalf needs these, under the names that Debian gives them:\n%s\n' "$list" >&2
    echo 'There is no apt-get here: please install them with the tools of this system.' >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Please run as root: apt-get update && apt-get install $packages" >&2
        exit 1
    fi
    as_root=sudo
fi
printf 'Installing Debian packages that Behalf is built and tested with:\n'
sed 's/^/  /' <<<"$list"
log=$(mktemp)
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >>"$log" 2>&1; }
# A package list that cannot be refreshed may still do: only the installation decides.
apt update || echo 'apt-get update failed, going on with the package lists that are here' >&2
if ! apt install --yes --no-install-recommends $packages; then
    cat "$log" >&2
    echo "could not install: $packages" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
left=$(if [ "$1" = check ]; then missing <<<"$build_set$check_set"; else missing <<<"$build_set"; fi)
if [ -n "$left" ]; then
    printf 'installed, but still not found:\n%s\n' "$left" >&2
    exit 1
fi
