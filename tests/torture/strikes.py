"""Kills at system calls: strace ends the server at the Nth call of a kind that one of its threads
makes. A life of the server is a start (which recovers what the strike before left), writes by several
writers, and a stop. Strikes during a start may follow each other, five deep, before it is compared."""
import collections
import os
import re
import shutil
import subprocess
import time

from expected import Expected, fresh
from host import Refusal, Server, until
from wire import Gone, Silent

CALLS = ("write", "pwrite64", "fdatasync", "fsync", "rename", "openat", "ftruncate", "unlink",
         "fallocate")
LOADER = 24       # files that the dynamic loader opens before main(): nothing to see there
TRANSACTIONS = 8  # of each writer in one life
DEPTH = 5


def strace(*options):
    # The tracer is a grandchild (-D): the server stays our child, with its own exit status.
    return ("strace", "-D", "-f", "-qq", "-e", "signal=none", *options)


def striking(call, number):
    return strace("-o", "/dev/null", "-e", "trace=" + call, "-e",
                  "inject=%s:signal=KILL:when=%d" % (call, number))


def live(data, expected, wrapper):
    """One life; what ended it: "start", "work", "stop", or None when no strike came."""
    try:
        server = Server(data, wrapper=wrapper)
    except Refusal as refusal:
        if refusal.code == -9:
            return "start"
        expected.blame("lost", "no start after a strike: %s" % refusal)
        raise
    for thread in expected.work(server.endpoint, TRANSACTIONS):
        thread.join()
    # A strike at a write to the log is seen as a closed connection, a moment before the end.
    if any(writer.open for writer in expected.writers) and until(lambda: not server.alive(), 5):
        return "work" if server.wait() == -9 else ended_badly(expected, server)
    code = server.stop()
    if code == 0:
        return None
    return "stop" if code == -9 else ended_badly(expected, server)


def ended_badly(expected, server):
    expected.blame("wrong", "ended with %d: %s" % (server.wait(), server.said()[-600:]))
    return None


def calls_of_a_life(data, expected):
    """How many calls of each kind the busiest thread makes."""
    log = data + ".calls"
    live(data, expected, strace("-o", log, "-e", "trace=" + ",".join(CALLS)))
    time.sleep(0.1)  # the tracer writes its last lines after the end of what it traced
    seen = collections.Counter()
    with open(log) as lines:
        for line in lines:
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                seen[found.groups()] += 1
    most = dict.fromkeys(CALLS, 1)
    for (_, call), number in seen.items():
        if call in most:
            most[call] = max(most[call], number)
    return most


def strike_a_creation(job, most):
    """The first start makes the store: after a strike there, it is empty and may be used. True when
    the strike came."""
    data = os.path.join(job.scratch, "new")
    shutil.rmtree(data, ignore_errors=True)
    expected = Expected(os.devnull, job.seed, job.figures, writers=1)
    call = job.random.choice(("fsync", "rename", "openat", "write", "fdatasync", "pwrite64"))
    number = job.random.randint(LOADER if call == "openat" else 1, max(most[call], 30))
    expected.note = ", creation struck at %s %d" % (call, number)
    try:
        Server(data, wrapper=striking(call, number)).kill()
        return False
    except Refusal as refusal:
        if refusal.code != -9:
            expected.blame("wrong", str(refusal))
    job.figures.count("kill points struck")
    job.figures.count("during the creation of a store")
    server = Server(data)
    client = server.connect()
    expected.begin(client)
    expected.verify(client)
    server.kill()
    return True


def compare(data, job, expected):
    server = Server(data)
    client = server.connect()
    expected.verify(client)
    client.close()
    if job.random.random() < 0.3:
        server.stop()
    else:
        server.kill()


def run(job):
    try:
        subprocess.run(["strace", "-o", "/dev/null", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        job.skipped = "strace does not work here: %s" % problem
        return
    data = os.path.join(job.scratch, "data")
    expected, server = fresh(data, job.seed, job.figures, lambda: Server(data), writers=2)
    server.stop()
    most = calls_of_a_life(data, expected)
    struck = deep = 0
    while struck < job.count and not job.out_of_time():
        if job.random.random() < 0.08:
            struck += strike_a_creation(job, most)
            continue
        call = job.random.choice(CALLS)
        number = job.random.randint(LOADER if call == "openat" else 1, most[call])
        expected.note += ", struck at %s %d" % (call, number)
        try:
            ended = live(data, expected, striking(call, number))
            if ended is not None:
                struck += 1
                job.figures.count("kill points struck")
                job.figures.count("during %s" % {"start": "recovery or start", "work": "writes",
                                                 "stop": "the stop"}[ended])
            deep = deep + 1 if ended == "start" else 0
            if 0 < deep < DEPTH and job.random.random() < 0.4:
                continue
            deep = 0
            compare(data, job, expected)
        except Refusal as refusal:
            expected.blame("lost", "no start after a strike: %s" % refusal)
            return
        except (Silent, Gone) as silent:
            expected.blame("hung", str(silent))
            return
        expected.note = ""
    expected.close()
