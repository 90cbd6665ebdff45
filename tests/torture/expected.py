"""The expected state, kept in a file outside of the server: the intent before a transaction is sent,
the acknowledgement after its reply. The server's state must be exactly what was acknowledged, and
each transaction without a reply must be there whole or not at all.

Several writers work at once, each on objects of its own, so that each has a linear history. Writer 0
also writes the schema."""
import random
import threading

import msgpack

from model import Answers, VARIANTS, parse, schema_text, text_of
from wire import Client, Gone, Refused, Silent, read_all

DOCUMENTS, GROUPS, USERS = 12, 4, 16
# After one of these the outcome is open; any other error says that nothing was written.
OPEN = {"OUTCOME_UNKNOWN"}
BUSY = {"SERVICE_READ_ONLY", "STORAGE_FAILED", "OVERLOADED", "DEADLINE", "STORAGE_CORRUPT"}


class Transaction:
    def __init__(self, method, arguments, add=(), remove=(), schema=None, refused=None):
        self.method = method
        self.params = msgpack.packb([arguments])
        self.key = arguments.get("idempotency_key")
        self.add, self.remove = frozenset(add), frozenset(remove)
        self.schema = schema
        self.refused = refused  # the reason it must be refused with
        self.repeats = None     # the token that it must be answered with

    def after(self, state, schema):
        return (state - self.remove) | self.add, self.schema or schema


class Writer:
    def __init__(self, number, seed, big):
        self.number = number
        self.random = random.Random("%d/%d" % (seed, number))
        self.big = big
        self.state, self.schema = frozenset(), None
        self.earlier = []     # states before, the newest last: tells lost from wrong
        self.revoked = []     # what was taken away last: the dangerous half of what can be lost
        self.open = None      # sent, outcome open
        self.recent = []      # (transaction with a key, its token)
        self.token = None
        self.serial = 0

    def relationship(self):
        pick = self.random
        document = "w%d-%d" % (self.number, pick.randrange(DOCUMENTS))
        group = "w%d-%d" % (self.number, pick.randrange(GROUPS))
        user = "user:u%d" % pick.randrange(USERS)
        kind = pick.randrange(10)
        if kind < 3:
            return "group", group, "member", user
        if kind == 3:
            return "group", group, "member", "group:w%d-%d#member" % (
                self.number, pick.randrange(GROUPS))
        if kind == 4:
            return "document", document, "viewer", pick.choice(["user:*", "group:%s#member" % group])
        return "document", document, pick.choice(["owner", "viewer", "viewer", "banned"]), user

    def updates(self):
        pick = self.random
        chosen = {}
        if pick.random() < self.big:
            for number in range(pick.choice([200, 500, 1000])):  # as large as a transaction may be
                name = "document", "w%d-b%d" % (self.number, number % 40), "viewer", \
                    "user:u%d" % (number // 40)
                chosen[name] = "touch" if pick.random() < 0.6 else "delete"
        for _ in range(pick.choice([1, 1, 2, 5, 20])):
            if len(chosen) == 1000:
                break
            name = self.relationship()
            if name in self.state:
                chosen[name] = pick.choice(["delete", "delete", "touch"])
            else:
                chosen[name] = pick.choice(["touch", "touch", "create", "delete"])
        return chosen

    def next(self):
        """The next transaction: mixed updates, a delete by filter, the schema, or a repetition."""
        self.serial += 1
        chance = self.random.random()
        if self.number == 0 and chance < 0.08:
            text = schema_text(self.random.randrange(len(VARIANTS)), self.serial)
            return Transaction("schema.write", {"text": text}, schema=text)
        if chance < 0.14:
            document = "w%d-%d" % (self.number, self.random.randrange(DOCUMENTS))
            gone = {r for r in self.state if r[0] == "document" and r[1] == document}
            return Transaction("relationships.delete", {"filter": {
                "resource_type": "document", "resource_id": document}}, remove=gone)
        if chance < 0.2 and self.recent:
            again, token = self.random.choice(self.recent)
            same = Transaction(again.method, {})
            same.params, same.repeats = again.params, token
            return same
        return self.mixed()

    def mixed(self):
        chosen = self.updates()
        arguments = {"updates": [{"op": op, "relationship": text_of(name)}
                                 for name, op in chosen.items()]}
        refused = None
        if self.random.random() < 0.25:
            name = self.relationship()
            holds = self.random.random() < 0.8
            must = "match" if (name in self.state) == holds else "not_match"
            kind, _, ident = name[3].partition("#")[0].partition(":")
            relation = name[3].partition("#")[2]
            if ident != "*":
                arguments["preconditions"] = [{"must": must, "filter": {
                    "resource_type": name[0], "resource_id": name[1], "relation": name[2],
                    "subject": {"type": kind, "id": ident, "relation": relation}}}]
                refused = None if holds else "WRITE_OR_DELETE_PRECONDITION_FAILURE"
        if self.random.random() < 0.3:
            arguments["idempotency_key"] = "w%d-%d" % (self.number, self.serial)
        return Transaction(
            "relationships.write", arguments, refused=refused,
            add=() if refused else {n for n, op in chosen.items() if op != "delete"},
            remove=() if refused else {n for n, op in chosen.items() if op == "delete"})

    def apply(self, transaction):
        self.earlier = self.earlier[-200:] + [self.state]
        self.revoked = (self.revoked + sorted(self.state & transaction.remove))[-30:]
        self.state, self.schema = transaction.after(self.state, self.schema)


class Expected:
    def __init__(self, path, seed, figures, writers=3, big=0.03):
        self.seed, self.figures = seed, figures
        self.file = open(path, "ab", buffering=0)
        self.lock = threading.Lock()
        self.writers = [Writer(number, seed, big) for number in range(writers)]
        self.base = 0     # the revision before the first transaction
        self.applied = 0  # transactions since
        self.note = ""    # what was done to the server: part of every complaint
        self.new_life = False  # its mark was taken away: it begins with a stop, and knows no old token

    def blame(self, verdict, text):
        self.figures.blame(verdict, "seed %d%s: %s" % (self.seed, self.note, text))

    def record(self, *what):
        self.file.write(msgpack.packb(what))

    def begin(self, client):
        text = schema_text(0, 0)
        client.call("schema.write", text=text)
        self.base = client.call("server.info")["revision"]
        self.writers[0].schema = text

    # ---- Writing ----

    def send(self, writer, client):
        """One transaction; False when the server is gone or takes no writes."""
        transaction = writer.next()
        writer.open = transaction
        self.record("intent", writer.number, transaction.method, transaction.params)
        try:
            answer = client.request(transaction.method, transaction.params)
        except Gone:
            return False
        except Silent:
            self.blame("hung", "no answer to %s" % transaction.method)
            return False
        except Refused as error:
            return self.refused(writer, transaction, error)
        self.acknowledged(writer, transaction, answer)
        return True

    def refused(self, writer, transaction, error):
        if error.reason in OPEN:
            return False
        writer.open = None
        self.record("refused", writer.number, error.reason)
        if error.reason == transaction.refused:
            self.figures.count("refused as they must be")
            return True
        if error.reason not in BUSY:
            self.blame("wrong", "%s must be %s, not %s" % (
                transaction.method, transaction.refused or "acknowledged", error))
        self.figures.count("refused by a fault")
        return False

    def acknowledged(self, writer, transaction, answer):
        self.record("acknowledged", writer.number)
        writer.open = None
        writer.token = answer.get("written_at") or answer.get("deleted_at") or writer.token
        if transaction.refused:
            self.blame("wrong", "a write was taken that a precondition forbids")
        if transaction.repeats:
            if answer["written_at"] != transaction.repeats:
                self.blame("wrong", "a repeated write was answered with another token")
            return
        if transaction.method == "relationships.delete" and (
                answer["count"] != len(transaction.remove)):
            self.blame("wrong", "%d were deleted instead of %d" % (
                answer["count"], len(transaction.remove)))
        if transaction.key:
            writer.recent = writer.recent[-5:] + [(transaction, answer["written_at"])]
        with self.lock:
            self.applied += 1
        self.figures.count("transactions acknowledged")
        writer.apply(transaction)

    def work(self, endpoint, transactions=None):
        """Every writer in a thread of its own, until the server is gone or so many were sent."""
        def run(writer):
            try:
                client = Client(endpoint)
            except Gone:
                return
            except Silent:
                self.blame("hung", "no connection")
                return
            left = -1 if transactions is None else transactions
            while left != 0 and self.send(writer, client):
                left -= 1
            client.close()
        threads = [threading.Thread(target=run, args=(w,)) for w in self.writers if w.open is None]
        for thread in threads:
            thread.start()
        return threads

    # ---- Comparing ----

    def verify(self, client, decide=True, errors=()):
        """Compares state and answers with what was acknowledged. With decide, open transactions are
        settled by what is found (after a restart). An error whose reason is in errors ends the
        comparison: a damaged store may say so instead of answering."""
        try:
            self.compare(client, decide)
        except Gone as gone:
            self.blame("wrong", "the server ended while it was read: %s" % gone)
        except Silent as silent:
            self.blame("hung", str(silent))
        except Refused as error:
            if error.reason not in errors:
                self.blame("wrong", "a read failed: %s" % error)
            self.figures.count("answered with an error")

    def compare(self, client, decide):
        found = read_all(client, resource_type="document") + read_all(client, resource_type="group")
        backwards = read_all(client, subject={"type": "user"}) + \
            read_all(client, subject={"type": "group"})
        schema = client.call("schema.read")["text"]
        if sorted(found) != sorted(backwards) or len(set(found)) != len(found):
            self.blame("wrong", "the two indexes disagree or a relationship stands twice")
        there = {writer.number: set() for writer in self.writers}
        for relationship in map(parse, found):
            there[int(relationship[1][1:relationship[1].index("-")])].add(relationship)
        for writer in self.writers:
            self.settle(writer, frozenset(there[writer.number]), schema, decide)
        if decide:
            self.compare_counts(client, len(found))
        for writer in self.writers:
            self.compare_answers(writer, client)
        if decide:
            self.repeat_open(client)

    def settle(self, writer, there, schema, decide):
        schema = schema if writer.schema else None
        now = (writer.state, writer.schema)
        then = writer.open.after(*now) if writer.open else now
        if (there, schema) == then and then != now:
            if decide:
                self.figures.count("unanswered and kept whole")
                self.record("kept", writer.number)
            writer.found = True
        elif (there, schema) == now:
            writer.found = None if writer.open and then == now else False
        else:
            self.blame(*self.difference(writer, there, schema, now, then))
            writer.found = False
            writer.state, writer.schema = there, schema
        writer.seen = then if writer.found else (writer.state, writer.schema)

    @staticmethod
    def difference(writer, there, schema, now, then):
        missing, more = now[0] - there, there - now[0]
        text = "writer %d: %d relationships are missing, %d are too many%s, for example %s" % (
            writer.number, len(missing), len(more),
            "" if schema == now[1] else ", another schema", sorted(missing | more)[:3])
        in_flight = now[0] ^ then[0]
        if writer.open and schema in (now[1], then[1]) and (there ^ now[0]) <= in_flight:
            return "partial", text
        if there in writer.earlier or there <= now[0]:
            return "lost", text
        return "wrong", text

    def compare_counts(self, client, found):
        """Revisions are dense: each transaction that was applied, and no other, took one."""
        info = client.call("server.info")
        undecided = 1 if self.new_life else 0
        for writer in self.writers:
            if writer.open is None:
                continue
            repeats = writer.open.repeats or writer.open.refused
            if writer.found:
                writer.apply(writer.open)
                self.applied += 1
            elif writer.found is None and not repeats:
                undecided += 1
        behind = info["revision"] - self.base - self.applied
        if behind < 0:
            self.blame("lost", "%d revisions are missing" % -behind)
        elif behind > undecided:
            self.blame("wrong", "%d revisions nobody asked for" % (behind - undecided))
        self.applied += behind
        if info["relationships"] != found:
            self.blame("wrong", "%d relationships by count, %d by reading" % (
                info["relationships"], found))
        for token in {w.token for w in self.writers if w.token}:
            try:
                client.call("lookup_permissions", resource="document:w0-0", subject="user:u0",
                            consistency={"mode": "at_least_as_fresh", "token": token})
            except Refused as error:
                if self.new_life and error.reason == "UNKNOWN_TOKEN":
                    continue
                if error.reason != "REVISION_UNKNOWN":
                    raise
                self.blame("lost", "the state of an acknowledged token: %s" % error)

    def compare_answers(self, writer, client):
        state, _ = writer.seen
        answers = Answers(state, self.writers[0].seen[1])
        pick = random.Random(len(state))
        asked = [(r[1], "view", r[3]) for r in writer.revoked
                 if r[0] == "document" and r[3].startswith("user:u")]
        asked += [("w%d-%d" % (writer.number, pick.randrange(DOCUMENTS)), permission,
                   "user:u%d" % pick.randrange(USERS))
                  for permission in ("view", "view", "edit") for _ in range(12)]
        results = client.call("check_bulk", items=[
            {"resource": "document:" + d, "permission": p, "subject": u}
            for d, p, u in asked])["results"]
        for (document, permission, user), result in zip(asked, results):
            want = "allow" if answers.allows(document, permission, user) else "deny"
            if "error" in result:
                raise Refused("check_bulk", result["error"])
            if result["decision"] != want:
                self.blame("wrong", "%s of %s on %s: %s instead of %s" % (
                    permission, user, document, result["decision"], want))
        self.figures.count("answers compared", len(asked))
        user = "user:u%d" % pick.randrange(USERS)
        listed = client.call("lookup_resources", resource_type="document", permission="view",
                             subject=user, limit=10000)
        listed = {entry["id"] for entry in listed["resources"]
                  if entry["id"].startswith("w%d-" % writer.number)}
        want = {d for d in answers.documents() if answers.allows(d, "view", user)}
        if listed != want:
            self.blame("wrong", "lookup of %s: %s" % (user, sorted(listed ^ want)[:5]))
        self.figures.count("answers compared")

    def repeat_open(self, client):
        """The client's way out: a write with a key is repeated after the fault, and happens once."""
        for writer in self.writers:
            transaction, writer.open = writer.open, None
            if transaction is None or not transaction.key or transaction.refused:
                continue
            before = client.call("server.info")["revision"]
            try:
                answer = client.request(transaction.method, transaction.params)
            except Refused as error:
                if error.reason not in BUSY | OPEN:
                    self.blame("wrong", "a repeated write was refused: %s" % error)
                elif error.reason in OPEN:
                    writer.open = transaction
                continue
            taken = client.call("server.info")["revision"] - before
            if taken != (0 if writer.found else 1) and writer.found is not None:
                self.blame("wrong", "a repeated write took %d revisions" % taken)
            if not writer.found:
                writer.apply(transaction)
            self.applied += taken
            writer.recent = writer.recent[-5:] + [(transaction, answer["written_at"])]
            self.figures.count("repeated after a fault, happened once")

    def close(self):
        self.file.close()


def fresh(data, seed, figures, start, writers=3, big=0.03, transactions=0, journal=None):
    """A new store, with its schema and so many transactions of each writer; and its server."""
    expected = Expected(journal or data + ".expected", seed, figures, writers, big)
    server = start()
    client = server.connect()
    expected.begin(client)
    if transactions:
        for thread in expected.work(server.endpoint, transactions):
            thread.join()
    client.close()
    return expected, server
