#!/bin/bash
# headers.sh FLAGS HEADER... - each header compiles alone, and twice in one file.
set -u
flags=$1
shift
broken=0
for header in "$@"; do
    # FLAGS is a list of words, quoted for the shell.
    if ! printf '#include "%s"\n#include "%s"\ntypedef int not_empty;\n' "$header" "$header" |
        eval "${CC:-cc} $flags -fsyntax-only -x c -"; then
        echo "$header: does not compile alone" >&2
        broken=1
    fi
done
exit $broken
