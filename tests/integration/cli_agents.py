#!/usr/bin/python3
"""`behalf session`, `grant`, `agent`, `filter`, and checks and lookups by a grant, against a real
server: exact output, exit codes, bad input. Ids, tokens and times are shown as ID, TOKEN and TIME.

Prints one line per group of cases."""
import os
import re
import shutil
import sys
import tempfile

import lib_cli
from lib_cli import Asker, Server, complain, run

SCHEMA = """definition user {}

definition folder {
    relation parent: folder
    permission within = parent + parent->within
}

caveat few(count int) {
    count < 3
}

definition document {
    relation folder: folder
    relation owner: user
    relation viewer: user with few
    permission edit = owner
    permission view = owner + viewer
    permission within = folder + folder->within
}

definition agent {
    permission acts_on_behalf_of = nil
}
"""
RELATIONSHIPS = ("document:plan#owner@user:ann", "document:plan#folder@folder:f",
                 "document:memo#owner@user:ann", "document:diary#owner@user:bob",
                 "document:draft#viewer@user:ann[few]")
HASH = "ab" * 32
OTHER_HASH = "cd" * 32


def hidden(text):
    text = re.sub(r"\b(ses|gr|req|dec)_[0-9A-Z]{26}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    return re.sub(r"[A-Za-z0-9_-]{40,}", "TOKEN", text)


class AgentAsker(Asker):
    """As Asker, with ids and times hidden."""

    def expect(self, line, code=0, out=None, err="", text=None):
        arguments = line if isinstance(line, list) else line.split()
        got = run(arguments, self.endpoint, text)
        for what, have, want in (("exit code", got[0], code), ("output", hidden(got[1]), out),
                                 ("error output", hidden(got[2]), err)):
            if want is not None and have != want:
                complain(arguments, what, "%s\n%s" % (have, got[2]), want)
        return got[1]

    def made(self, line):
        """The ids that a command says it made, by name."""
        return dict(found.split(" ") for found in self.expect(line, 0).splitlines())

    def session(self, *options, scope="document:*=view"):
        return self.made(["session", "create", "user:ann", "agent:bot", "--expires-in", "1h",
                          "--scope", scope, "--approver", "user:ann", *options])


def load(ask):
    ask.expect(["schema", "write", "-"], 0, None, text=SCHEMA)
    ask.expect(["relationship", "create", *RELATIONSHIPS], 0, None)


def sessions(ask):
    ask.expect("session create user:ann agent:bot --expires-in 8h", 0,
               "session ID\nwritten_at TOKEN\n")
    made = ask.session("--client", "https://app.example", "--idle-timeout", "0", "--evidence",
                       '{"acr": "high"}', "--channel", "browser")
    assert set(made) == {"session", "grant", "written_at"}, made
    session = made["session"]
    got = ask.json("session read " + session)
    assert (got["principal"], got["agent"], got["client"], got["state"], got["evidence"]) == (
        "user:ann", "agent:bot", "https://app.example", "active", {"acr": "high"}), got
    assert got["idle_timeout_s"] == 0, got
    text = ask.expect("session read " + session, 0)
    for line in ("principal", "user:ann", "https://app.example", "active", '{"acr":"high"}'):
        assert line in text, text
    for line in ("session list --principal user:ann", "session list --agent agent:bot"):
        out = ask.expect(line, 0, ("ID  user:ann  agent:bot  active until TIME\n") * 2)
        assert session in out, out
        pages = run((line + " --limit 1").split(), ask.endpoint)
        assert pages[0] == 4 and "more: --cursor " in pages[2], pages
        listed = ask.json(line)
        assert [one["state"] for one in listed["sessions"]] == ["active"] * 2, listed
    ask.expect("session list --principal user:bob", 0, "")
    check = "check document:plan view user:ann --actor agent:bot --grant " + made["grant"]
    ask.expect(check, 0, "allow until TIME\n")
    for verb, answer in (("suspend", (10, "deny (session_suspended)\n")),
                         ("resume", (0, "allow until TIME\n")),
                         ("revoke", (10, "deny (session_revoked)\n")),
                         ("revoke", (10, "deny (session_revoked)\n"))):
        ask.expect(["session", verb, session, "--reason", "a reason"], 0, "written_at TOKEN\n")
        ask.expect(check, *answer)
    got = ask.json("session read " + session)
    assert (got["state"], got["reason"]) == ("session_revoked", "a reason"), got
    code, _, err = run(["session", "resume", session, "--reason", "x"], ask.endpoint)
    assert code == 3 and "(RECORD_NOT_ACTIVE)" in err, err
    code, _, err = run(["session", "read", "ses_00000000000000000000000000"], ask.endpoint)
    assert code == 3 and "(UNKNOWN_RECORD)" in err, err
    code, _, err = run(["session", "read", session.lower()], ask.endpoint)
    assert code == 3 and "(MALFORMED_REQUEST)" in err and "session" in err, err


def usage(ask):
    for line, problem in (
            ("session create user:ann agent:bot", "'session create' needs --expires-in or --expires-at"),
            ("session create user:ann agent:bot --expires-in 1h --expires-at 2099-01-01T00:00:00Z",
             "--expires-at and --expires-in exclude each other"),
            ("session create user:ann agent:bot --expires-in 1h --uses 3",
             "'session create' needs --scope with options of a grant"),
            ("session create user:ann agent:bot --expires-in 1h --scope document:*=view",
             "'session create' needs --approver with --scope"),
            ("session create user:ann agent:bot --expires-in soon",
             "option '--expires-in': 'soon' is no DURATION"),
            ("session list", "'session list' needs --principal or --agent"),
            ("session list --principal user:ann --agent agent:bot",
             "'session list' needs --principal or --agent"),
            ("session revoke s", "'session revoke' needs --reason"),
            ("grant create s --scope document:*=view --approver user:ann",
             "'grant create' needs --expires-in or --expires-at"),
            ("grant create s --scope document:*=view --expires-in 1h",
             "'grant create' needs --approver"),
            ("grant create s --expires-in 1h --approver user:ann", "'grant create' needs --scope"),
            ("grant create s --scope document:* --expires-in 1h --approver user:ann",
             "option '--scope': 'document:*' is no SELECTOR=ACTION[,ACTION...]"),
            ("grant delegate g agent:helper --scope document:*=view",
             "'grant delegate' needs one --actor, who passes the grant on"),
            ("grant delegate g agent:helper --scope document:*=view --actor agent:a,agent:b",
             "'grant delegate' needs one --actor, who passes the grant on"),
            ("grant list", "'grant list' needs --session or --agent"),
            ("grant revoke g", "'grant revoke' needs --reason"),
            ("request create user:ann agent:bot document:plan view --method POST",
             "--method and --digest go together"),
            ("request create user:ann agent:bot document:plan view --expires-in 1h "
             "--expires-at 2099-01-01T00:00:00Z", "--expires-at and --expires-in exclude each other"),
            ("request list", "'request list' needs --principal"),
            ("request approve r s --expires-in 1h", "'request approve' needs --approver"),
            ("request deny r", "'request deny' needs --reason"),
            ("request cancel r", "'request cancel' needs --reason"),
            ("agent kill --reason x",
             "'agent kill' needs one of AGENT, --client, --principal and --everything"),
            ("agent kill agent:bot --everything --reason x",
             "'agent kill' needs one of AGENT, --client, --principal and --everything"),
            ("agent kill agent:bot", "'agent kill' needs --reason"),
            ("check document:plan view user:ann --actor agent:bot --grant g --method POST",
             "--method and --digest go together"),
            ("check document:plan view user:ann --actor agent:bot --grant g --tool a",
             "option '--tool': 'a' is no NAME=SHA256"),
            ("check document:plan view user:ann --actor agent:bot --grant g --tool a=b --tool c=d",
             "a check is of one --tool")):
        words = line.split()
        family = " ".join(words[:1 if words[0] == "check" else 2])
        ask.expect(line, 1, "", "behalf: %s\nhint: see behalf %s --help\n" % (problem, family))


def grants(ask):
    session = ask.made("session create user:ann agent:bot --expires-in 1h")["session"]
    grant = ask.made(["grant", "create", session, "--scope", "document:*#within@folder:f=view,edit",
                      "--scope", "document:memo=view", "--expires-in", "30m", "--max-depth", "1",
                      "--purpose", "taxes", "--approver", "user:ann"])["grant"]
    by = ["--actor", "agent:bot", "--grant", grant]
    ask.expect(["check", "document:plan", "edit", "user:ann", *by], 0, "allow until TIME\n")
    ask.expect(["check", "document:memo", "edit", "user:ann", *by], 10, "deny (scope_excluded)\n")
    ask.expect(["check", "document:plan", "edit", "user:bob", *by], 10,
               "deny (principal_mismatch)\n")
    got = ask.json("grant read " + grant)
    assert got["scope"] == [{"selector": "document:*#within@folder:f", "actions": ["view", "edit"]},
                            {"selector": "document:memo", "actions": ["view"]}], got
    assert (got["state"], got["purpose"], got["max_depth"], got["chain"]) == (
        "active", "taxes", 1, [grant]), got
    text = ask.expect("grant read " + grant, 0)
    assert "document:*#within@folder:f=view,edit document:memo=view" in text, text
    part = ask.made(["grant", "delegate", grant, "agent:helper", "--actor", "agent:bot", "--scope",
                     "document:memo=view"])["grant"]
    assert ask.json("grant read " + part)["chain"] == [grant, part]
    ask.expect("grant list --agent agent:helper", 0,
               "ID  agent:helper  active until TIME  document:memo=view\n")
    out = ask.expect("grant list --session " + session, 0)
    assert len(out.splitlines()) == 2 and grant in out and part in out, out
    helper = ["--actor", "agent:bot,agent:helper", "--grant", part]
    ask.expect(["check", "document:memo", "view", "user:ann", *helper], 0, "allow until TIME\n")
    for line, reason in (
            (["grant", "delegate", grant, "agent:helper", "--actor", "agent:bot", "--scope",
              "document:*=view"], "SCOPE_NOT_NARROWER"),
            (["grant", "delegate", part, "agent:third", "--actor", "agent:helper", "--scope",
              "document:memo=view"], "DELEGATION_REFUSED"),
            (["grant", "delegate", grant, "agent:bot", "--actor", "agent:bot", "--scope",
              "document:memo=view"], "DELEGATION_REFUSED"),
            (["grant", "create", session, "--scope", "document:*=veiw", "--expires-in", "1m",
              "--approver", "user:ann"], "UNKNOWN_RELATION_OR_PERMISSION"),
            (["grant", "create", session, "--scope", "document:*=view", "--expires-in", "2h",
              "--approver", "user:ann"], "EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT"),
            (["grant", "create", session, "--scope", "document:*=view", "--expires-in", "1m",
              "--approver", "user:bob"], "APPROVER_REFUSED")):
        code, out, err = run(line, ask.endpoint)
        if code != 3 or out != "" or "(%s)" % reason not in err:
            complain(line, "refusal", err, reason)
    ask.expect(["grant", "revoke", grant, "--reason", "done"], 0, "written_at TOKEN\n")
    ask.expect(["check", "document:memo", "view", "user:ann", *helper], 10,
               "deny (grant_revoked)\n")
    assert ask.json("grant read " + part)["state"] == "grant_revoked"
    assert ask.json("grant read " + grant)["revoked"]["reason"] == "done"


def calls(ask):
    """Bindings, tools and uses."""
    made = ask.session("--method", "POST", "--digest", HASH, "--tool", "mail=" + HASH)
    check = ["check", "document:plan", "view", "user:ann", "--actor", "agent:bot", "--grant",
             made["grant"]]
    good = ["--method", "POST", "--digest", HASH, "--tool", "mail=" + HASH]
    ask.expect(check + good, 0, "allow until TIME\n")
    ask.expect(check, 10, "deny (binding_mismatch)\n")
    ask.expect(check + ["--method", "POST", "--digest", OTHER_HASH] + good[4:], 10,
               "deny (binding_mismatch)\n")
    ask.expect(check + good[:4], 10, "deny (tool_changed)\n")
    ask.expect(check + good[:4] + ["--tool", "mail=" + OTHER_HASH], 10, "deny (tool_changed)\n")
    made = ask.session("--uses", "2")
    check = check[:-1] + [made["grant"]]
    for _ in range(3):
        ask.expect(check + ["--idempotency-key", "one"], 0, "allow until TIME\n")
    assert ask.json("grant read " + made["grant"])["uses_left"] == 1
    ask.expect(check, 0, "allow until TIME\n")
    ask.expect(check, 10, "deny (uses_exhausted)\n")


def requests(ask):
    session = ask.made("session create user:ann agent:asker --expires-in 1h")["session"]
    create = ["request", "create", "user:ann", "agent:asker", "document:plan", "edit"]
    made = ask.made(create + ["--uses", "1", "--until", "2099-01-01T00:00:00Z", "--tool",
                              "mail=" + HASH, "--justification", "a typo", "--expires-in", "2h"])
    assert set(made) == {"request", "written_at"}, made
    request = made["request"]
    got = ask.json("request show " + request)
    assert (got["request"], got["status"], got["justification"]) == (request, "pending", "a typo"), got
    assert got["requested"] == {"until": "2099-01-01T00:00:00Z", "uses": 1,
                                "tools": [{"name": "mail", "sha256": HASH}]}, got
    assert "a typo" in ask.expect("request show " + request, 0)
    line = "ID  agent:asker  document:plan#edit  %s\n"
    ask.expect("request list --principal user:ann", 0, line % "pending until TIME")
    approve = ["request", "approve", request, session, "--approver", "user:ann", "--expires-in", "5m"]
    code, out, err = run(approve[:-3] + ["user:bob", "--expires-in", "5m"], ask.endpoint)
    assert code == 3 and out == "" and "(APPROVER_REFUSED)" in err, err
    made = ask.made(approve + ["--idempotency-key", "once"])
    assert set(made) == {"request", "grant", "written_at"} and made["request"] == request, made
    assert ask.made(approve + ["--idempotency-key", "once"])["grant"] == made["grant"]
    code, out, err = run(approve, ask.endpoint)
    assert code == 3 and "(RECORD_NOT_ACTIVE)" in err, err
    got = ask.json("request show " + request)
    assert (got["status"], got["grant"], got["decided"]["approver"]) == (
        "approved", made["grant"], "user:ann"), got
    grant = ask.json("grant read " + made["grant"])
    assert grant["approval"]["request"] == request, grant
    assert grant["scope"] == [{"selector": "document:plan", "actions": ["edit"]}], grant
    check = ["check", "document:plan", "edit", "user:ann", "--actor", "agent:asker", "--grant",
             made["grant"], "--tool", "mail=" + HASH]
    ask.expect(check, 0, "allow until TIME\n")
    ask.expect(check, 10, "deny (uses_exhausted)\n")
    for verb, status in (("deny", "denied"), ("cancel", "cancelled")):
        request = ask.made(create)["request"]
        ask.expect(["request", verb, request, "--reason", "no"], 0, "written_at TOKEN\n")
        got = ask.json("request show " + request)
        assert (got["status"], got["decided"]["reason"]) == (status, "no"), got
        ask.expect("request list --principal user:ann --status " + status, 0, line % status)
    ask.expect("request list --principal user:ann --status pending", 0, "")
    assert len(ask.json("request list --principal user:ann")["requests"]) == 3
    code, out, err = run("request list --principal user:ann --status lost".split(), ask.endpoint)
    assert code == 3 and "'status'" in err, err


def many(ask, folder):
    grant = ask.session()["grant"]
    by = ["--actor", "agent:bot", "--grant", grant]
    ask.expect(["lookup-resources", "document", "view", "user:ann", *by], 0, None, None)
    got = run(["lookup-resources", "document", "view", "user:ann", *by], ask.endpoint)
    assert sorted(got[1].splitlines()) == ["document:draft  conditional (missing: count)",
                                           "document:memo", "document:plan"], got
    got = run(["lookup-permissions", "document:plan", "user:ann", *by], ask.endpoint)
    assert got[0] == 0 and re.search("view +│ allow", got[1]) and \
        re.search(r"edit +│ deny \(scope_excluded\)", got[1]), got
    names = ["document:diary", "document:plan", "document:draft", "document:memo", "document:plan"]
    want = "document:plan\ndocument:memo\ndocument:plan\ndocument:draft  conditional (missing: count)\n"
    ask.expect(["filter", "view", "user:ann", *names, *by], 0, want, "valid until TIME\n")
    ask.expect(["filter", "view", "user:ann", "-", *by], 0, want, "valid until TIME\n",
               text="// found\n" + "\n".join(names) + "\n")
    ask.expect(["filter", "view", "user:ann", *names], 0, want)
    got = ask.json("filter view user:ann %s %s" % (" ".join(names), " ".join(by)))
    assert got["resources"] == ["document:plan", "document:memo", "document:plan"], got
    assert [one["index"] for one in got["conditional"]] == [2] and got["undecided"] == [], got
    path = os.path.join(folder, "checks.txt")
    with open(path, "w") as file:
        file.write("document:plan#view@user:ann true actor=agent:bot grant=%s\n"
                   "document:plan#edit@user:ann grant=%s false actor=agent:bot\n"
                   "document:draft#view@user:ann true actor=agent:bot grant=%s with {\"count\": 1}\n"
                   % (grant, grant, grant))
    out = ask.expect(["check-bulk", path], 0)
    assert "deny (scope_excluded)" in out, out
    for extra in ("grant=", "grant=%s grant=%s" % (grant, grant)):
        code, out, err = run(["check-bulk", "-"], ask.endpoint,
                             "document:plan#view@user:ann actor=agent:bot %s\n" % extra)
        assert code == 1 and "cannot read 'grant=" in err, err
    ask.expect(["grant", "revoke", grant, "--reason", "x"], 0, None)
    for line in (["lookup-resources", "document", "view", "user:ann", *by],
                 ["filter", "view", "user:ann", *names, *by]):
        ask.expect(line, 0, "", "nothing: grant_revoked\n")


def explained(ask):
    grant = ask.session()["grant"]
    out = ask.expect(["check", "document:plan", "edit", "user:ann", "--actor", "agent:bot",
                      "--grant", grant, "--explain"], 10)
    lines = out.splitlines()
    assert lines[0] == "deny (scope_excluded)" and lines[1].startswith("intersection  deny"), out
    for condition in ("D2", "D9", "D6", "D7", "D4", "D5", "D10a", "D8", "D1"):
        assert re.search(r"[`|]- %s  allow" % condition, out), (condition, out)
    assert re.search(r"[`|]- D3  deny \(scope_excluded\)", out), out


def stops(ask):
    ask.expect("agent stopped", 0, "")
    made = ask.session("--client", "https://app.example")
    check = "check document:plan view user:ann --actor agent:bot --grant "
    ask.expect("agent kill agent:bot --reason incident", 0, "written_at TOKEN\n")
    ask.expect(check + made["grant"], 10, "deny (agent_stopped)\n")
    line = ["session", "create", "user:ann", "agent:bot", "--expires-in", "1h"]
    code, _, err = run(line, ask.endpoint)
    assert code == 3 and "(AGENT_STOPPED)" in err, err
    out = ask.expect("agent stopped", 0)
    assert re.search("agent agent:bot +│ yes +│ [0-9]+ +│ [^│]+ │ incident", out), out
    ask.expect("agent restore agent:bot --reason over", 0, "written_at TOKEN\n")
    ask.expect(check + made["grant"], 10, "deny (agent_stopped)\n")
    ask.expect(check + ask.session()["grant"], 0, "allow until TIME\n")
    assert re.search("agent agent:bot +│ no ", ask.expect("agent stopped", 0))
    for party in (["--client", "https://app.example"], ["--principal", "user:ann"], ["--everything"]):
        made = ask.session("--client", "https://app.example")
        ask.expect(["agent", "kill", *party, "--reason", "x"], 0, "written_at TOKEN\n")
        ask.expect(check + made["grant"], 10, "deny (agent_stopped)\n")
        ask.expect(["agent", "restore", *party, "--reason", "x"], 0, "written_at TOKEN\n")
    listed = ask.json("agent stopped")["stops"]
    assert {one["scope"] for one in listed} == {"agent", "client", "principal", "everything"}, listed
    code, _, err = run(["agent", "kill", "user:ann", "--reason", "x"], ask.endpoint)
    assert code == 3 and err != "", err


def audits(folder):
    """Nothing is standing in examples/grants; in examples/agents all of it is."""
    for name, code in (("grants", 0), ("agents", 12)):
        server = Server(os.path.join(folder, name))
        try:
            ask = AgentAsker(server.address)
            ask.expect(["schema", "write", "examples/%s/schema.zed" % name], 0, None)
            ask.expect(["import", "examples/%s/relationships.txt" % name], 0, None)
            out = ask.expect("agent audit", code, "" if code == 0 else None)
            ask.expect("agent audit agent", code, out)
            run(["agent", "audit", "ghost"], server.address)
            findings = ask.json("agent audit", code)["findings"]
            assert bool(findings) == (code == 12), findings
        finally:
            server.stop()
    for line in ("agent:assistant acts on behalf of person:alice",
                 "agent:searcher acts on behalf of agent:assistant",
                 "agent:scheduler acts on behalf of person:bob"):
        assert line in out.splitlines(), out


def audit_of_access(folder):
    """What an agent has by itself, and what every agent has."""
    server = Server(os.path.join(folder, "standing"))
    try:
        ask = AgentAsker(server.address)
        ask.expect(["schema", "write", "-"], 0, None, text=SCHEMA.replace(
            "relation owner: user\n", "relation owner: user | agent | agent:*\n"))
        ask.expect("relationship create document:plan#owner@agent:bot", 0, None)
        out = ask.expect("agent audit", 12)
        assert "agent:bot has document#edit, as on document:plan" in out.splitlines(), out
        assert "agent:bot has document#view, as on document:plan" in out.splitlines(), out
        code, out, err = run(["agent", "audit", "--limit", "1"], server.address)
        assert code == 12 and len(out.splitlines()) == 1 and "more: --cursor" in err, (code, out, err)
        ask.expect("relationship create document:memo#owner@agent:*", 0, None)
        out = ask.expect("agent audit", 12)
        assert "agent:* has document#view, as on document:memo" in out.splitlines(), out
    finally:
        server.stop()


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-cli-agents.")
    server = Server(os.path.join(scratch, "data"))
    os.environ["NO_COLOR"] = "1"
    try:
        ask = AgentAsker(server.address)
        load(ask)
        for group, arguments in ((sessions, (ask,)), (usage, (ask,)), (grants, (ask,)),
                                 (calls, (ask,)), (requests, (ask,)), (many, (ask, scratch)), (explained, (ask,)),
                                 (stops, (ask,)), (audits, (scratch,)),
                                 (audit_of_access, (scratch,))):
            group(*arguments)
            print("cli_agents: %s" % group.__name__, flush=True)
    finally:
        stopped = server.stop()
        shutil.rmtree(scratch)
    if stopped != 0:
        print("cli_agents: behalfd ended with %d" % stopped, file=sys.stderr)
    sys.exit(1 if lib_cli.wrong or stopped != 0 else 0)


if __name__ == "__main__":
    main()
