#!/bin/bash
# docs-check.sh - each row of a table in the code stands in the page that documents it: methods and
# errors in docs/protocol.md, options in docs/configuration.md, functions of the library in its page.
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

# Each function of the client library and each of its options has a place in the manual page.
functions=$(grep -oE '\bbehalf_[a-z_]+\(' client/behalf.h | tr -d '(' | sort -u)
options=$(sed -n '/^struct behalf_options {/,/^};/p' client/behalf.h |
    sed -nE 's/^    [a-z].*[ *]([a-z_]+);.*/\1/p')
[ -n "$functions" ] && [ -n "$options" ] || missing=1
for name in $functions $options; do
    if ! grep -qE "(^|[^a-z_])$name([^a-z_]|$)" docs/man/libbehalf.3; then
        echo "docs/man/libbehalf.3: '$name' of client/behalf.h is not described"
        missing=1
    fi
done

# Each metric has its row; neither the page, its alerts nor the dashboard name one that there is not.
metrics=$(sed -nE 's/^X\([A-Z0-9_]+, "([a-z0-9_]+)", ([A-Z]+),.*/behalf_\1 \2/p' net/metrics.def)
while read -r name type; do
    if ! grep -qF "| \`$name\` | ${type,,} |" docs/metrics.md; then
        echo "docs/metrics.md: '$name' of net/metrics.def is not described"
        missing=1
    fi
done <<<"$metrics"
known=$(awk '{ print $1; if ($2 == "HISTOGRAM") { print $1 "_bucket"; print $1 "_sum"; print $1 "_count" } }' \
    <<<"$metrics")
for page in docs/metrics.md contrib/grafana/behalf.json; do
    for name in $(grep -oE 'behalf_[a-z0-9_]+' "$page" | sort -u); do
        if ! grep -qxF "$name" <<<"$known"; then
            echo "$page: there is no metric '$name'"
            missing=1
        fi
    done
done
exit $missing
