#!/usr/bin/python3
"""Keys from outside: who is let in, what a role may, keys that are exchanged under load, and what a
key that was taken away may still do.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

import lib_process
from protocol import BEHALFD, BUILD, PATIENCE, SLOW, Client, Server

BEHALF = os.path.abspath(os.path.join(BUILD, "behalf"))
scratch = tempfile.mkdtemp(prefix="behalf-keys.")


def path(name):
    return os.path.join(scratch, name)


def write(name, text):
    """Whole or not at all, as an operator is told to."""
    with open(os.open(path(name + ".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(path(name + ".new"), path(name))


def behalf(*arguments, **variables):
    done = subprocess.run([BEHALF, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          env=dict(os.environ, **variables))
    return done.returncode, done.stdout + done.stderr


def new_key(name, *options):
    """(key, line) of `behalf key new`; the key is in a file of the key's name too."""
    code, text = behalf("key", "new", name, "--json", *options)
    assert code == 0, text
    made = json.loads(text)
    write(name, made["key"] + "\n")
    return made["key"], made["line"] + "\n"


def reason_of(reply):
    return reply[2] and reply[2]["reason"]


def ask(client, method, **arguments):
    client.send(method, **arguments)
    return client.reply()


def logged_in(server, key):
    client = server.connect()
    assert reason_of(ask(client, "auth", key=key)) is None
    return client


def who_is_let_in():
    key, line = new_key("reader", "--role", "read")
    write("keys", line)
    server = Server(path("who"), "--keys", path("keys"))
    endpoint = ("--endpoint", "127.0.0.1:%d" % server.endpoint[1])
    client = server.connect()
    assert reason_of(ask(client, "ping")) is None
    assert reason_of(ask(client, "server.info")) == "UNKNOWN_KEY"
    wrong = ask(client, "auth", key=key[:-1])
    assert reason_of(wrong) == "UNKNOWN_KEY" == reason_of(ask(client, "auth", key="x"))
    assert reason_of(ask(client, "auth", key=key)) is None
    assert reason_of(ask(client, "server.stats")) is None
    assert reason_of(ask(client, "schema.write", text="definition user {}")) == "ROLE_REQUIRED"
    assert reason_of(ask(client, "server.clock", action="reject")) == "ROLE_REQUIRED"
    code, text = behalf("status", *endpoint)
    assert code != 0 and "UNKNOWN_KEY" in text, text
    code, text = behalf("status", "--key-file", path("reader"), *endpoint)
    assert code == 0, text
    os.chmod(path("reader"), 0o644)
    code, text = behalf("status", "--key-file", path("reader"), *endpoint)
    assert code != 0 and "chmod 600" in text, text
    write("windows", key + "\r\n")
    code, text = behalf("status", "--key-file", path("windows"), *endpoint)
    assert code == 0, text
    os.mkfifo(path("pipe"), 0o600)
    code, text = behalf("status", "--key-file", path("pipe"), *endpoint)
    assert code != 0 and "no regular file" in text, text
    assert server.stop() == 0


def where_a_key_comes_from():
    """--key-file, else BEHALF_KEY_FILE, unless that is empty."""
    key, line = new_key("mine", "--role", "read")
    new_key("stranger", "--role", "read")
    write("keys", line)
    server = Server(path("where"), "--keys", path("keys"))
    status = ("status", "--endpoint", "127.0.0.1:%d" % server.endpoint[1])
    for options, variable, works, word in (
            ([], path("mine"), True, "revision"),
            (["--key-file", path("mine")], path("stranger"), True, "revision"),
            (["--key-file", path("stranger")], path("mine"), False, "UNKNOWN_KEY"),
            ([], path("stranger"), False, "UNKNOWN_KEY"),
            ([], path("nothing"), False, "cannot use the key file '%s'" % path("nothing")),
            ([], "", False, "UNKNOWN_KEY")):
        code, text = behalf(*status, *options, BEHALF_KEY_FILE=variable)
        assert (code == 0) == works and word in text and key not in text, (options, variable, text)
    assert server.stop() == 0


def server_refuses(line):
    write("tried", line)
    done = subprocess.run([BEHALFD, "--data", path("tried.d"), "--listen", "127.0.0.1:0", "--keys",
                           path("tried")], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode != 0 and "line 1:" in done.stderr


def what_key_new_refuses():
    """Said with what to do, and no key is made."""
    for arguments, word in (
            ([], "'key new' needs NAME"), (["name"], "--role is missing"),
            (["name", "more", "--role", "check"], "an argument too many: 'more'"),
            (["", "--role", "check"], "a key's name has 1 to 64"),
            (["n" * 65, "--role", "check"], "a key's name has 1 to 64"),
            (["two words", "--role", "check"], "a key's name has 1 to 64"),
            (["n\u00e4me", "--role", "check"], "a key's name has 1 to 64"),
            (["name", "--role", ""], "'' is no ROLE[,ROLE...]"),
            (["name", "--role", "root"], "a role is unknown or stands twice"),
            (["name", "--role", "check,"], "a role is unknown or stands twice"),
            (["name", "--role", "check,check"], "a role is unknown or stands twice"),
            (["name", "--role", "Check"], "a role is unknown or stands twice"),
            (["name", "--role", "check,delegated"], "would take back"),
            (["name", "--role", "properties"], "needs 'check' or 'delegated'"),
            (["name", "--role", "agent"], "'agent' needs --actor"),
            (["name", "--role", "write", "--actor", "agent:a"], "a key with --actor may have"),
            (["name", "--role", "check", "--actor", "agent:*"], "must be one object"),
            (["name", "--role", "check", "--actor", "agent"], "must be one object"),
            (["name", "--role", "check", "--actor", "agent:a#b"], "must be one object"),
            (["name", "--role", "check", "--actor", "agent:a b"], "must be one object"),
            (["name", "--role", "check", "--actor", 'agent:"a"'], "must be one object"),
            (["name", "--role", "check", "--actor", "agent:a", "--actor", "agent:b"],
             "must be one object")):
        code, text = behalf("key", "new", *arguments)
        assert code == 1 and word in text and "bk_" not in text, (arguments, code, text)
    for name in ("n", "n" * 64, "A.b_c-9"):
        assert behalf("key", "new", name, "--role", "check")[0] == 0


def key_new_and_the_server_agree():
    """Of every pair of roles, bound and not: what one makes the other reads, what one refuses the other
    refuses."""
    roles = ["check", "delegated", "properties", "agent", "grants", "read", "write", "schema", "audit",
             "admin"]
    lists = roles + ["%s,%s" % pair for pair in itertools.combinations(roles, 2)]
    made, refused = [], []
    for number, (role, bound) in enumerate(itertools.product(lists, (False, True))):
        actor = ["--actor", "agent:a%d" % number] if bound else []
        code, text = behalf("key", "new", "k%d" % number, "--role", role, "--json", *actor)
        if code == 0:
            made.append(json.loads(text)["line"] + "\n")
            continue
        refused.append("k%d %064x %s%s\n" % (number, number, role,
                                             " actor=agent:a%d" % number if bound else ""))
    assert len(made) > 40 and len(refused) > 40, (len(made), len(refused))
    write("made", "".join(made))
    assert Server(path("made.d"), "--keys", path("made")).stop() == 0
    for line in refused:
        assert server_refuses(line), "the server takes what key new refuses: " + line


def keys_are_exchanged_under_load():
    """Both are valid for a while: no request of either program fails."""
    old, old_line = new_key("old", "--role", "read")
    new, new_line = new_key("new", "--role", "read")
    write("keys", old_line)
    server = Server(path("exchange"), "--keys", path("keys"))
    using, failures, asked, done = [old], [], [0], threading.Event()

    def work():
        client, key = None, None
        while not done.is_set():
            if key != using[0]:
                key = using[0]
                client = logged_in(server, key)
            reply = ask(client, "server.clock")
            if reply is None or reason_of(reply) is not None:
                failures.append(reply)
            asked[0] += 1

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    write("keys", old_line + new_line)
    server.process.send_signal(signal.SIGHUP)
    patience = time.monotonic() + PATIENCE
    while reason_of(ask(server.connect(), "auth", key=new)) and time.monotonic() < patience:
        time.sleep(0.02)
    using[0] = new
    time.sleep(0.5)
    write("keys", new_line)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    write("keys", "this is no line\n")
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures and asked[0] > 100, (failures[:3], asked)
    assert server.stop() == 0


def a_key_that_is_taken_away_ends_within_a_second():
    key, line = new_key("gone", "--role", "read")
    _, other = new_key("other", "--role", "read")
    write("keys", line + other)
    server = Server(path("gone.d"), "--keys", path("keys"))
    idle, busy = logged_in(server, key), logged_in(server, key)
    write("keys", other)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGHUP)
    while True:
        busy.send("server.clock")
        reply = busy.reply()
        if reply is None or reason_of(reply) == "UNKNOWN_KEY":
            break
        assert time.monotonic() - begun < SLOW, "a busy connection keeps its key"
    assert idle.reply() is None, "an idle connection keeps its key"
    assert time.monotonic() - begun < 2 * SLOW
    assert reason_of(ask(server.connect(), "auth", key=key)) == "UNKNOWN_KEY"
    assert server.stop() == 0


def what_a_request_visits_is_charged():
    """Two hundred edges at fifty a second: the next request has to wait."""
    admin, admin_line = new_key("admin", "--role", "admin")
    metered, line = new_key("metered", "--role", "read")
    write("keys", admin_line + line.rstrip("\n") + " cost=50/s\n")
    server = Server(path("charged"), "--keys", path("keys"))
    client = logged_in(server, admin)
    assert reason_of(ask(client, "schema.write", text="definition user {}\n"
                         "definition team { relation member: user }")) is None
    updates = [{"op": "touch", "relationship": "team:t#member@user:u%d" % number}
               for number in range(200)]
    assert reason_of(ask(client, "relationships.write", updates=updates)) is None
    client = logged_in(server, metered)
    lookup = {"resource": "team:t", "permission": "member", "subject_type": "user"}
    assert reason_of(ask(client, "lookup_subjects", **lookup)) is None
    refused = ask(client, "lookup_subjects", **lookup)
    assert reason_of(refused) == "OVERLOADED" and refused[2]["retry_after_ms"] > 1000, refused
    assert server.stop() == 0


# --- secrets in memory ---

MARK = "kEyMaRk-"  # each 16 bytes of these keys begin with it: no part of one goes unseen


def marked_key():
    key = "".join(MARK + "%08x" % random.getrandbits(32) for _ in range(16))
    assert len(key) == 256
    return key


def occurrences(server, mark):
    """In the writable memory of the process; None where this user may not look, or a sanitizer has terabytes
    of its own."""
    found = 0
    if SLOW > 1:
        return None
    try:
        with open("/proc/%d/maps" % server.process.pid) as maps, \
                open("/proc/%d/mem" % server.process.pid, "rb", buffering=0) as memory:
            for line in maps:
                where, mode, rest = line.split(None, 2)
                if not mode.startswith("rw") or "[v" in rest:
                    continue
                at, end = (int(number, 16) for number in where.split("-"))
                memory.seek(at)
                before = b""
                while at < end:
                    block = memory.read(min(1 << 22, end - at))
                    if not block:
                        break
                    found += (before + block).count(mark.encode())
                    before = block[-len(mark) + 1:]
                    at += len(block)
    except PermissionError:
        return None
    return found


def in_pieces(sock, data, size=20):
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])
        time.sleep(0.002)  # so that the server reads it before more comes


def frame(method, **arguments):
    return msgpack.packb([0, 1, method, [arguments]])


def show_keys_by_rpc(connect, known, other):
    """In every way in which a key may come: `known` and `other` are let in."""
    client = Client(connect())
    assert reason_of(ask(client, "auth", key=known)) is None
    for key in (other, marked_key(), known):
        in_pieces(client.socket, frame("ping", payload="p" * 100) + frame("auth", key=key), 90)
        for _ in range(2):
            client.reply()
    assert reason_of(ask(client, "server.info")) is None
    client = Client(connect())
    in_pieces(client.socket, frame("auth", key=known))
    assert reason_of(client.reply()) is None
    for bad in (frame("auth", key=marked_key()) * 3, frame("auth", token=marked_key()),
                b"\x94\x00\x01\xa4auth\x91\xc1" + marked_key().encode(),
                frame("auth", key=marked_key())[:200], frame("ping", payload=[marked_key()] * 20)):
        for send in (lambda sock, data: sock.sendall(data), in_pieces):
            sock = connect()
            try:
                send(sock, bad)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass
            except OSError:
                pass
            sock.close()


def show_keys_by_http(connect, host, known):
    """Known, unknown, in a head that is refused, in one that never ends, in one that waits its turn."""
    for key, extra, end in ((known, "", "\r\n"), (marked_key(), "", "\r\n"),
                            (marked_key(), "Content-Length: x\r\n", "\r\n"),
                            (marked_key(), "", ""), (marked_key(), "Host: again\r\n", "\r\n"),
                            (known, "", "\r\nGET /metrics HTTP/1.1\r\nAuthorization: Bearer " +
                             marked_key())):
        for send in (lambda sock, data: sock.sendall(data), in_pieces):
            sock = connect()
            try:
                send(sock, ("GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                            "Authorization: Bearer %s\r\n%s%s" % (host, key, extra, end)).encode())
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
            sock.close()


def no_copy_of_a_key_stays_in_memory():
    """By RPC and HTTP, plain and by TLS."""
    keys = [marked_key() for _ in range(2)]
    write("keys", "".join("scanned-name-%d %s read\n" % (at, hashlib.sha256(key.encode()).hexdigest())
                          for at, key in enumerate(keys)))
    subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                   "tls.key -subj /CN=test -days 30 -out tls.pem && chmod 600 tls.key", shell=True,
                   cwd=scratch, check=True, capture_output=True, timeout=PATIENCE)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for options in ([], ["--tls-certificate", path("tls.pem"), "--tls-key", path("tls.key")]):
        server = Server(path("memory"), "--keys", path("keys"), "--http", "127.0.0.1:0", *options)
        http = server.process.stdout.readline().split()[-1]

        def connect(endpoint):
            sock = socket.create_connection(endpoint, timeout=PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return context.wrap_socket(sock) if options else sock  # pylint: disable=cell-var-from-loop

        show_keys_by_rpc(lambda: connect(server.endpoint), *keys)
        show_keys_by_http(lambda: connect(("127.0.0.1", int(http.split(":")[1]))), http, keys[0])
        if occurrences(server, MARK) is None:
            print("keys: left out: the memory of the server cannot be read here")
        else:
            assert occurrences(server, "scanned-name-0") > 0, "the search finds nothing"
            assert occurrences(server, MARK) == 0, (options, occurrences(server, MARK))
        assert server.stop() == 0


CASES = [no_copy_of_a_key_stays_in_memory, who_is_let_in, where_a_key_comes_from, what_key_new_refuses,
         key_new_and_the_server_agree, what_a_request_visits_is_charged, keys_are_exchanged_under_load,
         a_key_that_is_taken_away_ends_within_a_second]


def main():
    for case in [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]:
        begun = lib_process.mark()
        case()
        lib_process.end_since(begun)
        print("keys: %s" % case.__name__, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
