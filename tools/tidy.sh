#!/bin/bash
# tidy.sh FILE... - the text rules of the house that no compiler knows.
set -u
[ $# -gt 0 ] || exit 0

awk '
function complain(line, text) {
    printf "%s:%d: %s\n", FILENAME, line, text
    wrong++
}

# Bytes of UTF-8 beyond the first do not count as columns.
function columns(text) {
    gsub(/[\200-\277]/, "", text)
    return length(text)
}

FNR == 1 { body = 0 }

columns($0) > 100 { complain(FNR, "longer than 100 columns") }
/[ \t]$/ { complain(FNR, "blanks at the end of the line") }
/\t/ { complain(FNR, "tab") }
/(^|[^A-Za-z_])(FIXME|TODO)([^A-Za-z_]|$)/ {
    complain(FNR, "unfinished work is an issue, not a comment")
}
match($0, /(^|[^A-Za-z0-9_.>])(strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|atoi|atol|atoll|alloca|rand|srand|gets)[ ]*\(/) {
    complain(FNR, "forbidden call:" substr($0, RSTART, RLENGTH) "...)")
}

# The braces of a function stand alone in the first column.
/^\{$/ { body = FNR }
/^\}$/ {
    if (body && FNR - body - 1 > 70)
        complain(body, "function of " FNR - body - 1 " lines; 70 are allowed")
    body = 0
}
FNR == 901 { complain(FNR, "file longer than 900 lines") }

END {
    if (wrong) {
        printf "tidy: %d text rule%s broken\n", wrong, wrong == 1 ? "" : "s"
        exit 1
    }
}' "$@"
