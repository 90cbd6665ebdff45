#!/bin/bash
# coverage.sh BUILD - lines and branches that the tests reached, per file and per floor.
set -u
build=$(cd "$1" && pwd) || exit 2
data=$(find "$build/obj" -name '*.gcno' -not -path '*/tests/*' -not -path '*/bench/*' | sort)
if [ -z "$data" ]; then
    echo 'no coverage data: run make coverage' >&2
    exit 1
fi
mkdir -p "$build/gcov"
cd "$build/gcov" || exit 2
# shellcheck disable=SC2086
gcov --branch-probabilities --no-output --source-prefix "$build" $data 2>/dev/null | awk '
function percent(part, whole) { return whole ? 100 * part / whole : 100 }

# After the last file of an object follows a line with the sum over all of them: not ours.
/^File / {
    first = 1
    file = $2
    gsub(/\047/, "", file)
    sub(/^.*\/\.\//, "", file)
    keep = file ~ /^(base|http|schema|storage|graph|eval|engine|net|server|client|validate|cli)\/[a-z0-9_]+[.][ch]$/
}
keep && first && /^Lines executed:/ {
    split($0, part, /[:% ]+/)
    total = part[5] + 0
    hit = int(part[3] * total / 100 + 0.5)
    first = 0
    # A header is met in many objects: the best view of it counts.
    if (!(file in lines) || hit > reached[file]) {
        lines[file] = total
        reached[file] = hit
    }
}
keep && /^Taken at least once:/ {
    split($0, part, /[:% ]+/)
    total = part[7] + 0
    hit = int(part[5] * total / 100 + 0.5)
    if (!(file in branches) || hit > taken[file]) {
        branches[file] = total
        taken[file] = hit
    }
}
END {
    for (file in lines) {
        printf "%-28s %6.1f %% of %5d lines  %6.1f %% of %5d branches\n", file,
            percent(reached[file], lines[file]), lines[file],
            percent(taken[file], branches[file]), branches[file] | "sort"
        floor = substr(file, 1, index(file, "/") - 1)
        floor_lines[floor] += lines[file]
        floor_reached[floor] += reached[file]
        floor_branches[floor] += branches[file]
        floor_taken[floor] += taken[file]
    }
    close("sort")
    print ""
    count = split("base http audit schema storage graph eval engine net server client validate cli", order, " ")
    for (i = 1; i <= count; i++) {
        floor = order[i]
        if (!(floor in floor_lines))
            continue
        printf "%-28s %6.1f %% of %5d lines  %6.1f %% of %5d branches\n", floor "/",
            percent(floor_reached[floor], floor_lines[floor]), floor_lines[floor],
            percent(floor_taken[floor], floor_branches[floor]), floor_branches[floor]
    }
}'
