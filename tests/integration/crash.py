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
# The server refuses BEHALF_ variables that it does not know, and those are for this program.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("BEHALF_")}
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
    def __init__(self, directory, *options):
        ready, child = os.pipe()
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", directory, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "warn", *options],
            pass_fds=[child], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
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


def files_of(data):
    """Every file with its content: what a program that changes nothing leaves as it was."""
    found = {}
    for folder, _, names in os.walk(data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.join(folder, name)] = file.read()
    return found


def run_offline(data, action):
    return subprocess.run([os.path.join(BUILD, "behalfd"), "--data", data, action],
                          capture_output=True, text=True, timeout=PATIENCE, env=ENVIRONMENT)


def newest_log(data):
    folder = os.path.join(data, "db")
    logs = [name for name in os.listdir(folder) if name.endswith(".log")]
    return os.path.join(folder, max(logs, key=lambda name: int(name[:-4])))


def damage_after_silence(scratch, chance, silence):
    """One byte of the log's tail is changed, or the tail is cut off, after acknowledged writes and
    `silence` seconds: the next start refuses with 4, or nothing that was acknowledged is missing."""
    data = os.path.join(scratch, "silence-%s" % silence)
    server = Server(data)
    try:
        client = Client(server.endpoint)
        client.call("schema.write", text=SCHEMA)
        for number in range(60):
            client.call("relationships.write", updates=[
                {"op": "touch", "relationship": "record:r%d#part@user:u" % number}])
        time.sleep(silence)
    finally:
        server.kill()
    size = os.path.getsize(newest_log(data))
    refused = 0
    for trial in range(12):
        copy = os.path.join(scratch, "damaged")
        shutil.copytree(data, copy)
        with open(newest_log(copy), "r+b") as log:
            at = size - 1 - chance.randrange(min(size, 1 << (3 + trial)))
            if trial % 4 == 3:
                log.truncate(at)
            else:
                log.seek(at)
                byte = log.read(1)[0]
                log.seek(at)
                log.write(bytes([byte ^ (1 << chance.randrange(8))]))
        run = subprocess.Popen([os.path.join(BUILD, "behalfd"), "--data", copy, "--listen",
                                "127.0.0.1:0", "--log-level", "error"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        address = run.stdout.readline().rpartition(" ")[2].strip()
        if address:
            host, _, port = address.rpartition(":")
            count = Client((host, int(port))).call("server.info")["relationships"]
            run.kill()
            run.communicate(timeout=PATIENCE)
            assert count == 60, "seed %d: %d of 60 acknowledged are left, byte %d of %d" % (
                SEED, count, at, size)
        else:
            message = run.communicate(timeout=PATIENCE)[1]
            assert run.returncode == 4, (SEED, run.returncode, message)
            assert copy in message and "db.salvage" not in message, message
            assert not os.path.exists(os.path.join(copy, "db.salvage"))
            refused += 1
        shutil.rmtree(copy)
    return refused


def token_of(directory):
    server = Server(directory)
    token = Client(server.endpoint).call("schema.read")["read_at"]
    server.stop()
    return token


def refuses_token(client, token):
    try:
        client.call("schema.read", consistency={"mode": "at_least_as_fresh", "token": token})
    except AssertionError as error:
        return "UNKNOWN_TOKEN" in str(error)
    return False


def restored_start(scratch, original):
    """A server that is started with --restored has a life of its own, and so have later starts."""
    copy = os.path.join(scratch, "restored")
    shutil.copytree(original, copy)
    token = token_of(original)
    server = Server(copy, "--restored")
    client = Client(server.endpoint)
    own = client.call("schema.read")["read_at"]
    assert refuses_token(client, token)
    server.kill()
    server = Server(copy)
    client = Client(server.endpoint)
    assert refuses_token(client, token) and not refuses_token(client, own)
    server.stop()
    assert run_offline(copy, "--verify").returncode == 0
    shutil.rmtree(copy)


def offline_actions(scratch, data):
    """A killed server's directory is verified without a change; a copy gets a key of its own."""
    before = files_of(data)
    run = run_offline(data, "--verify")
    assert run.returncode == 0 and run.stdout.startswith("whole: revision="), run
    assert files_of(data) == before, "verify changed a file"
    copy = os.path.join(scratch, "copy")
    shutil.copytree(data, copy)
    token = token_of(data)
    assert run_offline(copy, "--new-incarnation").returncode == 0
    server = Server(copy)
    try:
        client = Client(server.endpoint)
        assert refuses_token(client, token)
        client.call("relationships.write", updates=[
            {"op": "touch", "relationship": "record:copy#part@user:u"}])
    finally:
        server.stop()
    assert run_offline(copy, "--verify").returncode == 0
    restored_start(scratch, copy)
    shutil.rmtree(copy)


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
        server.kill()
        offline_actions(scratch, data)
        refused = sum(damage_after_silence(scratch, chance, silence) for silence in (0, 1))
        server = Server(data)
        ended = server.stop()
        assert ended == 0, "behalfd ended with %d" % ended
    except BaseException:
        server.process.kill()
        print("crash: seed %d; the store is kept in %s" % (SEED, scratch), file=sys.stderr)
        raise
    shutil.rmtree(scratch)
    print("crash: %d crashes, %d transactions acknowledged and kept, %d unanswered ones kept whole, "
          "none lost, none partial; %d of 24 damaged logs refused, no other missed a write" %
          (CRASHES, kept, in_flight_kept, refused))


if __name__ == "__main__":
    main()
