"""Malformed frames over live connections: messages of every method with changed values, and messages
with changed bytes. The server stays, an honest client is answered in between, and no changed check is
allowed unless it still asks what the honest one asks.

Changed writes go to objects of a type of their own, so that the honest answers never change."""
import os
import socket
import struct

import msgpack

from host import Server
from wire import Client, Gone, PATIENCE, Refused, Silent

SCHEMA = """definition user {}
definition scrap { relation any: user }
definition document {
    relation viewer: user
    permission view = viewer
}
"""
CHECK = {"resource": "document:a", "permission": "view", "subject": "user:ann"}
CALLS = (
    ("check", CHECK), ("check", CHECK), ("check", dict(CHECK, context={"k": [1, {"m": "v"}]})),
    ("check", dict(CHECK, actor=["user:x"], explain=True, deadline_ms=100)),
    ("check", dict(CHECK, resource={"type": "document", "id": "a"},
                   consistency={"mode": "minimize_latency"})),
    ("check_bulk", {"items": [CHECK, dict(CHECK, subject="user:bob")]}),
    ("expand", {"resource": "document:a", "permission": "view", "depth": 2}),
    ("lookup_resources", {"resource_type": "document", "permission": "view",
                          "subject": "user:bob", "limit": 3}),
    ("lookup_subjects", {"resource": "document:a", "permission": "view", "subject_type": "user"}),
    ("lookup_permissions", {"resource": "document:a", "subject": "user:ann"}),
    ("relationships.read", {"filter": {"resource_type": "scrap", "resource_id_prefix": "s",
                                       "subject": {"type": "user", "id": "x"}}, "limit": 5}),
    ("relationships.write", {"updates": [{"op": "touch", "relationship": "scrap:s#any@user:x"}],
                             "metadata": {"by": "x"}, "idempotency_key": "k"}),
    ("schema.read", {}), ("ping", {"payload": "p"}), ("server.info", {}),
)
# Sent only with changed bytes: no such change makes them valid.
BYTES_ONLY = (
    ("relationships.delete", {"filter": {"resource_type": "scrap", "resource_id": "s"}}),
    ("schema.write", {"text": "definition user { relation r: nonesuch }"}),
    ("server.clock", {"action": "confirm"}),
)
VALUES = (None, True, False, 0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64 - 1, -2 ** 63, 1.5,
          float("nan"), float("inf"), "", "*", "user:*", "user:bob", "x" * 200, "x" * 1025, "\0",
          "a\nb", "user:\u202e", b"", b"\xff\xfe", b"x" * 70, [], {}, [[]], [None] * 17, {"": None},
          {"a": {"b": {"c": 1}}}, "create", "delete", "scrap:s#any@user:y", "scrap:s#any@user:y[expiration:9999-01-01T00:00:00Z]")
CLOSING = (msgpack.ExtType(1, b"x"), msgpack.Timestamp(1, 2))  # end their connection: rare
BATCH = 200


def paths(value, path=()):
    """The places of a value that may be changed."""
    yield path
    children = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, child in children:
        yield from paths(child, path + (key,))


def changed(value, path, change):
    """A copy of the value, with change(what is there) at the path."""
    if not path:
        return change(value)
    if isinstance(value, dict):
        return {key: changed(child, path[1:], change) if key == path[0] else child
                for key, child in value.items()}
    return [changed(child, path[1:], change) if index == path[0] else child
            for index, child in enumerate(value)]


class Mutator:
    def __init__(self, pick):
        self.pick = pick
        self.calls = [(method, params, [p for p in paths(params)]) for method, params in CALLS]
        self.packed = [msgpack.packb([0, 7, method, [params]]) for method, params in
                       CALLS + BYTES_ONLY]

    def values(self, number):
        """A well-formed message with one or two changed values; whether a check may be allowed."""
        pick = self.pick
        method, params, places = pick.choice(self.calls)
        for _ in range(pick.choice((1, 1, 2))):
            try:
                params = changed(params, pick.choice(places), self.change)
            except (TypeError, IndexError):
                pass  # the first change took away the place of the second
        try:
            return method, params, msgpack.packb([0, number, method, [params]])
        except (OverflowError, ValueError):
            return method, CHECK, msgpack.packb([0, number, method, [CHECK]])

    def change(self, value):
        pick = self.pick
        way = pick.randrange(6)
        if isinstance(value, dict) and way < 3 and value:
            key = pick.choice(list(value))
            if way == 0:
                return {k: v for k, v in value.items() if k != key}
            if way == 1:
                return {(k + "x" if k == key else k): v for k, v in value.items()}
            return dict(value, **{"extra": pick.choice(VALUES)})
        if isinstance(value, str) and way < 3 and value:
            at = pick.randrange(len(value))
            return value[:at] + pick.choice(("", "#", ":", "@", "*", "\"", "\u00e9", "[")) + \
                value[at + 1:]
        if isinstance(value, (list, tuple)) and way < 2:
            return list(value) * pick.choice((0, 2, 40))
        return pick.choice(CLOSING if pick.random() < 0.001 else VALUES)

    def bytes(self):
        """A message with changed, cut or doubled bytes; mostly none at all to the server."""
        pick = self.pick
        data = bytearray(pick.choice(self.packed))
        for _ in range(pick.choice((1, 1, 1, 2, 4))):
            at = pick.randrange(len(data))
            way = pick.randrange(5)
            if way == 0:
                data[at] ^= 1 << pick.randrange(8)
            elif way == 1:
                data[at] = pick.randrange(256)
            elif way == 2:
                data[at:at] = pick.choice((b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdb\x7f\xff\xff\xff",
                                           b"\x91" * 20, b"\xc7\xff", pick.randbytes(3)))
            elif way == 3 and len(data) > 2:
                del data[at:at + pick.randrange(1, 9)]
            else:
                data += data[:at]
            if not data:
                data = bytearray(b"\xc1")
        return bytes(data)


def means_the_same(params):
    """Is it still the honest check? Other spellings of the same object are the same."""
    def plain(value):
        if isinstance(value, dict) and set(value) == {"type", "id"}:
            ident = value["id"]
            ident = ident.decode("utf-8", "replace") if isinstance(ident, bytes) else ident
            return "%s:%s" % (value["type"], ident)
        return value
    return isinstance(params, dict) and all(
        plain(params.get(name)) == wanted for name, wanted in CHECK.items())


class Attack:
    def __init__(self, job, server):
        self.job, self.server, self.mutator = job, server, Mutator(job.random)
        self.honest = server.connect()

    def blame(self, verdict, text):
        self.job.figures.blame(verdict, "seed %d: %s" % (self.job.seed, text))

    def ask_honestly(self):
        for subject, wanted in (("user:ann", "allow"), ("user:bob", "deny")):
            decision = self.honest.call("check", **dict(CHECK, subject=subject))["decision"]
            if decision != wanted:
                self.blame("wrong", "%s became %s" % (subject, decision))
        self.job.figures.count("honest answers in between", 2)

    def send_values(self):
        """A batch on one connection; each message has one answer, unless the server closes."""
        client = self.server.connect()
        sent = [self.mutator.values(number) for number in range(BATCH)]
        client.send(b"".join(data for _, _, data in sent))
        left = BATCH
        try:
            while left:
                message = client.message()
                left -= 1
                if message[2] is None and sent[message[1]][0] == "check" and \
                        message[3]["decision"] == "allow" and not means_the_same(sent[message[1]][1]):
                    self.blame("wrong", "allowed: %r" % (sent[message[1]][1],))
                self.job.figures.count("answered with an error" if message[2] else "answered")
        except Gone:
            # An extension type or too many levels close the connection: what follows is not read.
            self.job.figures.count("connections closed")
        client.close()
        self.job.figures.count("malformed frames", BATCH - left + (1 if left else 0))

    def send_bytes(self):
        """One message a connection, many connections at once. The client says that it ends; the
        server must close each one, whatever it made of the bytes."""
        open_sockets = []
        for _ in range(BATCH):
            one = socket.create_connection(self.server.endpoint, timeout=PATIENCE)
            try:
                one.sendall(self.mutator.bytes())
                one.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # closed already
            open_sockets.append(one)
        for one in open_sockets:
            try:
                while one.recv(1 << 16):
                    pass
            except socket.timeout:
                self.blame("hung", "a connection with a malformed message stays open")
            except OSError:
                pass
            # No port is kept waiting: a million connections would take all of them.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        self.job.figures.count("malformed frames", BATCH)
        self.job.figures.count("with changed bytes", BATCH)


def run(job):

    server = Server(os.path.join(job.scratch, "data"))
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:a#viewer@user:ann"}])
    attack = Attack(job, server)
    try:
        while job.figures.counts.get("malformed frames", 0) < job.count and not job.out_of_time():
            if job.random.random() < 0.7:
                attack.send_values()
            else:
                attack.send_bytes()
            attack.ask_honestly()
        code = server.stop()
        if code != 0:
            attack.blame("wrong", "ended with %d: %s" % (code, server.said()[-600:]))
    except (Gone, Refused) as gone:
        attack.blame("wrong", "the honest client: %s; the server said: %s" % (
            gone, server.said()[-600:]))
    except Silent as silent:
        attack.blame("hung", str(silent))
    finally:
        server.kill()
