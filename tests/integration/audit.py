#!/usr/bin/python3
"""The audit log of a live server: each kind of decision has its record, and what strict answered is on the
disk after a kill.

Starts its own behalfd from $BUILD (build/release by default); an argument says how many kills."""
import glob
import json
import os
import shutil
import sys
import tempfile
import threading

from lib_process import end_since, mark
from protocol import PATIENCE, Server

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
SCHEMA = """
definition user {}
definition agent { permission acts_on_behalf_of = nil }
definition document {
    relation viewer: user
    permission view = viewer
}
"""
GRANT = {"scope": [{"selector": "document:*", "actions": ["view"]}], "expires_in_s": 600,
         "approval": {"approver": "user:ann", "channel": "browser"}}


def records(directory):
    found = []
    for path in sorted(glob.glob(directory + "/audit/*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            found += [json.loads(line) for line in lines if line.endswith("\n")]
    return found


def prepare(client):
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[{"op": "touch", "relationship": "document:d1#viewer@user:ann"}])
    made = client.call("sessions.create", principal="user:ann", agent="agent:bot", expires_in_s=3600, grant=GRANT)
    return {"subject": "user:ann", "actor": "agent:bot", "grant": made["grant"]}


def each_kind_of_decision(directory, mode):
    server = Server(directory, "--audit", mode)
    client = server.connect()
    who = prepare(client)
    view = dict(who, resource="document:d1", permission="view", request_id="r-1")
    ids = [client.call("check", **view)["decision_id"],
           client.call("check", **dict(view, resource="document:d2"))["decision_id"]]
    ids += [item["decision_id"] for item in client.call(
        "check_bulk", request_id="r-1",
        items=[dict(who, resource="document:d1", permission="view")])["results"]]
    ids.append(client.call("filter_resources", resources=["document:d1", "document:d2"], permission="view",
                           request_id="r-1", **who)["decision_id"])
    ids.append(client.call("lookup_resources", resource_type="document", permission="view",
                           request_id="r-1", **who)["decision_id"])
    ids.append(client.call("lookup_permissions", resource="document:d1", request_id="r-1", **who)["decision_id"])
    assert server.stop() == 0
    by_id = {record["decision_id"]: record for record in records(directory) if "decision_id" in record}
    found = [(by_id[one]["event"], by_id[one]["decision"]) for one in ids]
    assert found == [("decision", "allow"), ("decision", "deny"), ("decision", "allow"), ("filter", "allow"),
                     ("lookup", "allow"), ("lookup", "allow")], found
    assert all(by_id[one]["request_id"] == "r-1" and by_id[one]["grant"] == who["grant"] for one in ids), by_id
    assert by_id[ids[1]]["reason"] == "principal_denied"


def ask_until_cut(client, view, answered):
    try:
        while True:
            answered.append(client.call("check", **view)["decision_id"])
    except (AssertionError, OSError):
        return


def strict_loses_nothing(directory):
    server = Server(directory, "--audit", "strict")
    who = prepare(server.connect())
    view = dict(who, resource="document:d1", permission="view")
    answered = []
    for _ in range(KILLS):
        before = len(answered)
        threads = [threading.Thread(target=ask_until_cut, args=(server.connect(), view, answered))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(answered) < before + 50:
            threads[0].join(0.01)
        server.process.kill()
        server.process.wait(PATIENCE)
        for thread in threads:
            thread.join()
        server = Server(directory, "--audit", "strict")
    assert server.stop() == 0
    kept = {record["decision_id"] for record in records(directory) if record.get("decision") == "allow"}
    lost = [one for one in answered if one not in kept]
    assert not lost, "%d of %d answered allows are lost" % (len(lost), len(answered))
    print("         %d kills, %d answered allows, none lost" % (KILLS, len(answered)))


def main():
    failed = 0
    cases = [("each_kind_of_decision, relaxed", lambda at: each_kind_of_decision(at, "relaxed")),
             ("each_kind_of_decision, strict", lambda at: each_kind_of_decision(at, "strict")),
             ("strict_loses_nothing", strict_loses_nothing)]
    for name, run in cases:
        scratch = tempfile.mkdtemp(prefix="behalf-audit-")
        started = mark()
        try:
            run(os.path.join(scratch, "data"))
            print("ok       " + name)
        except Exception as problem:  # a case that fails must not hide the others
            failed += 1
            print("FAILED   %s: %r" % (name, problem))
        finally:
            end_since(started)
            shutil.rmtree(scratch)
    print("audit.py: %d cases, %d failed" % (len(cases), failed))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
