#!/usr/bin/python3
"""libbehalf from outside: its header alone, as C99 and as C++, the static and the shared library,
what they export, and client.c against a real server. Needs a C compiler ($CC, else cc)."""
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
    for name, library in (("static", [static, "-lssl", "-lcrypto"]),
                          ("shared", [shared, "-Wl,-rpath," + os.path.abspath(BUILD)])):
        program = os.path.join(scratch, name)
        run(*CC, "-std=c99", *include, *SANITIZE, "tests/integration/client.c", "-o", program,
            *library)
        ready, child = os.pipe()
        server = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", os.path.join(scratch, "data-" + name),
             "--listen", "127.0.0.1:0", "--ready-fd", str(child), "--log-level", "warn"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            address = pipe.readline().strip()
        try:
            run(program, address)
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(PATIENCE)
        assert ended == 0, ended
        print("client: %s library" % name, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
