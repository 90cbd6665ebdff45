#!/bin/bash
# criterion-leak.sh BUILD - after a run of the unit tests that failed: whether nothing failed but
# Criterion's own runner, which now and then leaks a block of its own at its end. Exit code 0, with
# those reports removed, when the closing line of the log counts no failure and every report is of
# leaks whose whole stack lies in Criterion; otherwise 1, with nothing changed. A suppression of the
# sanitizer would not do: the stack of each test begins in Criterion too.
set -u
build=${1:?usage: criterion-leak.sh BUILD}

grep -q 'Failing: .*0.* | Crashing: .*0' "$build/unit.log" || exit 1
grep -qE 'Failing: [^|]*[1-9]|Crashing: [^|]*[1-9]' <(sed 's/\x1b\[[0-9;]*m//g' "$build/unit.log") && exit 1
shopt -s nullglob
reports=("$build"/san.*)
[ ${#reports[@]} -gt 0 ] || exit 1
for report in "${reports[@]}"; do
    grep -q 'ERROR: LeakSanitizer' "$report" || exit 1
    grep -q 'ERROR: AddressSanitizer' "$report" && exit 1
    grep -E '^ *#[1-9][0-9]* ' "$report" | grep -qv '/libcriterion\.so' && exit 1
    grep -qE '^ *#1 .*/libcriterion\.so' "$report" || exit 1
done
echo "  Criterion's runner leaked a block of its own; no test did" >&2
rm -f "${reports[@]}"
