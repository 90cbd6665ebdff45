"""A server of its own, and `behalf` asked with exact expectations: what the tests of the command line
share. `wrong` counts what was not as expected."""
import json
import os
import re
import signal
import subprocess
import sys

import lib_process

BUILD = os.environ.get("BUILD", "build/release")
BEHALF = os.path.join(BUILD, "behalf")
PATIENCE = 120
wrong = 0


class Server:
    def __init__(self, directory):
        ready, child = os.pipe()
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", directory, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "warn"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            self.address = pipe.readline().strip()
        assert self.address, "behalfd did not start"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def run(arguments, endpoint, text=None, program=BEHALF):
    environment = dict(os.environ, BEHALF_ENDPOINT=endpoint)
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True,
                          env=environment, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def complain(arguments, what, got, want):
    global wrong
    wrong += 1
    print("FAILED behalf %s\n  %s is\n%s\n  instead of\n%s" %
          (" ".join(arguments), what, got, want), file=sys.stderr)


def hide_tokens(text):
    return re.sub(r"[A-Za-z0-9_-]{40,}", "TOKEN", text)


class Asker:
    """expect() runs a command and compares; `out` and `err` are exact, None is not looked at."""

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def expect(self, line, code=0, out=None, err="", text=None):
        arguments = line if isinstance(line, list) else line.split()
        got_code, got_out, got_err = run(arguments, self.endpoint, text)
        if got_code != code:
            complain(arguments, "exit code", "%d\n%s%s" % (got_code, got_out, got_err), code)
        if out is not None and hide_tokens(got_out) != out:
            complain(arguments, "output", hide_tokens(got_out), out)
        if err is not None and hide_tokens(got_err) != err:
            complain(arguments, "error output", hide_tokens(got_err), err)
        return got_out

    def json(self, line, code=0):
        return json.loads(self.expect(line + " --json", code, err=None))
