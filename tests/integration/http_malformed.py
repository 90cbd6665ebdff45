#!/usr/bin/python3
"""Malformed HTTP heads against a live server, with honest clients beside them: each is refused or
closed, the server stays up, and every honest request is answered.

HTTP_HEADS says how many heads (100,000)."""
import http.client
import multiprocessing
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import lib_process
from lib_cli import BUILD, PATIENCE

HEADS = int(os.environ.get("HTTP_HEADS", "100000"))
SENDERS = 2
SEED = int(os.environ.get("HTTP_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left behind, or the ports run out
REFUSALS = {400, 404, 405, 413, 414, 417, 421, 431, 501, 503, 505}
BASES = [
    b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n",
    b"POST /access/v1/evaluation HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    b"POST /access/v1/evaluations HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\n\r\n",
    b"HEAD /metrics HTTP/1.0\r\nHost: %s\r\nExpect: 100-continue\r\nX: \t1\t\r\n\r\n",
]
PIECES = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b"\x80", b"%", b"%0g", b"#",
          b"Host: evil\r\n", b"Content-Length: +2\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n",
          b"Transfer-Encoding: chunked, chunked\r\n", b" folded\r\n", b"HTTP/2.0", b"X" * 9000,
          b"A: b\r\n" * 65, b"http://evil/", b"Content-Length: 99999999999999999999\r\n"]


def malformed(rng, host):
    head = bytearray(rng.choice(BASES) % host)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(head) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(head):
            head[at] = rng.randrange(256)
        elif kind == 1:
            head[at:at] = rng.choice(PIECES)
        elif kind == 2:
            del head[at:at + rng.randint(1, 8)]
        elif kind == 3:
            del head[at:]
        else:
            head[at:at] = head[at:at + rng.randint(1, 40)]
    return bytes(head) or b"\0"


def send_heads(address, count, seed, results):
    """Counts replies by status; "" for a close without one."""
    rng = random.Random(seed)
    host, port = address.rsplit(":", 1)
    found = {}
    for _ in range(count):
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.settimeout(PATIENCE)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.connect((host, int(port)))
        reply = b""
        try:
            peer.sendall(malformed(rng, address.encode()))
            peer.shutdown(socket.SHUT_WR)
            while True:
                piece = peer.recv(65536)
                if not piece:
                    break
                reply += piece
        except OSError as error:
            if isinstance(error, TimeoutError):
                results.put("HTTP_SEED=%d: a connection was neither answered nor closed" % SEED)
                return
        peer.close()
        status = reply[9:12].decode("latin-1") if reply.startswith(b"HTTP/1.1 ") else "none"
        if reply and status == "none":
            results.put("HTTP_SEED=%d: a reply that is no HTTP: %r" % (SEED, reply[:80]))
            return
        found[status] = found.get(status, 0) + 1
    results.put(found)


def ask_honestly(address, connection):
    """Milliseconds, or fails."""
    begin = time.monotonic()
    connection.request("GET", "/healthz")
    reply = connection.getresponse()
    reply.read()
    assert reply.status == 200, "an honest request got %d" % reply.status
    return (time.monotonic() - begin) * 1000


def main():
    directory = tempfile.mkdtemp(prefix="behalf-http.")
    try:
        process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", os.path.join(directory, "data"),
             "--unix", os.path.join(directory, "socket"), "--listen", "127.0.0.1:0",
             "--http", "127.0.0.1:0", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        address = None
        for line in process.stdout:
            if line.startswith("behalfd HTTP on "):
                address = line.split()[-1]
                break
        assert address, "behalfd did not start"
        results = multiprocessing.Queue()
        senders = [multiprocessing.Process(
            target=send_heads, args=(address, HEADS // SENDERS, SEED + at, results))
            for at in range(SENDERS)]
        begin = time.monotonic()
        for sender in senders:
            sender.start()
        kept = http.client.HTTPConnection(address, timeout=PATIENCE)
        took = []
        while any(sender.is_alive() for sender in senders) and results.qsize() < SENDERS:
            took.append(ask_honestly(address, kept))
            fresh = http.client.HTTPConnection(address, timeout=PATIENCE)
            took.append(ask_honestly(address, fresh))
            fresh.close()
            time.sleep(0.01)
        found = {}
        for _ in senders:
            result = results.get(timeout=PATIENCE)
            if isinstance(result, str):
                raise AssertionError(result)
            for status, count in result.items():
                found[status] = found.get(status, 0) + count
        for sender in senders:
            sender.join()
        seconds = time.monotonic() - begin
        assert process.poll() is None, "the server ended with %r" % process.returncode
        ask_honestly(address, kept)
        assert sum(found.values()) == HEADS // SENDERS * SENDERS
        assert found.get("400", 0) > HEADS // 4, "few heads were malformed: %r" % found
        for status in found:
            assert status in ("none", "200") or int(status) in REFUSALS, "status %s" % status
        took.sort()
        print("  ok: %d heads in %.0f s (%s); %d honest requests, p99 %.1f ms" % (
            sum(found.values()), seconds,
            " ".join("%s:%d" % item for item in sorted(found.items())), len(took),
            took[len(took) * 99 // 100]))
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        lib_process.end_since(0)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
