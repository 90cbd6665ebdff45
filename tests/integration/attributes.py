#!/usr/bin/python3
"""Attributes over the wire: what is written and read, bad input with its path, limits at n-1, n and n+1,
decisions by stored attributes at the revision that a request names, known subjects in pages, the command
line, restarts and kills.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lib_process import end_since, mark
from protocol import BEHALFD, PATIENCE, Server

BUILD = os.environ.get("BUILD", "build/release")
BEHALF = os.path.join(BUILD, "behalf")
SEED = int(os.environ.get("BEHALF_SEED", str(random.SystemRandom().randrange(1 << 32))))
CRASHES = int(os.environ.get("BEHALF_CRASHES", "3"))
os.environ.pop("BEHALF_SEED", None)  # the server refuses variables that it does not know
os.environ.pop("BEHALF_CRASHES", None)
SCHEMA = """use request_attributes
caveat archived_admin(subject map<any>, resource map<any>) {
    resource.status == "archived" && subject.role == "admin"
}
definition user {}
definition record {
    relation viewer: user | user with archived_admin | user:* | user:* with archived_admin
    relation banned: user
    permission view = viewer - banned
}
"""
CASES = []
serial = iter(range(1, 1 << 30))


def case(function):
    CASES.append(function)
    return function


def fresh(type="user"):
    """An object that no other case knows."""
    return "%s:n%d" % (type, next(serial))


def write(client, *updates, **more):
    """Each an op, an object and, but of a delete, a map."""
    return client.call("attributes.write", updates=[
        dict({"op": one[0], "object": one[1]}, **({"attributes": one[2]} if len(one) > 2 else {}))
        for one in updates], **more)["written_at"]


def read(client, object, **more):
    answer = client.call("attributes.read", object=object, **more)
    assert set(answer) == {"attributes", "read_at"}, answer
    return answer["attributes"]


def touch(client, *relationships):
    return client.call("relationships.write", updates=[
        {"op": "touch", "relationship": text} for text in relationships])["written_at"]


def decides(client, resource, subject, **more):
    answer = client.call("check", resource=resource, permission="view", subject=subject, **more)
    return answer["decision"] if answer["decision"] != "conditional" else \
        "conditional on " + ", ".join(answer["missing"])


def exactly(token):
    return {"consistency": {"mode": "at_exact_snapshot", "token": token}}


# ---- Writing and reading ----------------------------------------------------------------------


@case
def the_transcript_of_the_page(client, server):
    record = fresh("record")
    answer = client.call("attributes.write", updates=[
        {"object": record, "op": "merge", "attributes": {"status": "archived"}}])
    assert set(answer) == {"written_at"}, answer
    assert read(client, record) == {"status": "archived"}


@case
def what_was_written_is_read(client, server):
    ann, values = fresh(), {"s": "text", "i": -7, "big": 1 << 62, "d": 1.5, "b": True, "l": [1, "a", []],
                            "m": {"x": {"y": False}}, "": "no name", "ü": "ä"}
    assert read(client, ann) == {}
    write(client, ("set", ann, values))
    assert read(client, ann) == values
    write(client, ("merge", ann, {"m": {"x": {"y": None, "z": 1}}, "l": [2], "s": None, "none": None}))
    del values["s"]
    values.update({"m": {"x": {"z": 1}}, "l": [2]})
    assert read(client, ann) == values
    write(client, ("set", ann, {"only": 1}))
    assert read(client, ann) == {"only": 1}
    write(client, ("delete", ann))
    assert read(client, ann) == {}
    mapped = {"type": "user", "id": b"\xffraw"}
    client.refused("INVALID_OBJECT_ID", "attributes.read", object=mapped)


@case
def older_revisions_keep_their_attributes(client, server):
    ann = fresh()
    before = touch(client, fresh("record") + "#viewer@" + fresh())
    tokens = [write(client, ("set", ann, {"n": number})) for number in range(5)]
    last = write(client, ("delete", ann))
    for number, token in enumerate(tokens):
        assert read(client, ann, **exactly(token)) == {"n": number}
    assert read(client, ann, **exactly(before)) == {}
    assert read(client, ann, **exactly(last)) == {}
    assert read(client, ann, consistency={"mode": "at_least_as_fresh", "token": tokens[0]}) == {}
    assert read(client, ann, consistency={"mode": "minimize_latency"}) == {}


@case
def a_write_happens_as_a_whole_or_not(client, server):
    ann, bob = fresh(), fresh()
    revision = client.call("server.info")["revision"]
    error = client.refused("MALFORMED_REQUEST", "attributes.write", "attributes.x", updates=[
        {"object": ann, "op": "set", "attributes": {"a": 1}},
        {"object": bob, "op": "set", "attributes": {"x": None}}])
    assert error["index"] == 1, error
    assert read(client, ann) == read(client, bob) == {}
    assert client.call("server.info")["revision"] == revision
    write(client, ("set", ann, {"a": 1}), ("merge", bob, {"b": 2}))
    assert client.call("server.info")["revision"] == revision + 1


@case
def what_changes_nothing_makes_no_revision(client, server):
    ann = fresh()
    write(client, ("set", ann, {"a": 1}))
    revision = client.call("server.info")["revision"]
    write(client, ("set", ann, {"a": 1}))
    write(client, ("merge", ann, {"b": None}))
    write(client, ("delete", fresh()))
    assert client.call("server.info")["revision"] == revision


@case
def a_repeated_write_is_answered_as_the_first(client, server):
    ann, updates = fresh(), {"a": 1}
    first = write(client, ("set", ann, updates), idempotency_key="once " + ann)
    write(client, ("set", ann, {"a": 2}))
    assert write(client, ("set", ann, updates), idempotency_key="once " + ann, deadline_ms=5000) == first
    assert read(client, ann) == {"a": 2}
    client.refused("IDEMPOTENCY_KEY_REUSED", "attributes.write", idempotency_key="once " + ann,
                   updates=[{"object": ann, "op": "delete"}])


@case
def bad_input_is_refused_with_its_path(client, server):
    ann = fresh()
    one = {"object": ann, "op": "set", "attributes": {"a": 1}}
    MALFORMED, LIMIT = "MALFORMED_REQUEST", "EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT"
    revision = client.call("server.info")["revision"]
    for updates, reason, word in [
            ([], MALFORMED, "updates"), ("x", MALFORMED, "updates"), ([3], MALFORMED, "updates[0]"),
            ([dict(one, op="touch")], MALFORMED, "'updates[0].op'"),
            ([dict(one, object="user:*")], "WILDCARD_NOT_ALLOWED", "'updates[0].object'"),
            ([dict(one, object="record:r#viewer")], MALFORMED, "'updates[0].object'"),
            ([dict(one, object="ann")], MALFORMED, "'updates[0].object'"),
            ([dict(one, object="nobody:ann")], "UNKNOWN_DEFINITION", "object: "),
            ([dict(one, attributes=[1])], MALFORMED, "'updates[0].attributes'"),
            ([dict(one, attributes={"a": b"x"})], MALFORMED, "'updates[0].attributes.a'"),
            ([dict(one, attributes={1: "x"})], MALFORMED, "'updates[0].attributes'"),
            ([dict(one, attributes={"a": float("nan")})], MALFORMED, "'updates[0].attributes.a'"),
            ([dict(one, attributes={"a": [{"b": None}]})], MALFORMED, "attributes.a[0].b"),
            ([dict(one, op="merge", attributes={"a": [None]})], MALFORMED, "attributes.a[0]"),
            ([{"object": ann, "op": "set"}], MALFORMED, "'attributes' is missing"),
            ([dict(one, op="delete")], MALFORMED, "takes no 'attributes'"),
            ([one, dict(one, op="merge")], MALFORMED, "the other is update 0"),
            ([dict(one, attributes={"a": "x" * 4096})], LIMIT, "at most 4096"),
            ([dict(one, attributes={"k%d" % n: 1 for n in range(65)})], LIMIT, "65 keys")]:
        client.refused(reason, "attributes.write", word, updates=updates)
    client.refused("UNKNOWN_ARGUMENT", "attributes.write", "'object'", object=ann, updates=[one])
    client.refused("UNKNOWN_DEFINITION", "attributes.read", object="nobody:ann")
    client.refused("WILDCARD_NOT_ALLOWED", "attributes.read", object="user:*")
    client.refused(MALFORMED, "attributes.read")
    assert client.call("server.info")["revision"] == revision


@case
def limits_hold_at_their_edges(client, server):
    ann = fresh()
    for number in (63, 64):
        write(client, ("set", ann, {"k%d" % n: n for n in range(number)}))
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "attributes.write", "65 keys", updates=[
        {"object": ann, "op": "merge", "attributes": {"more": 1}}])
    # A map takes 5 bytes, the key "a" 5, a string 5 and its text.
    for size in (4095, 4096):
        write(client, ("set", ann, {"a": "x" * (size - 15)}))
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "attributes.write", "4097 bytes", updates=[
        {"object": ann, "op": "set", "attributes": {"a": "x" * (4097 - 15)}}])
    for count in (999, 1000):
        write(client, *[("set", "record:limit%d" % n, {"n": n, "of": count}) for n in range(count)])
    assert read(client, "record:limit999") == {"n": 999, "of": 1000}
    client.refused("TOO_MANY_UPDATES_IN_REQUEST", "attributes.write", updates=[
        {"object": "record:limit%d" % n, "op": "delete"} for n in range(1001)])


# ---- Decisions --------------------------------------------------------------------------------


@case
def decisions_see_the_attributes_of_their_revision(client, server):
    ann, record = fresh(), fresh("record")
    touch(client, record + "#viewer@" + ann + "[archived_admin]")
    assert decides(client, record, ann).startswith("conditional on "), decides(client, record, ann)
    archived = write(client, ("set", record, {"status": "archived"}), ("set", ann, {"role": "admin"}))
    for _ in range(3):
        assert decides(client, record, ann) == "allow"
    opened = write(client, ("merge", record, {"status": "open"}))
    assert decides(client, record, ann) == "deny"
    gone = write(client, ("delete", record))
    assert decides(client, record, ann) == "conditional on resource"
    assert decides(client, record, ann, **exactly(archived)) == "allow"
    assert decides(client, record, ann, **exactly(opened)) == "deny"
    assert decides(client, record, ann, **exactly(gone)) == "conditional on resource"


@case
def properties_lie_over_what_is_stored(client, server):
    ann, record = fresh(), fresh("record")
    touch(client, record + "#viewer@" + ann + "[archived_admin]")
    write(client, ("set", ann, {"role": "guest"}))
    admin = {"subject": {"role": "admin"}, "resource": {"status": "archived"}}
    assert decides(client, record, ann, properties=admin) == "allow"
    assert decides(client, record, ann, properties={"resource": admin["resource"]}) == "deny"
    assert decides(client, record, ann) in ("deny", "conditional on resource")
    bulk = client.call("check_bulk", items=[
        dict({"resource": record, "permission": "view", "subject": ann}, **more)
        for more in ({"properties": admin}, {}, {"properties": {"resource": {"status": "archived"}}})])
    assert [one["decision"] for one in bulk["results"]][0] == "allow", bulk
    assert [one["decision"] for one in bulk["results"]][2] == "deny", bulk
    client.refused("MALFORMED_REQUEST", "check", resource=record, permission="view", subject=ann,
                   properties=[1])
    client.refused("UNKNOWN_ARGUMENT", "check", resource=record, permission="view", subject=ann,
                   properties={"context": {}})


# ---- Known subjects ---------------------------------------------------------------------------


def subjects(client, resource, limit, **more):
    """Ids of all pages, each once."""
    found, cursor = [], {}
    while True:
        page = client.call("lookup_subjects", resource=resource, permission="view", subject_type="user",
                           known=True, limit=limit, **cursor, **more)
        assert all("wildcard" not in row for row in page["subjects"]), page
        assert len(page["subjects"]) <= limit, page
        found += [(row["id"], row["decision"]) for row in page["subjects"]]
        if page["cursor"] is None:
            assert page["complete"] is True
            break
        cursor = {"cursor": page["cursor"]}
    assert len(set(found)) == len(found), found
    return found


@case
def known_subjects_stand_in_place_of_the_wildcard(client, server):
    everybody, conditional, banned = fresh("record"), fresh("record"), fresh()
    admins = [fresh() for _ in range(7)]
    touch(client, everybody + "#viewer@user:*", conditional + "#viewer@user:*[archived_admin]",
          everybody + "#banned@" + banned)
    write(client, ("set", conditional, {"status": "archived"}),
          *[("set", admin, {"role": "admin"}) for admin in admins], ("set", banned, {"role": "guest"}))
    ids = {one.split(":")[1] for one in admins}
    whole = subjects(client, everybody, 100000)
    assert ids <= {one for one, _ in whole} and banned.split(":")[1] not in dict(whole), whole
    assert set(dict(whole).values()) == {"allow"}, whole
    for limit in (1, 3, 1000):
        assert subjects(client, everybody, limit) == whole
        found = subjects(client, conditional, limit)
        assert {one for one, decision in found if decision == "allow"} >= ids, found
        assert banned.split(":")[1] not in dict(found), found
        for one, decision in found:
            assert decides(client, conditional, "user:" + one).startswith(decision), (one, decision)
    alone = fresh("record")
    touch(client, alone + "#viewer@" + admins[0])
    assert subjects(client, alone, 10) == [(admins[0].split(":")[1], "allow")]
    client.refused("MALFORMED_REQUEST", "lookup_subjects", resource=alone, permission="view",
                   subject_type="record", subject_relation="viewer", known=True)


# ---- The command line -------------------------------------------------------------------------


def behalf(server, *words, code=0, text=None):
    done = subprocess.run([BEHALF, *words, "--endpoint", server.address], capture_output=True, text=True,
                          timeout=PATIENCE, input=text)
    assert done.returncode == code, (words, done)
    return done.stdout if code == 0 else done.stderr


@case
def the_command_line_writes_and_reads(client, server):
    ann, bob = fresh(), fresh()
    assert behalf(server, "attribute", "set", ann, '{"role": "admin", "level": 3}').startswith("written_at ")
    assert behalf(server, "attribute", "read", ann) == '{"level":3,"role":"admin"}\n'
    behalf(server, "attribute", "merge", ann, '{"level": null}')
    token = json.loads(behalf(server, "attribute", "merge", ann, '{"x": [1]}', "--json"))["written_at"]
    shown = json.loads(behalf(server, "attribute", "read", ann, "--json"))
    assert shown["attributes"] == {"role": "admin", "x": [1]} and shown["read_at"], shown
    behalf(server, "attribute", "set", "--file", "-", text='// both\n%s {"a": 1}\n\n%s {"b": "x y"}\n' % (ann, bob))
    assert read(client, ann) == {"a": 1} and read(client, bob) == {"b": "x y"}
    assert behalf(server, "attribute", "read", ann, "--token", token, "--consistency",
                  "at-exact-snapshot") == '{"role":"admin","x":[1]}\n'
    behalf(server, "attribute", "delete", ann, bob)
    assert behalf(server, "attribute", "read", ann) == "{}\n"
    assert "line 2 of '-'" in behalf(server, "attribute", "set", "--file", "-", code=3,
                                     text='%s {"a": 1}\n%s {"a": null}\n' % (ann, bob))
    assert read(client, ann) == {}
    for words in (["set", ann], ["set", ann, "[1]"], ["set", ann, "{"], ["delete"], ["read"],
                  ["set", ann, "{}", "--file", "-"], ["delete", "--file", "/nowhere/file"]):
        behalf(server, "attribute", *words, code=1, text="")


# ---- Restarts and kills -----------------------------------------------------------------------


def verify(data):
    done = subprocess.run([BEHALFD, "--data", data, "--verify", "--log-level", "warn"],
                          capture_output=True, text=True, timeout=PATIENCE * 3)
    assert done.returncode == 0, done


@case
def a_restart_keeps_attributes(client, server):
    scratch = tempfile.mkdtemp(prefix="behalf-attributes.")
    data = os.path.join(scratch, "data")
    own = Server(data)
    mine = own.connect()
    mine.call("schema.write", text=SCHEMA)
    first = write(mine, ("set", "user:ann", {"a": 1}), ("set", "user:gone", {"a": 1}))
    write(mine, ("merge", "user:ann", {"b": 2}), ("delete", "user:gone"))
    assert own.stop() == 0
    verify(data)
    own = Server(data)
    mine = own.connect()
    assert read(mine, "user:ann") == {"a": 1, "b": 2} and read(mine, "user:gone") == {}
    assert read(mine, "user:ann", **exactly(first)) == {"a": 1} == read(mine, "user:gone", **exactly(first))
    assert own.stop() == 0
    shutil.rmtree(scratch)


class Counter(threading.Thread):
    """Counts up in one attribute of one object, each time in two objects at once."""

    def __init__(self, server, name, begin):
        super().__init__()
        self.client, self.name = server.connect(), name
        self.sent = self.acknowledged = begin

    def run(self):
        try:
            while True:
                self.sent += 1
                self.client.send("attributes.write", updates=[
                    {"object": "user:" + self.name, "op": "set", "attributes": {"n": self.sent}},
                    {"object": "record:" + self.name, "op": "merge", "attributes": {"n": self.sent}}])
                message = self.client.reply()
                if message is None:
                    return
                assert message[2] is None, message
                self.acknowledged = self.sent
        except OSError:
            return


@case
def a_kill_loses_nothing_that_was_acknowledged(client, server):
    scratch = tempfile.mkdtemp(prefix="behalf-attributes.")
    data, chance, counted = os.path.join(scratch, "data"), random.Random(SEED), [0] * 4
    own = Server(data)
    own.connect().call("schema.write", text=SCHEMA)
    for _ in range(CRASHES):
        counters = [Counter(own, "c%d" % number, begin) for number, begin in enumerate(counted)]
        for counter in counters:
            counter.start()
        time.sleep(chance.uniform(0, 0.3))  # when the kill comes is what is drawn
        own.process.send_signal(signal.SIGKILL)
        own.process.wait(PATIENCE)
        for counter in counters:
            counter.join(PATIENCE)
        verify(data)
        own = Server(data)
        mine = own.connect()
        for number, counter in enumerate(counters):
            found = [read(mine, kind + counter.name).get("n", 0) for kind in ("user:", "record:")]
            assert found[0] == found[1], (SEED, found)
            assert counter.acknowledged <= found[0] <= counter.sent, (SEED, found, counter.acknowledged)
            counted[number] = found[0]
    assert own.stop() == 0
    print("         seed %d: %d crashes, %d writes acknowledged and kept" % (SEED, CRASHES, sum(counted)))
    shutil.rmtree(scratch)


# ---- All --------------------------------------------------------------------------------------


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-attributes.")
    server = Server(os.path.join(scratch, "data"), "--loops", "2")
    server.connect().call("schema.write", text=SCHEMA)
    failed, only = 0, sys.argv[1:]
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        client, running = server.connect(), mark()
        try:
            function(client, server)
            print("ok      ", function.__name__, flush=True)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", function.__name__, repr(problem)[:2000], flush=True)
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
    print("attributes.py: %d cases, %d failed" % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
