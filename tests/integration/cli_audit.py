#!/usr/bin/python3
"""`behalf audit` against a real server: what was decided and changed is read, followed, explained,
replayed, proved, exported and verified, also on a copied folder; what was changed in the copy is found.

Prints one line per group of cases."""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import lib_cli
from lib_cli import BEHALF, Asker, Server, complain

SCHEMA = """definition user {}

definition document {
    relation owner: user
    permission view = owner
    permission edit = owner
}

definition agent {
    permission acts_on_behalf_of = nil
}
"""
UNVERIFIED = 13


def check(what, got, want):
    if got != want:
        complain([what], "result", got, want)


class World:
    """A server with a session, a grant and some decisions."""

    def __init__(self, directory):
        self.directory = directory
        self.server = Server(directory)
        self.ask = Asker(self.server.address)
        schema = os.path.join(directory, "..", "schema")
        with open(schema, "w") as file:
            file.write(SCHEMA)
        self.ask.expect(["schema", "write", schema], err=None)
        self.ask.expect("relationship create document:d1#owner@user:ann", err=None)
        made = self.ask.json("session create user:ann agent:bot --expires-in 8h --scope document:*=view"
                             " --approver user:ann --channel browser")
        self.session, self.grant = made["session"], made["grant"]

    def decide(self, permission, code):
        return self.ask.json("check document:d1 %s user:ann --actor agent:bot --grant %s" %
                             (permission, self.grant), code)

    def records(self, options="", code=0):
        out = self.ask.expect("audit read --json " + options, code, err=None)
        return [json.loads(line) for line in out.splitlines()]

    def wait_for(self, options, count):
        """Records are on the disk within a second; the checkpoint waits for the log's thread."""
        for _ in range(200):
            got = self.records(options)
            if len(got) >= count:
                return got
            self.ask.expect("audit checkpoint", err=None, out=None)
            time.sleep(0.05)
        raise AssertionError("%d records of %s, not %d" % (len(got), options, count))


def test_read(world):
    allowed, denied = world.decide("view", 0), world.decide("edit", 10)
    records = world.wait_for("--event decision", 2)
    check("decisions", [(r["decision_id"], r["decision"], r.get("reason"), r["permission"])
                        for r in records],
          [(allowed["decision_id"], "allow", None, "view"),
           (denied["decision_id"], "deny", "scope_excluded", "edit")])
    check("parties", {key: records[0][key] for key in ("principal", "actors", "session", "grant")},
          {"principal": "user:ann", "actors": ["agent:bot"], "session": world.session,
           "grant": world.grant})
    changes = world.wait_for("--grant %s --event grant.*" % world.grant, 1)
    check("changes", [r["event"] for r in changes], ["grant.created"])
    check("of nobody", world.records("--principal user:nobody"), [])
    everything = world.records()
    check("seq", [r["seq"] for r in everything], list(range(len(everything))))
    check("a page", len(world.records("--limit 1", 4)), 1)
    check("from", [r["seq"] for r in world.records("--from 2 --limit 1", 4)], [2])
    out = world.ask.expect("audit read --decision " + denied["decision_id"])
    check("a line", re.sub(r"(ses|gr|dec)_\w+|\d{4}-\S+Z|^\d+", "X", out),
          "X X decision deny scope_excluded edit on document:d1 for user:ann by agent:bot X X X\n")
    world.ask.expect("audit read --from 1 --cursor x", 1, err=None)
    world.ask.expect("audit read --decision dec_1", 3, err=None)
    print("audit read: records, filters, pages")
    return allowed, denied


def test_tail(world):
    tail = subprocess.Popen([BEHALF, "audit", "tail", "--json", "--event", "decision", "--limit", "1"],
                            env=dict(os.environ, BEHALF_ENDPOINT=world.server.address),
                            stdout=subprocess.PIPE, text=True)
    try:
        check("the newest", json.loads(tail.stdout.readline())["permission"], "edit")
        world.decide("view", 0)
        check("what follows", json.loads(tail.stdout.readline())["permission"], "view")
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()
    print("audit tail: the newest, and what follows")


def test_explain(world, allowed):
    told = world.ask.json("audit explain " + allowed["decision_id"])
    check("now", told["now"], {"session": "active", "grant": "active",
                               "chain": [{"grant": world.grant, "state": "active"}]})
    check("record", told["record"]["decision_id"], allowed["decision_id"])
    world.ask.expect("grant revoke %s --reason over" % world.grant, err=None)
    story = world.ask.expect("audit explain " + allowed["decision_id"])
    for line in ("asked       view on document:d1 for user:ann, by agent:bot", "outcome     allow",
                 "now grant_revoked", "approved by user:ann", "through browser"):
        if line not in story:
            complain(["audit", "explain"], "story", story, line)
    world.ask.expect("audit explain dec_00000000000000000000000000", 3, err=None)
    print("audit explain: the story, and states now")


def test_replay(world):
    out = world.ask.expect("audit replay", err=None)
    check("then", re.sub(r"\d+ the same", "N the same", out), "N the same, 0 different, 0 skipped\n")
    now = world.ask.expect("audit replay --at now", UNVERIFIED, err=None)
    if "recorded allow, decided again deny grant_revoked" not in now:
        complain(["audit", "replay"], "output", now, "a difference")
    world.ask.expect("audit replay --at yesterday", 1, err=None)
    print("audit replay: then nothing differs, now what was revoked")


def test_proof(world, directory):
    proof = world.ask.expect("audit proof 1", err=None)
    document = json.loads(proof)
    path = os.path.join(directory, "proof.json")
    key = os.path.join(world.directory, "audit", "key.pub")
    with open(path, "w") as file:
        file.write(proof)
    world.ask.expect(["audit", "proof", path, "--key", key], err=None)
    root = base64.b64decode(document["checkpoint"].split("\n")[2])
    size = int(document["checkpoint"].split("\n")[1])
    check("root by hand", root_of(document, size), root)
    document["record"] = document["record"].replace("user:ann", "user:bob")
    document["record"] = document["record"].replace('"v":1', '"v":2')
    with open(path, "w") as file:
        json.dump(document, file)
    world.ask.expect(["audit", "proof", path], UNVERIFIED, err=None)
    with open(path, "w") as file:
        file.write("{}")
    world.ask.expect(["audit", "proof", path], 1, err=None)
    world.ask.expect("audit proof 1000000", 1, err=None)
    world.ask.expect("audit proof", 1, err=None)
    older = os.path.join(directory, "older")
    with open(older, "w") as file:
        file.write(world.ask.expect("audit checkpoint"))
    world.decide("view", 10)
    world.wait_for("--event decision", 4)
    world.ask.expect(["audit", "proof", "--checkpoint", older, "--key", key], err=None)
    print("audit proof: of a record and of an older checkpoint, checked without a server")
    return older, key


def root_of(document, size):
    """RFC 9162 2.1.3.2, from the leaf up."""
    node = lambda left, right: hashlib.sha256(b"\1" + left + right).digest()
    fn, sn = document["seq"], size - 1
    got = hashlib.sha256(b"\0" + document["record"].encode()).digest()
    for text in document["hashes"]:
        one = bytes.fromhex(text)
        if fn & 1 or fn == sn:
            got = node(one, got)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            got = node(got, one)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return got


def test_export(world):
    lines = world.ask.expect("audit export --format ocsf", err=None).splitlines()
    events = [json.loads(line) for line in lines]
    previous = None
    for event in events:
        attestation = event["attestation"]
        check("leaf", attestation["fingerprint"]["value"],
              hashlib.sha256(b"\0" + event["raw_data"].encode()).hexdigest())
        check("previous", attestation.get("prev_event", {}).get("fingerprint", {}).get("value"),
              previous)
        previous = attestation["fingerprint"]["value"]
    classes = {json.loads(e["raw_data"])["event"]: e["class_uid"] for e in events}
    check("classes", {name: classes.get(name) for name in
                      ("decision", "session.created", "grant.created", "schema.written")},
          {"decision": 6003, "session.created": 3003, "grant.created": 3005,
           "schema.written": 3004})
    world.ask.expect("audit export --format cef", 1, err=None)
    print("audit export: OCSF, chained")


def test_server_verify(world):
    answer = world.ask.json("audit verify")
    check("ok", answer["ok"], True)
    print("audit verify: the server's own log")


def test_verify(world, directory, older, key):
    copy = os.path.join(directory, "copy")
    shutil.copytree(os.path.join(world.directory, "audit"), copy)
    world.ask.expect(["audit", "verify", copy, "--key", key, "--checkpoint", older], err=None)
    got = json.loads(world.ask.expect(["audit", "verify", copy, "--json"], err=None))
    check("verified", got["ok"], True)
    lines = os.path.join(copy, "000000000000.jsonl")
    with open(lines, "rb") as file:
        good = file.read()
    place = good.index(b'"decision":"deny"') + len(b'"decision":"')
    with open(lines, "wb") as file:
        file.write(good[:place] + b"DENY" + good[place + 4:])
    got = json.loads(world.ask.expect(["audit", "verify", copy, "--json"], UNVERIFIED, err=None))
    check("wrong", (got["ok"], got["first_wrong"]["seq"]),
          (False, good[:place].count(b"\n")))
    out = world.ask.expect(["audit", "verify", copy], UNVERIFIED, err=None)
    check("in words", out.startswith("NOT VERIFIED: record "), True)
    with open(lines, "wb") as file:
        file.write(good)
    world.ask.expect(["audit", "verify", copy], err=None)
    world.ask.expect(["audit", "verify", os.path.join(directory, "nothing")], 1, err=None)
    world.ask.expect(["audit", "verify", "--key", key], 1, err=None)
    print("audit verify: a copied folder, whole and changed")


def main():
    directory = tempfile.mkdtemp(prefix="behalf-cli-audit.")
    data = os.path.join(directory, "data")
    os.mkdir(data, 0o700)
    world = World(data)
    try:
        allowed, _ = test_read(world)
        test_tail(world)
        test_explain(world, allowed)
        test_replay(world)
        older, key = test_proof(world, directory)
        test_export(world)
        test_server_verify(world)
    finally:
        world.server.stop()
    try:
        test_verify(world, directory, older, key)
    finally:
        shutil.rmtree(directory)
    return 1 if lib_cli.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
