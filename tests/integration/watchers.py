#!/usr/bin/python3
"""Watchers that are killed, that never read, and that follow for long, while much is written.

    watchers.py                        # a small part of each
    watchers.py --kills 1000           # a watcher is killed so often under writes
    watchers.py --silent 200           # so many readers that never read
    watchers.py --minutes 20           # the size of a store that keeps a minute of history

Starts its own behalfd from $BUILD (build/release by default); prints figures, and fails when a revision
is missing, twice or out of order, or when somebody else pays for a reader."""
import argparse
import json
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

from lib_process import spawn
from protocol import BUILD, PATIENCE, Server
from watch import Watcher

BEHALF = os.path.join(BUILD, "behalf")
SCHEMA = "definition user {}\ndefinition document { relation viewer: user\n permission view = viewer }"
OBJECTS = 2000


# --- writing ---

def write_steadily(endpoint, rate, seconds, stop, counted, seed):
    """Single updates, one transaction each, `rate` a second, pipelined; a process of its own."""
    choice = random.Random(seed)
    sock = socket.create_connection(endpoint, timeout=PATIENCE)
    unpacker = msgpack.Unpacker(raw=False)
    begun, sent, answered = time.monotonic(), 0, 0
    while not stop.value and time.monotonic() - begun < seconds:
        due = int((time.monotonic() - begun) * rate)
        burst = min(due - sent, 200 - (sent - answered))
        if burst > 0:
            data = b""
            for n in range(burst):
                relationship = "document:%d#viewer@user:%d" % (choice.randrange(OBJECTS), sent + n)
                data += msgpack.packb([0, (sent + n) & 0xFFFFFFFF, "relationships.write", [{"updates": [
                    {"op": "touch", "relationship": relationship}]}]])
            sock.sendall(data)
            sent += burst
        if sent > answered:
            unpacker.feed(sock.recv(1 << 16))
            for message in unpacker:
                assert message[0] == 1 and message[2] is None, message
                answered += 1
        else:
            time.sleep(0.002)
    while answered < sent:
        unpacker.feed(sock.recv(1 << 16))
        for message in unpacker:
            assert message[2] is None, message
            answered += 1
    counted.value = answered


class Writer:
    def __init__(self, endpoint, rate, seconds=1e9, seed=1):
        self.stopped = multiprocessing.Value("b", 0)
        self.counted = multiprocessing.Value("l", 0)
        self.begun = time.monotonic()
        self.process = multiprocessing.Process(
            target=write_steadily, daemon=True,
            args=(endpoint, rate, seconds, self.stopped, self.counted, seed))
        self.process.start()

    def end(self):
        """How many, and how many a second."""
        self.stopped.value = 1
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0, "the writer failed"
        return self.counted.value, self.counted.value / (time.monotonic() - self.begun)


# --- killed and resumed ---

class Follower:
    """What one program that watches has applied: the token it goes on from is its own, not the watcher's."""

    def __init__(self, token, revision):
        self.token = token
        self.revision = revision
        self.parts = 0
        self.pending = []
        self.state = set()

    def forget(self):
        self.pending = []

    def take(self, line):
        message = json.loads(line)
        if "last" not in message:
            return
        assert message["revision"] == self.revision + 1, \
            "revision %d after %d" % (message["revision"], self.revision)
        self.pending += message.get("relationships", [])
        if not message["last"]:
            self.parts += 1
            return
        for change in self.pending:
            if change["op"] == "touch":
                self.state.add(change["relationship"])
            else:
                self.state.discard(change["relationship"])
        self.pending = []
        self.revision, self.token = message["revision"], message["token"]


def follow_once(endpoint, follower, until):
    """Runs `behalf watch` and kills it when `until` says so; a line that was cut is none."""
    watcher = spawn([BEHALF, "watch", "--json", "--from", follower.token, "--endpoint", "%s:%d" % endpoint],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    rest = b""
    while not until(follower):
        data = os.read(watcher.stdout.fileno(), 1 << 16)
        assert data, watcher.stderr.read()
        rest += data
        *lines, rest = rest.split(b"\n")
        for line in lines:
            follower.take(line)
    watcher.kill()
    watcher.wait()
    watcher.stdout.close()
    watcher.stderr.close()
    follower.forget()


def kills(count, rate):
    scratch = tempfile.mkdtemp(prefix="behalf-watchers-")
    server = Server(os.path.join(scratch, "data"))
    client = Watcher(server.endpoint)
    begun = client.call("schema.write", text=SCHEMA)["written_at"]
    follower = Follower(begun, 1)
    writer = Writer(server.endpoint, rate)
    choice = random.Random(7)
    for _ in range(count):
        end = time.monotonic() + choice.choice((0.001, 0.01, 0.03, 0.06))
        first = follower.revision
        follow_once(server.endpoint, follower,
                    lambda seen: time.monotonic() > end and seen.revision > first)
    big = client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:%s%d#viewer@user:big" % ("x" * 500, n)} for n in range(1000)])
    written, achieved = writer.end()
    last = client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:last#viewer@user:last"}])["written_at"]
    follow_once(server.endpoint, follower, lambda seen: seen.token == last)
    assert follower.revision == written + 3, (follower.revision, written)
    stored, cursor = set(), {}
    while True:
        page = client.call("relationships.read", filter={"resource_type": "document"}, limit=100000, **cursor)
        stored |= set(page["relationships"])
        if page["complete"]:
            break
        cursor = {"cursor": page["cursor"]}
    assert stored == follower.state, "the state differs in %d" % len(stored ^ follower.state)
    assert server.stop() == 0
    shutil.rmtree(scratch)
    assert big
    print("killed and resumed %d times under %.0f writes/s: %d revisions, each once and in order, %d parts, "
          "%d relationships as stored" % (count, achieved, follower.revision, follower.parts, len(stored)),
          flush=True)


# --- readers that never read ---

def resident(server):
    with open("/proc/%d/status" % server.process.pid, encoding="ascii") as status:
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmRSS:"))


def latencies(endpoint, seconds):
    """Of checks one after the other, in milliseconds, ascending."""
    client = Watcher(endpoint)
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        client.call("check", resource="document:1", permission="view", subject="user:1")
        took.append((time.monotonic() - begun) * 1000)
        time.sleep(0.002)
    client.close()
    return sorted(took)


def quantiles(took):
    return "p50 %.2f ms, p99 %.2f ms, max %.1f ms" % (
        took[len(took) // 2], took[int(len(took) * 0.99)], took[-1])


def silent(count, rate, seconds):
    scratch = tempfile.mkdtemp(prefix="behalf-watchers-")
    server = Server(os.path.join(scratch, "data"))
    client = Watcher(server.endpoint)
    begun = client.call("schema.write", text=SCHEMA)["written_at"]
    writer = Writer(server.endpoint, rate)
    before = latencies(server.endpoint, seconds)
    memory_before = resident(server)
    held = []
    for _ in range(count):
        sock = socket.create_connection(server.endpoint, timeout=PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(msgpack.packb([0, 1, "watch", [{"from": begun, "credit": 16 << 20}]]))
        held.append(sock)
    follower = Watcher(server.endpoint)
    follower.call("watch", credit=16 << 20)
    during = latencies(server.endpoint, seconds)
    memory_during = resident(server)
    written, achieved = writer.end()
    body = follower.changes()
    assert body["revision"] > 1
    # They are cut when their time has come, and nobody else is.
    client.call("ping")
    print("%d readers that never read, %.0f writes/s, %d written: checks before: %s; beside them: %s; resident "
          "%d MiB before, %d MiB beside them" % (count, achieved, written, quantiles(before), quantiles(during),
                                                 memory_before, memory_during), flush=True)
    assert memory_during - memory_before < 32 + count * 0.25 + written * 0.002, "memory grew with them"
    for sock in held:
        sock.close()
    assert server.stop() == 0
    shutil.rmtree(scratch)


# --- a minute of history ---

def size_of(directory):
    total = 0
    for where, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.stat(os.path.join(where, name)).st_size
            except FileNotFoundError:
                pass
    return total >> 10


def growth(minutes, rate, *options):
    """Touches and deletes of the same relationships: what is stored stays, only the past would grow."""
    scratch = tempfile.mkdtemp(prefix="behalf-watchers-")
    data = os.path.join(scratch, "data")
    server = Server(data, "--history-retention", "1m", *options)
    client = Watcher(server.endpoint)
    client.call("schema.write", text=SCHEMA)
    end = time.monotonic() + minutes * 60
    seen = {"revision": 0, "exact": 0, "wrong": 0}
    tokens = []

    def watch():
        watcher = Watcher(server.endpoint)
        stream = watcher.call("watch", credit=1 << 20)["stream"]
        taken = 0
        while time.monotonic() < end:
            method, body = watcher.next()
            if method == "watch.ended":
                break
            seen["wrong"] += seen["revision"] not in (0, body["revision"] - 1)
            seen["revision"] = body["revision"]
            tokens.append(body["token"])
            del tokens[:-20 * rate]
            taken += len(msgpack.packb([2, "watch.changes", [body]]))
            if taken > 500000:
                watcher.call("watch.credit", stream=stream, bytes=taken)
                taken = 0

    def read_exactly():
        reader = Watcher(server.endpoint)
        while time.monotonic() < end:
            if tokens:
                reader.call("check", resource="document:1", permission="view", subject="user:1",
                            consistency={"mode": "at_exact_snapshot", "token": random.choice(tokens)})
                seen["exact"] += 1
            time.sleep(0.05)

    threads = [threading.Thread(target=watch, daemon=True), threading.Thread(target=read_exactly, daemon=True)]
    for thread in threads:
        thread.start()
    sizes, begun, written = [], time.monotonic(), 0
    due = begun
    while time.monotonic() < end:
        batch = b""
        for n in range(rate // 10):
            row = (written + n) % (10 * OBJECTS)
            batch += msgpack.packb([0, n, "relationships.write", [{"updates": [
                {"op": "delete" if (written + n) // (10 * OBJECTS) % 2 else "touch",
                 "relationship": "document:%d#viewer@user:%d" % (row % OBJECTS, row // OBJECTS)}]}]])
        client.socket.sendall(batch)
        for n in range(rate // 10):
            message = client.message()
            assert message[2] is None, message
        written += rate // 10
        due += 0.1
        if due > time.monotonic():
            time.sleep(due - time.monotonic())
        else:
            due = time.monotonic()
        if time.monotonic() - begun > 30 * (len(sizes) + 1):
            sizes.append(size_of(data))
            print("after %.1f min: %d KiB, %d written (%.0f/s), watched to %d, %d exact reads" % (
                (time.monotonic() - begun) / 60, sizes[-1], written, written / (time.monotonic() - begun),
                seen["revision"], seen["exact"]), flush=True)
    for thread in threads:
        thread.join(PATIENCE)
    assert seen["wrong"] == 0 and seen["exact"] > 0 and seen["revision"] > written / 2, seen
    assert server.stop() == 0
    shutil.rmtree(scratch)
    if len(sizes) >= 12:
        half = len(sizes) // 2
        assert max(sizes[half:]) < 1.5 * max(sizes[6:half] or sizes[:half]), "it grows: %r" % sizes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int)
    parser.add_argument("--silent", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--server", action="append", default=[], help="more options of behalfd")
    given = parser.parse_args()
    everything = given.kills is None and given.silent is None and given.minutes is None
    if everything or given.kills:
        kills(given.kills or 20, given.rate or 5000)
    if everything or given.silent:
        silent(given.silent or 20, given.rate or 2000, given.seconds)
    if given.minutes:
        growth(given.minutes, given.rate or 1000, *given.server)


if __name__ == "__main__":
    sys.exit(main())
