#!/bin/bash
# demo.sh - agents without standing permissions: Ann lets her bot view her documents for half an hour,
# the bot hands one of them to a helper and asks to edit another, Ann revokes. Starts a server on a temporary directory, asks
# it, checks every answer, and cleans up. Needs a built tree ($BUILD or build/release). Exits with 0
# only when every answer was the right one.
cd "$(dirname "$0")/../.." || exit 1
here=examples/grants
. examples/demo-lib.sh

# make NAME ARGUMENT...: shows a command that makes records; $NAME becomes the last id that it prints.
make() {
    local name=$1 got
    shift
    show "$@"
    got=$("$build/behalf" "$@") || is_wrong 'it was refused'
    printf '%s\n' "$got"
    session=${session:-$(sed -n "s/^session //p" <<<"$got")}
    printf -v "$name" '%s' "$(sed -nE 's/^(grant|request) //p' <<<"$got" | tail -1)"
}

say "A server with an empty store gets a schema and $(grep -c '#' "$here/relationships.txt") relationships."
ask 0 schema write "$here/schema.zed"
ask 0 import "$here/relationships.txt"

say "Ann may edit her plan. Her bot may do nothing, for her or by itself: there is nothing to find."
allowed document:plan edit user:ann
denied document:plan view user:ann --actor agent:bot
ask 0 agent audit

say 'Ann logs in, and lets the bot view her documents for half an hour. It may pass that on once.'
session=
make grant session create user:ann agent:bot --expires-in 8h --grant-expires-in 30m \
    --scope 'document:*=view' --max-depth 1 --approver user:ann --channel browser
bot=(--actor agent:bot --grant "$grant")
allowed document:plan view user:ann "${bot[@]}"
say 'It may view and not edit,'
answer 'deny (scope_excluded)' 10 check document:plan edit user:ann "${bot[@]}"
say "view nothing that Ann may not view,"
answer 'deny (principal_denied)' 10 check document:diary view user:ann "${bot[@]}"
say 'and do nothing for anybody else, not even with the same grant.'
answer 'deny (principal_mismatch)' 10 check document:diary view user:bob "${bot[@]}"
answer 'deny (actor_mismatch)' 10 check document:plan view user:ann --actor agent:helper --grant "$grant"

say 'What can it read? Which of these?'
list 'document:budget document:draft document:memo document:plan' \
    lookup-resources document view user:ann "${bot[@]}"
list 'document:memo document:plan' filter view user:ann document:plan document:diary document:memo \
    "${bot[@]}"

say 'The bot hands one document to a helper, for ten minutes.'
make part grant delegate "$grant" agent:helper --actor agent:bot --scope document:plan=view \
    --expires-in 10m
helper=(--actor agent:helper --grant "$part")
allowed document:plan view user:ann "${helper[@]}"
answer 'deny (scope_excluded)' 10 check document:budget view user:ann "${helper[@]}"
say 'The helper can neither take more nor pass it on.'
ask 3 grant delegate "$grant" agent:helper --actor agent:bot --scope document:plan=edit
ask 3 grant delegate "$part" agent:third --actor agent:helper --scope document:plan=view

say 'The bot has a typo to fix. It asks, Ann approves exactly that, and it may do it once.'
make asked request create user:ann agent:bot document:plan edit --uses 1 --justification 'a typo'
make once request approve "$asked" "$session" --approver user:ann --expires-in 5m
ask 3 request approve "$asked" "$session" --approver user:ann --expires-in 5m
allowed document:plan edit user:ann --actor agent:bot --grant "$once"
answer 'deny (uses_exhausted)' 10 check document:plan edit user:ann --actor agent:bot \
    --grant "$once"

say 'Ann logs out. The session ends, and with it everything that came of it.'
ask 0 session revoke "$session" --reason logout
answer 'deny (session_revoked)' 10 check document:plan view user:ann "${bot[@]}"
answer 'deny (session_revoked)' 10 check document:plan view user:ann "${helper[@]}"
list '' lookup-resources document view user:ann "${bot[@]}"
allowed document:plan view user:ann

say 'Nothing is left standing, and the policy tests agree, without a server.'
ask 0 agent audit
ask 0 validate "$here/validation.yaml"
finish
