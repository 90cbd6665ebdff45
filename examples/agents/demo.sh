#!/bin/bash
# demo.sh - people, documents, and agents that act on behalf of people: starts a server on a
# temporary directory, asks it, checks every answer, and cleans up. Needs a built tree ($BUILD or
# build/release). Exits with 0 only when every answer was the right one.
cd "$(dirname "$0")/../.." || exit 1
here=examples/agents
. examples/demo-lib.sh

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

finish
