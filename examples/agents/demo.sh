#!/bin/bash
# demo.sh - people, documents, and agents that act on behalf of people: starts a server on a
# temporary directory, asks it, checks every answer, and cleans up. Needs a built tree ($BUILD or
# build/release). Exits with 0 only when every answer was the right one.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=examples/agents
build=${BUILD:-build/release}
for program in behalfd behalf; do
    [ -x "$build/$program" ] || { echo "demo: no $build/$program; build it with make" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/behalf-demo.XXXXXX") || exit 1
server=
wrong=0
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

bold= plain= faint=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m' faint=$'\e[2m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ behalf %s%s\n' "$faint" "$*" "$plain"; }

# ask CODE ARGUMENT...: shows the command and its answer; anything but exit code CODE is a failure.
ask() {
    local want=$1 got
    shift
    show "$@"
    "$build/behalf" "$@"
    got=$?
    if [ "$got" -ne "$want" ]; then
        printf 'demo: WRONG: exit code %s, expected %s\n' "$got" "$want" >&2
        wrong=$((wrong + 1))
    fi
}
allowed() { ask 0 check "$@"; }
denied() { ask 10 check "$@"; }

# list "EXPECTED LINES" ARGUMENT...: as ask, and the sorted lines must be just these.
list() {
    local want=$1 got
    shift
    show "$@"
    got=$("$build/behalf" "$@") || wrong=$((wrong + 1))
    printf '%s\n' "$got"
    if [ "$(sort <<<"$got" | xargs)" != "$want" ]; then
        printf 'demo: WRONG: expected %s\n' "$want" >&2
        wrong=$((wrong + 1))
    fi
}
quiet() { "$build/behalf" "$@" >/dev/null || wrong=$((wrong + 1)); }

mkfifo "$work/ready" && exec 9<>"$work/ready" || exit 1
"$build/behalfd" --data "$work/data" --listen 127.0.0.1:0 --ready-fd 9 >"$work/out" 2>"$work/log" &
server=$!
# The server writes its address when it listens; a server that died never does. A read that runs out of
# time keeps what it got so far.
BEHALF_ENDPOINT=
until read -t 1 -r part <&9; do
    BEHALF_ENDPOINT+=$part
    kill -0 "$server" 2>/dev/null && continue
    server=
    cat "$work/log" >&2
    exit 1
done
BEHALF_ENDPOINT+=$part
exec 9>&-
export BEHALF_ENDPOINT

say "A server with an empty store listens. It gets a schema and $(grep -c '#' "$here/relationships.txt") relationships."
ask 0 schema write "$here/schema.zed"
ask 0 import "$here/relationships.txt"

say 'People: alice owns the roadmap; carol may read it, as a member of a team inside a team.'
allowed document:roadmap edit person:alice
allowed document:roadmap view person:carol
denied document:roadmap edit person:carol
say 'The news is for everybody, except the one who is blocked.'
allowed document:news view person:dave
denied document:news view person:mallory

say "Alice's assistant may read the roadmap on her behalf."
allowed document:roadmap view person:alice --actor agent:assistant
say "It works for alice, not for bob: on bob's behalf it may not even read what bob may read."
allowed document:budget view person:bob
denied document:budget view person:bob --actor agent:assistant
say "And what alice may not do, no agent may do for her."
denied document:diary view person:alice --actor agent:assistant

say 'The assistant calls a searcher for help. Both hops must hold:'
allowed document:roadmap view person:alice --actor agent:assistant,agent:searcher
say 'the searcher alone does not act for alice.'
denied document:roadmap view person:alice --actor agent:searcher

say 'Why may they view the roadmap?'
ask 0 expand document:roadmap view --depth 0
say 'What may the assistant read for alice? Who may read the roadmap?'
list 'document:budget document:news document:roadmap' \
    lookup-resources document view person:alice --actor agent:assistant
list 'person:alice person:carol' lookup-subjects document:roadmap view person

say 'One relationship is removed, and the delegation ends at once, for the searcher too.'
ask 0 relationship delete agent:assistant#principal@person:alice
denied document:roadmap view person:alice --actor agent:assistant
denied document:roadmap view person:alice --actor agent:assistant,agent:searcher
allowed document:roadmap view person:alice

say 'Put back, every question of checks.txt is asked once more, in one request.'
quiet relationship create agent:assistant#principal@person:alice
ask 0 check-bulk "$here/checks.txt"

if [ "$wrong" -ne 0 ]; then
    printf '\ndemo: %s answers were wrong\n' "$wrong" >&2
    exit 1
fi
say 'Every answer was the right one.'
