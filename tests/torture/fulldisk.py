"""Full disks: file systems of a few megabytes in memory, filled while writers work and freed again.

In half of the cycles the server is told by faults.c that there is space, so that its writes meet the
end of it; in the others it sees the truth and must stop writing before. Reads go on and are right; the
process stays; after space is back and a restart, everything acknowledged is there. Needs root, since
it mounts."""
import os
import subprocess
import time

from control import Control
from expected import fresh
from host import Refusal, Server, until
from wire import Gone, Refused, Silent

SMALL, LARGE = 24 << 20, 320 << 20  # the server keeps 256 MiB free where it can see the space
SPACE_PERIOD = 1.2  # writes look at the space once a second
FAULTS = ("STORAGE_FAILED", "DEADLINE")


def fill(path, pick):
    """Takes all space but a little, which the next writes use up."""
    space = os.statvfs(os.path.dirname(path))
    left = pick.choice((0, 0, 4096, 65536, 1 << 20))
    size = space.f_bavail * space.f_frsize - left
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))


def takes_writes(server, expected):
    """A write that changes nothing, and takes a revision all the same."""
    client = server.connect()
    try:
        client.call("relationships.delete",
                    filter={"resource_type": "document", "resource_id": "none"})
        expected.applied += 1
        return True
    except Refused as error:
        if error.reason not in ("SERVICE_READ_ONLY", "OUTCOME_UNKNOWN"):
            expected.blame("wrong", "a refusal for want of space: %s" % error)
        return False
    finally:
        client.close()


def says_writable(server):
    client = server.connect()
    try:
        return client.call("server.info")["writable"]
    finally:
        client.close()


def cycle(job, data, expected, control, ballast, lying):
    control.set(space=1 << 40 if lying else 0)
    server = Server(data, environment=control.environment())
    for thread in expected.work(server.endpoint, 3):
        thread.join()
    fill(ballast, job.random)
    if not lying:
        time.sleep(SPACE_PERIOD)
        if takes_writes(server, expected):
            expected.blame("wrong", "a low disk is not noticed")
    for thread in expected.work(server.endpoint, 400):
        thread.join()
    if not server.alive():
        expected.blame("wrong", "a full disk ended it with %d: %s" % (
            server.wait(), server.said()[-600:]))
    else:
        client = server.connect()
        expected.verify(client, decide=False, errors=FAULTS)
        client.close()
    way = job.random.choice(("free", "kill", "start"))
    if way == "free" and server.alive():
        os.unlink(ballast)
        if not lying and not until(lambda: takes_writes(server, expected)):
            expected.blame("hung", "writes do not come back after space did")
        if not lying and not until(lambda: says_writable(server)):
            expected.blame("hung", "said to be read-only while it took writes")
        server.stop()
    else:
        server.kill()
        if way == "start":
            start_on_full(job, data, expected, control)
        os.unlink(ballast)
    job.figures.count("full disks")
    job.figures.count("full disks, %s" % ("met by writes" if lying else "seen before"))


def start_on_full(job, data, expected, control):
    """A start without space: it reads, or says why it cannot."""
    try:
        server = Server(data, environment=control.environment())
    except Refusal as refusal:
        if refusal.code not in (1, 3) and not (refusal.code == -6 and "rocksdb::" in refusal.said):
            expected.blame("wrong", "a start on a full disk: %s" % refusal)
        job.figures.count("starts refused on a full disk")
        return
    client = server.connect()
    expected.verify(client, decide=False, errors=FAULTS)
    client.close()
    server.kill()
    job.figures.count("starts on a full disk")


def run(job):
    if os.geteuid() != 0:
        job.skipped = "mounting needs root"
        return
    place = os.path.join(job.scratch, "disk")
    os.mkdir(place)
    lying = job.shard % 2 == 0
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=0700" % (
        SMALL if lying else LARGE), "tmpfs", place], capture_output=True, text=True)
    if mount.returncode != 0:
        job.skipped = "no mounts here: %s" % mount.stderr.strip()
        return
    try:
        trials(job, place, lying)
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def trials(job, place, lying):
    ballast = os.path.join(place, "ballast")
    control = Control(os.path.join(job.scratch, "control"))
    # The store is begun on a disk of 24 MB: without the lie nothing is ever written there.
    control.set(space=1 << 40 if lying else 0)
    for number in range(job.count):
        if job.out_of_time():
            return
        data = os.path.join(place, "data-%d" % number)
        expected, server = fresh(data, job.seed + number, job.figures, lambda: Server(
            data, environment=control.environment()), writers=2,
            journal=os.path.join(job.scratch, "expected-%d" % number))
        server.stop()
        expected.note = ", full disk %d" % number
        try:
            cycle(job, data, expected, control, ballast, lying)
            control.set(space=1 << 40 if lying else 0)
            server = Server(data, environment=control.environment())
            client = server.connect()
            expected.verify(client)
            client.close()
            server.kill()
        except (Refusal, Refused) as refusal:
            expected.blame("lost", "no start after space was back: %s" % refusal)
        except (Silent, Gone) as silent:
            expected.blame("hung", str(silent))
        expected.close()
        subprocess.run(["rm", "-rf", data, ballast], check=False)
