#!/usr/bin/python3
"""Streams of changes from a live server, over MessagePack-RPC: whole, in order, once, by credit.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import time

import msgpack

from lib_process import end_since, mark
from protocol import PATIENCE, Server

SCHEMA = """
use expiration
caveat noted(k string) { k != "" }
definition user {}
definition agent { relation acts_on_behalf_of: user }
definition group { relation member: user | group#member }
definition document {
    relation owner: user
    relation viewer: user | group#member | user:* | user with noted | user with expiration
    permission view = viewer + owner
}
"""
CASES = []


def case(function):
    CASES.append(function)
    return function


class Watcher:
    """A connection that keeps replies and notifications apart."""

    def __init__(self, endpoint, key=None):
        self.socket = socket.create_connection(endpoint, timeout=PATIENCE)
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=64 << 20)
        self.next_id = 0
        self.waiting = []
        if key:
            self.call("auth", key=key)

    def message(self):
        while True:
            for message in self.unpacker:
                return message
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("closed")
            self.unpacker.feed(data)

    def ask(self, method, **arguments):
        """Error and result."""
        self.next_id += 1
        self.socket.sendall(msgpack.packb([0, self.next_id, method, [arguments]]))
        while True:
            message = self.message()
            if message[0] == 2:
                self.waiting.append(message)
                continue
            assert message[1] == self.next_id, message
            return message[2], message[3]

    def call(self, method, **arguments):
        error, result = self.ask(method, **arguments)
        assert error is None, error
        return result

    def refused(self, method, **arguments):
        error, result = self.ask(method, **arguments)
        assert error is not None, result
        return error["reason"]

    def next(self):
        """Method and map of the next notification that is no checkpoint."""
        while True:
            kind, method, params = self.waiting.pop(0) if self.waiting else self.message()
            assert kind == 2 and len(params) == 1, (kind, method, params)
            if method != "watch.checkpoint":
                return method, params[0]

    def changes(self):
        method, body = self.next()
        assert method == "watch.changes", (method, body)
        return body

    def close(self):
        self.socket.close()


class World:
    def __init__(self, *options):
        self.scratch = tempfile.mkdtemp(prefix="behalf-watch-")
        self.server = Server(os.path.join(self.scratch, "data"), *options)
        self.writer = self.connect()
        self.token = self.writer.call("schema.write", text=SCHEMA)["written_at"]

    def connect(self, key=None):
        return Watcher(self.server.endpoint, key)

    def write(self, *updates, **more):
        return self.writer.call("relationships.write", updates=[
            {"op": op, "relationship": relationship} for op, relationship in updates], **more)["written_at"]

    def touch(self, *relationships):
        return self.write(*[("touch", relationship) for relationship in relationships])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.server.stop() == 0
        shutil.rmtree(self.scratch)


def relationships(body):
    return [(change["op"], change["relationship"]) for change in body.get("relationships", [])]


@case
def each_revision_is_one_message_with_all_that_it_changed():
    with World() as world:
        watcher = world.connect()
        opened = watcher.call("watch")
        assert opened["stream"] == 1 and opened["token"] == world.token, opened
        first = world.write(("touch", "document:1#viewer@user:ann"), ("touch",
                            "document:1#owner@user:bob"), metadata={"why": "hired", "n": [1, None]})
        second = world.write(("delete", "document:1#viewer@user:ann"), ("create", "document:2#viewer@user:*"))
        body = watcher.changes()
        assert body["stream"] == 1 and body["revision"] == 2 and body["last"] is True, body
        assert body["token"] == first and body["metadata"] == {"why": "hired", "n": [1, None]}, body
        assert sorted(relationships(body)) == [("touch", "document:1#owner@user:bob"),
                                               ("touch", "document:1#viewer@user:ann")], body
        assert body["time"].endswith("Z") and "sweep" not in body and "schema" not in body, body
        body = watcher.changes()
        assert body["token"] == second and body["revision"] == 3, body
        assert sorted(relationships(body)) == [("delete", "document:1#viewer@user:ann"),
                                               ("touch", "document:2#viewer@user:*")], body
        text = SCHEMA + "\ndefinition more {}\n"
        world.writer.call("schema.write", text=text)
        body = watcher.changes()
        assert body["revision"] == 4 and body["schema"] == text and "relationships" not in body, body


@case
def a_stream_goes_on_from_any_token_of_before():
    with World() as world:
        tokens = [world.token] + [world.touch("document:%d#viewer@user:ann" % n) for n in range(20)]
        for index, token in enumerate(tokens):
            watcher = world.connect()
            assert watcher.call("watch", **{"from": token})["token"] == token
            for follows in range(index, 20):
                body = watcher.changes()
                assert relationships(body) == [("touch", "document:%d#viewer@user:ann" % follows)], body
                assert body["token"] == tokens[follows + 1]
            watcher.close()


@case
def conditions_and_expirations_are_given_and_sweeps_are_marked():
    with World() as world:
        watcher = world.connect()
        watcher.call("watch")
        world.touch('document:1#viewer@user:ann[noted:{"k":"a b"}]')
        given = watcher.changes()["relationships"][0]
        assert given["op"] == "touch" and given["relationship"]["caveat"] == {
            "name": "noted", "context": {"k": "a b"}}, given
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        world.touch("document:2#viewer@user:ann[expiration:%s]" % soon)
        assert watcher.changes()["relationships"][0]["relationship"]["expires_at"] == soon
        body = watcher.changes()
        assert body["sweep"] is True and "caller" not in body, body
        assert relationships(body) == [("delete", "document:2#viewer@user:ann")], body


@case
def records_come_as_words_without_their_bodies():
    with World() as world:
        watcher = world.connect()
        watcher.call("watch")
        call = world.writer.call

        def records():
            body = watcher.changes()
            assert "relationships" not in body, body
            return [(record["kind"], record.get("id"), record["event"]) for record in body["records"]]

        session = call("sessions.create", principal="user:ann", agent="agent:bot", expires_in_s=600, client="c",
                       evidence={"secret": "never shown"})["session"]
        assert records() == [("session", session, "created")]
        grant = call("grants.create", session=session, scope=[{"selector": "document:*", "actions": ["view"]}],
                     approval={"approver": "user:ann", "channel": "test"}, expires_in_s=300)["grant"]
        assert ("grant", grant, "created") in records()
        call("grants.revoke", grant=grant, reason="test")
        assert ("grant", grant, "revoked") in records()
        for method, event in (("suspend", "suspended"), ("resume", "resumed"), ("revoke", "revoked")):
            call("sessions." + method, session=session, reason="test")
            assert records() == [("session", session, event)]
        call("agents.kill", agent="agent:bot", reason="test")
        assert records() == [("stop", "agent:bot", "ordered")]
        call("agents.restore", agent="agent:bot", reason="test")
        assert records() == [("stop", "agent:bot", "lifted")]
        call("attributes.write", updates=[{"object": "document:1", "op": "set", "attributes": {"a": "hidden"}}])
        assert records() == [("attributes", "document:1", "written")]
        call("attributes.write", updates=[{"object": "document:1", "op": "delete"}])
        assert records() == [("attributes", "document:1", "removed")]


@case
def filters_pass_what_matches_and_nothing_else():
    def streams(world, watcher, *filters):
        return {watcher.call("watch", filter=filter)["stream"]: [] for filter in filters}

    with World() as world:
        watcher = world.connect()
        filters = [{"resource_type": "document"}, {"resource_type": "document", "resource_id": "1"},
                   {"resource_id_prefix": "1"}, {"relation": "member"}, {"subject": {"type": "group"}},
                   {"subject": {"type": "user", "id": "ann"}}, {"subject": {"type": "user", "wildcard": True}},
                   {"subject": {"type": "user", "relation": ""}}, {"resource_id": "never"},
                   {"subject": {"type": "group", "relation": "member"}}]
        got = streams(world, watcher, *filters)
        everything = watcher.call("watch")["stream"]
        rows = ["document:1#viewer@user:ann", "document:10#owner@user:bob", "group:1#member@user:ann",
                "document:2#viewer@group:1#member", "document:2#viewer@user:*", "group:2#member@group:1#member"]
        for row in rows:
            world.touch(row)
        world.writer.call("attributes.write", updates=[{"object": "document:1", "op": "set", "attributes": {"a": 1}}])
        last = world.write(("touch", "document:last#viewer@user:ann"), ("touch", "group:1#member@user:last"))
        got[everything] = []
        while not got[everything] or got[everything][-1]["token"] != last:
            body = watcher.changes()
            got[body["stream"]].append(body)
        # What passed is given by then, but another stream's may be under way still.
        watcher.socket.settimeout(0.5)
        try:
            while True:
                body = watcher.changes()
                got[body["stream"]].append(body)
        except (socket.timeout, TimeoutError):
            pass
        watcher.socket.settimeout(PATIENCE)
        a, b, c, d, e, f, z, y = (0, 1, 2, 3, 4, 5, "document:last#viewer@user:ann", "group:1#member@user:last")
        expected = [[a, b, d, e, "attributes", z], [a, "attributes"], [a, b, c, "attributes", y], [c, f, y],
                    [d, f], [a, c, z], [e], [a, b, c, z, y], [], [d, f]]
        for stream, wanted in zip(got, expected):
            seen = []
            for body in got[stream]:
                seen += sorted(row["relationship"] for row in body.get("relationships", []))
                seen += ["attributes"] * len(body.get("records", []))
            wanted = [rows[row] if isinstance(row, int) else row for row in wanted]
            assert seen == wanted, (filters[stream - 1], seen, wanted)
        assert len(got[everything]) == 8


@case
def what_cannot_be_watched_is_refused():
    with World() as world:
        watcher = world.connect()
        assert watcher.refused("watch", **{"from": "VA-nonsense"}) == "UNKNOWN_TOKEN"
        assert watcher.refused("watch", filter={}) == "INVALID_FILTER"
        assert watcher.refused("watch", filter={"resource_type": "docment"}) == "UNKNOWN_DEFINITION"
        assert watcher.refused("watch", filter={"relation": "veiwer"}) == "UNKNOWN_RELATION_OR_PERMISSION"
        assert watcher.refused("watch", credit=(16 << 20) + 1) == "EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT"
        assert watcher.refused("watch", form="x") == "UNKNOWN_ARGUMENT"
        for _ in range(16):
            stream = watcher.call("watch")["stream"]
        assert watcher.refused("watch") == "OVERLOADED"
        assert watcher.call("watch.end", stream=stream) == {"open": True}
        assert watcher.call("watch.end", stream=stream) == {"open": False}
        assert watcher.call("watch.credit", stream=stream, bytes=1) == {"open": False}
        watcher.call("watch")


@case
def a_stream_sends_no_more_than_its_credit_and_one_change():
    with World() as world:
        for n in range(300):
            world.touch("document:%d#viewer@user:ann" % n)
        watcher = world.connect()
        stream = watcher.call("watch", credit=0, **{"from": world.token})["stream"]
        got, revisions = 0, []
        watcher.socket.settimeout(0.3)

        def drain():
            nonlocal got
            while True:
                try:
                    body = watcher.changes()
                except (socket.timeout, TimeoutError):
                    return
                got += len(msgpack.packb([2, "watch.changes", [body]]))
                revisions.append(body["revision"])

        drain()
        assert got == 0, "sent without credit"
        given = 0
        for _ in range(5):
            watcher.call("watch.credit", stream=stream, bytes=2000)
            given += 2000
            drain()
            assert given - 2000 < got <= given + 500, (given, got)
        watcher.call("watch.credit", stream=stream, bytes=600)
        drain()
        assert watcher.refused("watch.credit", stream=watcher.call("watch", credit=1)["stream"],
                               bytes=16 << 20) == "EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT"
        watcher.call("watch.credit", stream=stream, bytes=1 << 20)
        drain()
        assert revisions == list(range(2, 302)), revisions


@case
def a_large_revision_comes_in_parts_and_its_token_with_the_last():
    with World() as world:
        long = "x" * 900
        before = world.token
        after = world.touch(*["document:%s%d#viewer@user:%s%d" % (long, n, long, n) for n in range(1000)])
        watcher = world.connect()
        stream = watcher.call("watch", credit=4 << 20, **{"from": before})["stream"]
        seen, parts = [], 0
        while True:
            body = watcher.changes()
            parts += 1
            assert body["revision"] == 2 and len(msgpack.packb(body)) < 80 << 10
            seen += [row["relationship"] for row in body["relationships"]]
            if body["last"]:
                break
            assert body["token"] == before, "the token of a part is that of the revision before"
        assert parts > 20 and body["token"] == after and len(set(seen)) == len(seen) == 1000, parts
        text = SCHEMA + "\n".join(
            "definition thing%d { relation owner: user } // padding \u20ac\u00e9\U0001f600 padding" % n
            for n in range(1900))
        world.writer.call("schema.write", text=text)
        pieces, parts = "", 0
        while True:
            body = watcher.changes()
            pieces += body["schema"]
            parts += 1
            if body["last"]:
                break
        assert pieces == text and parts >= 2, parts
        watcher.call("watch.end", stream=stream)


@case
def checkpoints_tell_of_silence_and_of_what_did_not_pass():
    with World() as world:
        watcher = world.connect()
        watcher.call("watch", filter={"resource_type": "group"})
        last = world.touch("document:1#viewer@user:ann")
        kind, method, params = watcher.message()
        assert (kind, method) == (2, "watch.checkpoint"), method
        assert params[0]["token"] == last and params[0]["revision"] == 2, params


@case
def a_place_that_is_no_longer_kept_is_refused_and_ends_a_stream():
    with World("--history-retention", "1s") as world:
        watcher = world.connect()
        stuck = watcher.call("watch", credit=0)
        deadline = time.monotonic() + PATIENCE
        while True:
            world.touch("document:%d#viewer@user:ann" % (time.monotonic_ns() % 100))
            error, _ = world.connect().ask("watch", credit=0, **{"from": world.token})
            if error is not None:
                break
            assert time.monotonic() < deadline, "never expired"
            time.sleep(0.2)
        assert error["reason"] == "REVISION_EXPIRED" and "hint" in error, error
        watcher.call("watch.credit", stream=stuck["stream"], bytes=1000)
        method, body = watcher.next()
        assert method == "watch.ended" and body["error"]["reason"] == "REVISION_EXPIRED", body
        assert body["token"] == stuck["token"] and body["stream"] == stuck["stream"], body


@case
def a_stream_without_credit_is_cut_after_its_time_and_loses_nothing():
    with World() as world:
        watcher, other = world.connect(), world.connect()
        stuck = watcher.call("watch", credit=0)
        idle = watcher.call("watch", credit=0, filter={"resource_type": "group"})
        other.call("watch")
        begun = time.monotonic()
        token = world.touch("document:1#viewer@user:ann")
        assert other.changes()["token"] == token
        watcher.socket.settimeout(PATIENCE + 40)
        ended = [watcher.next()[1] for _ in range(2)]
        assert 25 < time.monotonic() - begun < 60 + PATIENCE
        assert sorted(body["stream"] for body in ended) == [stuck["stream"], idle["stream"]]
        for body in ended:
            assert body["error"]["reason"] == "SLOW_CONSUMER" and body["token"] == stuck["token"], body
        watcher.call("watch", **{"from": ended[0]["token"]})
        assert watcher.changes()["token"] == token
        world.touch("document:2#viewer@user:ann")
        assert other.changes()["revision"] == 3, "the other stream goes on"


@case
def the_stop_of_the_server_ends_streams_with_a_reason():
    with World() as world:
        watcher = world.connect()
        watcher.call("watch")
        last = world.touch("document:1#viewer@user:ann")
        assert watcher.changes()["token"] == last
        world.server.stop()
        method, body = watcher.next()
        assert method == "watch.ended" and body["error"]["reason"] == "SERVER_STOPPING", body
        assert body["token"] == last, body


@case
def a_key_watches_with_the_role_read_alone():
    scratch = tempfile.mkdtemp(prefix="behalf-watch-")
    keys = os.path.join(scratch, "keys")
    rows = {"root": "admin", "reader": "read", "writer": "write", "bot": "delegated,agent actor=agent:bot"}

    def write_keys(rows):
        with open(keys, "w", encoding="utf-8") as file:
            for name, roles in rows.items():
                file.write("%s %s %s\n" % (name, hashlib.sha256(name.encode()).hexdigest(), roles))
        os.chmod(keys, 0o600)

    write_keys(rows)
    server = Server(os.path.join(scratch, "data"), "--keys", keys)
    root = Watcher(server.endpoint, "root")
    root.call("schema.write", text=SCHEMA)
    for name in ("writer", "bot"):
        assert Watcher(server.endpoint, name).refused("watch") == "ROLE_REQUIRED", name
    reader = Watcher(server.endpoint, "reader")
    reader.call("watch")
    written = Watcher(server.endpoint, "writer").call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:1#viewer@user:ann"}])["written_at"]
    body = reader.changes()
    assert body["caller"] == "writer" and body["token"] == written, body
    rows["reader"] = "check"
    write_keys(rows)
    server.process.send_signal(1)
    method, body = reader.next()
    assert method == "watch.ended" and body["error"]["reason"] == "ROLE_REQUIRED", body
    assert server.stop() == 0
    shutil.rmtree(scratch)


if __name__ == "__main__":
    failed = 0
    for function in CASES:
        if len(sys.argv) > 1 and sys.argv[1] not in function.__name__:
            continue
        start = mark()
        try:
            function()
            print("ok   " + function.__name__.replace("_", " "), flush=True)
        except Exception as problem:  # pylint: disable=broad-except
            failed += 1
            print("FAIL %s: %s: %s" % (function.__name__, type(problem).__name__, problem), flush=True)
        end_since(start)
    sys.exit(1 if failed else 0)
