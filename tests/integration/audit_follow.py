#!/usr/bin/python3
"""Changes in the audit log over kills: every change of a session, grant, stop or attributes that the store
has is in the log once, whenever the server was killed. The argument is the number of kills (5).

Starts its own behalfd from $BUILD (build/release by default)."""
import collections
import glob
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from protocol import PATIENCE, Server

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SEED = int(os.environ.pop("BEHALF_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
SCHEMA = """definition user {}
definition agent { permission acts_on_behalf_of = nil }
definition document {
    relation viewer: user
    permission view = viewer
}
"""
CHANGES = ("session.", "grant.", "stop.", "attributes.", "schema.")


class Writer(threading.Thread):
    """Writes until the server is gone; what was acknowledged is in `acknowledged`."""

    def __init__(self, server, number, seed):
        super().__init__(daemon=True)
        self.client = server.connect()
        self.chance = random.Random(seed)
        self.user = "user:w%d" % number
        self.acknowledged = []

    def one(self):
        call = self.client.call
        call("relationships.write", updates=[
            {"op": "touch", "relationship": "document:d%d#viewer@%s" % (self.chance.randrange(9), self.user)}])
        made = call("sessions.create", principal=self.user, agent="agent:bot", expires_in_s=3600, grant={
            "scope": [{"selector": "document:*", "actions": ["view"]}], "expires_in_s": 600,
            "approval": {"approver": self.user}})
        self.acknowledged += [("session.created", made["session"]), ("grant.created", made["grant"])]
        call("attributes.write", updates=[{"object": self.user, "op": "set", "attributes": {"k": 1}}])
        call("grants.revoke", grant=made["grant"], reason="done")
        self.acknowledged.append(("grant.revoked", made["grant"]))
        call("sessions.revoke", session=made["session"], reason="done")
        self.acknowledged.append(("session.revoked", made["session"]))

    def run(self):
        try:
            while True:
                self.one()
        except (AssertionError, OSError):
            return  # the server was killed


def lines_of(directory):
    for path in sorted(glob.glob(directory + "/audit/*.jsonl")):
        with open(path) as file:
            for line in file:
                yield json.loads(line)


def changes_of(directory):
    """Each change as (revision, event, of what), in the order of the log."""
    for line in lines_of(directory):
        event = line["event"]
        assert event != "log.gap", line
        if event.startswith(CHANGES):
            what = line.get("grant") if event.startswith("grant.") else line.get("session")
            yield line["revision"], event, what or line["record"].get("object") or ""


def main():
    directory = tempfile.mkdtemp(prefix="behalf-follow-")
    chance = random.Random(SEED)
    options = ("--audit", "relaxed")
    acknowledged = []
    server = Server(directory, *options)
    server.connect().call("schema.write", text=SCHEMA)
    for kill in range(KILLS):
        writers = [Writer(server, kill * 3 + at, chance.random()) for at in range(3)]
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.02, 1.2))  # when the kill comes is what is drawn
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(PATIENCE)
        for writer in writers:
            writer.join(PATIENCE)
            acknowledged += writer.acknowledged
        server = Server(directory, *options)
    client = server.connect()
    client.call("agents.kill", agent="agent:bot", reason="end")
    assert server.stop() == 0
    changes = list(changes_of(directory))
    revisions = [revision for revision, _, _ in changes]
    assert revisions == sorted(revisions), "seed %d: out of order" % SEED
    twice = [change for change, count in collections.Counter(changes).items() if count > 1]
    assert not twice, "seed %d: %r" % (SEED, twice[:5])
    missing = set(acknowledged) - {(event, what) for _, event, what in changes}
    assert not missing, "seed %d: %r" % (SEED, list(missing)[:5])
    # Of one transaction both are there, or neither, acknowledged or not.
    made = collections.Counter(event for _, event, _ in changes)
    assert made["session.created"] == made["grant.created"], (SEED, made)
    assert made["schema.written"] == 1 and made["stop.ordered"] == 1, (SEED, made)
    shutil.rmtree(directory)
    print("audit_follow.py: passed, %d kills, %d changes, %d acknowledged" %
          (KILLS, len(changes), len(acknowledged)))


main()
