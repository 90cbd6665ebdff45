#!/usr/bin/python3
"""TLS from outside: the commands of docs/security.md as they are printed, who is let in, certificates
that change under load, handshakes that are not finished, and what may be opened off loopback.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import json
import os
import re
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
BENCH = os.path.abspath(os.path.join(BUILD, "behalf-bench"))
HANDSHAKE_S = 5
scratch = tempfile.mkdtemp(prefix="behalf-tls.")


def path(name):
    return os.path.join(scratch, name)


def printed_commands():
    """The blocks of the section about certificates, in their order."""
    with open("docs/security.md") as page:
        section = re.split(r"^## ", page.read(), flags=re.M)
    text = next(part for part in section if part.startswith("TLS"))
    return re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)


def shell(text, good=True):
    done = subprocess.run(["bash", "-euc", text], cwd=scratch, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert (done.returncode == 0) == good, (text, done.returncode, done.stdout, done.stderr)
    return done


def behalf(server, *arguments, host="127.0.0.1"):
    done = subprocess.run(
        [BEHALF, *arguments, "--endpoint", "%s:%d" % (host, server.endpoint[1])], cwd=scratch,
        capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def tls_server(data, *options):
    return Server(path(data), "--tls-certificate", path("server.pem"), "--tls-key",
                  path("server.key"), *options)


def tls_socket(server, certificate=None):
    context = ssl.create_default_context(cafile=path("ca.pem"))
    if certificate:
        context.load_cert_chain(path(certificate + ".pem"), path(certificate + ".key"))
    raw = socket.create_connection(server.endpoint, timeout=PATIENCE)
    return context.wrap_socket(raw, server_hostname="127.0.0.1")


def commands_work_as_printed():
    blocks = printed_commands()
    make, serve, ask, client, serve_clients, ask_as_client = blocks[:6]
    shell(make)
    shell(client)
    for block, asking in ((serve, ask), (serve_clients, ask_as_client)):
        words = block.replace("\\\n", " ").split()
        assert words[0] == "behalfd", block
        options = [word for word in words[1:]]
        at = options.index("--data")
        del options[at:at + 2]
        at = options.index("--listen")
        del options[at:at + 2]
        names = {"--tls-certificate", "--tls-key", "--tls-client-ca"}
        options = [path(word) if before in names else word
                   for before, word in zip([""] + options, options)]
        server = Server(path("printed"), *options)
        done = shell(asking.replace("behalf ", BEHALF + " ").replace(
            ":23425", ":%d" % server.endpoint[1]))
        assert "pong" in done.stdout, done.stdout
        assert server.stop() == 0


def who_is_let_in():
    server = tls_server("plain")
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem")
    assert code == 0 and "pong" in text, text
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem", host="127.0.0.2")
    assert code != 0, text
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem", host="localhost")
    assert code == 0, text
    code, text = behalf(server, "ping", "--tls")
    assert code != 0 and "the certificate of the server is refused" in text, text
    code, text = behalf(server, "ping", "--tls", "--ca-file", "server.key")
    assert code != 0 and "holds no certificate" in text, text
    code, text = behalf(server, "ping", "--ca-file", "ca.pem")
    assert code != 0 and "TLS is not asked for" in text, text
    code, text = behalf(server, "ping", "--timeout", "3")
    assert code != 0, text
    environment = dict(os.environ, BEHALF_TLS="true", BEHALF_CA_FILE=path("ca.pem"),
                       BEHALF_ENDPOINT="127.0.0.1:%d" % server.endpoint[1])
    done = subprocess.run([BEHALF, "ping"], env=environment, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert server.stop() == 0


def clients_are_asked_for_certificates():
    server = tls_server("asked", "--tls-client-ca", path("ca.pem"), "--tls-client-names",
                        "app.example")
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem")
    assert code != 0 and "wants a certificate of its clients" in text, text
    own = ["--certificate", "app.pem", "--certificate-key", "app.key"]
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem", *own)
    assert code == 0, text
    assert server.stop() == 0
    server = tls_server("asked", "--tls-client-ca", path("ca.pem"), "--tls-client-names",
                        "other.example")
    code, text = behalf(server, "ping", "--tls", "--ca-file", "ca.pem", *own)
    assert code != 0, text
    assert server.stop() == 0


def answered_over_http(address, certificate):
    """Whether a client with this certificate gets an answer. TLS 1.3 says no only behind the handshake."""
    context = ssl.create_default_context(cafile=path("ca.pem"))
    if certificate:
        context.load_cert_chain(path(certificate + ".pem"), path(certificate + ".key"))
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw, \
                context.wrap_socket(raw, server_hostname="127.0.0.1") as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % address.encode())
            return sock.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    except (ssl.SSLError, ConnectionError):
        return False


def clients_are_asked_for_certificates_over_http():
    """None, one of an unknown issuer, one of another name, and the right one."""
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout alien.key "
          "-subj /CN=app -addext subjectAltName=DNS:app.example -days 30 -out alien.pem 2>&1")
    for names, right in (("app.example", True), ("other.example", False),
                         ("other.example,app.example", True)):
        server = tls_server("http", "--http", "127.0.0.1:0", "--tls-client-ca", path("ca.pem"),
                            "--tls-client-names", names)
        address = server.process.stdout.readline().split()[-1]
        assert not answered_over_http(address, None), "without a certificate"
        assert not answered_over_http(address, "alien"), "of an unknown issuer"
        assert answered_over_http(address, "app") == right, names
        assert server.stop() == 0
    server = tls_server("http", "--http", "127.0.0.1:0")
    assert answered_over_http(server.process.stdout.readline().split()[-1], None)
    assert server.stop() == 0


def fingerprint(server):
    with tls_socket(server) as sock:
        return sock.getpeercert(binary_form=True)


def certificates_change_under_load():
    """New connections get the new certificate, none fails, and those that stand go on."""
    server = tls_server("reload")
    kept = Client(tls_socket(server))
    kept.call("ping")
    before = fingerprint(server)
    failures, asked, done = [], [0], threading.Event()

    def ask():
        while not done.is_set():
            try:
                client = Client(tls_socket(server))
                client.call("ping")
                client.close()
                asked[0] += 1
            except Exception as problem:  # pylint: disable=broad-except
                failures.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    shutil.copy(path("server.pem"), path("old.pem"))
    shutil.copy(path("server.key"), path("old.key"))
    shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key "
          "-subj /CN=new -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -CA ca.pem -CAkey ca.key "
          "-x509 -days 30 -addext basicConstraints=critical,CA:FALSE -out new.pem 2>&1 && "
          "mv new.key server.key && mv new.pem server.pem")
    server.process.send_signal(signal.SIGHUP)
    patience = time.monotonic() + PATIENCE
    while fingerprint(server) == before and time.monotonic() < patience:
        time.sleep(0.02)
    assert fingerprint(server) != before, "the old certificate is still shown"
    after = fingerprint(server)
    with open(path("server.pem"), "w") as broken:
        broken.write("no certificate\n")
    server.process.send_signal(signal.SIGHUP)
    for _ in range(20):
        assert fingerprint(server) == after
    done.set()
    for thread in threads:
        thread.join()
    assert not failures and asked[0] > 0, failures
    kept.call("ping")
    shutil.copy(path("old.pem"), path("server.pem"))
    os.replace(path("old.key"), path("server.key"))
    assert server.stop() == 0


def unfinished_handshakes_end():
    """They count as connections, and end after five seconds."""
    server = tls_server("half", "--connections", "2")
    begun = time.monotonic()
    silent = [socket.create_connection(server.endpoint, timeout=PATIENCE) for _ in range(2)]
    silent[1].sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello
    refused = socket.create_connection(server.endpoint, timeout=(HANDSHAKE_S - 2))
    try:
        assert refused.recv(1) == b"", "a third connection was let in"
    except ConnectionResetError:
        pass
    for sock in silent:
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
    took = time.monotonic() - begun
    assert HANDSHAKE_S - 1 < took < (HANDSHAKE_S + 3) * SLOW, took
    Client(tls_socket(server)).call("ping")
    assert server.stop() == 0


def large_replies_and_requests_pass():
    server = tls_server("large")
    client = Client(tls_socket(server))
    for begin in range(0, 20000, 2000):  # TLS of Python is for one thread at a time
        numbers = range(begin, begin + 2000)
        client.socket.sendall(b"".join(msgpack.packb([0, number, "ping", [{}]])
                                       for number in numbers))
        for number in numbers:
            assert client.reply()[1] == number
    payload = "p" * (3 * 1024 * 1024)
    client.socket.sendall(msgpack.packb([0, 7, "ping", [{"payload": payload}]]))
    assert payload in str(client.reply()[3])
    assert server.stop() == 0


def a_cut_connection_does_no_harm():
    server = tls_server("cut")
    for size in (0, 1, 5, 100, 300):
        raw = socket.create_connection(server.endpoint, timeout=PATIENCE)
        raw.sendall(os.urandom(size))
        raw.close()
    for _ in range(20):
        sock = tls_socket(server)
        sock.sendall(b"\x94\x00\x01")
        socket.socket.close(sock)
    Client(tls_socket(server)).call("ping")
    assert server.stop() == 0


def load_tool(server, *options, code=0):
    done = subprocess.run(
        [BENCH, "run", "--method", "ping", "--seconds", "0.3", "--warmup", "0.1", "--connections",
         "4", "--no-echo", "--endpoint", "127.0.0.1:%d" % server.endpoint[1], *options],
        capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, (options, done)
    return done.stdout, done.stderr


def load_tool_speaks_tls():
    server = tls_server("bench", "--tls-client-ca", path("ca.pem"))
    own = ["--certificate", path("app.pem"), "--certificate-key", path("app.key")]
    out, _ = load_tool(server, "--tls", "--ca-file", path("ca.pem"), *own)
    assert "ping" in out, out
    _, err = load_tool(server, "--tls", "--ca-file", path("ca.pem"), code=2)
    assert "wants a certificate of its clients" in err, err
    _, err = load_tool(server, "--tls", *own, code=2)
    assert "the certificate of the server is refused" in err, err
    assert server.stop() == 0


def load_tool_logs_in():
    """By its key, with TLS and without; in the program and in each method's own connections."""
    made = {}
    for name in ("loader", "stranger"):
        done = shell("%s key new %s --role admin --json" % (BEHALF, name))
        made[name] = json.loads(done.stdout)
        with open(os.open(path(name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(made[name]["key"] + "\n")
    with open(os.open(path("bench.keys"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as keys:
        keys.write(made["loader"]["line"] + "\n")
    tls = ["--tls", "--ca-file", path("ca.pem")]
    guarded = ["--keys", path("bench.keys")]
    for name, start, options in (("keyed-plain", Server, []), ("keyed-tls", tls_server, tls)):
        server = start(path(name) if start is Server else name, *guarded)
        for method in (["--method", "check"], ["--mix", "check=1,write=1,lookup_resources=1"]):
            endpoint = ["--endpoint", "127.0.0.1:%d" % server.endpoint[1]]
            done = subprocess.run(
                [BENCH, "--workload", "drive", "--size", "100", *method, "--seconds", "0.3",
                 "--warmup", "0", "--connections", "4", "--json", "--key-file", path("loader"),
                 *endpoint, *options], capture_output=True, text=True, timeout=PATIENCE)
            assert done.returncode == 0, (name, method, done)
            assert json.loads(done.stdout)["rows"][0]["errors"] == 0, done.stdout
        for wrong in ([], ["--key-file", path("stranger")]):
            load = subprocess.run([BENCH, "load", "--workload", "drive", "--size", "100", *wrong,
                                   *endpoint, *options], capture_output=True, text=True,
                                  timeout=PATIENCE)
            assert load.returncode != 0 and "key" in load.stderr, (name, wrong, load)
        _, err = load_tool(server, "--key-file", path("stranger"), *options, code=2)
        assert "key" in err, err
        for key, code in (("loader", 0), ("stranger", 2)):
            environment = dict(os.environ, BEHALF_KEY_FILE=path(key))
            done = subprocess.run([BENCH, "run", "--method", "ping", "--seconds", "0.1", "--warmup",
                                   "0", "--no-echo", *endpoint, *options], env=environment,
                                  capture_output=True, text=True, timeout=PATIENCE)
            assert done.returncode == code and ("key" in done.stderr) == (code != 0), done
        assert server.stop() == 0


def starts(code, word, *options, listen="127.0.0.1:0"):
    done = subprocess.run([BEHALFD, "--data", path("refused"), "--listen", listen, *options],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code and word in done.stderr, (options, done.returncode, done.stderr)


def starts_that_are_refused():
    tls = ["--tls-certificate", path("server.pem"), "--tls-key", path("server.key")]
    with open(path("keys"), "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as keys:
        keys.write("check %s check\n" % ("ab" * 32))
    guard = ["--keys", path("keys")]
    plain = ["--insecure-plaintext"]
    for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
        for options in ([], tls, plain, tls + plain):
            starts(2, "without keys", *options, listen=listen)
        starts(2, "without TLS", *guard, listen=listen)
    starts(2, "TLS needs a certificate and its key", "--tls-certificate", path("server.pem"))
    starts(2, "TLS needs a certificate and its key", "--tls-client-ca", path("ca.pem"))
    starts(2, "cannot read the key", "--tls-certificate", path("server.pem"), "--tls-key",
           path("none"))
    starts(2, "is no DNS name", *tls, "--tls-client-ca", path("ca.pem"), "--tls-client-names", "a,,b")
    shutil.copy(path("server.key"), path("open.key"))
    os.chmod(path("open.key"), 0o644)
    starts(2, "chmod 600", "--tls-certificate", path("server.pem"), "--tls-key", path("open.key"))


CASES = [commands_work_as_printed, who_is_let_in, clients_are_asked_for_certificates,
         clients_are_asked_for_certificates_over_http,
         certificates_change_under_load, unfinished_handshakes_end,
         large_replies_and_requests_pass, a_cut_connection_does_no_harm, load_tool_speaks_tls,
         load_tool_logs_in, starts_that_are_refused]


def main():
    chosen = [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]
    for case in chosen:
        if case is not CASES[0] and not os.path.exists(path("app.pem")):
            blocks = printed_commands()
            shell(blocks[0])
            shell(blocks[3])
        begun = lib_process.mark()
        case()
        lib_process.end_since(begun)
        print("tls: %s" % case.__name__, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
