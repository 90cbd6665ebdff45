#!/usr/bin/python3
"""Changes as server-sent events from the HTTP port of a live server.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

from lib_process import end_since, mark
from protocol import PATIENCE
from side import Side
from watch import SCHEMA, Watcher

CASES = []


def case(function):
    CASES.append(function)
    return function


class Events:
    """A GET whose reply is a stream of events."""

    def __init__(self, address, path, **fields):
        fields = dict({"Host": "%s:%d" % address}, **fields)
        head = "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in fields.items())
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.sendall(("GET %s HTTP/1.1\r\n%s\r\n" % (path, head)).encode())
        self.raw = b""
        while b"\r\n\r\n" not in self.raw:
            self.more()
        head, _, self.raw = self.raw.partition(b"\r\n\r\n")
        self.status, self.head = int(head.split()[1]), head.decode()
        self.text = b""

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("closed")
        self.raw += data

    def chunk(self):
        while b"\r\n" not in self.raw:
            self.more()
        size, _, self.raw = self.raw.partition(b"\r\n")
        size = int(size, 16)
        while len(self.raw) < size + 2:
            self.more()
        self.text += self.raw[:size]
        self.raw = self.raw[size + 2:]
        return size > 0

    def next(self):
        """Event, id and data of the next event that is no checkpoint; None at the end."""
        while True:
            while b"\n\n" in self.text:
                event, _, self.text = self.text.partition(b"\n\n")
                lines = [line for line in event.decode().split("\n") if not line.startswith(":")]
                fields = dict(line.split(": ", 1) for line in lines if line)
                if fields and fields["event"] != "checkpoint":
                    return fields["event"], fields["id"], json.loads(fields["data"])
            if not self.chunk():
                return None

    def close(self):
        self.socket.close()


class World:
    def __init__(self, *options, key=None):
        self.scratch = tempfile.mkdtemp(prefix="behalf-events-")
        self.server = Side(self.scratch, *options)
        self.writer = Watcher(self.server.endpoint, key)
        self.token = self.writer.call("schema.write", text=SCHEMA)["written_at"]

    def events(self, path="/watch", **fields):
        return Events(self.server.http, path, **fields)

    def touch(self, *relationships):
        return self.writer.call("relationships.write", updates=[
            {"op": "touch", "relationship": one} for one in relationships])["written_at"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.server.stop() == 0
        shutil.rmtree(self.scratch)


@case
def each_revision_is_an_event_and_its_id_a_token():
    with World() as world:
        events = world.events()
        assert events.status == 200 and "text/event-stream" in events.head, events.head
        for n in range(3):
            token = world.touch("document:%d#viewer@user:ann" % n)
            event, place, data = events.next()
            assert (event, place) == ("changes", token) and data["last"] is True, data
            assert data["revision"] == n + 2 and "stream" not in data, data
            assert data["relationships"] == [
                {"op": "touch", "relationship": "document:%d#viewer@user:ann" % n}], data
        events.close()


@case
def a_client_goes_on_from_its_last_event_id():
    with World() as world:
        tokens = [world.touch("document:%d#viewer@user:ann" % n) for n in range(5)]
        again = world.events("/watch?from=" + world.token, Last_Event_ID=tokens[2])
        assert again.next()[1] == tokens[3] and again.next()[1] == tokens[4]
        whole = world.events("/watch?from=" + world.token)
        assert [whole.next()[1] for _ in tokens] == tokens


@case
def filters_and_what_is_refused():
    with World() as world:
        events = world.events("/watch?resource_type=document&resource_id=a%2Fb%26c&subject_type=user&subject_id=*")
        world.touch("document:1#viewer@user:*", "document:\"a/b&c\"#viewer@user:ann")
        token = world.touch("document:\"a/b&c\"#viewer@user:*")
        assert events.next()[1] == token
        for path, status, reason in (
                ("/watch?form=x", 400, "MALFORMED_REQUEST"), ("/watch?from=VAx", 400, "UNKNOWN_TOKEN"),
                ("/watch?resource_type=docment", 400, "UNKNOWN_DEFINITION"),
                ("/watch?relation=viewer&relation=owner", 400, "MALFORMED_REQUEST"),
                ("/watch?resource_id", 400, "MALFORMED_REQUEST"),
                ("/watch?resource_id=a&resource_id_prefix=a", 400, "INVALID_FILTER")):
            refused = world.events(path)
            assert refused.status == status and reason.encode() in refused.raw, (path, refused.status, refused.raw)
        status, head, _ = world.server.ask("/watch", "POST", **{"Content-Length": "0"})
        assert status == 405 and "Allow: GET, HEAD" in head, head
        held = [world.events() for _ in range(15)]
        assert all(one.status == 200 for one in held)
        assert world.events().status == 503
        held[0].close()
        deadline = time.monotonic() + PATIENCE
        while world.events().status == 503:
            assert time.monotonic() < deadline, "no place came free"
            time.sleep(0.05)


@case
def a_large_revision_and_a_schema_come_in_parts():
    with World() as world:
        events = world.events()
        long = "x" * 900
        token = world.touch(*["document:%s%d#viewer@user:%s%d" % (long, n, long, n) for n in range(500)])
        seen, parts = [], 0
        while True:
            _, place, data = events.next()
            seen += [row["relationship"] for row in data["relationships"]]
            parts += 1
            if data["last"]:
                break
            assert place == world.token
        assert place == token and len(set(seen)) == 500 and parts > 5


@case
def who_does_not_read_waits_for_nobody():
    with World() as world:
        long = "x" * 900
        silent = world.events("/watch?from=" + world.token)
        reading = world.events()
        for n in range(20):
            token = world.touch(*["document:%s%d#viewer@user:%s%d" % (long, m, long, n) for m in range(500)])
            while True:
                _, place, data = reading.next()
                if data["last"]:
                    break
            assert place == token
        waits = 0
        for name in os.listdir("/proc/%d/task" % world.server.process.pid):
            with open("/proc/%d/task/%s/comm" % (world.server.process.pid, name), encoding="ascii") as comm:
                waits += comm.read().strip() == "http watch"
        assert waits == 1
        revisions = []
        while not revisions or revisions[-1] < 21:
            _, _, data = silent.next()
            if data["last"]:
                revisions.append(data["revision"])
        assert revisions == list(range(2, 22)), revisions


@case
def the_stop_of_the_server_is_an_event():
    with World() as world:
        events = world.events()
        token = world.touch("document:1#viewer@user:ann")
        assert events.next()[1] == token
        world.server.process.send_signal(signal.SIGTERM)
        event, place, data = events.next()
        assert event == "ended" and place == token and data["error"]["reason"] == "SERVER_STOPPING", data
        assert events.next() is None
        assert world.server.process.wait(PATIENCE) == 0


@case
def a_key_needs_the_role_read():
    scratch = tempfile.mkdtemp(prefix="behalf-events-")
    keys = os.path.join(scratch, "keys")

    def write_keys(**rows):
        with open(keys, "w", encoding="utf-8") as file:
            for name, roles in rows.items():
                file.write("%s %s %s\n" % (name, hashlib.sha256(name.encode()).hexdigest(), roles))
        os.chmod(keys, 0o600)

    write_keys(root="admin", reader="read", other="write")
    with World("--keys", keys, key="root") as world:
        assert world.events().status == 401
        assert world.events(Authorization="Bearer nobody").status == 401
        assert world.events(Authorization="Bearer other").status == 403
        events = world.events(Authorization="Bearer reader")
        world.touch("document:1#viewer@user:ann")
        assert events.next()[2]["caller"] == "root"
        write_keys(root="admin", other="write")
        world.server.process.send_signal(signal.SIGHUP)
        event, _, data = events.next()
        assert event == "ended" and data["error"]["reason"] == "ROLE_REQUIRED", data
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
