#!/usr/bin/python3
"""The protocol, spoken by a MessagePack library that is not ours over a plain socket.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import grp
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import msgpack

from lib_process import cpu_ns, end_since, mark, spawn
from lib_time import moment

BUILD = os.environ.get("BUILD", "build/release")
BEHALFD = os.path.join(BUILD, "behalfd")
SCHEMA = """
use expiration
caveat during(hour int, until int) { hour < until }
caveat noted(k string) { k != "" }
caveat bag(m map<any>) { size(m) > 0 }
definition user {}
definition agent { relation acts_on_behalf_of: user | agent }
definition group { relation member: user | group#member }
definition document {
    relation owner: user
    relation viewer: user | group#member | user:*
    relation banned: user
    permission view = (viewer + owner) - banned
    permission edit = owner
}
definition tool {
    relation caller: user | user with during | user with noted | user with bag |
        user with expiration | user with during and expiration
    permission call = caller
}
"""
SLOW = 10 if "asan" in BUILD or "tsan" in BUILD or "ubsan" in BUILD else 1
PATIENCE = 20 * SLOW


class Server:
    def __init__(self, directory, *options, listen="127.0.0.1:0", wrapper=()):
        ready, child = os.pipe()
        self.process = spawn(
            [*wrapper, BEHALFD, "--data", directory, "--listen", listen, "--ready-fd", str(child),
             "--log-level", "warn", *options], pass_fds=[child], stdout=subprocess.PIPE, text=True)
        os.close(child)
        with os.fdopen(ready) as pipe:
            self.address = pipe.readline().strip()
        line = self.process.stdout.readline().strip()
        assert line == "behalfd ready on " + self.address, line
        host, _, port = self.address.rpartition(":")
        self.endpoint = (host.strip("[]"), int(port))

    def connect(self):
        return Client(socket.create_connection(self.endpoint, timeout=PATIENCE))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Client:
    """Knows MessagePack-RPC and nothing of the methods."""

    def __init__(self, sock):
        self.socket = sock
        self.unpacker = msgpack.Unpacker(raw=False)
        self.next_id = 0

    def send(self, method, **arguments):
        self.next_id += 1
        self.socket.sendall(msgpack.packb([0, self.next_id, method, [arguments]]))
        return self.next_id

    def reply(self):
        """The next message, or None when the server closed."""
        while True:
            for message in self.unpacker:
                assert len(message) == 4 and message[0] == 1, message
                return message
            data = self.receive()
            if not data:
                return None
            self.unpacker.feed(data)

    def receive(self):
        try:
            return self.socket.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def call(self, method, **arguments):
        asked = self.send(method, **arguments)
        message = self.reply()
        assert message is not None, "closed"
        assert message[1] == asked, message
        assert message[2] is None, message[2]
        return message[3]

    def fail(self, method, **arguments):
        asked = self.send(method, **arguments)
        message = self.reply()
        assert message is not None and message[1] == asked, message
        assert message[2] is not None and message[3] is None, message
        assert set(message[2]) <= {"code", "reason", "message", "hint", "at", "index", "details",
                                   "retry_after_ms"}, message
        return message[2]

    def refused(self, reason, method, *words, **arguments):
        error = self.fail(method, **arguments)
        assert error["reason"] == reason, error
        for word in words:
            assert word in error["message"], (word, error)
        return error

    def closed(self):
        """Reads what is left; True when the server closed."""
        while self.receive():
            pass
        return True

    def close(self):
        self.socket.close()


def check(**more):
    return dict({"resource": "document:a", "permission": "view", "subject": "user:ann"}, **more)


CASES = []


def case(function):
    CASES.append(function)
    return function


# ---- Every method -----------------------------------------------------------------------------


@case
def ping_echoes(client, server):
    assert client.call("ping") == {}
    assert client.call("ping", payload="x" * 70000) == {"payload": "x" * 70000}
    assert client.call("ping", payload=b"\0\xff") == {"payload": b"\0\xff"}


@case
def server_info_says_what_it_can(client, server):
    info = client.call("server.info")
    for name in ("check", "check_bulk", "expand", "lookup_resources", "lookup_subjects",
                 "lookup_permissions", "relationships.write", "relationships.delete",
                 "relationships.read", "schema.write", "schema.read", "ping", "server.info",
                 "server.stats", "server.clock"):
        assert name in info["methods"], name
    assert info["protocol"] == 1 and info["limits"]["updates"] == 1000
    memory = info["memory"]
    assert memory.pop("limit") == sum(memory.values()) and memory["graph"] > 0, memory
    assert info["writable"] is True and info["schema_revision"] >= 1
    assert info["revision"] >= info["schema_revision"]


@case
def server_stats_count(client, server):
    before = client.call("server.stats")
    client.call("check", **check())
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:counted#viewer@user:ann"}])
    client.refused("UNKNOWN_DEFINITION", "check", "nothing", **check(resource="nothing:a"))
    after = client.call("server.stats")
    assert after["writes"]["transactions"] == before["writes"]["transactions"] + 1
    assert after["writes"]["syncs"] == before["writes"]["syncs"] + 1
    assert after["writes"]["groups"] == before["writes"]["groups"] + 1
    assert after["loops"]["checks"] == before["loops"]["checks"] + 2
    assert after["revision"] == before["revision"] + 1
    assert after["graph"]["bytes"] > 0 and after["names"]["entries"] > 0
    assert after["uptime_ms"] >= before["uptime_ms"]
    client.refused("UNKNOWN_ARGUMENT", "server.stats", "verbose", verbose=True)


@case
def server_clock_agrees(client, server):
    clock = client.call("server.clock")
    assert clock.keys() == {"state", "now", "wall", "trusted"} and clock["state"] == "agrees"
    assert moment("2020-01-01T00:00:00Z") < moment(clock["wall"]) <= moment(clock["now"]), clock
    assert client.call("server.info")["clock"].keys() == clock.keys()
    for action in ("confirm", "reject"):
        assert client.call("server.clock", action=action)["state"] == "agrees"
    for action in (None, "", "stop", True):
        client.refused("MALFORMED_REQUEST", "server.clock", "'action'", action=action)


@case
def check_decides(client, server):
    answer = client.call("check", **check())
    assert answer["decision"] == "allow" and 0 < len(answer["checked_at"]) <= 128
    assert client.call("check", **check(subject="user:mallory"))["decision"] == "deny"
    assert client.call("check", **check(resource="document:b", subject="user:bob"))[
        "decision"] == "allow"
    assert client.call("check", **check(permission="owner"))["decision"] == "deny"


@case
def check_takes_maps(client, server):
    for ident in ("ann", b"ann"):
        answer = client.call("check", resource={"type": "document", "id": "a"}, permission="view",
                             subject={"type": "user", "id": ident})
        assert answer["decision"] == "allow"
    answer = client.call("check", resource="document:b", permission="view",
                         subject={"type": "group", "id": "eng", "relation": "member"})
    assert answer["decision"] == "allow"


@case
def check_with_actors(client, server):
    assert client.call("check", **check(actor="agent:bot"))["decision"] == "allow"
    assert client.call("check", **check(actor=["agent:bot", "agent:sub"]))["decision"] == "allow"
    assert client.call("check", **check(actor="agent:other"))["decision"] == "deny"
    client.refused("MALFORMED_REQUEST", "check", "actor", **check(actor=[]))
    client.refused("MALFORMED_REQUEST", "check", "actor", **check(actor=None))
    client.refused("MALFORMED_REQUEST", "check", "actor[0]", **check(actor=[None]))


@case
def check_bulk_keeps_order(client, server):
    items = [check(), check(subject="user:mallory"), check(permission="nonesuch"),
             check(actor="agent:bot")]
    answer = client.call("check_bulk", items=items)
    results = answer["results"]
    assert [entry.get("decision") for entry in results] == ["allow", "deny", None, "allow"]
    assert results[2]["error"]["reason"] == "UNKNOWN_RELATION_OR_PERMISSION"
    assert answer["checked_at"]
    error = client.refused("MALFORMED_REQUEST", "check_bulk", "items[1]",
                           items=[check(), check(subject=7)])
    assert error["index"] == 1


@case
def check_bulk_limits(client, server):
    for count in (999, 1000):
        assert len(client.call("check_bulk", items=[check()] * count)["results"]) == count
    client.refused("TOO_MANY_CHECKS_IN_REQUEST", "check_bulk", items=[check()] * 1001)
    client.refused("MALFORMED_REQUEST", "check_bulk", "items", items=[])


@case
def expand_gives_a_tree(client, server):
    answer = client.call("expand", resource="document:b", permission="view", depth=0)
    seen = []

    def walk(node):
        assert node["op"] in ("union", "intersection", "exclusion", "arrow", "all", "leaf")
        seen.extend(node.get("subjects", []))
        for child in node.get("children", []):
            walk(child)
    walk(answer["tree"])
    assert "user:bob" in seen and answer["expanded_at"], answer


@case
def lookups_answer(client, server):
    answer = client.call("lookup_resources", resource_type="document", permission="view",
                         subject="user:ann")
    assert {"id": "a", "decision": "allow"} in answer["resources"]
    assert answer["complete"] is True and answer["cursor"] is None and answer["looked_up_at"]
    assert answer["undecided"] == []
    answer = client.call("lookup_resources", resource_type="document", permission="view",
                         subject="user:ann", actor="agent:other")
    assert answer["resources"] == []
    answer = client.call("lookup_subjects", resource="document:b", permission="view",
                         subject_type="user")
    assert {"id": "bob", "decision": "allow"} in answer["subjects"]
    answer = client.call("lookup_subjects", resource="document:open", permission="view",
                         subject_type="user")
    assert answer["subjects"][0]["wildcard"] is True
    assert answer["subjects"][0]["excluded"] == [{"id": "mallory", "decision": "allow"}]
    answer = client.call("lookup_permissions", resource="document:a", subject="user:ann")
    found = {entry["permission"]: entry["decision"] for entry in answer["permissions"]}
    assert found == {"view": "allow", "edit": "deny"}


@case
def lookup_pages(client, server):
    found, cursor, pages = [], {}, 0
    while True:
        answer = client.call("lookup_resources", resource_type="document", permission="view",
                             subject="user:pager", limit=10, **cursor)
        found += [entry["id"] for entry in answer["resources"]]
        pages += 1
        if answer["cursor"] is None:
            break
        assert len(answer["resources"]) <= 10
        cursor = {"cursor": answer["cursor"]}
    assert set("p%d" % n for n in range(25)) <= set(found) and pages >= 3
    assert len(found) == len(set(found))
    client.refused("INVALID_CURSOR", "lookup_resources", resource_type="document",
                   permission="view", subject="user:pager", cursor="nonsense")


@case
def page_limits(client, server):
    for limit in (0, 1, 99999, 100000):
        client.call("relationships.read", filter={"resource_type": "group"}, limit=limit)
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "relationships.read", "limit",
                   filter={"resource_type": "group"}, limit=100001)
    client.refused("MALFORMED_REQUEST", "relationships.read", "limit",
                   filter={"resource_type": "group"}, limit=-1)


@case
def relationships_come_and_go(client, server):
    text = 'document:"two words"#viewer@user:"ann@example.org"'
    before = client.call("relationships.write",
                         updates=[{"op": "create", "relationship": text}])["written_at"]
    answer = client.call("relationships.read", filter={"resource_id": "two words",
                                                       "resource_type": "document"})
    assert answer["relationships"] == [text] and answer["complete"] is True and answer["read_at"]
    error = client.fail("relationships.write", updates=[
        {"op": "touch", "relationship": "document:x#viewer@user:x"},
        {"op": "create", "relationship": text}])
    assert error["reason"] == "ATTEMPT_TO_RECREATE_RELATIONSHIP" and error["index"] == 1, error
    answer = client.call("relationships.delete", filter={
        "resource_type": "document", "resource_id": "two words",
        "subject": {"type": "user", "id": "ann@example.org", "relation": ""}})
    assert answer["count"] == 1 and answer["complete"] is True and answer["deleted_at"]
    probe = {"resource": {"type": "document", "id": "two words"}, "permission": "view",
             "subject": {"type": "user", "id": "ann@example.org"}}
    assert client.call("check", **probe)["decision"] == "deny"
    then = {"mode": "at_exact_snapshot", "token": before}
    assert client.call("check", consistency=then, **probe)["decision"] == "allow"


@case
def relationships_as_maps(client, server):
    update = {"op": "touch", "relationship": {
        "resource": {"type": "document", "id": b"map"}, "relation": "viewer",
        "subject": {"type": "user", "wildcard": True}}}
    client.call("relationships.write", updates=[update], metadata={"by": "test"})
    answer = client.call("relationships.read", filter={
        "resource_type": "document", "resource_id_prefix": "ma", "relation": "viewer"})
    assert answer["relationships"] == ["document:map#viewer@user:*"]


@case
def preconditions_guard(client, server):
    present = {"resource_type": "document", "resource_id": "a", "relation": "viewer"}
    updates = [{"op": "touch", "relationship": "document:pre#viewer@user:ann"}]
    client.call("relationships.write", updates=updates,
                preconditions=[{"must": "match", "filter": present}])
    client.refused("WRITE_OR_DELETE_PRECONDITION_FAILURE", "relationships.write", updates=updates,
                   preconditions=[{"must": "not_match", "filter": present}])
    good = {"must": "match", "filter": present}
    error = client.refused("EMPTY_PRECONDITION", "relationships.write", "preconditions[1].filter",
                           updates=updates, preconditions=[good, {"must": "match", "filter": {}}])
    assert error["index"] == 1, error
    error = client.refused("WRITE_OR_DELETE_PRECONDITION_FAILURE", "relationships.write",
                           updates=updates, preconditions=[good, dict(good, must="not_match")])
    assert error["index"] == 1, error
    # With any other reason, an index would be taken for that of an update.
    error = client.refused("UNKNOWN_DEFINITION", "relationships.write", "precondition 1: ",
                           updates=updates, preconditions=[good, {
                               "must": "match", "filter": {"resource_type": "nonesuch"}}])
    assert "index" not in error, error
    client.refused("MALFORMED_REQUEST", "relationships.write", "preconditions[0].must",
                   updates=updates, preconditions=[{"must": "maybe", "filter": present}])
    many = [{"must": "match", "filter": present}]
    client.call("relationships.write", updates=updates, preconditions=many * 1000)
    client.refused("TOO_MANY_PRECONDITIONS_IN_REQUEST", "relationships.write", updates=updates,
                   preconditions=many * 1001)


@case
def update_limits(client, server):
    def updates(count):
        return [{"op": "touch", "relationship": "document:u#viewer@user:u%d" % n}
                for n in range(count)]
    for count in (1, 999, 1000):
        client.call("relationships.write", updates=updates(count))
    client.refused("TOO_MANY_UPDATES_IN_REQUEST", "relationships.write", updates=updates(1001))
    client.refused("MALFORMED_REQUEST", "relationships.write", "updates", updates=[])
    same = updates(1) * 2
    client.refused("UPDATES_ON_SAME_RELATIONSHIP", "relationships.write", updates=same)


@case
def writes_are_decided_in_the_order_they_were_sent(client, server):
    """Of two that name the same relationship the last one counts, however large the first is."""
    def touch(name):
        return {"op": "touch", "relationship": name}

    rows = [touch("tool:order#caller@user:u%d" % n) for n in range(900)]
    name = "tool:order#caller@user:x"
    for _ in range(60):
        client.send("relationships.write", updates=rows + [touch(name + '[during:{"until":1}]')])
        client.send("relationships.write", updates=[touch(name)])
        for _ in range(2):
            assert client.reply()[2] is None
        found = client.call("relationships.read", filter={"resource_id": "order",
                                                          "subject": {"type": "user", "id": "x"}})
        assert found["relationships"] == [name], found
    client.call("relationships.delete", filter={"resource_id": "order"})


@case
def contexts_as_text_are_bounded_together(client, server):
    """512 KiB of contexts in the text of relationships; as maps, the message bounds them."""
    def updates(size, text):
        rows = []
        while size > 0:
            name = "tool:texts#caller@user:u%03d" % len(rows)
            note = "x" * (min(size, 4000) - len(':{"k":""}]'))
            size -= min(size, 4000)
            rows.append({"op": "touch", "relationship": name + '[noted:{"k":"%s"}]' % note if text
                         else {"resource": "tool:texts", "relation": "caller",
                               "subject": name.split("@")[1],
                               "caveat": {"name": "noted", "context": {"k": note}}}})
        return rows

    most = 512 * 1024
    client.call("relationships.write", updates=updates(most, True))
    error = client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "relationships.write",
                           updates=updates(most + 100, True))
    assert "contexts of relationships in text" in error["message"] and "as maps" in error["hint"], error
    client.call("relationships.write", updates=updates(2 * most, False))
    client.call("relationships.delete", filter={"resource_id": "texts"})


@case
def delete_limits(client, server):
    everything = {"resource_type": "document", "resource_id": "nothing"}
    for limit in (0, 1, 10000):
        client.call("relationships.delete", filter=everything, limit=limit)
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "relationships.delete", "limit",
                   filter=everything, limit=10001)
    client.refused("INVALID_FILTER", "relationships.delete", filter={})
    client.refused("INVALID_FILTER", "relationships.delete", filter=dict(
        everything, resource_id_prefix="no"))


@case
def idempotency(client, server):
    key = "key-%d" % random.getrandbits(60)
    call = dict(updates=[{"op": "create", "relationship": "document:idem#viewer@user:ann"}],
                idempotency_key=key)
    first = client.call("relationships.write", **call)["written_at"]
    assert client.call("relationships.write", **call)["written_at"] == first
    call["updates"] = [{"op": "touch", "relationship": "document:idem#viewer@user:bob"}]
    client.refused("IDEMPOTENCY_KEY_REUSED", "relationships.write", **call)
    for size in (0, 129):
        client.refused("MALFORMED_REQUEST", "relationships.write", "idempotency_key",
                       updates=call["updates"], idempotency_key="k" * size)
    client.call("relationships.write", updates=call["updates"], idempotency_key="k" * 128)


@case
def deletes_are_counted(client, server):
    """How many delete updates found their relationship; unknown when the write is a repeated one."""
    names = ["document:counted#viewer@user:%s" % name for name in ("ann", "bob")]
    client.call("relationships.write",
                updates=[{"op": "touch", "relationship": name} for name in names])
    deletes = [{"op": "delete", "relationship": name}
               for name in names + ["document:counted#viewer@user:never",
                                    "document:never#viewer@user:ann"]]
    call = dict(updates=deletes, idempotency_key="counted-%d" % random.getrandbits(60))
    first = client.call("relationships.write", **call)
    assert first["deleted"] == 2, first
    again = client.call("relationships.write", **call)
    assert again == {"written_at": first["written_at"], "deleted": None}, again
    assert client.call("relationships.write", updates=deletes)["deleted"] == 0
    touched = client.call("relationships.write", updates=[{"op": "touch", "relationship": names[0]}])
    assert touched["deleted"] == 0, touched


@case
def schema_round_trip(client, server):
    answer = client.call("schema.read")
    assert answer["text"] == SCHEMA and answer["read_at"]
    error = client.refused("SCHEMA_PARSE_ERROR", "schema.write", text="definition user {")
    assert error["at"]["line"] >= 1
    client.refused("MALFORMED_REQUEST", "schema.write", "text", text="")
    answer = client.call("schema.write", text=SCHEMA)
    assert answer["revision"] > 0 and answer["written_at"]


@case
def the_largest_schema_is_read_back(client, server):
    most = client.call("server.info")["limits"]["schema_bytes"]
    largest = SCHEMA + "//" + "x" * (most - len(SCHEMA.encode()) - 2)
    client.call("schema.write", text=largest)
    assert client.call("schema.read")["text"] == largest
    client.refused("SCHEMA_PARSE_ERROR", "schema.write", text=largest + "x")
    assert client.call("schema.read")["text"] == largest
    client.call("schema.write", text=SCHEMA)


@case
def consistency_modes(client, server):
    token = client.call("check", **check())["checked_at"]
    for mode in ({"mode": "fully_consistent"}, {"mode": "minimize_latency"},
                 {"mode": "at_least_as_fresh", "token": token},
                 {"mode": "at_exact_snapshot", "token": token}):
        assert client.call("check", consistency=mode, **check())["decision"] == "allow"
    for mode in ({}, {"mode": "at_least_as_fresh"}, {"mode": "eventually"}, [], None,
                 {"mode": "fully_consistent", "token": token}):
        client.refused("MALFORMED_REQUEST", "check", "consistency", consistency=mode, **check())
    client.refused("UNKNOWN_ARGUMENT", "check", "consistency",
                   consistency={"mode": "fully_consistent", "tokn": token}, **check())
    client.refused("UNKNOWN_TOKEN", "check", consistency={
        "mode": "at_least_as_fresh", "token": "nonsense"}, **check())
    client.refused("UNKNOWN_TOKEN", "check", consistency={
        "mode": "at_least_as_fresh", "token": "t" * 129}, **check())


@case
def deadlines(client, server):
    for deadline in (0, 1000, 30000):
        client.call("check", deadline_ms=deadline, **check())
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "check", "deadline_ms",
                   deadline_ms=30001, **check())
    # Writes have one too, and a repeated write may have another one.
    update = [{"op": "touch", "relationship": "document:late#viewer@user:ann"}]
    writes = [("relationships.write", {"updates": update}),
              ("relationships.delete", {"filter": {"resource_type": "document",
                                                   "resource_id": "late"}}),
              ("schema.write", {"text": SCHEMA})]
    for method, arguments in writes:
        for deadline in (0, 1000, 30000):
            client.call(method, **arguments, deadline_ms=deadline)
        client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", method, "deadline_ms",
                       deadline_ms=30001, **arguments)
    key = "late-%d" % random.getrandbits(60)
    tokens = [client.call("relationships.write", **arguments)["written_at"] for arguments in (
        {"updates": update, "idempotency_key": key},
        {"deadline_ms": 30000, "updates": update, "idempotency_key": key},
        {"updates": update, "deadline_ms": 1000, "idempotency_key": key},
        {"updates": update, "idempotency_key": key, "deadline_ms": 30000})]
    assert tokens == tokens[:1] * 4, tokens
    client.refused("IDEMPOTENCY_KEY_REUSED", "relationships.write", deadline_ms=1000,
                   idempotency_key=key, updates=update)


# ---- Nothing is ignored -----------------------------------------------------------------------


@case
def bad_calls_keep_the_connection(client, server):
    client.refused("UNKNOWN_METHOD", "nonesuch", "nonesuch")
    client.refused("UNKNOWN_METHOD", "")
    client.refused("UNKNOWN_ARGUMENT", "check", "actr", **check(actr="agent:bot"))
    client.refused("UNKNOWN_ARGUMENT", "check", "contexts", **check(contexts={}))
    client.refused("UNKNOWN_ARGUMENT", "expand", "explain", explain=True)
    client.refused("UNKNOWN_ARGUMENT", "server.info", "verbose", verbose=True)
    client.refused("MALFORMED_REQUEST", "check", "subject", resource="document:a",
                   permission="view")
    for value in (None, 7, 1.5, True, [], ["user:ann"], b"user:ann", ""):
        client.refused("MALFORMED_REQUEST", "check", "subject", **check(subject=value))
    for value in (None, "", "Bad Name", 3, {}):
        client.refused("MALFORMED_REQUEST", "check", "permission", **check(permission=value))
    client.refused("MALFORMED_REQUEST", "check", "resource", **check(resource="document:a#view"))
    client.refused("WILDCARD_NOT_ALLOWED", "check", "resource", **check(resource="document:*"))
    client.refused("MALFORMED_REQUEST", "check", "resource", **check(resource="document"))
    client.refused("UNKNOWN_DEFINITION", "check", **check(resource="nonesuch:a"))
    assert client.call("check", **check())["decision"] == "allow"


@case
def bad_objects(client, server):
    def subject(**fields):
        return check(subject=dict({"type": "user"}, **fields))
    client.refused("MALFORMED_REQUEST", "check", "id", **subject())
    client.refused("INVALID_OBJECT_ID", "check", "subject.id", **subject(id="*"))
    client.refused("INVALID_OBJECT_ID", "check", "subject.id", **subject(id=""))
    client.refused("INVALID_OBJECT_ID", "check", "subject.id", **subject(id="a\nb"))
    client.refused("INVALID_OBJECT_ID", "check", "subject.id", **subject(id=b"\xff\xfe"))
    client.refused("INVALID_OBJECT_ID", "check", **check(subject='user:"*"'))
    client.refused("MALFORMED_REQUEST", "check", "subject.wildcard", **subject(wildcard=False))
    client.refused("WILDCARD_NOT_ALLOWED", "check", **subject(wildcard=True, id="x"))
    client.refused("UNKNOWN_ARGUMENT", "check", "ident", **subject(ident="x"))
    for size in (1, 1023, 1024):
        client.call("check", **subject(id="i" * size))
        client.call("check", **check(subject="user:" + "i" * size))
    client.refused("INVALID_OBJECT_ID", "check", **subject(id="i" * 1025))
    client.refused("INVALID_OBJECT_ID", "check", **check(subject="user:" + "i" * 1025))


@case
def actor_limits(client, server):
    chain = ["agent:a%d" % n for n in range(17)]
    for count in (15, 16):
        assert client.call("check", **check(actor=chain[:count]))["decision"] == "deny"
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "check", "actor", **check(actor=chain))


@case
def duplicate_keys(client, server):
    def text(value):
        return msgpack.packb(value)
    for keys in (("resource", "resource"), ("actor", "actor")):
        body = b"".join(text(key) + text(value) for key, value in (
            (keys[0], "document:a"), ("permission", "view"), ("subject", "user:ann"),
            (keys[1], "document:a")))
        if keys[0] == "actor":
            body += text("resource") + text("document:a")
        count = 4 if keys[0] == "resource" else 5
        client.socket.sendall(b"\x94\x00\x09" + text("check") + b"\x91" + bytes([0x80 | count]) +
                              body)
        message = client.reply()
        assert message[1] == 9 and message[2]["reason"] == "MALFORMED_REQUEST", message
        assert "twice" in message[2]["message"], message
    client.socket.sendall(b"\x94\x00\x0a" + text("ping") + b"\x91\x81\x01\x02")
    assert client.reply()[2]["reason"] == "MALFORMED_REQUEST"


@case
def odd_parameters(client, server):
    def send(identifier, method, params):
        client.socket.sendall(msgpack.packb([0, identifier, method, params]))
        message = client.reply()
        assert message[1] == identifier, message
        return message
    assert send(1, "ping", [])[3] == {}
    assert send(2 ** 32 - 1, "ping", [{}])[3] == {}
    for params in ([{}, {}], [[]], [None], None, {}, "x", 1, ["x"]):
        message = send(5, "ping", params)
        assert message[2] and message[2]["reason"] == "MALFORMED_REQUEST", (params, message)
    for method in (7, None, ["ping"], b"ping"):
        assert send(6, method, [{}])[2]["reason"] == "MALFORMED_REQUEST"
    assert client.call("ping") == {}


# ---- Frames -----------------------------------------------------------------------------------


def closes_after(server, data):
    client = server.connect()
    client.socket.sendall(data)
    message = client.reply()
    assert message is not None and message[2]["reason"] == "MALFORMED_REQUEST", message
    assert client.closed()
    client.close()
    return True


def closes_during(server, data):
    """The server closes before it has read all: the reply may be lost in the reset."""
    client = server.connect()
    try:
        client.socket.sendall(data)
        assert client.closed()
    except (BrokenPipeError, ConnectionResetError):
        pass
    client.close()
    return True


@case
def malformed_frames_close(client, server):
    bombs = [bytes.fromhex(text) for text in (
        "dd07ffffff", "dfffffffff", "dbffffffff", "c9ffffffff", "dd00ffffffdd00ffffff",
        "c1", "d40000", "c70000", "c600400001", "91" * 17, "81" * 17)]
    for bomb in bombs:
        assert closes_after(server, bomb)
    assert closes_during(server, b"\x91" * 1000000)
    assert client.call("ping") == {}
    # An id that can be read is used.
    bad = server.connect()
    bad.socket.sendall(b"\x94\x00\x2a\xa4ping\x91\x81\xa7payload\xd4\x00\x00")
    message = bad.reply()
    assert message[1] == 42 and message[2]["reason"] == "MALFORMED_REQUEST"
    assert bad.closed()


@case
def what_is_no_request_closes(client, server):
    for message in ([2, "ping", [{}]], [1, 1, None, None], [0, 1, "ping"], [0, -1, "ping", [{}]],
                    [0, 2 ** 32, "ping", [{}]], [0, "1", "ping", [{}]], [7, 1, "ping", [{}]],
                    [0, 1, "ping", [{}], 1], {}, 1, None, "GET / HTTP/1.1"):
        assert closes_after(server, msgpack.packb(message))
    assert closes_after(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


@case
def depth_limit(client, server):
    # Message, parameters, the map of arguments and metadata are 4 levels: 12 more are 16.
    def metadata(levels):
        value = 1
        for _ in range(levels):
            value = [value]
        return {"m": value}
    updates = [{"op": "touch", "relationship": "document:deep#viewer@user:ann"}]
    for levels in (11, 12):
        client.call("relationships.write", updates=updates, metadata=metadata(levels))
    deep = server.connect()
    deep.send("relationships.write", updates=updates, metadata=metadata(13))
    assert deep.reply()[2]["reason"] == "MALFORMED_REQUEST" and deep.closed()


@case
def metadata_limit(client, server):
    updates = [{"op": "touch", "relationship": "document:meta#viewer@user:ann"}]
    empty = len(msgpack.packb({"m": "x" * 4000})) - 4000
    for size in (4095, 4096):
        client.call("relationships.write", updates=updates, metadata={"m": "x" * (size - empty)})
    client.refused("TRANSACTION_METADATA_TOO_LARGE", "relationships.write", updates=updates,
                   metadata={"m": "x" * (4097 - empty)})
    client.refused("MALFORMED_REQUEST", "relationships.write", "metadata", updates=updates,
                   metadata="text")


@case
def large_contexts_do_not_hold_a_loop(client, server):
    """The keys of a context are compared with each other: not each with each."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [a + b for a in letters for b in letters[:5]]

    def cost(keys, updates):
        relationship["caveat"]["context"] = {"m": dict.fromkeys(names[:keys], 1)}
        before = cpu_ns(server.process.pid)
        client.refused("UPDATES_ON_SAME_RELATIONSHIP", "relationships.write",
                       updates=[{"op": "touch", "relationship": relationship}] * updates)
        return cpu_ns(server.process.pid) - before

    relationship = {"resource": "tool:a", "relation": "caller", "subject": "user:ann",
                    "caveat": {"name": "bag", "context": {}}}
    # Four times as many keys, in contexts eight times as large: each with each would cost 32 times
    # as much.
    small, large = cost(32, 800), cost(256, 400)
    assert large < 12 * small, (small, large)
    twice = msgpack.packb({"aa": 1, "ab": 2, "ac": 3}).replace(b"ac", b"aa")
    relationship["caveat"]["context"] = 4711
    data = msgpack.packb([0, 9, "relationships.write", [{
        "updates": [{"op": "touch", "relationship": relationship}]}]])
    client.socket.sendall(data.replace(msgpack.packb(4711), twice))
    error = client.reply()[2]
    assert error["reason"] == "MALFORMED_REQUEST" and "'aa' stands twice" in error["message"], error


CONTEXT_CALLS = (
    ("check", {"resource": "document:a", "permission": "view", "subject": "user:ann"}),
    ("lookup_resources", {"resource_type": "document", "permission": "view",
                          "subject": "user:ann"}),
    ("lookup_subjects", {"resource": "document:a", "permission": "view", "subject_type": "user"}),
    ("lookup_permissions", {"resource": "document:a", "subject": "user:ann"}),
)


@case
def contexts_are_taken_where_conditions_are_asked(client, server):
    context = {"hour": 3, "ips": ["10.0.0.1", None], "deep": {"a": {"b": -1.5}}, "big": 2 ** 64 - 1}
    for method, arguments in CONTEXT_CALLS:
        for given in ({}, context):
            answer = client.call(method, context=given, **arguments)
            assert "missing" not in answer, answer
    items = [check(context=context), check(), check(context={})]
    answer = client.call("check_bulk", items=items)
    assert [row["decision"] for row in answer["results"]] == ["allow"] * 3, answer
    client.refused("UNKNOWN_ARGUMENT", "check_bulk", "context", items=items, context={})
    client.refused("UNKNOWN_ARGUMENT", "expand", "context", resource="document:a",
                   permission="view", context={})


@case
def contexts_that_are_refused_name_the_place(client, server):
    rows = (({"k": b"x"}, "'context.k'"), ({"k": [1, {"n": float("nan")}]}, "'context.k[1].n'"),
            ({"k": float("inf")}, "'context.k'"), ({1: 2}, "'context'"), (None, "'context'"),
            ([], "'context'"), ("{}", "'context'"), ({"k": [[0, b""]]}, "'context.k[0][1]'"))
    for method, arguments in CONTEXT_CALLS:
        for context, word in rows:
            client.refused("MALFORMED_REQUEST", method, word, context=context, **arguments)
    error = client.refused("MALFORMED_REQUEST", "check_bulk", "'items[1].context.k'",
                           items=[check(), check(context={"k": b""})])
    assert error["index"] == 1
    twice = msgpack.packb({"aa": 1, "ab": 2, "ac": 3}).replace(b"ac", b"aa")
    data = msgpack.packb([0, 9, "check", [check(context=4711)]])
    client.socket.sendall(data.replace(msgpack.packb(4711), twice))
    error = client.reply()[2]
    assert error["reason"] == "MALFORMED_REQUEST" and "'aa' stands twice" in error["message"], error
    bad = msgpack.packb([0, 10, "check", [check(context={"k": "zz"})]])
    client.socket.sendall(bad.replace(b"\xa2zz", b"\xa2\xff\xff"))
    error = client.reply()[2]
    assert "'context.k': the string is not UTF-8" in error["message"], error


@case
def a_context_is_as_deep_as_a_message(client, server):
    """16 levels in all: four stand around the values of a check's context, six of an item's."""
    def nested(levels):
        value = 1
        for _ in range(levels):
            value = [value]
        return {"k": value}

    client.call("check", **check(context=nested(12)))
    client.call("check_bulk", items=[check(context=nested(10))])
    for method, arguments in (("check", check(context=nested(13))),
                              ("check_bulk", {"items": [check(context=nested(11))]})):
        one = server.connect()
        error = one.fail(method, **arguments)
        assert error["reason"] == "MALFORMED_REQUEST" and "closed" in error["message"], error
        assert one.closed()


@case
def a_context_has_64_kib(client, server):
    empty = len(msgpack.packb({"k": "x" * 65000})) - 65000
    for size, good in ((65535, True), (65536, True), (65537, False)):
        context = {"k": "x" * (size - empty)}
        for method, arguments in CONTEXT_CALLS:
            if good:
                client.call(method, context=context, **arguments)
            else:
                client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", method, "'context'",
                               context=context, **arguments)
    assert client.call("server.info")["limits"]["context_bytes"] == 65536


@case
def a_stored_context_has_4_kib(client, server):
    for size in (4095, 4096, 4097):
        context = {"k": "x" * (size - 15)}  # a map takes 5 bytes, its key 5, a string 5
        text = 'tool:big#caller@user:ann[noted:{"k":"%s"}]' % context["k"]
        for relationship in (text, {"resource": "tool:big", "relation": "caller",
                                    "subject": "user:ann",
                                    "caveat": {"name": "noted", "context": context}}):
            updates = [{"op": "touch", "relationship": relationship}]
            if size <= 4096:
                client.call("relationships.write", updates=updates)
                row, = client.call("relationships.read", filter={"resource_id": "big"})[
                    "relationships"]
                assert row["caveat"]["context"] == context
            else:
                client.refused("MAX_RELATIONSHIP_CONTEXT_SIZE", "relationships.write",
                               updates=updates)


@case
def relationships_carry_conditions(client, server):
    """Written as text or map, read as a map; what is read can be written again."""
    context = {"until": 18}
    plain = {"resource": {"type": "tool", "id": "c"}, "relation": "caller",
             "subject": {"type": "user", "id": "ann"}}
    rows = (
        ("", {}),
        ('[during:{"until":18}]', {"caveat": {"name": "during", "context": context}}),
        ("[during]", {"caveat": {"name": "during"}}),
        ("[expiration:2262-01-01T00:00:00.5Z]", {"expires_at": "2262-01-01T00:00:00.5Z"}),
        ('[during:{"until":18}][expiration:2262-01-01T00:00:00Z]',
         {"caveat": {"name": "during", "context": context}, "expires_at": "2262-01-01T00:00:00Z"}),
    )
    for suffix, condition in rows:
        want = dict(plain, **condition) if condition else "tool:c#caller@user:ann"
        for written in ("tool:c#caller@user:ann" + suffix, dict(plain, **condition), want):
            client.call("relationships.write", updates=[{"op": "touch", "relationship": written}])
            got = client.call("relationships.read", filter={"resource_id": "c"})["relationships"]
            assert got == [want], (got, want)
    for condition in ({"caveat": {"name": "during", "context": {}}},
                      {"caveat": {"name": "during", "context": {"until": 18.0}}}):
        client.call("relationships.write",
                    updates=[{"op": "touch", "relationship": dict(plain, **condition)}])
    for bad, word in (({"name": "during", "context": None}, "caveat.context"),
                      ({"name": "during", "context": {"until": b"x"}}, "caveat.context.until"),
                      ({"context": {}}, "caveat"), (None, "caveat"), ({"name": None}, "caveat.name")):
        error = client.refused("MALFORMED_REQUEST", "relationships.write", word,
                               updates=[{"op": "touch", "relationship": dict(plain, caveat=bad)}])
        assert error["index"] == 0
    client.call("relationships.delete", filter={"resource_id": "c"})


@case
def conditions_decide(client, server):
    until = "2262-01-01T00:00:00Z"
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "tool:x#caller@user:" + rest} for rest in
        ('ann[during:{"until":18}]', "bob[during]", "cid[expiration:%s]" % until,
         'dan[during:{"until":18}][expiration:%s]' % until)])

    def ask(who, **more):
        answer = client.call("check", resource="tool:x", permission="call", subject="user:" + who,
                             **more)
        answer.pop("checked_at")
        return answer

    assert ask("ann") == {"decision": "conditional", "missing": ["hour"], "valid_until": None}
    assert ask("bob") == {"decision": "conditional", "missing": ["hour", "until"],
                          "valid_until": None}
    assert ask("bob", context={"until": 3, "other": [1]})["missing"] == ["hour"]
    assert ask("cid") == {"decision": "allow", "valid_until": until}
    assert ask("dan") == {"decision": "conditional", "missing": ["hour"], "valid_until": until}
    assert ask("ann", context={"hour": 17})["decision"] == "allow"
    assert ask("ann", context={"hour": 18})["decision"] == "deny"
    # What a relationship stores goes before what a request says.
    assert ask("ann", context={"hour": 18, "until": 24})["decision"] == "deny"
    error = client.fail("check", resource="tool:x", permission="call", subject="user:ann",
                        context={"hour": "late"})
    assert error["reason"] == "CAVEAT_PARAMETER_TYPE_ERROR", error
    items = [{"resource": "tool:x", "permission": "call", "subject": "user:ann", "context": context}
             for context in ({}, {"hour": 1}, {"hour": 20}, {"hour": []})]
    results = client.call("check_bulk", items=items)["results"]
    assert results[:3] == [
        {"decision": "conditional", "missing": ["hour"], "valid_until": None},
        {"decision": "allow", "valid_until": None}, {"decision": "deny", "valid_until": None}]
    assert results[3]["error"]["reason"] == "CAVEAT_PARAMETER_TYPE_ERROR"
    answer = client.call("lookup_permissions", resource="tool:x", subject="user:dan",
                         context={"hour": 3})
    assert answer["permissions"] == [
        {"permission": "call", "decision": "allow", "valid_until": until}], answer
    client.call("relationships.delete", filter={"resource_id": "x"})


@case
def what_has_expired_is_not_there(client, server):
    soon = time.time() + 2
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) + "Z"
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "tool:e#caller@user:ann[expiration:%s]" % text}])
    assert client.call("relationships.read", filter={"resource_id": "e"})["relationships"] == [
        {"resource": {"type": "tool", "id": "e"}, "relation": "caller",
         "subject": {"type": "user", "id": "ann"}, "expires_at": text}]
    while time.time() < int(soon):
        time.sleep(0.1)
    assert client.call("relationships.read", filter={"resource_id": "e"})["relationships"] == []


@case
def answers_say_until_when(client, server):
    assert client.call("check", **check())["valid_until"] is None
    assert client.call("check", **check(explain=False)).keys() == {
        "decision", "valid_until", "checked_at"}
    client.refused("MALFORMED_REQUEST", "check", "'explain'", **check(explain=1))
    answer = client.call("check_bulk", items=[check(), check(subject="user:mallory")])
    assert [row["valid_until"] for row in answer["results"]] == [None, None]
    for method, arguments in CONTEXT_CALLS[1:3]:
        assert client.call(method, **arguments)["valid_until"] is None
    answer = client.call("lookup_permissions", resource="document:a", subject="user:ann")
    assert [row["valid_until"] for row in answer["permissions"]] == [None, None]
    answer = client.call("expand", resource="document:a", permission="view")
    assert answer["valid_until"] is None and "condition" not in answer["tree"]


@case
def message_size_limit(client, server):
    limit = 4 * 1024 * 1024
    def message(size):
        head = msgpack.packb([0, 3, "ping", [{"payload": "x" * 70000}]])
        extra = len(head) - 70000 + 2  # str 32 has two bytes more than str 16 … 70000 has them too
        data = msgpack.packb([0, 3, "ping", [{"payload": "x" * (size - extra + 2)}]])
        assert len(data) == size, (len(data), size)
        return data
    # The reply has one byte less than the request: "payload" comes back, "ping" does not.
    for size in (limit - 1, limit):
        client.socket.sendall(message(size))
        assert len(client.reply()[3]["payload"]) > limit - 100
    assert closes_after(server, message(limit + 1)[:100])


@case
def byte_by_byte(client, server):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = msgpack.packb([0, 77, "check", [check()]])
    for at in range(len(data)):
        client.socket.sendall(data[at:at + 1])
    message = client.reply()
    assert message[1] == 77 and message[3]["decision"] == "allow"


@case
def every_split(client, server):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = msgpack.packb([0, 1, "ping", [{"payload": "split"}]])
    for at in range(1, len(data)):
        client.socket.sendall(data[:at])
        client.socket.sendall(data[at:] + data[:at])
        client.socket.sendall(data[at:])
        assert client.reply()[3] == client.reply()[3] == {"payload": "split"}


@case
def disconnects_everywhere(client, server):
    methods = [("check", check()), ("check_bulk", {"items": [check()] * 3}),
               ("lookup_resources", {"resource_type": "document", "permission": "view",
                                     "subject": "user:ann"}),
               ("relationships.write", {"updates": [
                   {"op": "touch", "relationship": "document:cut#viewer@user:ann"}]})]
    for method, arguments in methods:
        data = msgpack.packb([0, 1, method, [arguments]])
        for size in range(len(data) + 1):
            hasty = socket.create_connection(server.endpoint)
            if size % 2:  # reset instead of an orderly end
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hasty.sendall(data[:size])
            hasty.close()
    assert client.call("ping") == {}


# ---- Many at once -----------------------------------------------------------------------------


def collect(client, count):
    replies = {}
    for _ in range(count):
        message = client.reply()
        assert message is not None and message[1] not in replies
        replies[message[1]] = message
    return replies


@case
def pipelining_out_of_order(client, server):
    lookup = client.send("lookup_resources", resource_type="document", permission="view",
                         subject="user:pager")
    write = client.send("relationships.write", updates=[
        {"op": "touch", "relationship": "document:pipe#viewer@user:ann"}])
    checks = [client.send("check", **check()) for _ in range(50)]
    replies = collect(client, 52)
    assert all(replies[identifier][3]["decision"] == "allow" for identifier in checks)
    assert len(replies[lookup][3]["resources"]) >= 25 and replies[write][3]["written_at"]


@case
def a_thousand_without_reading(client, server):
    for count in (1000, 5000):
        data = b"".join(msgpack.packb([0, n, "check", [check()]]) for n in range(count))
        client.socket.sendall(data)
        replies = collect(client, count)
        assert sorted(replies) == list(range(count))
        assert all(message[3]["decision"] == "allow" for message in replies.values())


@case
def many_lookups_without_reading(client, server):
    data = b"".join(msgpack.packb([0, n, "lookup_subjects", [{
        "resource": "document:b", "permission": "view", "subject_type": "user"}]])
        for n in range(1000))
    client.socket.sendall(data)
    replies = collect(client, 1000)
    good = sum(1 for message in replies.values() if message[2] is None)
    assert good + sum(1 for message in replies.values()
                      if message[2] and message[2]["reason"] == "OVERLOADED") == 1000 and good > 0


@case
def a_small_call_behind_a_large_one(client, server):
    """The large reply fills the output; what was read behind it must not be forgotten."""
    large = msgpack.packb([0, 1, "ping", [{"payload": "x" * 3000000}]])
    small = b"".join(msgpack.packb([0, n, "ping", [{}]]) for n in range(2, 50))
    for _ in range(10):
        client.socket.sendall(large + small)
        assert sorted(collect(client, 49)) == list(range(1, 50))


@case
def too_many_connections(client, server):
    scratch = tempfile.mkdtemp()
    other = Server(os.path.join(scratch, "data"), "--connections", "3")
    held = [other.connect() for _ in range(3)]
    for one in held:
        assert one.call("ping") == {}
    refused = other.connect()
    assert refused.closed()
    held.pop().close()
    deadline = time.monotonic() + PATIENCE
    while True:  # the server sees the close a moment later
        again = other.connect()
        try:
            again.send("ping")
            if again.reply() is not None:
                break
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() < deadline
    assert other.stop() == 0
    shutil.rmtree(scratch)


@case
def out_of_descriptors(client, server):
    """Clients beyond the limit are closed, nothing spins, and it recovers."""
    scratch = tempfile.mkdtemp()
    # Too few for a crowd, and more than the store needs.
    other = Server(os.path.join(scratch, "data"), wrapper=["prlimit", "--nofile=96:96"])
    first = other.connect()
    assert first.call("ping") == {}
    crowd = [other.connect() for _ in range(100)]
    assert crowd[-1].closed() and first.call("ping") == {}
    # Clients wait and nothing is asked: whoever polls for them spends half of a processor or more.
    spent, began = cpu_ns(other.process.pid), time.monotonic_ns()
    time.sleep(0.5)
    assert cpu_ns(other.process.pid) - spent < 0.5 * (time.monotonic_ns() - began)
    for one in crowd:
        one.close()
    deadline = time.monotonic() + PATIENCE
    while True:
        again = other.connect()
        try:
            again.send("ping")
            if again.reply() is not None:
                break
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() < deadline
    assert other.stop() == 0
    shutil.rmtree(scratch)


@case
def back_pressure(client, server):
    """64 MiB of echoes that nobody reads: the server stops reading instead of storing them."""
    client.socket.setblocking(False)
    data = msgpack.packb([0, 1, "ping", [{"payload": "x" * 60000}]])
    sent, quiet_since = 0, time.monotonic()
    pending = b""
    while sent < 64 << 20 and time.monotonic() - quiet_since < 1.0:
        pending = pending or data
        try:
            count = client.socket.send(pending)
            pending = pending[count:]
            sent += count
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    assert sent < 64 << 20, "the server took everything"
    with open("/proc/%d/statm" % server.process.pid) as statm:
        resident = int(statm.read().split()[1]) * 4096
    assert resident < (200 << 20) * SLOW, resident
    other = server.connect()
    assert other.call("ping") == {}
    # And it goes on when the client reads.
    client.socket.setblocking(True)
    for _ in range(sent // len(data)):
        assert len(client.reply()[3]["payload"]) == 60000
    if pending:
        client.socket.sendall(pending)
        assert len(client.reply()[3]["payload"]) == 60000


def most_resident_mib(server):
    with open("/proc/%d/status" % server.process.pid) as status:
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM:"))


def push(server, data):
    """A connection that sends what is taken of this, and reads nothing."""
    one = server.connect()
    one.socket.settimeout(0.2)
    try:
        one.socket.sendall(data)
    except OSError:
        pass  # no longer read from, or closed
    return one


@case
def greedy_clients_share_a_bound(client, server):
    """Unfinished requests, unread replies, bulk checks and writes, each of more than the bound."""
    scratch = tempfile.mkdtemp()
    other = Server(os.path.join(scratch, "data"), "--memory-limit", "320M", "--loops", "1",
                   "--workers", "3")
    honest = other.connect()
    honest.call("schema.write", text=SCHEMA)
    large = msgpack.packb([0, 1, "ping", [{"payload": "x" * (3 << 20)}]])
    items = [{"resource": "document:a", "permission": "view", "subject": "user:%d" % n,
              "context": {"k": "x" * 3000}} for n in range(1000)]
    updates = [{"op": "touch", "relationship": "document:%s%d#viewer@user:w" % ("d" * 900, n)}
               for n in range(1000)]
    bulk = msgpack.packb([0, 1, "check_bulk", [{"items": items}]])
    write = msgpack.packb([0, 1, "relationships.write", [{"updates": updates}]])
    held = []
    for _ in range(60):
        for data in (large[:-1], large * 2, bulk, write):
            held.append(push(other, data))
        assert honest.call("ping") == {}
    for one in held:
        one.socket.close()
    assert most_resident_mib(other) < 320 * SLOW, most_resident_mib(other)
    check = {"resource": "document:a", "permission": "view", "subject": "user:eve"}
    assert honest.call("check", **check)["decision"] == "deny"
    assert other.stop() == 0
    shutil.rmtree(scratch)


@case
def the_silent_and_the_stuck_are_closed(client, server):
    scratch = tempfile.mkdtemp()
    other = Server(os.path.join(scratch, "data"), "--idle-timeout", "1", "--write-timeout", "1",
                   "--connections", "3")
    busy = other.connect()
    assert busy.call("ping") == {}
    silent = other.connect()
    assert silent.call("ping") == {}
    stuck = other.connect()
    stuck.socket.settimeout(0.2)
    try:
        while True:
            stuck.send("ping", payload="x" * 60000)
    except OSError:
        pass
    # Three connections are all there may be: another is served when one of them was closed.
    waiting = []
    deadline = time.monotonic() + PATIENCE
    while len(waiting) < 2:
        assert busy.call("ping") == {}
        waiting = [one for one in waiting if one.call("ping") == {}]
        another = other.connect()
        try:
            another.send("ping")
            if another.reply() is not None:
                waiting.append(another)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() < deadline, "somebody was not closed"
        time.sleep(0.1)
    assert silent.closed() and busy.call("ping") == {}
    assert other.stop() == 0
    shutil.rmtree(scratch)


@case
def many_connections(client, server):
    clients = [server.connect() for _ in range(200)]
    for one in clients:
        one.send("check", **check())
    for one in clients:
        assert one.reply()[3]["decision"] == "allow"
        one.close()


# ---- Starting and stopping --------------------------------------------------------------------


def refuses(code, *arguments, word, environment=None):
    run = subprocess.run([BEHALFD, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                         env=dict(os.environ, **(environment or {})))
    assert run.returncode == code, (run.returncode, run.stderr)
    assert word in run.stderr, run.stderr


@case
def starts_that_are_refused(client, server):
    scratch = tempfile.mkdtemp()
    fresh = os.path.join(scratch, "data")
    refuses(3, "--data", server.directory, "--listen", "127.0.0.1:0", word="another process")
    refuses(2, "--data", fresh, "--listen", "0.0.0.0:0", word="loopback")
    refuses(2, "--data", fresh, "--listen", "192.0.2.1:1", word="loopback")
    refuses(2, "--data", fresh, "--listen", "[::]:0", word="loopback")
    refuses(2, "--data", fresh, "--listen", "localhost:0", word="not an address")
    refuses(5, "--data", fresh, "--listen", server.address, word="another program")
    refuses(2, word="--data")
    refuses(3, "--data", server.directory, "--verify", word="another process")
    refuses(3, "--data", server.directory, "--new-incarnation", word="another process")
    refuses(3, "--data", server.directory, "--restored", word="another process")
    refuses(3, "--data", fresh + "-none", "--verify", word="No such file")
    refuses(3, "--data", fresh + "-none", "--new-incarnation", word="no store")
    refuses(3, "--data", fresh + "-none", "--restored", word="no store")
    assert not os.path.exists(fresh + "-none")
    refuses(2, "--data", fresh, "--nonesuch", word="unknown argument")
    refuses(2, "--data", fresh, "--loops", "many", word="--loops")
    # It might become a file of the store, which would then begin with an address.
    refuses(2, "--data", fresh, "--ready-fd", "9", word="descriptor 9 is not open")
    refuses(2, "--data", fresh, word="BEHALF_LOOPS", environment={"BEHALF_LOOPS": "x"})
    open_directory = os.path.join(scratch, "open")
    os.mkdir(open_directory)
    os.chmod(open_directory, 0o755)
    refuses(2, "--data", fresh, "--listen", "none", "--unix", open_directory + "/s",
            word="closed to all who may not use the socket")
    refuses(2, "--data", fresh, "--listen", "none", "--unix", scratch + "/s", "--unix-group",
            "no-such-group", word="there is no group 'no-such-group'")
    refuses(2, "--data", fresh, "--listen", "none", "--unix", scratch + "/s", "--unix-mode",
            "0660", word="chmod 710 " + scratch)
    os.chmod(open_directory, 0o771)  # a member of the group could put another socket in its place
    refuses(2, "--data", fresh, "--listen", "none", "--unix", open_directory + "/s",
            "--unix-mode", "0666", word="chmod 711 " + open_directory)
    refuses(2, "--data", fresh, word="BEHALF_LISTN", environment={"BEHALF_LISTN": "127.0.0.1:1"})
    refuses(2, "--data", fresh, "--loops", "1", "--workers", "3", "--memory-limit", "100M",
            word="give at least 296M, or fewer loops and workers")
    refuses(2, "--data", fresh, "--loops", "1", "--workers", "3", "--memory-limit", "512M",
            "--graph-memory", "400M", word="a memory-limit of at least 1233M")
    with open(os.path.join(scratch, "file"), "w") as file:
        file.write("x")
    refuses(3, "--data", os.path.join(scratch, "file"), word="file")
    shutil.rmtree(scratch)


@case
def help_and_version(client, server):
    for option, word in (("--help", "--graph-memory"), ("--version", "libevent"),
                         ("--version", "\nRocksDB %s, " % subprocess.run(
                             ["pkg-config", "--modversion", "rocksdb"], capture_output=True,
                             text=True).stdout.strip())):
        run = subprocess.run([BEHALFD, option], capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode == 0 and word in run.stdout


@case
def unix_socket_and_config(client, server):
    scratch = tempfile.mkdtemp()
    os.chmod(scratch, 0o700)
    path = os.path.join(scratch, "run", "behalf.sock")
    config = os.path.join(scratch, "behalf.conf")
    with open(config, "w") as file:
        file.write("# test\nunix = %s\nloops = 2\nlog-level = warn\n" % path)
    other = Server(os.path.join(scratch, "data"), "--config", config)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.join(scratch, "data")).st_mode & 0o777 == 0o700
    for _ in range(4):  # both loops
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(path)
        one = Client(sock)
        assert one.call("ping", payload="u") == {"payload": "u"}
        assert other.connect().call("ping") == {}
        one.close()
    assert other.stop() == 0 and not os.path.exists(path)
    shutil.rmtree(scratch)


@case
def a_unix_socket_is_open_to_a_group_or_to_all(client, server):
    scratch = tempfile.mkdtemp()
    group = grp.getgrgid(os.getegid()).gr_name
    path = os.path.join(scratch, "run", "s")
    for options, mode, directory in ((("--unix-group", group), 0o660, 0o710),
                                     (("--unix-mode", "0666"), 0o666, 0o711),
                                     (("--unix-group", group, "--unix-mode", "0600"), 0o600, 0o700)):
        other = Server(os.path.join(scratch, "data"), "--unix", path, *options)
        assert os.stat(path).st_mode & 0o777 == mode, (options, oct(os.stat(path).st_mode))
        assert os.stat(os.path.dirname(path)).st_mode & 0o777 == directory, options
        assert os.stat(path).st_gid == os.getegid()
        assert other.stop() == 0
        os.rmdir(os.path.dirname(path))
    shutil.rmtree(scratch)


@case
def closed_standard_descriptors_stay_away_from_the_store(client, server):
    scratch = tempfile.mkdtemp()
    ready, child = os.pipe()
    process = spawn(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", BEHALFD, "--data",
         os.path.join(scratch, "data"), "--listen", "127.0.0.1:0", "--ready-fd", str(child)],
        pass_fds=[child])
    os.close(child)
    with os.fdopen(ready) as pipe:
        assert pipe.readline().startswith("127.0.0.1:")
    if os.geteuid() == 0:  # the descriptors of a process without core dumps are root's to see
        for number in range(3):
            assert os.readlink("/proc/%d/fd/%d" % (process.pid, number)) == "/dev/null", number
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    for folder, _, names in os.walk(os.path.join(scratch, "data")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert b"behalfd ready" not in file.read(), name
    shutil.rmtree(scratch)


@case
def sigterm_drains(client, server):
    scratch = tempfile.mkdtemp()
    other = Server(os.path.join(scratch, "data"))
    one = other.connect()
    one.call("schema.write", text=SCHEMA)
    acknowledged = 0
    writers = [other.connect() for _ in range(8)]
    for number, writer in enumerate(writers):
        for n in range(20):
            writer.send("relationships.write", updates=[
                {"op": "touch", "relationship": "document:s%d#viewer@user:u%d" % (number, n)}])
    other.process.send_signal(signal.SIGTERM)
    for writer in writers:
        while True:
            message = writer.reply()
            if message is None:
                break
            acknowledged += message[2] is None
    assert other.process.wait(PATIENCE) == 0
    again = Server(os.path.join(scratch, "data"))
    answer = again.connect().call("relationships.read", filter={"resource_type": "document"})
    assert len(answer["relationships"]) >= acknowledged, "an acknowledged write is lost"
    assert again.stop() == 0
    shutil.rmtree(scratch)


def main():
    scratch = tempfile.mkdtemp()
    server = Server(os.path.join(scratch, "data"), "--loops", "2")
    server.directory = os.path.join(scratch, "data")
    client = server.connect()
    client.refused("NO_SCHEMA", "check", **check())
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "create", "relationship": text} for text in [
            "document:a#viewer@user:ann", "document:b#viewer@group:eng#member",
            "group:eng#member@user:bob", "document:open#viewer@user:*",
            "document:open#banned@user:mallory", "agent:bot#acts_on_behalf_of@user:ann",
            "agent:sub#acts_on_behalf_of@agent:bot"] +
        ["document:p%d#owner@user:pager" % n for n in range(25)]])
    failed = 0
    only = sys.argv[1:]
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        client = server.connect()
        running = mark()
        try:
            function(client, server)
            print("ok      ", function.__name__)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", function.__name__, repr(problem)[:600])
            if server.process.poll() is not None:
                print("behalfd ended with", server.process.returncode)
                return 1
        end_since(running)
        client.close()
    code = server.stop()
    if code != 0:
        print("FAILED   behalfd ended with", code)
        failed += 1
    shutil.rmtree(scratch)
    print("protocol.py: %d cases, %d failed" % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
