"""Power cuts. A server's calls on files are recorded (recorder.c) with the times of the
acknowledgements beside them. Each trial takes a moment of the record and makes a state that a power cut
might have left then: what was synced is there; of what was not, nothing, all, the first part, the first
part and a torn piece, or any part. Names are created, renamed and removed in their order, as a journal
keeps them: all that a sync of the folder covers, and any number of the later ones."""
import bisect
import copy
import os
import shutil
import struct
import time

from expected import Expected
from host import BUILD, Refusal, Server
from wire import Gone, Silent

LIBRARY = os.path.abspath(os.path.join(BUILD, "torture-recorder.so"))
HEADER = struct.Struct("<qqqii")
CREATE, WRITE, SYNC, SYNC_FOLDER, RENAME, UNLINK, TRUNCATE, MKDIR = range(1, 9)


def read_records(path):
    records = []
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + HEADER.size <= len(data):
        when, inode, offset, op, size = HEADER.unpack_from(data, at)
        at += HEADER.size
        records.append((when, op, inode, offset, data[at:at + size]))
        at += size
    return records


class Timed(Expected):
    """Also knows when each transaction was sent and acknowledged."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.history = {writer.number: [] for writer in self.writers}

    def send(self, writer, client):
        sent = time.monotonic_ns()
        good = super().send(writer, client)
        # Only what was taken has a place in the history; a refusal changed nothing.
        if good and writer.last is not None:
            self.history[writer.number].append((sent, time.monotonic_ns(), writer.last))
        return good

    def acknowledged(self, writer, transaction, answer):
        super().acknowledged(writer, transaction, answer)
        writer.last = None if transaction.repeats else transaction

    def refused(self, writer, transaction, error):
        writer.last = None
        return super().refused(writer, transaction, error)

    def at(self, moment, figures):
        """The expected state of a cut: acknowledged before it, and sent before but not acknowledged."""
        then = copy.copy(self)
        then.figures, then.writers, then.applied = figures, [], 0
        for writer in self.writers:
            past = copy.copy(writer)
            past.state, past.schema = frozenset(), self.first_schema if not writer.number else None
            past.earlier, past.revoked, past.recent = [], [], []
            past.open, past.token = None, None
            for sent, acknowledged, transaction in self.history[writer.number]:
                if acknowledged < moment:
                    past.apply(transaction)
                    then.applied += 1
                elif sent < moment:
                    past.open = transaction
            then.writers.append(past)
        return then


class State:
    """The files at a moment of the record: what is durable, and what is still on its way."""

    def __init__(self):
        self.durable = {}   # inode: bytes that were synced
        self.pending = {}   # inode: writes since, as (offset, data), or (size, None) to cut
        self.names = []     # every operation on names, in its order
        self.synced = 0     # so many of them are durable

    def take(self, record):
        _, op, inode, offset, data = record
        if op == WRITE:
            self.pending.setdefault(inode, []).append((offset, data))
        elif op == TRUNCATE:
            self.pending.setdefault(inode, []).append((offset, None))
        elif op == SYNC:
            self.durable[inode] = self.content(inode, self.pending.pop(inode, ()))
        elif op == SYNC_FOLDER:
            folder = data.decode()
            for number, (_, _, name) in enumerate(self.names, 1):
                if os.path.dirname(name.split("\n")[-1]) == folder:
                    self.synced = max(self.synced, number)
        else:
            self.names.append((op, inode, data.decode()))

    def content(self, inode, writes):
        content = bytearray(self.durable.get(inode, b""))
        for offset, data in writes:
            if data is None:
                del content[offset:]
                content.extend(bytes(offset - len(content)))
                continue
            content.extend(bytes(max(0, offset - len(content))))
            content[offset:offset + len(data)] = data
        return bytes(content)

    def survived(self, inode, pick):
        """The content of a file after the cut."""
        writes = self.pending.get(inode, [])
        way = pick.choice(("none", "all", "first", "torn", "any"))
        if way == "all":
            return self.content(inode, writes)
        if way == "any":
            return self.content(inode, [w for w in writes if pick.random() < 0.5])
        if way == "none" or not writes:
            return self.content(inode, ())
        first = pick.randrange(len(writes))
        kept = writes[:first]
        offset, data = writes[first]
        if way == "torn" and data:
            block = pick.choice((512, 4096))
            end = (offset + pick.randrange(len(data))) // block * block
            kept = kept + [(offset, data[:max(0, end - offset)])]
        return self.content(inode, kept)

    def make(self, source, target, pick):
        """Writes the files below target as they may be after the cut."""
        shutil.rmtree(target, ignore_errors=True)
        files, folders = {}, {source}
        for op, inode, name in self.names[:pick.randint(self.synced, len(self.names))]:
            if op == CREATE:
                files[name] = inode
            elif op == MKDIR:
                folders.add(name)
            elif op == UNLINK:
                files.pop(name, None)
            elif op == RENAME:
                old, new = name.split("\n")
                folders = {moved(path, old, new) for path in folders}
                files = {moved(path, old, new): i for path, i in sorted(
                    files.items(), key=lambda entry: entry[0].startswith(old))}
        for folder in sorted(folders):
            os.makedirs(moved(folder, source, target), mode=0o700, exist_ok=True)
        for name, inode in files.items():
            path = moved(name, source, target)
            with open(path, "wb") as file:
                file.write(self.survived(inode, pick))
            os.chmod(path, 0o600)


def moved(path, old, new):
    return new + path[len(old):] if path == old or path.startswith(old + "/") else path


def record(job, data):
    """A store from its first start to a clean stop and some writes after; its expected state."""
    log = os.path.join(job.scratch, "records")
    environment = {"LD_PRELOAD": LIBRARY, "TORTURE_RECORD": log, "TORTURE_BELOW": data}
    expected = Timed(os.path.join(job.scratch, "expected"), job.seed, job.figures, 2, 0.1)
    expected.begun = None
    for life in range(3):
        server = Server(data, environment=environment)
        if not life:
            client = server.connect()
            expected.begin(client)
            expected.begun = time.monotonic_ns()
            expected.first_schema = expected.writers[0].schema
            client.close()
        for thread in expected.work(server.endpoint, 12):
            thread.join()
        if life:
            server.kill()
            for writer in expected.writers:
                writer.open = None  # nothing was under way
        else:
            server.stop()
    return expected, read_records(log)


def run(job):
    data = os.path.join(job.scratch, "data")
    expected, records = record(job, data)
    begun = bisect.bisect([r[0] for r in records], expected.begun)
    cuts = sorted(job.random.randrange(begun, len(records) + 1) for _ in range(job.count))
    state, taken = State(), 0
    for number, cut in enumerate(cuts):
        if job.out_of_time():
            break
        while taken < cut:
            state.take(records[taken])
            taken += 1
        # Acknowledged before the first call that the cut has lost.
        moment = records[cut][0] if cut < len(records) else time.monotonic_ns()
        target = os.path.join(job.scratch, "cut")
        state.make(data, target, job.random)
        then = expected.at(moment, job.figures)
        then.note = ", cut %d before record %d of %d" % (number, cut, len(records))
        before = sum(job.figures.verdicts.values())
        try:
            server = Server(target)
            client = server.connect()
            then.verify(client)
            client.close()
            server.kill()
        except Refusal as refusal:
            then.blame("lost", "no start after a power cut: %s" % refusal)
        except (Silent, Gone) as silent:
            then.blame("hung", str(silent))
        job.figures.count("power-cut states")
        if sum(job.figures.verdicts.values()) > before:
            shutil.move(target, "%s-%d" % (target, number))
    expected.close()
