#!/usr/bin/python3
"""How many connections there may be, from outside: of all with the reserve for administration, of one
address, of one key; and frames that are no requests, twenty thousand of them (BEHALF_FRAMES=n).

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import hashlib
import os
import random
import shutil
import socket
import struct
import sys
import tempfile
import time

import msgpack

import lib_process
from protocol import PATIENCE, Client, Server

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left behind, or the ports run out
FRAMES = int(os.environ.pop("BEHALF_FRAMES", "20000"))  # no variable of behalfd
ADMIN, PLAIN = "a" * 40, "p" * 40
scratch = tempfile.mkdtemp(prefix="behalf-limits.")


def write_keys():
    path = os.path.join(scratch, "keys")
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as keys:
        for name, key, role in (("admin", ADMIN, "admin"), ("plain", PLAIN, "check")):
            keys.write("%s %s %s\n" % (name, hashlib.sha256(key.encode()).hexdigest(), role))
    return path


def served(client, **call):
    """Whether the server answers rather than hangs up."""
    try:
        client.send(call.pop("method", "ping"), **call)
        message = client.reply()
    except (BrokenPipeError, ConnectionResetError):
        return False
    return message is not None and message[2] is None


def soon(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fill(server, count, **call):
    """Exactly so many are served: one less, that many, and not one more."""
    held = []
    for number in range(count):
        held.append(server.connect())
        assert served(held[-1], **dict(call)), "connection %d of %d" % (number + 1, count)
    assert not served(server.connect(), **dict(call)), "one more than %d" % count
    return held


def all_of_them():
    """40 with a reserve of 10: by TCP 30, and the rest by the owner's Unix socket."""
    path = os.path.join(scratch, "run", "socket")
    server = Server(os.path.join(scratch, "total"), "--connections", "40", "--unix", path)
    held = fill(server, 30)
    owners = []
    for _ in range(10):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(path)
        owners.append(Client(sock))
        assert served(owners[-1]), "the reserve is for the owner of the socket"
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(path)
    assert not served(Client(sock)), "one more than all"
    for client in owners + held[1:]:
        client.close()
    soon(lambda: served(server.connect()))
    assert served(held[0])
    assert server.stop() == 0


def the_reserve_is_for_admins():
    server = Server(os.path.join(scratch, "reserve"), "--connections", "40", "--keys",
                    os.path.join(scratch, "keys"))
    held = [server.connect() for _ in range(30)]
    for client in held:
        assert client.call("auth", key=PLAIN)["name"] == "plain"
    late = server.connect()
    error = late.refused("OVERLOADED", "auth", "kept for administration", key=PLAIN)
    assert error["code"] == "RESOURCE_EXHAUSTED", error
    assert late.closed()
    admin = server.connect()
    assert admin.call("auth", key=ADMIN)["name"] == "admin"
    assert served(admin, method="server.stats")
    assert server.stop() == 0


def of_one_key():
    server = Server(os.path.join(scratch, "key"), "--connections-per-key", "5", "--keys",
                    os.path.join(scratch, "keys"))
    held = [server.connect() for _ in range(5)]
    for client in held:
        client.call("auth", key=PLAIN)
        client.call("auth", key=PLAIN)  # again: it still counts once
    late = server.connect()
    late.refused("OVERLOADED", "auth", "the key 'plain' has too many connections", key=PLAIN)
    assert late.closed()
    server.connect().call("auth", key=ADMIN)
    held.pop().close()
    soon(lambda: served(server.connect(), method="auth", key=PLAIN))
    assert server.stop() == 0


def of_one_address():
    server = Server(os.path.join(scratch, "address"), "--connections-per-address", "4")
    held = fill(server, 4)
    sock = socket.socket()
    sock.bind(("127.0.0.9", 0))
    sock.connect(server.endpoint)
    assert served(Client(sock)), "another address has its own"
    held.pop().close()
    soon(lambda: served(server.connect()))
    assert server.stop() == 0
    server = Server(os.path.join(scratch, "address"))
    held = [server.connect() for _ in range(300)]
    assert all(served(client) for client in held), "loopback is not counted unless it is asked for"
    assert server.stop() == 0


def malformed(generator):
    """Bytes that may be anything: noise, a request with a byte changed, cut or doubled."""
    base = bytearray(b"\x94\x00\x05\xa5check\x91\x81\xa8resource\xa5doc:1")
    kind = generator.randrange(5)
    if kind == 0:
        return generator.randbytes(generator.randrange(1, 40))
    if kind == 1:
        return bytes([generator.choice((0xdd, 0xdf, 0xdb, 0xc6, 0xc1, 0xc9))]) + generator.randbytes(6)
    if kind == 2:
        return b"\x91" * generator.randrange(1, 60)
    for _ in range(generator.randrange(1, 4)):
        base[generator.randrange(len(base))] = generator.randrange(256)
    return bytes(base[:generator.randrange(1, len(base) + 1)]) if kind == 3 else bytes(base)


def judged(server, generator):
    """How many frames the server looked at: those that it answered, and the one that it hung up on. What
    follows that one is never read, so frames that were only sent do not count."""
    sock = socket.create_connection(server.endpoint, timeout=PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    answers = msgpack.Unpacker(strict_map_key=False)
    count = 0
    try:
        # Alone first, so that each of these is read as the beginning of a frame.
        sock.sendall(malformed(generator))
        sock.sendall(b"".join(malformed(generator) for _ in range(10)))
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(65536):
            answers.feed(piece)
    except TimeoutError:
        raise
    except OSError:
        pass  # it hung up with frames unread; answers that were lost with that are not counted
    sock.close()
    for answer in answers:
        assert answer[0] == 1 and answer[2] is not None, "a malformed frame was served: %r" % answer
        count += 1
    return count + 1


def malformed_frames_do_no_harm():
    server = Server(os.path.join(scratch, "frames"))
    honest = server.connect()
    generator = random.Random(12)
    frames, connections, worst = 0, 0, 0.0
    while frames < FRAMES:
        frames += judged(server, generator)
        connections += 1
        if connections % 100 == 0:
            began = time.monotonic()
            assert honest.call("ping") == {}
            worst = max(worst, time.monotonic() - began)
    assert server.process.poll() is None
    assert honest.call("ping") == {}
    assert server.stop() == 0
    print("limits: %d malformed frames over %d connections, an honest ping took at most %.1f ms"
          % (frames, connections, worst * 1e3))


CASES = [all_of_them, the_reserve_is_for_admins, of_one_key, of_one_address,
         malformed_frames_do_no_harm]


def main():
    write_keys()
    for case in CASES:
        if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
            continue
        begun = lib_process.mark()
        case()
        lib_process.end_since(begun)
        print("limits: %s" % case.__name__, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
