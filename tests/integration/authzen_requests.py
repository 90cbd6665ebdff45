#!/usr/bin/python3
"""The AuthZEN Access Request and Approval Profile against a real server, as an enforcement point goes
through it: denied, requested, decided by the command line, evaluated with the approval; the same denial
from many connections at once; callers by key; restarts.

Prints one line per group of cases."""
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import lib_process
from lib_cli import BEHALF, BUILD, PATIENCE

PDP = "https://pdp.example.com/tenant"
URN = "urn:openid:authzen:access-request:error:"
SCHEMA = """
definition user {}
definition agent { permission acts_on_behalf_of = nil }
definition document {
    relation owner: user
    permission view = owner
    permission delete = owner
}
"""
RACERS = 16
failures = []


def expect(what, got, want):
    if got != want:
        failures.append("%s: %r instead of %r" % (what, got, want))


class Server:
    def __init__(self, keys=()):
        self.directory = tempfile.mkdtemp(prefix="behalf-requests.")
        config = self.write("authzen.json", json.dumps(
            {"policy_decision_point": PDP, "agents": {"type": "agent"},
             "resources": [{"type": "page", "as": "document:plan"}]}))
        self.options = ["--authzen", config]
        if keys:
            self.options += ["--keys", self.write("keys", "".join(
                "%s %s %s\n" % (name, hashlib.sha256((name + "-key").encode()).hexdigest(), rest)
                for name, rest in keys))]
        self.start()
        self.behalf("schema", "write", self.write("schema.zed", SCHEMA))
        self.behalf("relationship", "touch", "document:plan#owner@user:ann",
                    "document:other#owner@user:ann", "document:bobs#owner@user:bob")

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
        return path

    def start(self):
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", os.path.join(self.directory, "data"),
             "--unix", os.path.join(self.directory, "socket"), "--listen", "127.0.0.1:0",
             "--http", "127.0.0.1:0", "--log-level", "warn", *self.options],
            stdout=subprocess.PIPE, text=True)
        self.http = None
        for line in self.process.stdout:
            if line.startswith("behalfd HTTP on "):
                self.http = line.split()[-1]
                break
        assert self.http, "behalfd did not start"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        expect("exit code", self.process.wait(PATIENCE), 0)

    def stop(self):
        self.end()
        shutil.rmtree(self.directory)

    def behalf(self, *arguments):
        environment = dict(os.environ,
                           BEHALF_ENDPOINT="unix:" + os.path.join(self.directory, "socket"))
        return subprocess.run([BEHALF, *arguments], env=environment, check=True, text=True,
                              capture_output=True, timeout=PATIENCE).stdout

    def send(self, method, path, content=None, **fields):
        """On a connection of its own; (status, fields in lower case, JSON or text)."""
        connection = http.client.HTTPConnection(self.http, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        body = None
        if content is not None:
            body = content if isinstance(content, str) else json.dumps(content)
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        found = {name.lower(): value for name, value in reply.getheaders()}
        return (reply.status, found,
                json.loads(text) if "json" in found.get("content-type", "") and text else text)

    def post(self, path, content, **fields):
        return self.send("POST", path, content, **fields)

    def evaluate(self, question, **fields):
        status, _, answer = self.post("/access/v1/evaluation", question, **fields)
        expect("evaluation", status, 200)
        return answer

    def deny(self, question, **fields):
        """Denied, and access may be requested: the member `denial` of a request."""
        answer = self.evaluate(question, **fields)
        expect("denied", answer["decision"], False)
        context = answer["context"]
        return {"evaluation_id": context["evaluation_id"], "reason": context["reason"],
                **context.get("access_request", {})}

    def request(self, question, denial, **fields):
        return self.post("/access/v1/requests", dict(question, denial=denial), **fields)

    def task(self, task, **fields):
        return self.send("GET", "/access/v1/requests/" + task, **fields)

    def cancel(self, task, content=None, **fields):
        return self.send("POST", "/access/v1/requests/%s/cancel" % task, content, **fields)


def question(agent="bot", resource=("document", "plan"), action="delete", **context):
    return {"subject": {"type": "user", "id": "ann"}, "action": {"name": action},
            "resource": {"type": resource[0], "id": resource[1]},
            "context": {"agent": agent, **context}}


def expect_problem(what, answer, status, name):
    expect(what, (answer[0], answer[1]["content-type"], answer[2]["type"], answer[2]["status"]),
           (status, "application/problem+json", URN + name, status))


def value_of(printed, name):
    return [line.split()[1] for line in printed.splitlines() if line.startswith(name + " ")][0]


# --- groups ---

def metadata():
    """Where access is requested."""
    server = Server()
    status, _, answer = server.send("GET", "/.well-known/authzen-configuration/tenant")
    expect("metadata", (status, answer["access_request_endpoint"], answer["capabilities"]),
           (200, PDP + "/access/v1/requests", ["urn:openid:authzen:capability:access-request"]))
    server.stop()
    return 1


def approved():
    """Denied, requested, approved, allowed once, and denied again when the use is gone."""
    server = Server()
    session = value_of(server.behalf("session", "create", "user:ann", "agent:bot",
                                     "--expires-in", "8h"), "session")
    denial = server.deny(question())
    expect("reason", denial["reason"], "no_grant")
    status, fields, answer = server.request(
        question(business_justification="asked for by mail"), denial, X_Request_ID="r1")
    task = answer["task"]
    url = "%s/access/v1/requests/%s" % (PDP, task["id"])
    expect("accepted", (status, fields["location"], fields["x-request-id"]), (202, url, "r1"))
    expect("task", (task["status"], task["status_endpoint"], task["links"], "result" in answer),
           ("pending", url, {"cancel": url + "/cancel"}, False))
    expect("pending", server.task(task["id"])[2], answer)
    printed = server.behalf("request", "approve", task["id"], session, "--approver", "user:ann",
                            "--expires-in", "10m", "--uses", "1")
    status, _, answer = server.task(task["id"])
    expect("approved", (status, answer["task"]["status"], answer["result"]["mode"]),
           (200, "approved", "reevaluate"))
    approval = answer["result"]["approval"]
    expect("grant", approval["id"], value_of(printed, "grant"))
    again = server.evaluate(question(approval=approval), Idempotency_Key="call-1")
    expect("allowed", (again["decision"], again["context"]["approval"]),
           (True, {"id": approval["id"], "approved_until": approval["approved_until"]}))
    again = server.evaluate(question(approval=approval), Idempotency_Key="call-2")
    expect("used", (again["decision"], again["context"]["reason"], again["context"]["next_action"]),
           (False, "approval_expired", "request"))
    # What it says is enough to begin anew.
    status, _, answer = server.request(
        question(approval=approval), dict(again["context"]["access_request"],
                                          evaluation_id=again["context"]["evaluation_id"]))
    expect("again", (status, answer["task"]["status"]), (202, "pending"))
    # For anything else the approval is none.
    for changed, reason, action in (
            (question(approval=approval, resource=("document", "other")), "out_of_scope", "request"),
            (question(approval=approval, resource=("document", "bobs")), "out_of_scope", "none"),
            (question(approval=approval, agent="eve"), "approval_unverifiable", "none"),
            (question(approval={"id": "gr_x"}), "approval_unverifiable", "none")):
        context = server.evaluate(changed)["context"]
        expect("shown", (context["reason"], context["next_action"], "access_request" in context),
               (reason, action, action == "request"))
    server.stop()
    return 14


def decided_otherwise():
    """Denied, cancelled, unknown; a stop ends what could be requested."""
    server = Server()
    first = server.request(question(), server.deny(question()))[2]["task"]["id"]
    server.behalf("request", "deny", first, "--approver", "user:ann", "--reason", "no")
    answer = server.task(first)[2]
    expect("denied", (answer["task"]["status"], "result" in answer), ("denied", False))
    expect_problem("denied", server.cancel(first), 409, "invalid_task_state")
    second = server.request(question(), server.deny(question()))[2]["task"]["id"]
    status, _, answer = server.cancel(second, {"reason": "done", "comment": "by hand"})
    expect("cancelled", (status, answer["task"]["status"]), (200, "cancelled"))
    expect_problem("cancelled", server.cancel(second, X_Request_ID="c1"), 409, "invalid_task_state")
    expect("X-Request-ID", server.cancel(second, X_Request_ID="c1")[1]["x-request-id"], "c1")
    for task in ("req_00000000000000000000000000", "x", "%20"):
        expect_problem(task, server.task(task), 404, "unknown_task")
        expect_problem(task, server.cancel(task), 404, "unknown_task")
    status, fields, text = server.send("HEAD", "/access/v1/requests/" + second)
    expect("HEAD", (status, text, int(fields["content-length"]) > 0), (200, "", True))
    expect("DELETE", server.send("DELETE", "/access/v1/requests/" + second)[1]["allow"], "GET, HEAD")
    expect("GET", server.send("GET", "/access/v1/requests")[1]["allow"], "POST")
    denial = server.deny(question())
    server.behalf("agent", "kill", "agent:bot", "--reason", "test")
    expect_problem("stopped", server.request(question(), denial), 400, "not_requestable")
    expect("stopped", "access_request" in server.evaluate(question())["context"], False)
    server.stop()
    return 13


def words():
    """A denial serves the very words, once; what is not taken is refused."""
    server = Server()
    denial = server.deny(question())
    for changed in (question(agent="eve"), question(action="view"),
                    question(resource=("document", "other")), question(resource=("page", "plan")),
                    dict(question(), subject={"type": "user", "id": "bob"})):
        expect_problem("words", server.request(changed, denial), 400, "invalid_denial_binding")
    token = denial["binding_token"]
    for at in range(0, len(token), 9):
        other = token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1:]
        expect_problem("byte %d" % at, server.request(
            question(), dict(denial, binding_token=other)), 400, "invalid_denial_binding")
    for name, value in (("evaluation_id", "dec_00000000000000000000000000"),
                        ("expires_at", "2030-01-01T00:00:00Z")):
        expect_problem(name, server.request(question(), dict(denial, **{name: value})), 400,
                       "invalid_denial_binding")
    expect_problem("none", server.post("/access/v1/requests", question()), 400,
                   "invalid_denial_binding")
    for name in ("items", "callback"):
        expect(name, server.request(dict(question(), **{name: []}), denial)[0], 400)
    normalized = dict(question(), client={"actor": {"id": "bot"}})
    del normalized["context"]["agent"]
    expect("client.actor", server.request(normalized, denial)[0], 202)
    expect_problem("used", server.request(question(), denial), 400, "invalid_denial_binding")
    # The resource as the configuration maps it.
    page = question(resource=("page", "7"))
    task = server.request(page, server.deny(page))[2]["task"]["id"]
    shown = json.loads(server.behalf("request", "show", task, "--json"))
    expect("mapped", (shown["resource"], shown["permission"]), ("document:plan", "delete"))
    server.stop()
    return 13 + len(range(0, len(token), 9))


def together(server, asks):
    """The answers to what is asked from as many connections at once."""
    answers = [None] * len(asks)
    gate = threading.Barrier(len(asks))

    def run(place):
        gate.wait()
        answers[place] = asks[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def races():
    """A denial from many connections makes one request; with one key it is told to all."""
    server = Server()
    for _ in range(5):
        denial = server.deny(question())
        answers = together(server, [lambda: server.request(question(), denial)] * RACERS)
        made = [answer for answer in answers if answer[0] == 202]
        expect("made", len(made), 1)
        for answer in answers:
            if answer[0] != 202:
                expect_problem("refused", answer, 400, "invalid_denial_binding")
        denial = server.deny(question())
        answers = together(server, [lambda: server.request(question(), denial, Idempotency_Key=(
            denial["evaluation_id"]))] * RACERS)
        expect("repeated", ({answer[0] for answer in answers},
                            len({answer[2]["task"]["id"] for answer in answers})), ({202}, 1))
        task = answers[0][2]["task"]["id"]
        statuses = [answer[0] for answer in
                    together(server, [lambda: server.cancel(task)] * RACERS)]
        expect("cancelled", sorted(statuses), [200] + [409] * (RACERS - 1))
        server.cancel(made[0][2]["task"]["id"])
    expect_problem("other body", server.request(
        dict(question(), more=1), denial, Idempotency_Key=denial["evaluation_id"]), 409,
        "duplicate_request")
    server.stop()
    return 16


def callers():
    """Each key has its own denials; one that is bound asks for its agent and sees its requests."""
    server = Server(keys=(("gateway", "delegated"), ("other", "check"), ("reader", "read"),
                          ("bot", "delegated,agent actor=agent:bot"), ("writer", "write")))

    def by(name):
        return {"Authorization": "Bearer %s-key" % name}

    expect("no key", server.post("/access/v1/requests", question())[0], 401)
    denial = server.deny(question(), **by("gateway"))
    expect_problem("another caller", server.request(question(), denial, **by("other")), 400,
                   "invalid_denial_binding")
    expect("role", server.request(question(), denial, **by("writer"))[0], 403)
    status, _, answer = server.request(question(), denial, **by("gateway"))
    expect("made", status, 202)
    task = answer["task"]["id"]
    expect("read", [server.task(task, **by(name))[0] for name in
                    ("gateway", "other", "reader", "bot", "writer")], [200, 200, 200, 200, 403])
    expect("cancel", [server.cancel(task, **by(name))[0] for name in ("reader", "writer")], [403] * 2)
    eve = question(agent="eve")
    of_eve = server.request(eve, server.deny(eve, **by("gateway")), **by("gateway"))[2]["task"]["id"]
    expect_problem("another's", server.task(of_eve, **by("bot")), 404, "unknown_task")
    expect_problem("another's", server.cancel(of_eve, **by("bot")), 404, "unknown_task")
    expect("another's", server.request(eve, {"binding_token": ""}, **by("bot"))[0], 403)
    denial = server.deny(question(), **by("bot"))
    expect_problem("never met", server.request(question(), denial, **by("bot")), 400,
                   "not_requestable")
    server.behalf("session", "create", "user:ann", "agent:bot", "--expires-in", "1h")
    expect("met", server.request(question(), denial, **by("bot"))[0], 202)
    server.stop()
    return 12


def counted():
    """Requests by path and status, keys by result; X-Request-ID of what the floor refuses."""
    server = Server(keys=(("gateway", "check"), ("reader", "read")))
    gateway = {"Authorization": "Bearer gateway-key"}

    def metrics():
        text = server.send("GET", "/metrics", Authorization="Bearer reader-key")[2]
        return dict(line.rsplit(" ", 1) for line in text.splitlines()
                    if line.startswith(("behalf_authzen", "behalf_auth_total")))

    before = metrics()
    made = server.request(question(), server.deny(question(), **gateway), **gateway)[2]["task"]
    server.cancel(made["id"], **gateway)
    server.cancel(made["id"], **gateway)
    server.evaluate(question(), **gateway)
    server.post("/access/v1/evaluation", question(), Authorization="Bearer guessed-key")
    server.post("/access/v1/evaluation", question(), Authorization="Basic Z3Vlc3M=")
    server.post("/access/v1/other", question(), **gateway)
    after = metrics()
    grown = {name: int(value) - int(before.get(name, 0)) for name, value in after.items()
             if value != before.get(name, "0")}

    def row(path, status):
        return 'behalf_authzen_requests_total{path="%s",status="%d"}' % (path, status)

    expect("counts", grown, {
        row("/access/v1/evaluation", 200): 2, row("/access/v1/evaluation", 401): 2,
        row("/access/v1/requests", 202): 1, row("/access/v1/requests/{id}/cancel", 200): 1,
        row("/access/v1/requests/{id}/cancel", 409): 1, row("other", 404): 1,
        'behalf_auth_total{result="known"}': 6, 'behalf_auth_total{result="unknown"}': 1})
    for fields, status in (({"Host": "elsewhere"}, 421), ({"Expect": "x"}, 417)):
        answer = server.post("/access/v1/evaluation", question(), X_Request_ID="r-1", **fields)
        expect("refused", (answer[0], answer[1].get("x-request-id")), (status, "r-1"))
    server.stop()
    return 3


def restart():
    """A denial and a task outlive the process that gave them."""
    server = Server()
    denial = server.deny(question())
    task = server.request(question(), server.deny(question()))[2]["task"]
    server.end()
    server.start()
    expect("task", server.task(task["id"])[2], {"task": task})
    status, _, answer = server.request(question(), denial, Idempotency_Key="k")
    expect("denial", status, 202)
    server.end()
    server.start()
    expect("repeat", server.request(question(), denial, Idempotency_Key="k")[2], answer)
    expect_problem("used", server.request(question(), denial), 400, "invalid_denial_binding")
    server.stop()
    return 4


def main():
    groups = [metadata, approved, decided_otherwise, words, races, callers, counted, restart]
    failed = 0
    for group in groups:
        failures.clear()
        count = group()
        print("%-8s %s: %d cases" % ("FAILED" if failures else "ok", group.__name__, count))
        for failure in failures[:20]:
            print("         " + failure, file=sys.stderr)
        failed += bool(failures)
    print("authzen_requests.py: %d groups, %d failed" % (len(groups), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
