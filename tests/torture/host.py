"""The server under attack: a process of its own that ends with the harness, whatever happens to it.

The pieces of a fault are the wrapper (strace), the environment (the preloaded library of faults.c),
and signals. A start that is refused is an outcome, not an accident: see Refusal."""
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from wire import Client, PATIENCE, Silent

BUILD = os.environ.get("BUILD", "build/release")
BEHALFD = os.path.abspath(os.path.join(BUILD, "behalfd"))


class Refusal(Exception):
    """The server ended before it was ready: with this status, having said this."""

    def __init__(self, code, said):
        super().__init__("ended with %d: %s" % (code, said.strip()[-600:]))
        self.code = code
        self.said = said


class Server:
    def __init__(self, data, *options, wrapper=(), environment=None,
                 memory=("--graph-memory", "64M")):
        ready, child = os.pipe()
        self.log = tempfile.TemporaryFile()
        # setpriv asks the kernel to kill the server when the harness ends, in whatever way.
        command = ["setpriv", "--pdeathsig", "KILL", BEHALFD, "--data", data, "--listen",
                   "127.0.0.1:0", "--ready-fd", str(child), "--log-level", "warn", "--loops", "1",
                   "--workers", "2", *memory, *options]
        self.process = subprocess.Popen(
            [*wrapper, *command], pass_fds=[child], stdout=subprocess.DEVNULL, stderr=self.log,
            env=dict(os.environ, **(environment or {})))
        os.close(child)
        try:
            self.endpoint = self._endpoint(ready)
        except BaseException:
            self.kill()
            raise

    def _endpoint(self, ready):
        with os.fdopen(ready) as pipe:
            if not select.select([pipe], [], [], PATIENCE)[0]:
                raise Silent("not ready after %d s" % PATIENCE)
            address = pipe.readline().strip()
        if not address:
            raise Refusal(self.wait(), self.said())
        host, _, port = address.rpartition(":")
        return host, int(port)

    def connect(self):
        return Client(self.endpoint)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def alive(self):
        return self.process.poll() is None

    def wait(self):
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Silent("did not end within %d s" % PATIENCE) from late

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


def scratch_root():
    """Memory where there is enough of it: what a process wrote outlives the process there as well."""
    try:
        space = os.statvfs("/dev/shm")
        if os.access("/dev/shm", os.W_OK) and space.f_bavail * space.f_frsize > 2 << 30:
            return "/dev/shm"
    except OSError:
        pass
    return tempfile.gettempdir()


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def until(condition, patience=PATIENCE):
    """Waits for a condition; False when it did not come true."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
