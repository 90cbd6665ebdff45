"""Slow and greedy clients: messages that are never finished, replies that are never read, floods of
costly calls, connections that do nothing. An honest client is answered meanwhile, and the server's
memory stays below a bound that does not grow with the number of clients."""
import os
import socket
import threading

import msgpack


from host import Server
from wire import Gone, PATIENCE, Refused, Silent

SCHEMA = """definition user {}
definition document {
    relation viewer: user
    permission view = viewer
}
"""
HONEST = {"resource": "document:a", "permission": "view"}
LARGE = 3 << 20
MEMORY_LIMIT = 384  # MiB, of the whole server


def most_resident(server):
    """The largest resident set since the start, in MiB."""
    with open("/proc/%d/status" % server.process.pid) as status:
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM:"))


def connect(server):
    one = socket.create_connection(server.endpoint, timeout=PATIENCE)
    one.settimeout(0.05)  # whoever is not read from does not hold the others
    return one


def push(one, data):
    """As much as the server takes; True when that was all."""
    try:
        one.sendall(data)
        return True
    except OSError:
        return False


def unfinished(server, count):
    """All of a large message but its last byte."""
    data = msgpack.packb([0, 1, "ping", [{"payload": "x" * LARGE}]])[:-1]
    held = [connect(server) for _ in range(count)]
    for one in held:
        push(one, data)
    return held


def unread(server, count):
    """Large replies that nobody reads."""
    data = msgpack.packb([0, 1, "ping", [{"payload": "x" * LARGE}]]) * 2
    held = [connect(server) for _ in range(count)]
    for one in held:
        push(one, data)
    return held


def flood(server, method, arguments, count, connections):
    """Calls upon calls, as many as are taken."""
    data = b"".join(msgpack.packb([0, n, method, [arguments]]) for n in range(count))
    held = [connect(server) for _ in range(connections)]
    for one in held:
        push(one, data)
    return held


def bulks(server, count):
    items = [dict(HONEST, subject="user:u%d" % n, context={"k": "x" * 500}) for n in range(1000)]
    return flood(server, "check_bulk", {"items": items}, 40, max(2, count // 20))


def lookups(server, count):
    return flood(server, "lookup_resources", {
        "resource_type": "document", "permission": "view", "subject": "user:ann",
        "context": {"k": "x" * 50000}, "deadline_ms": 2000}, 400, max(2, count // 20))


def writes(server, count):
    updates = [{"op": "touch", "relationship": "document:%s%d#viewer@user:w" % ("d" * 900, n)}
               for n in range(1000)]
    return flood(server, "relationships.write", {"updates": updates}, 60, max(2, count // 40))


def reads(server, count):
    """Pages of the largest size; there is what `writes` wrote before."""
    return flood(server, "relationships.read", {
        "filter": {"resource_type": "document"}, "limit": 100000}, 250, max(2, count // 20))


def idle(server, count):
    return [connect(server) for _ in range(4 * count)]


GREEDY = (unfinished, unread, bulks, lookups, writes, reads, idle)


class Honest(threading.Thread):
    """Asks for as long as the attack goes on; its answers are right, and come."""

    def __init__(self, job, server):
        super().__init__()
        self.job, self.server, self.over = job, server, threading.Event()

    def run(self):
        try:
            client = self.server.connect()
            while not self.over.wait(0.02):
                for subject, wanted in (("user:ann", "allow"), ("user:eve", "deny")):
                    decision = client.call("check", subject=subject, **HONEST)["decision"]
                    if decision != wanted:
                        self.blame("wrong", "%s became %s" % (subject, decision))
                self.job.figures.count("honest answers in between", 2)
            client.close()
        except Silent as silent:
            self.blame("hung", "the honest client: %s" % silent)
        except (Gone, Refused, OSError) as gone:
            self.blame("wrong", "the honest client: %s" % gone)

    def blame(self, verdict, text):
        self.job.figures.blame(verdict, "seed %d: %s" % (self.job.seed, text))


def run(job):
    server = Server(os.path.join(job.scratch, "data"),
                    memory=("--memory-limit", "%dM" % MEMORY_LIMIT))
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:a#viewer@user:ann"}])
    for number in range(job.count):
        if job.out_of_time():
            break
        attack = GREEDY[(number + job.shard) % len(GREEDY)]
        honest = Honest(job, server)
        honest.start()
        held = attack(server, 30 if job.quick else 400)
        honest.over.wait(1)  # what was sent is taken in beside the honest answers
        honest.over.set()
        honest.join()
        for one in held:
            one.close()
        most = most_resident(server)
        job.figures.most("MiB in memory at most (of %d)" % MEMORY_LIMIT, most)
        if most > MEMORY_LIMIT:
            honest.blame("wrong", "%s: %d MiB in memory" % (attack.__name__, most))
        job.figures.count("greedy attacks")
    code = server.stop() if server.alive() else server.wait()
    if code != 0:
        job.figures.blame("wrong", "seed %d: ended with %d: %s" % (
            job.seed, code, server.said()[-600:]))
