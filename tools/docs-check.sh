#!/bin/bash
# docs-check.sh - each row of a table in the code stands in the page that documents it: methods and
# errors in docs/protocol.md, options in docs/configuration.md.
set -u
cd "$(dirname "$0")/.." || exit 2
missing=0

# check_table TABLE PAGE: the first column of each X(...) row, quoted or not, must stand in the page.
check_table() {
    local table=$1 page=$2 name
    if [ ! -f "$table" ]; then
        echo "docs-check: no $table yet"
        return
    fi
    if [ ! -f "$page" ]; then
        echo "docs-check: no $page yet"
        return
    fi
    for name in $(sed -nE 's/^[A-Z_]*\( *"?([A-Za-z][A-Za-z0-9_.-]*)"?.*/\1/p' "$table"); do
        if ! grep -qE "(^|[^A-Za-z0-9_.-])${name//./[.]}([^A-Za-z0-9_-]|$)" "$page"; then
            echo "$page: '$name' of $table is not described"
            missing=1
        fi
    done
}

check_table base/error.def docs/protocol.md
check_table net/methods.def docs/protocol.md
check_table server/options.def docs/configuration.md
exit $missing
