#!/usr/bin/python3
"""Kills the server at random moments and looks for what it acknowledged.

Several writers send random transactions, each on objects of its own. A writer keeps, outside of the
server, a journal of intents (before it sends) and acknowledgements (after the reply). The server is
killed with SIGKILL while they write, and started again on the same directory. Then, for every writer:
  - what was acknowledged is there, and nothing else, except for
  - the one transaction that was sent and not answered: it is there whole, or not at all;
  - revisions and relationship counts agree, and the store takes writes again.

BEHALF_CRASHES crashes (default 5; a long run 200), BEHALF_SEED replays the random choices."""
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

import lib_process

BUILD = os.environ.get("BUILD", "build/release")
CRASHES = int(os.environ.get("BEHALF_CRASHES", "5"))
SEED = int(os.environ.get("BEHALF_SEED", str(random.SystemRandom().randrange(1 << 32))))
WRITERS = 4
PATIENCE = 60
SCHEMA = """definition user {}
definition record {
    relation part: user
    relation extra: user
    permission view = part + extra
}
"""


class Server:
    def __init__(self, directory):
        ready, child = os.pipe()
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", directory, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "warn"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            address = pipe.readline().strip()
        assert address, "behalfd did not start (seed %d)" % SEED
        host, _, port = address.rpartition(":")
        self.endpoint = (host, int(port))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Client:
    def __init__(self, endpoint):
        self.socket = socket.create_connection(endpoint, timeout=PATIENCE)
        self.unpacker = msgpack.Unpacker(raw=False)
        self.last_id = 0

    def call(self, method, **arguments):
        """The result; ConnectionError when the server is gone."""
        self.last_id += 1
        self.socket.sendall(msgpack.packb([0, self.last_id, method, [arguments]]))
        while True:
            for message in self.unpacker:
                assert message[0] == 1 and message[1] == self.last_id, message
                if message[2] is not None:
                    raise AssertionError("%s: %r" % (method, message[2]))
                return message[3]
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("closed")
            self.unpacker.feed(data)


class Writer:
    """One writer's journal: the state that was acknowledged, and the transaction in flight."""

    def __init__(self, number, directory):
        self.number = number
        self.state = set()
        self.intent = None
        self.acknowledged = 0
        self.revision_token = None
        self.journal = open(os.path.join(directory, "journal-%d" % number), "ab", buffering=0)
        self.random = random.Random(SEED * 100 + number)

    def transaction(self):
        """1 to 30 updates; touches of new ones, deletes of what is there."""
        updates = {}
        for _ in range(self.random.randrange(1, 31)):
            relationship = "record:w%d-%d#%s@user:u%d" % (
                self.number, self.random.randrange(40), self.random.choice(["part", "extra"]),
                self.random.randrange(40))
            updates[relationship] = self.random.choice(["touch", "touch", "delete"])
        return updates

    def note(self, kind, what):
        self.journal.write(msgpack.packb([kind, what]))

    def run(self, endpoint):
        try:
            client = Client(endpoint)
            while True:
                self.intent = self.transaction()
                self.note("intent", self.intent)
                client.call("relationships.write", updates=[
                    {"op": op, "relationship": text} for text, op in self.intent.items()])
                self.note("acknowledged", None)
                self.apply()
                self.acknowledged += 1
        except (ConnectionError, OSError):
            return

    def after(self):
        state = set(self.state)
        for text, op in (self.intent or {}).items():
            if op == "touch":
                state.add(text)
            else:
                state.discard(text)
        return state

    def apply(self):
        self.state = self.after()
        self.intent = None


def read_all(client, **filter):
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = client.call("relationships.read", filter=filter, limit=1000, **more)
        found += page["relationships"]
        cursor = page["cursor"]
        if cursor is None:
            assert page["complete"] is True
            return found


def verify(client, writers):
    """Compares the store with the journals; the transaction in flight is decided by what is there."""
    total = 0
    unknown = 0
    for writer in writers:
        listed = read_all(client, resource_type="record",
                          resource_id_prefix="w%d-" % writer.number)
        there = set(listed)
        assert len(there) == len(listed), "a relationship stands twice (seed %d)" % SEED
        if there != writer.state:
            assert writer.intent is not None and there == writer.after(), (
                "seed %d, writer %d: %d acknowledged relationships are missing, %d are too many; "
                "whole transaction in flight would be %d more" %
                (SEED, writer.number, len(writer.state - there), len(there - writer.state),
                 len(writer.after() ^ writer.state)))
            unknown += 1
            writer.note("found", None)
            writer.apply()
        writer.intent = None
        total += len(there)
    by_subject = read_all(client, subject={"type": "user"})
    assert len(by_subject) == total, "the reverse index disagrees (seed %d)" % SEED
    info = client.call("server.info")
    assert info["relationships"] == total, (info, total)
    assert info["writable"] is True, info
    for writer in writers:
        items = [{"resource": text.split("#")[0], "permission": "view",
                  "subject": text.split("@")[1]} for text in sorted(writer.state)[:1000]]
        if items:
            results = client.call("check_bulk", items=items)["results"]
            assert all(result["decision"] == "allow" for result in results)
    return info["revision"], unknown


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-crash.")
    data = os.path.join(scratch, "data")
    chance = random.Random(SEED)
    writers = [Writer(number, scratch) for number in range(WRITERS)]
    kept = 0
    last_revision = 0
    in_flight_kept = 0
    server = Server(data)
    try:
        Client(server.endpoint).call("schema.write", text=SCHEMA)
        for _ in range(CRASHES):
            threads = [threading.Thread(target=writer.run, args=(server.endpoint,))
                       for writer in writers]
            for thread in threads:
                thread.start()
            time.sleep(chance.choice([chance.uniform(0, 0.05), chance.uniform(0.05, 1.0)]))
            server.kill()
            for thread in threads:
                thread.join(PATIENCE)
            server = Server(data)
            client = Client(server.endpoint)
            revision, unknown = verify(client, writers)
            assert revision >= last_revision, "revisions went back (seed %d)" % SEED
            last_revision = revision
            in_flight_kept += unknown
            kept = sum(writer.acknowledged for writer in writers)
            assert revision >= kept, (revision, kept)
        ended = server.stop()
        assert ended == 0, "behalfd ended with %d" % ended
    except BaseException:
        server.process.kill()
        print("crash: seed %d; the store is kept in %s" % (SEED, scratch), file=sys.stderr)
        raise
    shutil.rmtree(scratch)
    print("crash: %d crashes, %d transactions acknowledged and kept, %d unanswered ones kept whole, "
          "none lost, none partial" % (CRASHES, kept, in_flight_kept))


if __name__ == "__main__":
    main()
