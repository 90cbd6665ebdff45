#!/usr/bin/python3
"""The HTTP port of a live server: health, readiness, metrics that count exactly, who may read them, what
the service manager is told, and the filter of system calls.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

from lib_process import end_since, mark
from protocol import BEHALFD, PATIENCE, SLOW, Server

SCHEMA = "definition user {}\ndefinition document { relation viewer: user\n permission view = viewer }"
CASES = []


def case(function):
    CASES.append(function)
    return function


class Side(Server):
    """A server with an HTTP port, whose address it prints."""

    def __init__(self, scratch, *options, http="127.0.0.1:0"):
        super().__init__(os.path.join(scratch, "data"), "--http", http, *options)
        line = self.process.stdout.readline().strip()
        assert line.startswith("behalfd HTTP on "), line
        host, _, port = line[len("behalfd HTTP on "):].rpartition(":")
        self.http = (host.strip("[]"), int(port))
        self.authority = "%s:%s" % (host, port)

    def ask(self, path, method="GET", **fields):
        """Status, head and body of one exchange."""
        fields = dict({"Host": "%s:%d" % self.http, "Connection": "close"}, **fields)
        head = "".join("%s: %s\r\n" % pair for pair in fields.items())
        with socket.create_connection(self.http, timeout=PATIENCE) as sock:
            sock.sendall(("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, head)).encode())
            data = b""
            while chunk := sock.recv(1 << 16):
                data += chunk
        head, _, body = data.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, body

    def metrics(self, **fields):
        status, head, body = self.ask("/metrics", **fields)
        assert status == 200 and "text/plain; version=0.0.4" in head, head
        return samples(body), body


def samples(text):
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, name
            found[name] = float(value)
    return found


def fill(server):
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[{"op": "touch", "relationship": "document:d#viewer@user:ann"}])
    return client


def check(client, subject="user:ann"):
    return client.call("check", resource="document:d", permission="view", subject=subject)["decision"]


def grew(before, after):
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


@case
def health_and_routing(scratch):
    server = Side(scratch)
    assert server.ask("/healthz")[0] == 200
    status, _, body = server.ask("/readyz")
    assert (status, body) == (200, "ready\n"), (status, body)
    status, head, body = server.ask("/healthz", "HEAD")
    assert status == 200 and body == "" and "Content-Length: 3" in head, head
    status, head, _ = server.ask("/metrics", "POST", **{"Content-Length": "0"})
    assert status == 405 and "Allow: GET, HEAD" in head, head
    assert server.ask("/nothing")[0] == 404
    assert server.ask("/healthz", Host="elsewhere.example")[0] == 421
    assert server.stop() == 0


@case
def checks_are_counted_exactly(scratch):
    server = Side(scratch)
    client = fill(server)
    assert check(client) == "allow"  # resident from here on
    before, _ = server.metrics()
    for _ in range(7):
        assert check(client) == "allow"
    for _ in range(5):
        assert check(client, "user:bob") == "deny"
    client.fail("check", resource="nothing:d", permission="view", subject="user:ann")
    client.fail("no.such.method")
    client.call("check_bulk", items=[{"resource": "document:d", "permission": "view", "subject": "user:ann"}] * 3)
    client.call("relationships.write", updates=[{"op": "touch", "relationship": "document:e#viewer@user:bob"}])
    after, _ = server.metrics()
    more = grew(before, after)
    expected = {
        'behalf_requests_total{method="check",result="ok"}': 12,
        'behalf_requests_total{method="check",result="UNKNOWN_DEFINITION"}': 1,
        'behalf_requests_total{method="unknown",result="UNKNOWN_METHOD"}': 1,
        'behalf_requests_total{method="check_bulk",result="ok"}': 1,
        'behalf_requests_total{method="relationships.write",result="ok"}': 1,
        'behalf_decisions_total{decision="allow"}': 10,
        'behalf_decisions_total{decision="deny"}': 5,
        'behalf_request_duration_seconds_count{class="check"}': 14,
        'behalf_request_duration_seconds_count{class="write"}': 1,
        'behalf_transactions_total': 1,
        'behalf_revision': 1,
        'behalf_relationships': 1,
        'behalf_write_sync_duration_seconds_count': 1,
        'behalf_write_group_size_sum': 1,
    }
    for name, by in expected.items():
        assert more.get(name) == by, (name, by, more.get(name))
    walked = sum(by for name, by in more.items() if name.startswith("behalf_edges_walked_total"))
    assert 10 <= walked <= 200, walked
    assert after["behalf_connections"] == 1, after["behalf_connections"]
    assert after["behalf_storage_writable"] == 1 and after["behalf_rocksdb_memtable_bytes"] > 0
    assert server.stop() == 0


@case
def counts_add_up_over_loops_and_clients(scratch):
    server = Side(scratch, "--loops", "3")
    fill(server)
    before, _ = server.metrics()

    def load():
        client = server.connect()
        for _ in range(200):
            check(client)

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        server.metrics()
    after, _ = server.metrics()
    assert grew(before, after)['behalf_requests_total{method="check",result="ok"}'] == 1200
    assert grew(before, after)['behalf_connections_accepted_total'] == 6
    assert server.stop() == 0


@case
def the_text_is_what_prometheus_reads(scratch):
    server = Side(scratch)
    fill(server)
    _, text = server.metrics()
    table = open(os.path.join(os.path.dirname(__file__), "../../net/metrics.def")).read()
    names = re.findall(r'^X\([A-Z0-9_]+, "([a-z0-9_]+)", ([A-Z]+)', table, re.M)
    assert len(names) > 40
    for name, kind in names:
        assert "# TYPE behalf_%s %s\n" % (name, kind.lower()) in text, name
        assert text.count("# HELP behalf_%s " % name) == 1, name
    if shutil.which("promtool") is None:
        print("         promtool is not installed: its part is left out")
    else:
        found = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        assert found.returncode == 0 and found.stderr == "", found.stdout + found.stderr
    assert "ann" not in text and "document" not in text
    assert server.stop() == 0


@case
def with_keys_metrics_need_a_role(scratch):
    path = os.path.join(scratch, "keys")
    lines = ["%s %s %s\n" % (role, hashlib.sha256(("secret-of-" + role).encode()).hexdigest(), role)
             for role in ("read", "admin", "check")]
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write("".join(lines))
    server = Side(scratch, "--keys", path)
    assert server.ask("/healthz")[0] == 200 and server.ask("/readyz")[0] == 200
    status, head, _ = server.ask("/metrics")
    assert status == 401 and "WWW-Authenticate: Bearer" in head, head
    assert server.ask("/metrics", Authorization="Bearer secret-of-nobody")[0] == 401
    assert server.ask("/metrics", Authorization="Bearer secret-of-check")[0] == 403
    for role in ("read", "admin"):
        found, _ = server.metrics(Authorization="Bearer secret-of-" + role)
    assert found['behalf_auth_total{result="unknown"}'] == 1, found
    assert found['behalf_auth_total{result="known"}'] == 3, found
    assert server.stop() == 0


@case
def what_must_not_be_opened(scratch):
    for address, word in (("0.0.0.0:0", "keys"), ("nonsense", "nonsense")):
        found = subprocess.run([BEHALFD, "--data", os.path.join(scratch, "data"), "--listen", "127.0.0.1:0",
                                "--http", address], text=True, capture_output=True, timeout=PATIENCE)
        assert found.returncode == 2 and word in found.stderr, (found.returncode, found.stderr)


@case
def the_manager_is_told(scratch):
    for name in (os.path.join(scratch, "notify"), "@behalf-%d" % os.getpid()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(name.replace("@", "\0", 1))
            manager.settimeout(PATIENCE)
            os.environ.update(NOTIFY_SOCKET=name, WATCHDOG_USEC="3000000")
            os.environ.pop("WATCHDOG_PID", None)
            try:
                server = Side(scratch)
            finally:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
            assert manager.recv(4096) == b"READY=1"
            assert manager.recv(4096) == b"WATCHDOG=1" and manager.recv(4096) == b"WATCHDOG=1"
            server.process.send_signal(signal.SIGHUP)
            told = []
            while b"READY=1" not in told:
                told.append(manager.recv(4096))
            assert any(text.startswith(b"RELOADING=1\nMONOTONIC_USEC=") for text in told), told
            server.process.send_signal(signal.SIGTERM)
            while manager.recv(4096) != b"STOPPING=1":
                continue
            assert server.process.wait(PATIENCE) == 0


def seccomp_of(server):
    """The mode of each thread: 2 = under a filter."""
    modes = set()
    for thread in os.listdir("/proc/%d/task" % server.process.pid):
        with open("/proc/%d/task/%s/status" % (server.process.pid, thread)) as status:
            modes.add(re.search(r"^Seccomp:\s*(\d)", status.read(), re.M).group(1))
    return modes


@case
def every_thread_is_under_the_filter(scratch):
    server = Side(scratch)
    built = "/release" in BEHALFD or "/debug" in BEHALFD
    assert seccomp_of(server) == {"2" if built else "0"}, seccomp_of(server)
    check(fill(server))
    assert server.stop() == 0
    server = Side(scratch, "--no-seccomp")
    assert seccomp_of(server) == {"0"}, seccomp_of(server)
    assert server.stop() == 0



IPV6_FREEBIND = 78


def hold(server, address, source):
    """A connection that is kept, or None when it is refused."""
    sock = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    sock.settimeout(PATIENCE)
    if ":" in source:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)  # routed here, on no interface
    sock.bind((source, 0))
    sock.connect((address, server.http[1]))
    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % server.authority.encode())
    line = sock.recv(1 << 16).split(b"\r\n")[0]
    if line == b"HTTP/1.1 200 OK":
        return sock
    sock.close()
    assert line == b"HTTP/1.1 503 Service Unavailable", line
    return None


@case
def connections_by_default(scratch):
    """64, three quarters of which one address may have."""
    server = Side(scratch)
    held = [hold(server, "127.0.0.1", "127.0.0.2") for _ in range(48)]
    assert None not in held and hold(server, "127.0.0.1", "127.0.0.2") is None
    held += [hold(server, "127.0.0.1", "127.0.0.3") for _ in range(16)]
    assert None not in held and hold(server, "127.0.0.1", "127.0.0.4") is None
    for sock in held:
        sock.close()
    assert server.stop() == 0


NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]


@case
def networks_of_64_bits_are_one_address(scratch):
    """In a network of its own, where every address of 2001:db8::/32 is this machine's."""
    if not shutil.which("ip") or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        print("left out", "no network namespace here, or no ip")
        return
    done = subprocess.run([*NAMESPACE, sys.executable, __file__, "--networks", scratch],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def within_namespace(scratch):
    for command in ("link set lo up", "-6 route add local 2001:db8::/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    server = Side(scratch, "--http-connections", "8", http="[::1]:0")
    held = [hold(server, "::1", "2001:db8:0:1::%x" % number) for number in range(1, 7)]
    assert None not in held
    assert hold(server, "::1", "2001:db8:0:1:ffff:ffff:ffff:ffff") is None, "of the same /64"
    held.append(hold(server, "::1", "2001:db8:0:2::1"))
    assert held[-1] is not None, "another /64"
    for sock in held:
        sock.close()
    assert server.stop() == 0



def seconds_to_stop(server):
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    return time.monotonic() - begun


@case
def a_stop_ends_as_soon_as_nothing_is_under_way(scratch):
    """Idle connections on both ports are nothing."""
    server = Side(scratch)
    client = fill(server)
    held = [hold(server, "127.0.0.1", "127.0.0.1") for _ in range(5)]
    assert check(client) == "allow" and None not in held
    took = seconds_to_stop(server)
    assert took < 3 * SLOW, took
    for sock in held:
        sock.close()


@case
def a_stop_takes_ten_seconds_at_most(scratch):
    """Not ten for each port: on both there is one who does not read what he asked for."""
    server = Side(scratch)
    slow = server.connect().socket
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(1)
    try:
        while True:
            slow.sendall(msgpack.packb([0, 1, "ping", [{"payload": "p" * 100000}]]))
    except TimeoutError:
        pass  # its replies wait, and nothing more is read of it
    request = b"GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n" % server.authority.encode()
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(server.http)
    stuck.settimeout(1)
    try:
        while True:
            stuck.sendall(request * 100)
    except TimeoutError:
        pass
    took = seconds_to_stop(server)
    assert 9 < took < 10 + 4 * SLOW, took
    slow.close()
    stuck.close()


def main():
    failed, only = 0, sys.argv[1:]
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        scratch, running = tempfile.mkdtemp(prefix="behalf-side."), mark()
        try:
            function(scratch)
            print("ok      ", function.__name__, flush=True)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", function.__name__, repr(problem)[:2000], flush=True)
        end_since(running)
        shutil.rmtree(scratch)
    print("side.py: %d cases, %d failed" % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--networks"]:
        sys.exit(within_namespace(sys.argv[2]))
    sys.exit(main())
