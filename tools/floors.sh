#!/bin/bash
# floors.sh - who may include whom. A file sees its own floor, all of base/, and of the floors
# below it only their contract headers; a library from outside is seen by the few files named here.
set -u
cd "$(dirname "$0")/.." || exit 2

files=$(find base http audit schema storage graph eval engine net server client validate cli bench \
    -name '*.[ch]' -o -name '*.cc' -o -name '*.def' 2>/dev/null | sort)
[ -n "$files" ] || exit 0

# shellcheck disable=SC2086
awk '
BEGIN {
    # floor: what it may include, beside its own folder. A trailing slash means the whole folder.
    sees["base"]        = ""
    sees["schema"]      = "base/"
    sees["storage"]     = "base/"
    graph = "graph/graph.h graph/names.h graph/budget.h graph/prefetch.h graph/limits.h graph/warm.h "
    shared = "graph/readers.h graph/slot_table.h "
    eval = "eval/eval.h eval/reach_together.h eval/candidates.h eval/subject_walk.h eval/binding.h eval/executor.h eval/limits.h "
    sees["audit"]       = "base/"
    sees["graph"]       = "base/ storage/store.h"
    sees["eval"]        = "base/ schema/schema.h schema/caveat.h storage/store.h " graph
    sees["engine"]      = "base/ schema/schema.h schema/caveat.h storage/store.h audit/audit.h " graph shared eval
    sees["http"]        = "base/"
    sees["net"]         = "base/ engine/engine.h engine/agents.h engine/audit.h engine/watch.h engine/figures.h http/http.h"
    sees["server"]      = "base/ schema/schema.h storage/store.h engine/engine.h engine/audit.h engine/figures.h net/server.h net/keys.h net/http_side.h"
    sees["client"]      = "base/"
    sees["validate"]    = "base/ schema/schema.h schema/caveat.h schema/text_kind.h engine/engine.h " \
                          "engine/agents.h storage/store.h"
    sees["cli"]         = "base/ client/behalf.h schema/schema.h schema/caveat.h schema/text_kind.h " \
                          "validate/validation.h validate/schema_file.h audit/audit.h"
    sees["bench"]       = "base/ client/behalf.h client/client_stream.h"
    sees["bench/micro"] = "base/ bench/ client/behalf.h schema/schema.h schema/caveat.h " \
                          "storage/store.h storage/kv_adapter.h storage/store_internal.h " \
                          "engine/engine.h engine/agents.h graph/graph.h graph/names.h " \
                          "net/server.h net/frame.h net/dispatch.h net/lookahead.h net/http_side.h"

    # library header: the files that may include it.
    split("^rocksdb/ ^msgpack ^openssl/ ^seccomp[.]h ^event2/ ^xxhash[.]h ^jansson[.]h ^re2/ ^yaml[.]h", library, " ")
    users["^rocksdb/"]     = "^storage/kv_rocksdb(_drop|_background|_options)?[.][ch]$"
    users["^msgpack"]      = "^(net/codec|client/[a-z_]*codec[a-z_]*)[.]c$"
    users["^openssl/"]     = "^base/(digest|tls)[.]c$"
    users["^seccomp[.]h"]  = "^server/syscall_filter[.]c$"
    users["^event2/"]      = "^(net|http)/"
    users["^xxhash[.]h"]   = "^base/"
    users["^jansson[.]h"]  = "^base/datum_json[.]c$"
    users["^re2/"]         = "^schema/regex_re2[.]cc$"
    users["^yaml[.]h"]     = "^validate/validation_yaml[.]c$"
    users_text["^rocksdb/"]   = "storage/kv_rocksdb*.[ch]"
    users_text["^msgpack"]    = "net/codec.c and client/*codec*.c"
    users_text["^openssl/"]   = "base/digest.c and base/tls.c"
    users_text["^seccomp[.]h"] = "server/syscall_filter.c"
    users_text["^event2/"]    = "net/ and http/"
    users_text["^xxhash[.]h"] = "base/"
    users_text["^jansson[.]h"] = "base/datum_json.c"
    users_text["^re2/"]       = "schema/regex_re2.cc"
    users_text["^yaml[.]h"]   = "validate/validation_yaml.c"
}

BEGIN {
    leaf = "^eval/(reach|frontier|key_set|plain|reverse|resource_set|condition|doubt|binding|broken)"
    above_leaf = "^eval/(eval|eval_private|candidates|subject_walk)[.]h$"
}

function floor_of(file) {
    if (file ~ /^bench\/micro\//)
        return "bench/micro"
    return substr(file, 1, index(file, "/") - 1)
}

function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    wrong++
}

function may_see(floor, header,    list, count, i, one) {
    if (index(header, floor "/") == 1)
        return 1
    count = split(sees[floor], list, " ")
    for (i = 1; i <= count; i++) {
        one = list[i]
        if (header == one || (one ~ /\/$/ && index(header, one) == 1))
            return 1
    }
    return 0
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    header = $0
    sub(/^[^"<]*["<]/, "", header)
    quoted = $0 ~ /include[ \t]*"/
    sub(/[">].*$/, "", header)
    for (i in library)
        if (header ~ library[i] && FILENAME !~ users[library[i]])
            complain("<" header "> belongs to " users_text[library[i]] " alone")
    if (!quoted)
        next
    floor = floor_of(FILENAME)
    if (FILENAME ~ leaf && header ~ above_leaf)
        complain("reachability knows nothing of what asks it: \"" header "\"")
    if (header == "audit/audit.h" && floor == "engine" && FILENAME !~ /^engine\/audit_/)
        complain("of the engine only engine/audit_*.c see \"" header "\"")
    if (header !~ /\// || header ~ /^\.\.?\//)
        complain("\"" header "\" must be written with its folder, from the root")
    else if (!may_see(floor, header))
        complain(floor "/ may not see \"" header "\"; it sees " \
                 (sees[floor] == "" ? "itself only" : "itself and " sees[floor]))
}

END {
    if (wrong) {
        printf "floors: %d forbidden include%s\n", wrong, wrong == 1 ? "" : "s"
        exit 1
    }
}' $files
