#!/usr/bin/python3
"""libbehalf from outside: its header alone, as C99 and as C++, the static and the shared library,
what they export, and client.c against a real server. Needs a C compiler ($CC, else cc)."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import lib_process

BUILD = os.environ.get("BUILD", "build/release")
CC = os.environ.get("CC", "cc").split()
PATIENCE = 120
# A library built with a sanitizer needs it in the program too.
SANITIZE = {"asan": ["-fsanitize=address,undefined"], "shrunk": ["-fsanitize=address,undefined"],
            "ubsan": ["-fsanitize=undefined"], "tsan": ["-fsanitize=thread"],
            "cov": ["--coverage"]}.get(os.path.basename(BUILD), [])


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, **more)
    if done.returncode != 0:
        sys.exit("client: %s\n%s%s" % (" ".join(words), done.stdout, done.stderr))
    return done.stdout


def exported(path, *options):
    lines = run("nm", "--defined-only", *options, path).splitlines()
    return {line.split()[-1] for line in lines if len(line.split()) == 3 and
            line.split()[1] in "TDBRVW"}


def write_closed(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)


def write_keys(directory):
    """Key files for client.c, and the server's."""
    made = {name: json.loads(run(os.path.join(BUILD, "behalf"), "key", "new", name, "--role", "admin",
                                 "--json")) for name in ("known", "stranger")}
    longest = "".join("kEyMaRk-%08x" % part for part in range(16))  # client.c looks for the mark
    for name, text in (("known", made["known"]["key"] + "\n"), ("stranger", made["stranger"]["key"]),
                       ("open", made["known"]["key"]), ("empty", "\n"), ("long256", longest),
                       ("long257", longest + "k"), ("two", "%s\n%s\n" % (longest, longest))):
        write_closed(os.path.join(directory, name), text)
    os.chmod(os.path.join(directory, "open"), 0o644)
    keys = os.path.join(directory, "keys")
    write_closed(keys, "%s\nlongest %s check\n" % (
        made["known"]["line"], hashlib.sha256(longest.encode()).hexdigest()))
    return keys


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-client.")
    shutil.copy("client/behalf.h", scratch)
    include = ["-I", scratch, "-Wall", "-Wextra", "-Werror", "-pedantic"]
    header = os.path.join(scratch, "behalf.h")
    run(*CC, "-std=c99", *include, "-fsyntax-only", "-x", "c", header)
    if shutil.which("c++"):
        run("c++", "-std=c++11", *include, "-fsyntax-only", "-x", "c++", header)
    shared = os.path.join(BUILD, "libbehalf.so.0")
    static = os.path.join(BUILD, "libbehalf.a")
    if not SANITIZE:
        for path, options in ((shared, ["-D"]), (static, ["-g"])):
            strange = {name for name in exported(path, *options) if not name.startswith("behalf_")}
            assert not strange, (path, strange)
    print("client: header and symbols", flush=True)
    keys = write_keys(scratch)
    for name, library in (("static", [static, "-lssl", "-lcrypto"]),
                          ("shared", [shared, "-Wl,-rpath," + os.path.abspath(BUILD)])):
        program = os.path.join(scratch, name)
        # Functions that are bound when they are first called leave copies of registers on the stack.
        run(*CC, "-std=c99", *include, *SANITIZE, "tests/integration/client.c", "-o", program,
            "-Wl,-z,now", *library)
        ready, child = os.pipe()
        server = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", os.path.join(scratch, "data-" + name),
             "--listen", "127.0.0.1:0", "--ready-fd", str(child), "--log-level", "warn", "--keys",
             keys],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            address = pipe.readline().strip()
        try:
            run(program, address, scratch)
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(PATIENCE)
        assert ended == 0, ended
        print("client: %s library" % name, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
