"""Requests that cost much: contexts, patterns, graphs, schemas, zones. Each ends within its deadline,
with an answer or an error; an honest client beside it gets the right answers, and no bomb is allowed."""
import os
import threading

import msgpack

from host import Server
from wire import Gone, Refused, Silent


SCHEMA = """use expiration
caveat zone(name string, at timestamp, least int) { at.getHours(name) >= least }
caveat has(text string, needle string) { text.contains(needle) }
caveat bag(m map<any>) { size(m) < 0 }
definition user {}
definition group { relation member: user | group#member }
definition document {
    relation viewer: user | group#member | user with zone | user with has | user with bag
    relation parent: document
    permission view = viewer + parent->view
}
"""
HONEST = {"resource": "document:honest", "permission": "view"}


def graph(client, pick):
    """A ladder of groups: every path doubles at each step, and the last leads to nobody."""
    name = "g%d-" % pick.getrandbits(40)
    steps = pick.choice((5, 20, 200))
    updates = ["group:%s%d%s#member@group:%s%d%s#member" % (name, step, side, name, step + 1, other)
               for step in range(steps) for side in "ab" for other in "ab"]
    updates.append("document:%s#viewer@group:%s0a#member" % (name, name))
    for first in range(0, len(updates), 1000):
        client.call("relationships.write", updates=[
            {"op": "touch", "relationship": text} for text in updates[first:first + 1000]])
    return "check", {"resource": "document:" + name, "permission": "view", "subject": "user:eve"}


def parents(client, pick):
    """A chain of parents with a ring at its end."""
    name = "p%d-" % pick.getrandbits(40)
    length = pick.choice((10, 100, 900))
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:%s%d#parent@document:%s%d" % (
            name, n, name, (n + 1) % length)} for n in range(length)])
    return "check", {"resource": "document:%s0" % name, "permission": "view", "subject": "user:eve"}


def conditions(client, pick):
    """Many conditions with one costly text: search for a needle that nearly fits everywhere."""
    name = "c%d" % pick.getrandbits(40)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": {
            "resource": "document:" + name, "relation": "viewer", "subject": "user:u%d" % n,
            "caveat": {"name": "has", "context": {"needle": "a" * 250 + "b"}}}} for n in range(400)])
    return "lookup_subjects", {"resource": "document:" + name, "permission": "view",
                               "subject_type": "user", "context": {"text": "a" * 16000},
                               "deadline_ms": 3000}


def zones(client, pick):
    """Spellings of zones, each of them new."""
    client.call("relationships.write", updates=[{"op": "touch", "relationship": {
        "resource": "document:z", "relation": "viewer", "subject": "user:eve",
        "caveat": {"name": "zone", "context": {"at": "2027-01-01T00:00:00Z", "least": 24}}}}])
    for number in range(1200):
        client.send(msgpack.packb([0, number, "check", [{
            "resource": "document:z", "permission": "view", "subject": "user:eve",
            "context": {"name": "Europe%sBerlin" % ("/" * (number + 2))}}]]))
    for number in range(1200):
        message = client.message()
        assert message[2] is not None or message[3]["decision"] == "deny", message
    return "check", {"resource": "document:z", "permission": "view", "subject": "user:eve",
                     "context": {"name": "Mars/Base"}}


def contexts(client, pick):
    """A context near its limit, of the shape that is dearest to look through."""
    shape = pick.choice(("wide", "deep", "long"))
    value = {"wide": {"k%d" % n: n for n in range(4000)}, "long": {"m": "x" * 60000},
             "deep": {"m": [[[[[[[[[1] * 20]]]]]]]]}}[shape]
    return "check", {"resource": "document:honest", "permission": "view", "subject": "user:eve",
                     "context": value}


def patterns(client, pick):
    """Schemas full of patterns that multiply when they are compiled."""
    caveats = "".join('caveat pattern%d(s string) { s.matches("(a{0,30}b{0,30}){0,%d}k") }\n' % (n, n % 30)
                      for n in range(pick.choice((5, 60, 400))))
    return "schema.write", {"text": SCHEMA + caveats}


def schemas(client, pick):
    """Schemas that are large, deep, or refer to themselves."""
    deep = pick.choice((50, 1000, 20000))
    text = pick.choice((
        "definition doc { relation rel: doc permission all = %srel%s }" % ("(" * deep, ")" * deep),
        "definition doc { relation rel: doc permission all = %s }" % " + ".join(["rel"] * deep),
        "".join("definition doc%d { relation rel: doc%d }\n" % (n, n) for n in range(deep)),
        "definition doc { %s }" % "".join("permission per%d = per%d\n" % (n, (n + 1) % 500)
                                        for n in range(500)),
        "/*" * deep, "definition doc { relation rel: %s }" % " | ".join(["doc"] * deep)))
    return "schema.write", {"text": text}


BOMBS = (graph, parents, conditions, zones, contexts, patterns, schemas)


def explode(job, server, make):
    """Sends one bomb; the honest client asks meanwhile, and its answers stay right."""
    client, outcome = server.connect(), []

    def send():
        try:
            method, arguments = make(client, job.random)
            try:
                answer = client.call(method, **arguments)
                if answer.get("decision") == "allow" or any(
                        entry["decision"] == "allow" for entry in answer.get("subjects", ())):
                    outcome.append(("wrong", "%s was allowed" % make.__name__))
            except Refused:
                job.figures.count("bombs refused")
        except (Silent, Gone) as end:
            outcome.append(("hung", "%s: %s" % (make.__name__, end)))
        except (AssertionError, Refused) as end:
            outcome.append(("wrong", "%s: %s" % (make.__name__, end)))

    thread = threading.Thread(target=send)
    thread.start()
    honest = server.connect()
    while True:
        for subject, wanted in (("user:ann", "allow"), ("user:eve", "deny")):
            decision = honest.call("check", subject=subject, **HONEST)["decision"]
            job.figures.count("honest answers in between")
            if decision != wanted:
                outcome.append(("wrong", "%s: %s became %s" % (make.__name__, subject, decision)))
        if not thread.is_alive():
            break
        thread.join(0.02)
    for verdict, text in outcome:
        job.figures.blame(verdict, "seed %d: %s" % (job.seed, text))
    client.close()
    honest.close()
    job.figures.count("bombs")


def run(job):
    server = Server(os.path.join(job.scratch, "data"))
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:honest#viewer@user:ann"},
        {"op": "touch", "relationship": {
            "resource": "document:honest", "relation": "viewer", "subject": "user:eve",
            "caveat": {"name": "bag", "context": {"m": {"k": 1}}}}}])
    try:
        for number in range(job.count):
            if job.out_of_time():
                break
            explode(job, server, BOMBS[(number + job.shard) % len(BOMBS)])
        # Zones that exist are still there for everybody, whatever was asked of others.
        client.call("relationships.write", updates=[{"op": "touch", "relationship": {
            "resource": "document:zone", "relation": "viewer", "subject": "user:ann",
            "caveat": {"name": "zone", "context": {"at": "2027-01-01T00:00:00Z", "least": 0}}}}])
        for zone in ("Europe/Rome", "America/Los_Angeles", "Pacific/Auckland", "UTC"):
            if client.call("check", resource="document:zone", permission="view",
                           subject="user:ann", context={"name": zone})["decision"] != "allow":
                job.figures.blame("wrong", "seed %d: the zone %s is gone" % (job.seed, zone))
        code = server.stop()
        if code != 0:
            job.figures.blame("wrong", "seed %d: ended with %d: %s" % (
                job.seed, code, server.said()[-600:]))
    except (Gone, Refused) as gone:
        job.figures.blame("wrong", "seed %d: the honest client: %s; the server said: %s" % (
            job.seed, gone, server.said()[-600:]))
    except Silent as silent:
        job.figures.blame("hung", "seed %d: the honest client: %s" % (job.seed, silent))
    finally:
        server.kill()
