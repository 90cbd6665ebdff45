#!/usr/bin/python3
"""AuthZEN over HTTP, against a real server: the checks of the Certification Scenario of the
Authorization API 1.0 by their numbers, the Todo, search, identity-provider and API-gateway scenarios
(tests/authzen/*.json over examples/authzen/*), and what only a socket shows.

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

import lib_process
from lib_cli import BEHALF, BUILD, PATIENCE

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, "examples/authzen")
CASES = os.path.join(ROOT, "tests/authzen")
SINGLE = {"subject": {"type": "user", "id": "alice"}, "action": {"name": "read"},
          "resource": {"type": "record", "id": "record-1"}}
WHO = {"subject": {"type": "user"}, "action": {"name": "read"},
       "resource": {"type": "record", "id": "record-1"}}
CHECKS = 54
failures = []
_configurations = []


def expect(what, got, want):
    if got != want:
        failures.append("%s: %r instead of %r" % (what, got, want))


class Server:
    """With the schema, relationships, attributes and configuration of an example."""

    def __init__(self, example, *options, config=None):
        folder = os.path.join(EXAMPLES, example)
        self.directory = tempfile.mkdtemp(prefix="behalf-authzen.")
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", os.path.join(self.directory, "data"),
             "--unix", os.path.join(self.directory, "socket"), "--listen", "127.0.0.1:0",
             "--http", "127.0.0.1:0",
             "--authzen", config or os.path.join(folder, "authzen.json"),
             "--log-level", "warn", *options], stdout=subprocess.PIPE, text=True)
        self.http = None
        for line in self.process.stdout:
            if line.startswith("behalfd HTTP on "):
                self.http = line.split()[-1]
                break
        assert self.http, "behalfd did not start"
        self.behalf("schema", "write", os.path.join(folder, "schema.zed"))
        self.behalf("import", os.path.join(folder, "relationships.txt"))
        with open(os.path.join(folder, "attributes.json")) as file:
            for item, attributes in json.load(file).items():
                self.behalf("attribute", "set", item, json.dumps(attributes))
        self.connection = http.client.HTTPConnection(self.http, timeout=PATIENCE)

    def behalf(self, *arguments):
        environment = dict(os.environ,
                           BEHALF_ENDPOINT="unix:" + os.path.join(self.directory, "socket"))
        return subprocess.run([BEHALF, *arguments], env=environment, check=True, text=True,
                              capture_output=True, timeout=PATIENCE).stdout

    def send(self, method, path, body=None, fields=None):
        """On a connection that is kept; (status, fields in lower case, body)."""
        try:
            self.connection.request(method, path, body, fields or {})
            reply = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):
            self.connection.close()
            self.connection.request(method, path, body, fields or {})
            reply = self.connection.getresponse()
        text = reply.read().decode()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, text

    def post(self, endpoint, request, **fields):
        body = request if isinstance(request, (str, bytes)) else json.dumps(request)
        sent = {"Content-Type": "application/json"}
        sent.update({name.replace("_", "-"): value for name, value in fields.items()})
        return self.send("POST", "/access/v1/" + endpoint, body, sent)

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        expect("exit code", self.process.wait(PATIENCE), 0)
        shutil.rmtree(self.directory)


def config_of(content):
    """A configuration as a file, which ends with the test."""
    file = tempfile.NamedTemporaryFile("w", prefix="behalf-authzen-config.")
    json.dump(content, file)
    file.flush()
    _configurations.append(file)
    return file.name


def run_case(server, name, case):
    status, fields, text = server.post(case["endpoint"], case["request"])
    what = "%s %s" % (name, json.dumps(case["request"]))
    expect(what + " status", status, case.get("status", 200))
    if status != 200:
        expect(what + " type", fields["content-type"], "text/plain; charset=utf-8")
        return
    expect(what + " type", fields["content-type"], "application/json")
    answer = json.loads(text)
    if "answer" in case:
        if "results" in case["answer"]:
            answer["results"].sort(key=json.dumps)
            case["answer"]["results"].sort(key=json.dumps)
        expect(what, answer, case["answer"])
    for element in case.get("includes", []):
        expect("%s has %r" % (what, element), element in answer["results"], True)
    if "length" in case:
        expect(what, [type(item["decision"]) for item in answer["evaluations"]],
               [bool] * case["length"])


def load(name):
    with open(os.path.join(CASES, name)) as file:
        return json.load(file)


# --- the Certification Scenario: what is no question and answer alone ---

def check_2_3_1(server):
    """A decision is a boolean."""
    status, _, text = server.post("evaluation", SINGLE)
    expect("2.3.1", (status, type(json.loads(text)["decision"])), (200, bool))


def check_2_3_2(server):
    """A context is an object, where there is one."""
    _, _, text = server.post("evaluation", dict(SINGLE, context={"behalf": {}}))
    expect("2.3.2", type(json.loads(text)["context"]), dict)
    _, _, text = server.post("evaluation", SINGLE)
    expect("2.3.2", json.loads(text), {"decision": True})


def check_2_4_3(server):
    """Another Content-Type than application/json."""
    for kind in ("text/plain", "application/xml", ""):
        status, _, _ = server.post("evaluation", SINGLE, Content_Type=kind)
        expect("2.4.3 " + kind, status, 400)


def check_2_4_4(server):
    """What is no JSON."""
    for text in ("{", "subject=alice", '{"subject": }'):
        expect("2.4.4 " + text, server.post("evaluation", text)[0], 400)


def check_2_4_5(server):
    """No body."""
    expect("2.4.5", server.post("evaluation", "")[0], 400)


def check_2_5_1(server):
    """X-Request-ID comes back."""
    for request, status in ((SINGLE, 200), ({}, 400)):
        got, fields, _ = server.post("evaluation", request, X_Request_ID="bfe9eb29-ab87")
        expect("2.5.1", (got, fields.get("x-request-id")), (status, "bfe9eb29-ab87"))


def check_2_5_2(server):
    """Without it nothing fails."""
    status, fields, _ = server.post("evaluation", SINGLE)
    expect("2.5.2", (status, "x-request-id" in fields), (200, False))


def check_2_6(server):
    """The same question has the same answer."""
    answers = {server.post("evaluation", SINGLE)[2] for _ in range(5)}
    expect("2.6", answers, {'{"decision":true}'})


def first_page(server):
    status, _, text = server.post("search/subject", dict(WHO, page={"limit": 1}))
    expect("4.5 status", status, 200)
    return json.loads(text)


def check_4_5_1(server):
    """A page with a limit."""
    answer = first_page(server)
    expect("4.5.1", (len(answer["results"]), type(answer["page"]["next_token"])), (1, str))


def check_4_5_2(server):
    """The pages that follow, to their end."""
    answer = first_page(server)
    found = answer["results"]
    while answer["page"]["next_token"] and len(found) < 100:
        status, _, text = server.post("search/subject", dict(
            WHO, page={"token": answer["page"]["next_token"]}))
        expect("4.5.2", status, 200)
        answer = json.loads(text)
        found += answer["results"]
    expect("4.5.2", sorted(subject["id"] for subject in found), ["alice", "bob"])
    expect("4.5.2 end", answer["page"], {"next_token": ""})


def check_4_5_3(server):
    """A page has a next_token, before the results."""
    _, _, text = server.post("search/action", {"subject": SINGLE["subject"],
                                               "resource": SINGLE["resource"], "page": {}})
    expect("4.5.3", list(json.loads(text).items())[0], ("page", {"next_token": ""}))


def check_4_5_4(server):
    """Nothing is left out without a page."""
    _, _, text = server.post("search/subject", WHO)
    expect("4.5.4", "page" in json.loads(text), False)


def check_5(server):
    """Transport: JSON in, JSON out, 200; TLS is the listener's."""
    status, fields, _ = server.post("evaluation", dict(SINGLE, unknown=1),
                                    Content_Type="application/json; charset=utf-8",
                                    X_Request_ID="r5")
    expect("5", (status, fields["content-type"], fields["x-request-id"]),
           (200, "application/json", "r5"))


def check_6(server):
    """The metadata."""
    status, fields, text = server.send("GET", "/.well-known/authzen-configuration")
    expect("6", (status, fields["content-type"]), (200, "application/json"))
    metadata = json.loads(text)
    base = metadata.pop("policy_decision_point")
    expect("6 base", base, "https://pdp.example.com")
    expect("6 urls", metadata, {
        "access_evaluation_endpoint": base + "/access/v1/evaluation",
        "access_evaluations_endpoint": base + "/access/v1/evaluations",
        "search_subject_endpoint": base + "/access/v1/search/subject",
        "search_resource_endpoint": base + "/access/v1/search/resource",
        "search_action_endpoint": base + "/access/v1/search/action"})
    for path in urls_of(metadata, base):
        expect("6 " + path, server.send("POST", path, "{}", {
            "Content-Type": "application/json"})[0], 400)


def urls_of(metadata, base):
    return [url[len(base):] for url in metadata.values()]


def certification():
    """Each check of the scenario, once."""
    server = Server("certification")
    own = {name[len("check_"):].replace("_", "."): check for name, check in globals().items()
           if name.startswith("check_")}
    listed = {check["check"]: check for check in load("certification.json")}
    expect("checks that are there twice", own.keys() & listed.keys(), set())
    expect("checks", len(own) + len(listed), CHECKS)
    for check in listed.values():
        for case in check["cases"]:
            run_case(server, check["check"], case)
    for check in own.values():
        check(server)
    server.stop()
    return len(own) + len(listed)


# --- the description for machines ---

def references(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def openapi():
    """docs/openapi.json: every reference is there, every path is answered, and no other."""
    with open(os.path.join(ROOT, "docs/openapi.json")) as file:
        document = json.load(file)
    schemas = document["components"]["schemas"]
    used = {reference[len("#/components/schemas/"):] for reference in references(document)}
    expect("schemas", used, set(schemas))
    server = Server("certification", config=config_of({
        "policy_decision_point": "https://pdp.example.com", "agents": {"type": "agent"}}))
    for path, methods in document["paths"].items():
        for method in ("get", "post", "delete"):
            status = server.send(method.upper(), path.replace("{id}", "req_0"),
                                 "{}" if method == "post" else None,
                                 {"Content-Type": "application/json"})[0]
            want = {"get": 200, "post": 400}.get(method)
            if "{id}" in path:
                want = 404
            expect("%s %s" % (method, path), status, want if method in methods else 405)
    metadata = json.loads(server.send("GET", "/.well-known/authzen-configuration")[2])
    base = metadata["policy_decision_point"]
    expect("paths", {path for path in document["paths"] if "{id}" not in path},
           {"/.well-known/authzen-configuration"} | {
               url[len(base):] for name, url in metadata.items()
               if name not in ("policy_decision_point", "capabilities")})
    expect("metadata", set(schemas["Metadata"]["properties"]), set(metadata))
    server.stop()
    return len(document["paths"])


# --- scenarios ---

def run_scenario(example, name):
    server = Server(example)
    cases = load(name + ".json")
    for case in cases:
        run_case(server, name, case)
    server.stop()
    return len(cases)


def todo():
    """Todos that are not stored, their owners from the request."""
    return run_scenario("todo", "todo")


def gateway():
    """Methods and routes."""
    return run_scenario("todo", "gateway")


def search():
    """Who may what: subjects, resources, actions."""
    return run_scenario("records", "search")


def identity_provider():
    """What goes into a token."""
    return run_scenario("records", "idp")


# --- what only a socket shows ---

def keys():
    """Roles, agents and trust by key."""
    folder = tempfile.mkdtemp(prefix="behalf-authzen-keys.")
    path = os.path.join(folder, "keys")
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for name, roles in (("app", "check,properties"), ("plain", "check"), ("reader", "read"),
                            ("gateway", "delegated"), ("slow", "check requests=1/s")):
            digest = hashlib.sha256((name + "-secret").encode()).hexdigest()
            file.write("%s %s %s\n" % (name, digest, roles))
    server = Server("certification", "--keys", path)
    archived = {"subject": {"type": "user", "id": "alice"}, "action": {"name": "write"},
                "resource": {"type": "record", "id": "record-1",
                             "properties": {"status": "archived"}}}

    def ask(name, request, endpoint="evaluation"):
        status, fields, text = server.post(endpoint, request,
                                           Authorization="Bearer %s-secret" % name)
        return status, fields, text

    status, fields, _ = server.post("evaluation", SINGLE)
    expect("no key", (status, fields.get("www-authenticate")), (401, "Bearer"))
    expect("wrong key", server.post("evaluation", SINGLE, Authorization="Bearer x")[0], 401)
    expect("known key", ask("plain", SINGLE)[2], '{"decision":true}')
    expect("no role", ask("reader", SINGLE)[0], 403)
    expect("reader", ask("reader", WHO, "search/subject")[0], 200)
    expect("no reader", ask("plain", WHO, "search/subject")[0], 403)
    expect("no agent", ask("gateway", SINGLE)[0], 403)
    # Properties count where the key is trusted; else what is stored does.
    expect("trusted", ask("app", archived)[2], '{"decision":false}')
    expect("not trusted", ask("plain", archived)[2], '{"decision":true}')
    expect("rate", ask("slow", SINGLE)[0], 200)
    status, fields, _ = ask("slow", SINGLE)
    expect("rate", (status, int(fields.get("retry-after", 0)) > 0), (429, True))
    expect("metadata", server.send("GET", "/.well-known/authzen-configuration")[0], 200)
    server.stop()
    shutil.rmtree(folder)
    return 13


def edges():
    """Paths, methods, sizes, and a connection that is kept through it all."""
    server = Server("certification")
    server.send("GET", "/.well-known/authzen-configuration")
    connected = server.connection.sock
    expect("404", server.post("other", SINGLE)[0], 404)
    expect("404", server.send("GET", "/.well-known/authzen-configuration/x")[0], 404)
    status, fields, _ = server.send("GET", "/access/v1/evaluation")
    expect("405", (status, fields["allow"]), (405, "POST"))
    status, fields, text = server.send("HEAD", "/.well-known/authzen-configuration")
    expect("HEAD", (status, text, int(fields["content-length"]) > 0), (200, "", True))
    expect("nobody asks", server.post("evaluation", SINGLE, Authorization="Basic eDp5")[0], 200)
    revision = server.post("evaluation", SINGLE)[1]["behalf-revision"]
    fresh = dict(SINGLE, context={"behalf": {"at_least": revision}})
    expect("at least", server.post("evaluation", fresh)[0], 200)
    expect("kept", server.connection.sock is connected, True)
    padded = json.dumps(SINGLE)
    padded += " " * (1024 * 1024 - len(padded))
    expect("1 MiB", server.post("evaluation", padded)[0], 200)
    # The head says it, and the answer does not wait for what is thrown away.
    server.connection.putrequest("POST", "/access/v1/evaluation")
    server.connection.putheader("Content-Type", "application/json")
    server.connection.putheader("Content-Length", str(len(padded) + 1))
    server.connection.endheaders(padded[:1000].encode())
    expect("too large", server.connection.getresponse().status, 413)
    server.stop()
    return 10


def uses():
    """A grant with one use, over HTTP: one allow, and its repeats by the same key."""
    folder = tempfile.mkdtemp(prefix="behalf-authzen-uses.")
    config = os.path.join(folder, "authzen.json")
    with open(config, "w") as file:
        json.dump({"agents": {"type": "agent"}}, file)
    server = Server("certification", config=config)
    schema = os.path.join(folder, "schema.zed")
    with open(os.path.join(EXAMPLES, "certification/schema.zed")) as file:
        text = file.read() + "definition agent {\n    permission acts_on_behalf_of = nil\n}\n"
    with open(schema, "w") as file:
        file.write(text)
    server.behalf("schema", "write", schema)
    printed = server.behalf("session", "create", "user:alice", "agent:bot", "--expires-in", "8h",
                            "--grant-expires-in", "30m", "--scope", "record:*=read", "--uses", "1",
                            "--approver", "user:alice")
    grant = [line.split()[1] for line in printed.splitlines() if line.startswith("grant ")][0]
    request = dict(SINGLE, context={"agent": "bot", "grant": grant})
    for key, decision, reason in (("call-1", True, None), ("call-1", True, None),
                                  ("call-2", False, "uses_exhausted")):
        status, _, text = server.post("evaluation", request, Idempotency_Key=key)
        answer = json.loads(text)
        expect(key, (status, answer["decision"], answer["context"].get("reason")),
               (200, decision, reason))
    expect("another agent", json.loads(server.post("evaluation", dict(
        SINGLE, context={"agent": "eve", "grant": grant}))[2])["context"]["reason"],
        "actor_mismatch")
    server.stop()
    shutil.rmtree(folder)
    return 4


def main():
    groups = [certification, openapi, todo, gateway, search, identity_provider, keys, edges, uses]
    failed = 0
    for group in groups:
        failures.clear()
        count = group()
        print("%-8s %s: %d cases" % ("FAILED" if failures else "ok", group.__name__, count))
        for failure in failures[:20]:
            print("         " + failure, file=sys.stderr)
        failed += bool(failures)
    print("authzen.py: %d groups, %d failed" % (len(groups), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
