#!/bin/bash
# fuzz.sh BUILD SECONDS [NAME] - runs each fuzzer, or one, from its corpus.
#
# Inputs that are kept grow in BUILD/corpus/NAME; tests/fuzz/corpus/NAME is only read. What breaks
# a fuzzer is left in BUILD/found/.
set -u
build=$1 seconds=$2 only=${3-}
ran=0 failed=0
mkdir -p "$build/found"
for program in "$build"/fuzz/fuzz_*; do
    [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    ran=$((ran + 1))
    mkdir -p "$build/corpus/$name"
    arguments=("-max_total_time=$seconds" "-artifact_prefix=$build/found/$name-"
        -timeout=25 -rss_limit_mb=2048 -print_final_stats=1)
    [ -f "tests/fuzz/$name.dict" ] && arguments+=("-dict=tests/fuzz/$name.dict")
    arguments+=("$build/corpus/$name")
    [ -d "tests/fuzz/corpus/$name" ] && arguments+=("tests/fuzz/corpus/$name")
    log=$build/found/$name.log
    if "$program" "${arguments[@]}" >"$log" 2>&1; then
        runs=$(awk '/number_of_executed_units/ { print $2 }' "$log")
        printf '  FUZZ    %-20s %s runs in %s s\n' "$name" "${runs:-?}" "$seconds"
    else
        tail -n 60 "$log"
        printf '  FUZZ    %-20s FAILED, see %s\n' "$name" "$log"
        failed=1
    fi
done
if [ $ran = 0 ]; then
    echo "no fuzzer${only:+ named $only}"
    [ -z "$only" ] || exit 1
fi
exit $failed
