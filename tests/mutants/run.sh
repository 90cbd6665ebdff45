#!/bin/bash
# run.sh [NAME...] - puts known defects back, one at a time, and demands that the tests notice.
#
# Each tests/mutants/NAME.patch is a unified diff against the sources. Its first lines say
#   # test: suite/name      the unit test that must fail, or
#   # test: property        random worlds must find it (the first MUTANT_WORLDS of them)
#   # test: property/agents worlds with agents must (a fifth of them), or property/narrowing
#   # test: stress/name     the program with many threads that must find it at its default size
#   # what: ...             the defect in words
# The tree is copied once and built once; each patch is applied, built, tried and taken back.
# Ends with 1 when a mutant survives, or when a patch does not apply or build any more.
#
#   MUTANT_WORLDS  worlds for `property` (1000)    MUTANT_SECONDS  limit of one try (120)
#   MUTANT_MAKE    arguments for make              MUTANT_DIR      work here and keep it
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
worlds=${MUTANT_WORLDS:-1000}
seconds=${MUTANT_SECONDS:-120}
jobs=$(nproc 2>/dev/null || echo 2)

if [ -n "${MUTANT_DIR:-}" ]; then
    work=$MUTANT_DIR
    mkdir -p "$work" || exit 2
else
    work=$(mktemp -d) || exit 2
    trap 'rm -rf "$work"' EXIT
fi
tree=$work/tree
mkdir -p "$tree"
(cd "$root" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xmf - -C "$tree" || exit 2
out=$tree/build/release

build() {
    # shellcheck disable=SC2086
    make -C "$tree" -j"$jobs" O=build VARIANT=release ${MUTANT_MAKE:-} \
        build/release/property/{worlds,agents,narrowing} build/release/test-unit \
        build/release/stress/{access_requests,engine_history,new_enemy,revocation} \
        >"$work/build.log" 2>&1
}

# A defect may make a test loop for ever: that is noticed as well.
try_unit() { timeout "$seconds" "$out/test-unit" --filter="$1" >"$work/try.log" 2>&1; }
try_worlds() {
    BEHALF_WORLDS=$worlds BEHALF_NO_SHRINK=1 timeout "$seconds" "$out/property/worlds" \
        >"$work/try.log" 2>&1
}
try_agents() {
    BEHALF_WORLDS=$((worlds / 5)) BEHALF_NO_SHRINK=1 timeout "$seconds" "$out/$1" \
        >"$work/try.log" 2>&1
}
try_stress() { timeout "$seconds" "$out/$1" >"$work/try.log" 2>&1; }
try() {
    case $1 in
    property) try_worlds ;;
    property/*) try_agents "$1" ;;
    stress/*) try_stress "$1" ;;
    *) try_unit "$1" ;;
    esac
}

printf 'building the tree without defects\n'
if ! build; then
    tail -20 "$work/build.log" >&2
    exit 2
fi

if [ $# -gt 0 ]; then
    patches=("${@/#/$root/tests/mutants/}")
    patches=("${patches[@]/%/.patch}")
else
    patches=("$root"/tests/mutants/*.patch)
fi

# What must fail with a defect has to pass without it.
wanted=$(sed -n 's/^# test: //p' "${patches[@]}" | sort -u)
for test in $wanted; do
    if ! try "$test"; then
        printf 'the test %s fails already without a defect:\n' "$test" >&2
        tail -5 "$work/try.log" >&2
        exit 2
    fi
    if [[ $test != property* && $test != stress/* ]] && ! grep -q 'Tested: .*[1-9]' "$work/try.log"; then
        printf 'there is no test %s\n' "$test" >&2
        exit 2
    fi
done

survivors=0
broken=0
killed=0
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    test=$(sed -n 's/^# test: //p' "$patch" | head -1)
    what=$(sed -n 's/^# what: //p' "$patch" | head -1)
    if ! patch -d "$tree" -p1 -s -f --no-backup-if-mismatch -r - <"$patch" >"$work/patch.log" 2>&1; then
        verdict='DOES NOT APPLY'
        broken=$((broken + 1))
    else
        if ! build; then
            verdict='DOES NOT BUILD'
            broken=$((broken + 1))
        elif try "$test"; then
            verdict=SURVIVED
            survivors=$((survivors + 1))
        else
            verdict=killed
            killed=$((killed + 1))
        fi
        patch -d "$tree" -p1 -s -f -R --no-backup-if-mismatch -r - <"$patch" >/dev/null 2>&1 || exit 2
    fi
    printf '%-15s %-32s %-72s %s\n' "$verdict" "$name" "$test" "$what"
done
printf '%d killed, %d survived, %d broken\n' "$killed" "$survivors" "$broken"
[ $((survivors + broken)) -eq 0 ]
