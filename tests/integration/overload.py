#!/usr/bin/python3
"""More requests than the server can answer before their deadlines: each has exactly one reply, what was
refused was not done, and those who send little are served beside those who send much.

Nothing here depends on how fast the machine is: there is more work than deadlines allow on any, and what is
expected holds in whatever order the work is done. Starts its own behalfd from $BUILD (build/release by
default); prints one line per case."""
import shutil
import sys
import tempfile

import msgpack

from protocol import Server

CLIENTS = 8
REQUESTS = 100  # of each client
UPDATES = 100   # of each write
DEADLINE_MS = 40
REASONS = {"OVERLOADED": "RESOURCE_EXHAUSTED", "DEADLINE": "DEADLINE_EXCEEDED"}
GROUPS = 60     # that a hostile check asks
HOSTILE = 64
CALLS_IN_FLIGHT = 256  # of one connection

# Every membership hangs on a condition that takes some 90,000 steps and fails at the last of them.
SCHEMA = """
caveat costly(numbers list<int>, most int) {
    numbers.all(x, numbers.all(y, x + y < most))
}
definition user {}
definition group { relation member: user with costly }
definition document {
    relation viewer: user | group#member
    permission view = viewer
}
"""


def batches(items, size=1000):
    return [items[at:at + size] for at in range(0, len(items), size)]


def write(client, relationships):
    for batch in batches(relationships):
        client.call("relationships.write", deadline_ms=30000, updates=[
            {"op": "touch", "relationship": text} for text in batch])


def send_all(client, calls):
    """All in one go: a client that waits for nothing."""
    first = client.next_id + 1
    client.next_id += len(calls)
    client.socket.sendall(b"".join(
        msgpack.packb([0, first + at, method, [arguments]])
        for at, (method, arguments) in enumerate(calls)))
    return range(first, first + len(calls))


def replies(client, ids):
    """One reply to each, and none besides, in whatever order."""
    found = {}
    for _ in ids:
        message = client.reply()
        assert message is not None, "closed"
        assert message[1] in ids and message[1] not in found, message
        found[message[1]] = message
    client.call("ping")
    return [found[at] for at in ids]


def outcome(message):
    """None of an answer, else the reason of a refusal that overload explains."""
    error = message[2]
    if error is None:
        return None
    assert REASONS.get(error["reason"]) == error["code"], error
    if error["reason"] == "OVERLOADED":
        assert 1 <= error["retry_after_ms"] <= 10000, error
    else:
        assert "retry_after_ms" not in error, error
    return error["reason"]


def flood(server, call_of):
    """Every client's calls at once: [client][call] -> outcome."""
    clients = [server.connect() for _ in range(CLIENTS)]
    ids = [send_all(client, [call_of(number, at) for at in range(REQUESTS)])
           for number, client in enumerate(clients)]
    found = [[outcome(message) for message in replies(client, asked)]
             for client, asked in zip(clients, ids)]
    for client in clients:
        client.close()
    return found


def lookups_beyond_capacity(server):
    """Lookups, pages and checks of a whole type are answered, refused or expired; each once."""
    def call_of(number, at):
        arguments = {"permission": "view", "deadline_ms": DEADLINE_MS}
        if at % 2 == 0:
            return "lookup_resources", dict(arguments, resource_type="document",
                                            subject="user:u%d" % (at % 10))
        return "lookup_subjects", dict(arguments, resource="document:wide", subject_type="user")

    found = sum(flood(server, call_of), [])
    assert len(found) == CLIENTS * REQUESTS
    assert any(reason is not None for reason in found), "it was not too much"
    client = server.connect()
    # And it is over when it is over.
    client.call("lookup_subjects", resource="document:wide", permission="view", subject_type="user")
    client.close()


def clients_that_flood_and_leave(server):
    """What they asked for is given up; the next one is served as ever."""
    call = ("lookup_subjects", {"resource": "document:wide", "permission": "view",
                                "subject_type": "user", "deadline_ms": 30000})
    for _ in range(CLIENTS):
        client = server.connect()
        send_all(client, [call] * 250)
        client.close()
    client = server.connect()
    while client.call("server.stats")["pool"]["lookups_waiting"] > 0:
        pass
    assert client.call(call[0], **call[1])["complete"] is False
    client.close()


def writes_beyond_capacity(server):
    """A write that was answered is there as a whole, and of one that was refused there is nothing."""
    def call_of(number, at):
        return "relationships.write", {
            "deadline_ms": DEADLINE_MS,
            "updates": [{"op": "touch", "relationship": "document:w%d-%d#viewer@user:w%d"
                                                        % (number, at, n)}
                        for n in range(UPDATES)]}

    found = flood(server, call_of)
    client = server.connect()
    refused = 0
    for number, outcomes in enumerate(found):
        for at, reason in enumerate(outcomes):
            stored = client.call("relationships.read", filter={
                "resource_type": "document", "resource_id": "w%d-%d" % (number, at)})
            expected = UPDATES if reason is None else 0
            assert len(stored["relationships"]) == expected, (number, at, reason)
            refused += reason is not None
    assert refused > 0, "it was not too much"
    client.close()


def a_deadline_counts_while_a_request_is_held_back(server):
    """Behind as many calls as a connection may have under way, a request waits before it is looked at.
    There are some more, for those that end while others are still taken; all of them are read at once."""
    client = server.connect()
    slow = ("lookup_subjects", {"resource": "document:wide", "permission": "view", "limit": 2000,
                                "subject_type": "user", "deadline_ms": 30000})
    held = ("relationships.write", {"deadline_ms": 20, "updates": [
        {"op": "touch", "relationship": "document:held#viewer@user:ann"}]})
    found = replies(client, send_all(client, [slow] * (CALLS_IN_FLIGHT + 16) + [held]))
    assert outcome(found[-1]) is not None, "the half of the calls took less than 20 ms"
    assert client.call("relationships.read", filter={
        "resource_type": "document", "resource_id": "held"})["relationships"] == []
    client.close()


def an_honest_check_beside_64_hostile_checks(server):
    """Checks that take long on 64 connections; beside them pings, checks and a write are answered before
    the hostile ones are, also a check that needs the pool, for something that was just written."""
    hostile = [server.connect() for _ in range(HOSTILE)]
    honest = server.connect()
    question = {"resource": "document:costly", "permission": "view", "subject": "user:costly",
                "context": {"numbers": list(range(300)), "most": 598}}
    easy = {"resource": "document:easy", "permission": "view", "subject": "user:ann"}
    assert honest.call("check", **easy)["decision"] == "allow"
    ids = [send_all(client, [("check", dict(question, deadline_ms=30000))]) for client in hostile]
    for _ in range(20):
        honest.call("ping")
        assert honest.call("check", **easy)["decision"] == "allow"
    honest.call("server.stats")
    honest.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:easy#viewer@user:bea"}])
    # This one waits for a slice of each that came before, on any machine for less than all of them take.
    assert honest.call("check", deadline_ms=30000,
                       **dict(easy, subject="user:bea"))["decision"] == "allow"
    pool = honest.call("server.stats")["pool"]
    assert pool["checks_waiting"] + pool["lookups_waiting"] > 0, "the hostile ones were answered already"
    for client, asked in zip(hostile, ids):
        for message in replies(client, asked):
            if message[2] is None:
                assert message[3]["decision"] == "deny", message
            elif message[2]["reason"] not in ("BUDGET_EXHAUSTED", "CAVEAT_EVALUATION_ERROR"):
                outcome(message)
        client.close()
    assert honest.call("check", **easy)["decision"] == "allow"
    honest.close()


def main():
    scratch = tempfile.mkdtemp()
    server = Server(scratch + "/data", "--loops", "1", "--workers", "2")
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    write(client, ["document:easy#viewer@user:ann", "document:wide#viewer@group:g0#member"] +
          ["document:d%d#viewer@user:u%d" % (n, n % 10) for n in range(20000)] +
          ["document:wide#viewer@user:u%d" % n for n in range(20000)] +
          ["document:costly#viewer@group:g%d#member" % n for n in range(GROUPS)] +
          ["group:g%d#member@user:costly[costly]" % n for n in range(GROUPS)])
    client.close()
    failed = 0
    only = sys.argv[1:]
    for case in (lookups_beyond_capacity, clients_that_flood_and_leave, writes_beyond_capacity,
                 a_deadline_counts_while_a_request_is_held_back,
                 an_honest_check_beside_64_hostile_checks):
        if only and case.__name__ not in only:
            continue
        try:
            case(server)
            print("ok      ", case.__name__, flush=True)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", case.__name__, repr(problem)[:600], flush=True)
            if server.process.poll() is not None:
                print("behalfd ended with", server.process.returncode)
                return 1
    code = server.stop()
    if code != 0:
        print("FAILED   behalfd ended with", code)
        failed += 1
    shutil.rmtree(scratch)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
