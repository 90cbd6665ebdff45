"""Damaged files. A store is written, left in silence for a while, killed, and its files are copied.
Each trial damages one byte, a range, or the end of one file of a copy and starts a server on it. It
must refuse with exit status 4, naming a file or the revisions that are missing; or have everything
that was acknowledged and answer right. An error instead of an answer is allowed, a wrong answer never."""
import copy
import os
import random
import re
import time

import host
from expected import fresh
from host import Refusal, Server
from wire import Gone, Silent

SILENCE = (0, 1, 5, 30)  # seconds between the last acknowledgement and the kill
LOG_END = 64 << 10
ERRORS = ("STORAGE_CORRUPT",)


def make(job, data, silence):
    """A store with sorted files, a log, schemas; killed after the silence."""
    expected, server = fresh(data, job.seed, job.figures, lambda: Server(data), writers=2, big=0.1,
                             transactions=25)
    server.stop()  # writes the sorted files
    server = Server(data)
    for thread in expected.work(server.endpoint, 120):
        thread.join()
    time.sleep(silence)
    server.kill()
    return expected


def files_of(data):
    """The files of the store by kind; larger ones are met more often within their kind."""
    kinds = {}
    for folder, _, names in os.walk(data):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), data)
            size = os.path.getsize(os.path.join(data, path))
            kind = re.sub("[0-9-]+", "", name) or name
            if size > 0 and kind not in ("LOCK", "LOG", "IDENTITY"):
                kinds.setdefault(kind, []).append((path, size))
    return kinds


def choose(pick, kinds):
    """Half of the trials damage the end of the log: that is where acknowledged writes are newest."""
    if pick.random() < 0.5 and ".log" in kinds:
        path, size = max(kinds[".log"], key=lambda entry: entry[1])
        return path, max(0, size - LOG_END), size
    path, size = pick.choice(kinds[pick.choice(sorted(kinds))])
    return path, 0, size


def damage(pick, path, low, high):
    """What was done, as text."""
    at = pick.randrange(low, high)
    with open(path, "r+b") as file:
        way = pick.choice(("flip", "flip", "flip", "cut", "zero", "noise", "gone"))
        if way == "gone" and low > 0:
            way = "flip"
        if way == "flip":
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << pick.randrange(8))]))
            return "bit flipped at %d" % at
        if way == "cut":
            file.truncate(at)
            return "cut at %d" % at
        if way == "gone":
            os.unlink(path)
            return "removed"
        size = min(pick.choice((8, 512, 4096)), high - at)
        file.seek(at)
        file.write(bytes(size) if way == "zero" else pick.randbytes(size))
        return "%d bytes of %s at %d" % (size, way, at)


class Trial:
    """One damaged copy, compared with an expected state of its own."""

    def __init__(self, job, expected, note):
        self.job = job
        self.expected = copy.copy(expected)
        self.expected.writers = [copy.copy(writer) for writer in expected.writers]
        self.expected.note = note

    def start(self, data, path):
        try:
            server = Server(data)
        except Refusal as refusal:
            self.refused(refusal, path)
            return
        try:
            client = server.connect()
            self.expected.verify(client, decide=True, errors=ERRORS)
            client.close()
        finally:
            server.kill()
        self.job.figures.count("opened")

    def refused(self, refusal, path):
        self.job.figures.count("refused")
        if refusal.code != 4:
            self.expected.blame("wrong", "refused with another status than 4: %s" % refusal)
        elif os.path.basename(path) in refusal.said:
            return
        # RocksDB names the file that it was reading about, and a log that lost its end is told by the
        # revisions that are missing.
        elif re.search(r"[0-9]+\.(sst|log)|MANIFEST-[0-9]+|CURRENT|acknowledged data lost",
                       refusal.said):
            self.job.figures.count("refused, and told by what follows from the damage")
        else:
            self.expected.blame("wrong", "refused without the name of a file: %s" % refusal)


def run(job):
    # The long silence costs most: one shard in four of them has it, beside shards that compute.
    silence = SILENCE[job.shard % 4] if not job.quick else (0, 5)[job.shard % 2]
    made = os.path.join(job.scratch, "made")
    expected = make(job, made, silence)
    kinds = files_of(made)
    for trial in range(job.count):
        if job.out_of_time():
            break
        pick = random.Random("%d/%d" % (job.seed, trial))
        data = os.path.join(job.scratch, "data")
        host.copy(made, data)
        path, low, high = choose(pick, kinds)
        what = damage(pick, os.path.join(data, path), low, high)
        note = ", trial %d, %s after %d s: %s of %d" % (trial, path, silence, what, high)
        one = Trial(job, expected, note)
        # A store without its mark, and one that gives up a damaged tail of its log, begin a new life.
        one.expected.new_life = path.endswith(".log") or (path == "HWM" and what == "removed")
        try:
            one.start(data, path)
        except (Silent, Gone) as silent:
            one.expected.blame("hung", str(silent))
        job.figures.count("damaged files")
    expected.close()
