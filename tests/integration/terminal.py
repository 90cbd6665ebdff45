#!/usr/bin/python3
"""What `behalf` prints at a terminal, when servers and files say what steers or deceives one.

A server of this file answers every method with such text, and files hold it; each command runs at a
pseudo-terminal and through a pipe. Prints one line per group of cases."""
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import msgpack

BUILD = os.environ.get("BUILD", "build/release")
BEHALF = os.path.join(BUILD, "behalf")
BENCH = os.path.join(BUILD, "behalf-bench")
PATIENCE = 120
# The title of the window, backspaces, a C1 control; marks of direction, what has no width, tags.
CONTROLS = "\x1b]0;owned\x07\b\b\x9b2J\r"
HIDDEN = "\u202e\u2066\u200b\u2028\ufeff\u00ad\u2063\U000e0041"
EVIL = "E" + CONTROLS + HIDDEN + "E"
BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f"
                 "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]")
SCHEMA = """// %s
caveat evil(s string) { s == "%s" }
definition user {}
// %s
definition doc {
    relation reader: user | user with evil
    permission view = reader
}
""" % (HIDDEN, HIDDEN, HIDDEN)
NEW = SCHEMA.replace('s == "', 's != "').replace(" | user with evil", "")
wrong = 0


def object_of(text):
    return {"type": text, "id": text, "relation": text}


def results():
    condition = {"caveat": {"name": EVIL, "context": {EVIL: EVIL}}, "expires_at": EVIL}
    problem = {"code": EVIL, "reason": EVIL, "message": EVIL, "hint": EVIL}
    node = {"kind": "member", "object": EVIL, "relation": EVIL, "decision": EVIL, "message": EVIL,
            "missing": [EVIL], "context": {EVIL: EVIL}, "residual": EVIL}
    trace = dict(node, children=[
        dict(node, kind=EVIL), dict(node, kind="delegation"), dict(node, error=problem),
        dict(node, kind="relationship", relationship=dict(
            condition, resource=object_of(EVIL), relation=EVIL, subject=object_of(EVIL))),
        dict(node, kind="absent", relationship=EVIL)])
    decided = {"decision": "conditional", "missing": [EVIL], "valid_until": EVIL, "checked_at": EVIL}
    listed = {"complete": False, "cursor": EVIL, "valid_until": EVIL, "looked_up_at": EVIL}
    clock = {"state": EVIL, "now": EVIL, "wall": EVIL, "trusted": EVIL}
    relationship = dict(condition, resource=object_of(EVIL), relation=EVIL, subject=object_of(EVIL))
    return {
        "check": dict(decided, trace=trace),
        "check_bulk": {"results": [decided, {"error": problem}], "checked_at": EVIL},
        "lookup_resources": dict(listed, resources=[dict(decided, id=EVIL)],
                                 undecided=[{"id": EVIL, "error": problem}]),
        "lookup_subjects": dict(listed, subjects=[dict(decided, id=EVIL), dict(
            decided, wildcard=True, excluded=[{"id": EVIL, "decision": EVIL}])]),
        "lookup_permissions": dict(permissions=[dict(decided, permission=EVIL), {
            "permission": EVIL, "error": problem}], looked_up_at=EVIL),
        "expand": {"tree": {"object": EVIL, "relation": EVIL, "op": EVIL, "children": [
            {"object": object_of(EVIL), "relation": EVIL, "op": "leaf", "condition": condition,
             "subjects": [EVIL, dict(condition, subject=EVIL)]}]},
            "valid_until": EVIL, "expanded_at": EVIL},
        "relationships.read": {"relationships": [EVIL, relationship], "complete": False,
                               "cursor": EVIL, "read_at": EVIL},
        "relationships.write": {"written_at": EVIL, "deleted": 1},
        "relationships.delete": {"deleted_at": EVIL, "count": 1, "complete": True},
        "schema.read": {"text": SCHEMA, "revision": 1, "read_at": EVIL},
        "schema.write": {"written_at": EVIL, "revision": 2},
        "server.info": {"version": EVIL, EVIL: EVIL, "clock": clock},
        "server.stats": {EVIL: {EVIL: 1}, "version": EVIL},
        "server.clock": clock,
        "ping": {},
    }


class Server:
    """Answers by method; with `refusing` every call fails."""

    def __init__(self):
        self.refusing = False
        self.results = results()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        unpacker = msgpack.Unpacker(raw=False)
        with connection:
            while True:
                data = connection.recv(65536)
                if not data:
                    return
                unpacker.feed(data)
                for request in unpacker:
                    connection.sendall(msgpack.packb(self.answer(*request)))

    def answer(self, _kind, number, method, params):
        if self.refusing:
            return [1, number, {"code": EVIL, "reason": EVIL, "message": EVIL, "hint": EVIL,
                                "at": {"line": 1, "column": 1, "text": EVIL}}, None]
        if method == "relationships.read" and "cursor" in params[0]:
            return [1, number, None, {"relationships": [], "complete": True, "cursor": None}]
        return [1, number, None, self.results[method]]


def at_terminal(arguments, environment, program):
    master, slave = pty.openpty()
    process = subprocess.Popen([program, *arguments], stdin=slave, stdout=slave, stderr=slave,
                               env=environment)
    os.close(slave)
    out = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(master)
    process.wait(PATIENCE)
    text = out.decode("utf-8").replace("\r\n", "\n")
    return re.sub("\r[█░]*", "", text)  # the bar of an import


def through_pipe(arguments, environment, program):
    done = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL,
                          env=environment, timeout=PATIENCE)
    return done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")


def complain(arguments, what, got):
    global wrong
    wrong += 1
    print("FAILED %s: %s:\n%r" % (" ".join(arguments), what, got), file=sys.stderr)


def expect(arguments, address, shown=True, whole=None, program=BEHALF):
    """Nothing bad at a terminal, in no colour and in colours; `whole` through a pipe as it is."""
    environment = dict(os.environ, BEHALF_ENDPOINT=address, LC_ALL="C.UTF-8", TERM="xterm",
                       NO_COLOR="1")
    got = at_terminal(arguments, environment, program)
    if BAD.search(got) or "\x1b" in got:
        complain(arguments, "a terminal gets", got)
    if shown and "\\u202E" not in got:
        complain(arguments, "nothing of it is shown as text", got)
    del environment["NO_COLOR"]
    got = re.sub("\x1b\\[[0-9]*m", "", at_terminal(arguments, environment, program))
    if BAD.search(got):
        complain(arguments, "in colours a terminal gets", got)
    out, err = through_pipe(arguments, environment, program)
    if BAD.search(err.replace("\r\n", "\n")) and "--json" not in arguments:
        for line in err.splitlines():
            if line.startswith(("behalf", "hint")) and BAD.search(line):
                complain(arguments, "a log gets", line)
    if whole is not None and whole not in out:
        complain(arguments, "a pipe gets", out)


COMMANDS = (
    ("check doc:a view user:a", None), ("check doc:a view user:a --explain", EVIL),
    ("lookup-resources doc view user:a --limit 1", EVIL),
    ("lookup-subjects doc:a view user --limit 1", EVIL), ("lookup-permissions doc:a user:a", EVIL),
    ("expand doc:a view", EVIL), ("relationship read doc --limit 2", EVIL),
    ("relationship touch doc:a#reader@user:a", EVIL), ("relationship delete doc:a#reader@user:a", EVIL),
    ("relationship delete --filter doc", EVIL), ("status", EVIL), ("server stats", EVIL),
    ("server clock", EVIL), ("schema read", HIDDEN), ("schema reflect", HIDDEN),
)


def servers(server, folder):
    for refusing in (False, True):
        server.refusing = refusing
        for line, whole in COMMANDS:
            expect(line.split(), server.address, whole=None if refusing else whole)
            expect(line.split() + ["--json"], server.address, whole=None)
        for command in ("schema write", "schema plan", "schema apply --yes"):
            for more in ([], ["--json"]):
                expect([*command.split(), folder("new.zed", NEW), *more], server.address)
        questions = folder("questions.txt", "doc:a#view@user:a\ndoc:b#view@user:a\n")
        expect(["check-bulk", questions], server.address)
        expect(["import", folder("lines.txt", "doc:a#reader@user:a\n")], server.address,
               shown=refusing)
    server.refusing = False


def files(server, folder):
    """Schemas, validation files and lists with hidden characters, right and wrong ones."""
    old, new = folder("old.zed", SCHEMA), folder("new.zed", NEW)
    for arguments, whole in ((["schema", "diff", old, new], HIDDEN), (["schema", "fmt", old], HIDDEN),
                             (["schema", "compile", old], HIDDEN), (["schema", "reflect", old], HIDDEN)):
        expect(arguments, server.address, whole=whole)
        expect(arguments + ["--json"], server.address, shown=False)
    expect(["schema", "validate", folder("bad.zed", SCHEMA + "// \x1b[31m")], server.address, shown=False)
    expect(["schema", "validate", folder("bad.zed", "definition user {} /* %s */ %s" % (HIDDEN, EVIL))],
           server.address, shown=False)
    bad = folder("bad.zed", SCHEMA.replace("= reader", "= reader /* %s */ + nobody" % HIDDEN))
    expect(["schema", "validate", bad], server.address)
    expect(["schema", "diff", bad, new, "--json"], server.address, shown=False)
    seen = "\u202e\u200b\u2066"
    lines = SCHEMA.replace(HIDDEN, seen).split("\n")
    yaml = ("schema: |-\n" + "".join("  " + line + "\n" for line in lines) +
            "relationships: |-\n  doc:\"%s\"#reader@user:a\nassertions:\n  assertTrue:\n"
            "    - 'doc:\"%s\"#view@user:b'\n    - 'doc:x#%s@user:b'\n%s: 1\n" %
            (seen, seen, seen, "x" + seen))
    yaml = folder("tests.yaml", yaml)
    expect(["validate", yaml], server.address, whole=seen)
    expect(["validate", yaml, "--json"], server.address, whole=seen)
    for command in ("import", "check-bulk", "relationship write"):
        for text in (EVIL + "\n", "doc:a#%s@user:a\n" % EVIL, "touch doc:\"%s\"#reader\n" % EVIL):
            arguments = [*command.split(), folder("evil.txt", text)]
            expect(arguments, server.address, shown=False)
            expect(arguments + ["--json"], server.address, shown=False)
    expect(["check", "doc:a", "view", "user:a", "--context", "@" + folder("c.json", '{"%s":}' % EVIL)],
           server.address)


def names(server, folder):
    """Names of files and words of the command line come from elsewhere too."""
    name = "n" + EVIL
    missing = os.path.join(os.path.dirname(folder("x", "")), "none" + EVIL)
    for command in ("schema validate", "schema write", "schema fmt", "schema diff", "validate", "import",
                    "check-bulk", "relationship write"):
        expect([*command.split(), missing + ".yaml", missing + ".yaml"][:3 + ("diff" in command)],
               server.address)
    good, yaml = folder(name + ".zed", SCHEMA), folder(name + ".yaml", "schema: |-\n  definition user {}\n")
    expect(["schema", "validate", good], server.address, whole=EVIL)
    expect(["validate", good, yaml], server.address, whole=EVIL)
    expect(["validate", good, yaml, "--json"], server.address)
    expect(["schema", "fmt", "--check", folder(name + ".zed", SCHEMA + "\n\n")], server.address)
    expect(["schema", "validate", folder(name + ".zed", "definition")], server.address)
    expect(["schema", "lint", folder(name + ".zed", "definition doc { relation doc: doc }")],
           server.address)
    stale = "schema: |-\n  definition user {}\nvalidation:\n  user:a#b: []\n"
    expect(["validate", "--update", folder(name + ".yaml", stale)], server.address)
    for line in ([EVIL], ["schema", EVIL], ["--" + EVIL], ["check", "--" + EVIL], ["check", EVIL], ["check", "a", "b", "c", EVIL], ["ping", "--timeout", EVIL],
                 ["help", EVIL], ["relationship", "read", EVIL + ":*"], ["check", "a", "b", "c",
                 "--context", EVIL], ["ping", "--endpoint", EVIL], ["server", "clock", EVIL]):
        expect(line, server.address)
        expect(line + ["--json"], server.address, shown=False)


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-terminal.")
    server = Server()

    def folder(name, text):
        path = os.path.join(scratch, name)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    try:
        for group in (servers, files, names):
            group(server, folder)
            print("terminal: %s" % group.__name__, flush=True)
    finally:
        shutil.rmtree(scratch)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
