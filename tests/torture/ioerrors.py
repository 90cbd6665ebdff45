"""Disks that fail: EIO and ENOSPC at the Nth write, sync, read, creation and so on, once or for ever,
during a start or while writers work. Reads that are answered while the disk fails must be right; after
it works again, a restart must have everything that was acknowledged."""
import os

from control import Control
from expected import fresh
from host import Refusal, Server
from wire import Gone, Silent

WORK = ("write", "write", "fdatasync", "fdatasync", "pwrite64", "fsync", "create", "fallocate",
        "ftruncate", "pread64")
START = ("pread64", "pread64", "write", "fsync", "fdatasync", "create", "rename", "pwrite64",
         "ftruncate")
FAULTS = ("STORAGE_FAILED", "STORAGE_CORRUPT", "DEADLINE", "OVERLOADED")


def during_work(job, data, expected, control, call, error, number, forever):
    """A server that starts well, meets the error among its writes, and is asked beside it."""
    server = Server(data, environment=control.environment())
    control.arm(call, error, number, forever)
    for thread in expected.work(server.endpoint, 12):
        thread.join()
    struck = control.get("struck")
    client = server.connect()
    expected.verify(client, decide=False, errors=FAULTS)
    client.close()
    if job.random.random() < 0.5:
        server.kill()
        control.disarm()
        return struck
    struck = max(struck, control.disarm()) if job.random.random() < 0.5 else struck
    code = server.stop()
    control.disarm()
    if code not in (0, 1) and not aborted_below(job.figures, code, server.said()):
        expected.blame("wrong", "ended with %d: %s" % (code, server.said()[-600:]))
    return struck


def aborted_below(figures, code, said):
    """RocksDB 7.8 has assertions that a failed write meets. They end the process before it serves or
    while it stops: nothing is lost by it, and the figures tell how often."""
    if code == -6 and "rocksdb::" in said and "Assertion" in said:
        figures.count("ended by an assertion of RocksDB")
        return True
    return False


def during_start(data, expected, control, call, error, number, forever):
    control.arm(call, error, number, forever)
    try:
        server = Server(data, environment=control.environment())
        client = server.connect()
        expected.verify(client, decide=False, errors=FAULTS)
        server.kill()
    except Refusal as refusal:
        if refusal.code not in (3, 4) and not aborted_below(
                expected.figures, refusal.code, refusal.said):
            expected.blame("wrong", "a failing start must end with 3 or 4: %s" % refusal)
        if "another process" in refusal.said:
            expected.blame("wrong", "a failing disk is not another process: %s" % refusal)
    return control.disarm()


def run(job):
    data = os.path.join(job.scratch, "data")
    control = Control(os.path.join(job.scratch, "control"))
    expected, server = fresh(data, job.seed, job.figures, lambda: Server(data), writers=2)
    server.kill()
    struck = tries = 0
    while struck < job.count and tries < 20 * job.count and not job.out_of_time():
        tries += 1
        at_work = job.random.random() < 0.6
        call = job.random.choice(WORK if at_work else START)
        error = job.random.choice(("EIO", "ENOSPC") if call != "pread64" else ("EIO",))
        number = job.random.choice((1, 2, 3, job.random.randint(1, 12), job.random.randint(1, 40)))
        forever = job.random.random() < 0.5
        expected.note = ", %s at %s %d%s during %s" % (
            error, call, number, " and ever" if forever else "", "work" if at_work else "a start")
        try:
            hit = during_work(job, data, expected, control, call, error, number, forever) \
                if at_work else \
                during_start(data, expected, control, call, error, number, forever)
            server = Server(data)
            client = server.connect()
            expected.verify(client)
            client.close()
            server.kill()
        except Refusal as refusal:
            expected.blame("lost", "no start on a disk that works again: %s" % refusal)
            return
        except (Silent, Gone) as silent:
            expected.blame("hung", str(silent))
            return
        if hit:
            struck += 1
            job.figures.count("I/O error points")
            job.figures.count("%s, %s" % (error, "while writing" if at_work else "during a start"))
    expected.close()
