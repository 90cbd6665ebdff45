"""All attacks at once: unfinished messages, unread replies, floods of bulk checks, lookups and writes,
costly conditions and patterns, each in a process of its own. The server's memory stays below its limit,
and an honest client that pings and checks beside them gets its answers; how long they take is told.

    together.py ROLE HOST PORT SECONDS    is what this starts: an attacker, or the honest client"""
import collections
import json
import os
import random
import subprocess
import sys
import time

import msgpack

import bombs
import greedy
from host import Server
from wire import Client, Gone, PATIENCE, Refused, Silent

MEMORY_LIMIT = 320  # MiB, of the whole server
PAUSE = 0.002  # of the honest client
HELD = 200  # connections of each greedy attack

Target = collections.namedtuple("Target", "endpoint")


def hold(attack):
    """The connections of an attack, held for a moment, again and again."""
    def run(target, end):
        while time.monotonic() < end:
            held = attack(target, HELD)
            time.sleep(min(1, max(0, end - time.monotonic())))
            for one in held:
                one.close()
    return run


def costly(target, end):
    """Conditions that cost what the bounds allow, on the loop (16 KB, inline) and on the pool."""
    client = Client(target.endpoint)
    method, arguments = bombs.conditions(client, random)
    inline = {"resource": arguments["resource"], "permission": "view", "subject": "user:eve",
              "context": {"text": "a" * 15000}}
    for name, asked in ((method, arguments), ("check", inline)):
        client.send(b"".join(msgpack.packb([0, n, name, [asked]]) for n in range(4)))
    waiting = 8
    while time.monotonic() < end:
        client.message()
        waiting -= 1
        for name, asked in ((method, arguments), ("check", inline)) if waiting < 8 else ():
            client.send(msgpack.packb([0, waiting, name, [asked]]))
            waiting += 1


def patterns(target, end):
    client = Client(target.endpoint)
    while time.monotonic() < end:
        method, arguments = bombs.patterns(client, random)
        try:
            client.call(method, **arguments)
        except Refused:
            pass


ATTACKERS = {"unfinished": hold(greedy.unfinished), "unread": hold(greedy.unread),
             "bulks": hold(greedy.bulks), "lookups": hold(greedy.lookups),
             "writes": hold(greedy.writes), "reads": hold(greedy.reads),
             "costly": costly, "patterns": patterns}


def attack(name, target, end):
    """Until the end; an attacker that is thrown out begins again."""
    os.nice(10)  # it would have processors of its own
    while time.monotonic() < end:
        try:
            ATTACKERS[name](target, end)
        except (Silent, Gone, Refused, OSError):
            time.sleep(0.05)


def honest(target, end):
    """Tells how long pings and checks took, in microseconds, and what was wrong."""
    client = Client(target.endpoint)
    took, wrong = {"ping": [], "check": []}, []
    asked = [("ping", {}, None)] + [
        ("check", dict(bombs.HONEST, subject=subject), wanted)
        for subject, wanted in (("user:ann", "allow"), ("user:eve", "deny"))]
    while time.monotonic() < end:
        for method, arguments, wanted in asked:
            began = time.monotonic()
            decision = client.call(method, **arguments).get("decision")
            took[method].append(int((time.monotonic() - began) * 1e6))
            if decision != wanted:
                wrong.append("%s: %s instead of %s" % (method, decision, wanted))
        time.sleep(PAUSE)
    told = {}
    for method, times in took.items():
        times.sort()
        told.update({"p50 of " + method: times[len(times) // 2], "max of " + method: times[-1],
                     "p99 of " + method: times[len(times) * 99 // 100]})
    print(json.dumps({"answers": sum(map(len, took.values())), "us": told, "wrong": wrong[:3]}))


def start(role, server, seconds):
    host, port = server.endpoint
    return subprocess.Popen([sys.executable, __file__, role, host, str(port), str(seconds)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def besiege(job, server, roles, seconds):
    """What the honest client says beside these attackers."""
    others = [start(role, server, seconds + 1) for role in roles]
    asker = start("honest", server, seconds)
    try:
        said, _ = asker.communicate(timeout=seconds + 2 * PATIENCE)
        if asker.returncode != 0:
            job.figures.blame("hung", "seed %d: the honest client: %s" % (job.seed, said[-600:]))
            return
        told = json.loads(said)
        for text in told["wrong"]:
            job.figures.blame("wrong", "seed %d: %s" % (job.seed, text))
        job.figures.count("honest answers in between", told["answers"])
        for name, microseconds in told["us"].items():
            job.figures.most("us, honest " + name, microseconds)
    finally:
        for one in [asker, *others]:
            if one.poll() is None:
                one.kill()
            one.wait()
            one.stdout.close()


def run(job):
    server = Server(os.path.join(job.scratch, "data"),
                    memory=("--memory-limit", "%dM" % MEMORY_LIMIT))
    client = server.connect()
    client.call("schema.write", text=bombs.SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:honest#viewer@user:ann"}])
    for _ in range(job.count):
        if job.out_of_time():
            break
        besiege(job, server, sorted(ATTACKERS), 4 if job.quick else 10)
        most = greedy.most_resident(server)
        job.figures.most("MiB in memory at most (of %d)" % MEMORY_LIMIT, most)
        if most > MEMORY_LIMIT:
            job.figures.blame("wrong", "seed %d: %d MiB in memory" % (job.seed, most))
        job.figures.count("sieges")
    code = server.stop() if server.alive() else server.wait()
    if code != 0:
        job.figures.blame("wrong", "seed %d: ended with %d: %s" % (
            job.seed, code, server.said()[-600:]))


def main():
    role, host, port, seconds = sys.argv[1:]
    target, end = Target((host, int(port))), time.monotonic() + float(seconds)
    if role == "honest":
        honest(target, end)
    else:
        attack(role, target, end)


if __name__ == "__main__":
    main()
