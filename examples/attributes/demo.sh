#!/bin/bash
# demo.sh - decisions by attributes: clearances, states of records and ownership by e-mail address.
# Starts a server on a temporary directory, asks it, checks every answer, and cleans up. Needs a built
# tree ($BUILD or build/release). Exits with 0 only when every answer was the right one.
cd "$(dirname "$0")/../.." || exit 1
here=examples/attributes
. examples/demo-lib.sh

say "A server with an empty store gets a schema, $(grep -c '#' "$here/relationships.txt") relationships, and attributes."
ask 0 schema write "$here/schema.zed"
ask 0 import "$here/relationships.txt"
ask 0 attribute set --file "$here/attributes.txt"
answer '{"clearance":3,"email":"ann@example.com","role":"admin"}' 0 attribute read user:ann

say 'Ann is cleared for the case, Bob is not; but it is his.'
allowed record:case-7 read user:ann
allowed record:plan read user:bob
allowed record:case-7 read user:bob
say "Nobody knows Carl's clearance. That never allows: the answer names what is missing."
answer 'conditional (missing: subject)' 11 check record:plan read user:carl
ask 0 attribute merge user:carl '{"clearance": 1}'
allowed record:plan read user:carl
denied record:case-7 read user:carl

say 'A draft may be edited by its owner, an open record commented, an archived one only restored.'
allowed record:plan edit user:bob
ask 0 attribute merge record:plan '{"status": "open"}'
denied record:plan edit user:bob
allowed record:plan comment user:bob
ask 0 attribute merge record:plan '{"status": "archived"}'
denied record:plan comment user:bob
allowed record:plan restore user:ann

say 'What may Carl read?'
list 'record:plan' lookup-resources record read user:carl

say 'The policy tests agree, without a server.'
ask 0 validate "$here/validation.yaml"
finish
