#!/usr/bin/python3
"""`behalf`, command by command, against a real server: exact output, exit codes, bad input.

Starts its own behalfd from $BUILD (build/release by default); prints one line per group of cases.
Tokens and cursors are shown as TOKEN. The examples are asked too, and `demo.sh` is run."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import msgpack

import lib_cli
from lib_cli import BEHALF, BUILD, PATIENCE, Asker, Server, complain, run
from lib_time import moment

BENCH = os.path.join(BUILD, "behalf-bench")
SCHEMA = """definition user {}

definition group {
    relation member: user | group#member
}

definition agent {
    relation acts_on_behalf_of: user | agent
}

definition document {
    relation owner: user
    relation viewer: user | user:* | group#member
    relation banned: user
    permission edit = owner
    permission view = (viewer + edit) - banned
}
"""


def schema(ask, files):
    ask.expect("schema read", 3, "", "behalf: cannot read the schema: no schema was written yet "
               "(NO_SCHEMA)\nhint: write one first: behalf schema write FILE\n")
    path = files("good.zed", SCHEMA)
    ask.expect(["schema", "validate", path], 0, "%s: valid, 4 definitions, 0 warnings\n" % path)
    ask.expect(["schema", "write", path], 0, "written_at TOKEN\n")
    ask.expect("schema read", 0, SCHEMA)
    ask.expect(["schema", "write", "-"], 0, "written_at TOKEN\n", text=SCHEMA)
    assert ask.json("schema read")["text"] == SCHEMA
    bad = files("bad.zed", SCHEMA.replace("user:*", "usr"))
    caret = ("  %s:13:29\n  13 |     relation viewer: user | usr | group#member\n"
             "     |                             ^^^\nhint: did you mean 'user'?\n" % bad)
    ask.expect(["schema", "write", bad], 1, "",
               "behalf: cannot write the schema '%s': there is no definition 'usr' "
               "(SCHEMA_TYPE_ERROR)\n" % bad + caret)
    ask.expect(["schema", "validate", bad], 1, "",
               "behalf: cannot accept the schema: there is no definition 'usr' "
               "(SCHEMA_TYPE_ERROR)\n" + caret)
    got = run(["schema", "validate", bad, "--json"], ask.endpoint)
    error = json.loads(got[2])["error"]
    assert got[0] == 1 and error["at"] == {"line": 13, "column": 29, "text": "usr"}, got
    ask.expect("schema validate /nowhere/x.zed", 1, "",
               "behalf: cannot read '/nowhere/x.zed': No such file or directory\n")


def formatting(ask, files):
    loose = files("loose.zed", "definition user{}\ndefinition doc{relation reader:user}\n")
    want = "definition user {}\n\ndefinition doc {\n    relation reader: user\n}\n"
    ask.expect(["schema", "fmt", loose], 0, want)
    ask.expect(["schema", "fmt", "--check", loose], 1, "",
               "behalf: '%s' is not formatted\nhint: behalf schema fmt --write %s\n" %
               (loose, loose))
    ask.expect(["schema", "fmt", "--write", loose], 0, "")
    ask.expect(["schema", "fmt", "--check", loose], 0, "")
    ask.expect(["schema", "fmt", "--check", "--write", loose], 1, "", None)
    windows = "\ufeff" + want.replace("\n", "\r\n")
    with open(loose, "wb") as file:
        file.write(b"\xef\xbb\xbfdefinition user{}\r\ndefinition doc{relation reader:user}\r\n")
    ask.expect(["schema", "fmt", "--write", loose], 0, "")
    with open(loose, "rb") as file:
        assert file.read() == windows.encode()
    ask.expect(["schema", "fmt", "-"], 0, want, text=want)
    ask.expect(["schema", "fmt", "-"], 1, "", None, text="definition {")


def relationships(ask, files):
    ask.expect(["relationship", "create", "document:plan#owner@user:ann",
                "document:plan#viewer@group:eng#member", "group:eng#member@user:bob",
                "group:eng#member@group:ops#member", "group:ops#member@user:carol",
                "document:open#viewer@user:*", "document:open#banned@user:eve",
                'document:"a b"#owner@user:ann', "agent:bot#acts_on_behalf_of@user:bob",
                "agent:sub#acts_on_behalf_of@agent:bot"], 0, "written_at TOKEN\n")
    ask.expect("relationship create document:plan#owner@user:ann", 3, "", None)
    ask.expect("relationship touch document:plan#owner@user:ann", 0, "written_at TOKEN\n")
    ask.expect("relationship create document:plan#nothing@user:ann", 3, "", None)
    ask.expect("relationship create nonsense", 3, "", None)
    ask.expect("relationship read document:plan", 0,
               "document:plan#owner@user:ann\ndocument:plan#viewer@group:eng#member\n")
    ask.expect('relationship read document:open#viewer', 0, "document:open#viewer@user:*\n")
    ask.expect(["relationship", "read", 'document:"a b"'], 0, 'document:"a b"#owner@user:ann\n')
    ask.expect("relationship read --filter @group:ops#member", 0,
               "group:eng#member@group:ops#member\n")
    ask.expect("relationship read document:p*", 0,
               "document:plan#owner@user:ann\ndocument:plan#viewer@group:eng#member\n")
    ask.expect("relationship read document#owner@user#", 0,
               'document:plan#owner@user:ann\ndocument:"a b"#owner@user:ann\n')
    ask.expect("relationship read document --limit 2", 4,
               "document:plan#owner@user:ann\ndocument:plan#viewer@group:eng#member\n",
               "more: --cursor TOKEN (or --all)\n")
    every = ask.expect("relationship read document --limit 2 --all", 0)
    assert len(every.splitlines()) == 5, every
    first = ask.json("relationship read document --limit 3", 4)
    rest = ask.json("relationship read document --limit 3 --cursor " + first["cursor"])
    assert first["relationships"] + rest["relationships"] == every.splitlines()
    assert rest["cursor"] is None and rest["complete"] is True
    ask.expect("relationship read", 1, "", "behalf: read needs one FILTER\n"
               "hint: see behalf relationship read --help\n")
    for text, why in (("document:*", "only a subject can be the wildcard; leave the id out for all "
                       "resources of a type"), ("@user:*#", "the wildcard has no relation"),
                      ("@user:a*", "only resource ids can be selected by prefix")):
        ask.expect("relationship read " + text, 1, "", "behalf: cannot read the filter '%s': %s\n"
                   "hint: see behalf relationship read --help\n" % (text, why))


def public_grants(ask, files):
    """What everybody was given is listed, guarded and taken back by filter; plain subjects are not."""
    ask.expect("relationship touch document:w1#viewer@user:* document:w1#viewer@user:ann "
               "document:w2#viewer@user:* document:w2#viewer@group:eng#member", 0, None)
    ask.expect("relationship read @user:*", 0, "document:open#viewer@user:*\n"
               "document:w1#viewer@user:*\ndocument:w2#viewer@user:*\n")
    ask.expect("relationship read document:w1@user:*", 0, "document:w1#viewer@user:*\n")
    ask.expect("relationship read document:w*#viewer@user:*", 0,
               "document:w1#viewer@user:*\ndocument:w2#viewer@user:*\n")
    ask.expect("relationship read document:w*@user#", 0, "document:w1#viewer@user:ann\n")
    ask.expect("relationship read document:w1@user", 0,
               "document:w1#viewer@user:*\ndocument:w1#viewer@user:ann\n")
    ask.expect('relationship read @user:"*"', 1, "", None)
    ask.expect(["relationship", "write", "-"], 3, "", None,
               text="must-not-match document:w1@user:*\ntouch document:w1#owner@user:ann\n")
    ask.expect(["relationship", "write", "-"], 0, None,
               text="must-match document:w1@user:*\ntouch document:w1#owner@user:ann\n")
    ask.expect("relationship delete --filter document:w1@user:*", 0, "deleted 1\ndeleted_at TOKEN\n")
    ask.expect("check document:w1 view user:zoe", 10, "deny\n")
    ask.expect("check document:w2 view user:zoe", 0, "allow\n")
    ask.expect("relationship delete --filter document:w*", 0, "deleted 4\ndeleted_at TOKEN\n")


def transactions(ask, files):
    path = files("t.txt", "// one transaction\nmust-match document:plan#owner@user:ann\n"
                 "must-not-match document:plan#banned\n\n"
                 "create document:new#owner@user:ann\ntouch document:new#viewer@user:bob\n"
                 "delete document:none#viewer@user:bob\n")
    ask.expect(["relationship", "write", path], 0, "deleted 0\nwritten_at TOKEN\n")
    ask.expect("check document:new view user:bob", 0, "allow\n")
    code, out, err = run(["relationship", "write", path], ask.endpoint)
    assert (code, out) == (3, "") and "ATTEMPT_TO_RECREATE_RELATIONSHIP" in err, err
    ask.expect(["relationship", "write", "-"], 3, "", None,
               text="must-match document:nope\ntouch document:new#viewer@user:zed\n")
    ask.expect("check document:new view user:zed", 10, "deny\n")
    ask.expect(["relationship", "write", "-"], 1, "",
               "behalf: line 2 of '-': 'frob' is none of create, touch, delete, must-match, "
               "must-not-match\nhint: see behalf relationship write --help\n",
               text="touch document:new#viewer@user:zed\nfrob x\n")
    ask.expect(["relationship", "write", "-"], 1, "", "behalf: '-' has no updates\n"
               "hint: see behalf relationship write --help\n", text="// nothing\n")
    key = "relationship touch --idempotency-key k1 "
    ask.expect(key + "document:new#viewer@user:k", 0, "written_at TOKEN\n")
    ask.expect(key + "document:new#viewer@user:k", 0, "written_at TOKEN\n")
    ask.expect(key + "document:new#viewer@user:other", 3, "", None)
    ask.expect("relationship delete --filter document:new", 0, "deleted 3\ndeleted_at TOKEN\n")
    ask.expect("relationship delete --filter document:new", 0, "deleted 0\ndeleted_at TOKEN\n")
    for line in ("--filter document:new --idempotency-key k2", "--filter document:new --cursor x",
                 "document:new#viewer@user:k --cursor x", "document:new#viewer@user:k --limit 1"):
        ask.expect("relationship delete " + line, 1, "", None)
    ask.expect("relationship delete", 1, "",
               "behalf: delete what? Relationships, or --filter FILTER\n"
               "hint: see behalf relationship delete --help\n")


def deletes(ask, files):
    """Deleting what is not there is no failure, but is told from deleting something."""
    one, two = "document:gone#viewer@user:a", "document:gone#viewer@user:b"
    touch = ["relationship", "touch", one, two]
    ask.expect(touch, 0, "written_at TOKEN\n")
    ask.expect(["relationship", "delete", one], 0, "deleted 1\nwritten_at TOKEN\n")
    ask.expect(["relationship", "delete", one], 0, "deleted 0\nwritten_at TOKEN\n")
    ask.expect(["relationship", "delete", one, two], 0, "deleted 1\nwritten_at TOKEN\n")
    ask.expect(["relationship", "delete", "document:never#viewer@user:never"], 0,
               "deleted 0\nwritten_at TOKEN\n")
    ask.expect(touch, 0, None)
    assert ask.json("relationship delete %s %s" % (one, two))["deleted"] == 2
    assert ask.json("relationship delete %s %s" % (one, two))["deleted"] == 0
    assert ask.json("relationship delete --filter document:gone")["count"] == 0
    ask.expect("relationship delete --filter document:gone", 0, "deleted 0\ndeleted_at TOKEN\n")
    ask.expect("relationship delete document:gone#viewr@user:a", 3, "", None)
    ask.expect("relationship delete --filter document:gone#viewr", 3, "", None)
    ask.expect(touch + ["--idempotency-key", "gone-1"], 0, "written_at TOKEN\n")
    delete = ["relationship", "delete", one, two, "--idempotency-key", "gone-2"]
    ask.expect(delete, 0, "deleted 2\nwritten_at TOKEN\n")
    ask.expect(delete, 0, "written_at TOKEN\n")
    ask.expect(["relationship", "write", "-"], 0, "deleted 1\nwritten_at TOKEN\n",
               text="touch %s\ndelete document:plan#owner@user:ann\n" % two)
    ask.expect("relationship touch document:plan#owner@user:ann", 0, None)
    ask.expect(["relationship", "delete", two], 0, "deleted 1\nwritten_at TOKEN\n")
    for reply in ({}, {"written_at": None}, {"written_at": 1, "deleted": 1}):
        code, out, err = run(["relationship", "delete", one], answers(reply))
        assert (code, out) == (2, "") and "the reply has no 'written_at'" in err, (reply, code, err)
    # A server that does not count.
    Asker(answers({"written_at": "T" * 40})).expect(["relationship", "delete", one], 0,
                                                    "written_at TOKEN\n")


def checks(ask, files):
    ask.expect("check document:plan view user:bob", 0, "allow\n")
    ask.expect("check document:plan#view@user:carol", 0, "allow\n")
    ask.expect("check document:plan edit user:bob", 10, "deny\n")
    ask.expect("check document:open view user:anybody", 0, "allow\n")
    ask.expect("check document:open view user:eve", 10, "deny\n")
    ask.expect("check document:plan view user:bob --actor agent:bot", 0, "allow\n")
    ask.expect("check document:plan view user:bob --actor agent:bot,agent:sub", 0, "allow\n")
    ask.expect("check document:plan view user:bob --actor agent:sub", 10, "deny (no_grant)\n")
    ask.expect("check document:plan view user:ann --actor agent:bot", 10, "deny (no_grant)\n")
    ask.expect("check document:plan frob user:bob", 3, "", None)
    for line, meant in (("check document:plan veiw user:bob", "view"),
                        ("check documnt:plan view user:bob", "document"),
                        ("lookup-resources document vew user:bob", "view"),
                        ("relationship touch document:plan#viewr@user:bob", "viewer"),
                        ("relationship touch document:plan#viewer@usr:bob", "user"),
                        ("relationship touch document:plan#viewer@group:eng#membr", "member"),
                        ("relationship read document#viewr", "viewer")):
        code, out, err = run(line.split(), ask.endpoint)
        assert (code, out) == (3, "") and err.endswith("\nhint: did you mean '%s'?\n" % meant), err
    ask.expect("check document:plan view user:*", 3, "", None)
    ask.expect("check nonsense view user:bob", 3, "", None)
    # A word from elsewhere that is an option must not read as "allowed".
    for line in ("check --help", "check document:plan view --help", "check -h"):
        assert "usage: behalf check" in ask.expect(line, 1, None), line
    ask.expect("check -- document:plan view --help", 3, "", None)
    ask.expect("check -- --help", 1, "", None)
    ask.expect("check document:plan view", 1, "",
               "behalf: check needs RESOURCE PERMISSION SUBJECT, or all in one word\n"
               "hint: see behalf check --help\n")
    answer = ask.json("check document:plan edit user:bob", 10)
    assert answer["decision"] == "deny"
    token = answer["checked_at"]
    for mode in ("at-least-as-fresh", "at-exact-snapshot"):
        ask.expect("check document:plan view user:bob --consistency %s --token %s" % (mode, token),
                   0, "allow\n")
    ask.expect("check document:plan view user:bob --consistency minimize-latency", 0, "allow\n")
    ask.expect("check document:plan view user:bob --consistency full", 0, "allow\n")
    ask.expect("check document:plan view user:bob --token nonsense", 3, "", None)


def bulk(ask, files):
    good = files("good.txt", "// questions\ndocument:plan#view@user:bob\ttrue\n"
                 'document:"a b"#edit@user:ann true\n'
                 "document:plan#view@user:bob\ttrue\tactor=agent:bot,agent:sub\n"
                 "document:plan#edit@user:bob\tfalse\n")
    ask.expect(["check-bulk", good], 0,
               "┌──────────────────────────────┬──────────────────────┬──────────┐\n"
               "│ question                     │ actor                │ decision │\n"
               "├──────────────────────────────┼──────────────────────┼──────────┤\n"
               "│ document:plan#view@user:bob  │                      │ allow    │\n"
               "│ document:\"a b\"#edit@user:ann │                      │ allow    │\n"
               "│ document:plan#view@user:bob  │ agent:bot, agent:sub │ allow    │\n"
               "│ document:plan#edit@user:bob  │                      │ deny     │\n"
               "└──────────────────────────────┴──────────────────────┴──────────┘\n")
    code, out, err = run(["check-bulk", "-"], ask.endpoint,
                         "document:plan#view@user:bob\tfalse\n")
    assert code == 3 and "WRONG, line 1 expects deny" in out, out
    assert err == "behalf: 1 of 1 answers are not as expected\n", err
    report = files("report.xml", "")
    ask.expect(["check-bulk", "-", "--junit", report], 3, None, None,
               text="document:plan#view@user:bob false\ndocument:plan#frob@user:bob\n"
                    "document:plan#view@user:bob true\n")
    with open(report) as file:
        got = file.read()
    assert '<testsuites name="behalf check-bulk" tests="3" failures="2">' in got, got
    assert ('name="document:plan#view@user:bob" file="-" line="1">\n      '
            '<failure message="WRONG, line 1 expects deny"></failure>') in got, got
    code, out, _ = run(["check-bulk", "-"], ask.endpoint,
                       "document:plan#frob@user:bob\ndocument:plan#view@user:bob\n")
    assert code == 3 and "UNKNOWN_RELATION_OR_PERMISSION" in out, out
    ask.expect(["check-bulk", "-"], 1, "", None, text="nonsense\n")
    for extra in ("actor=agent:a actor=agent:bot", "true false", "allow allow", "maybe", "actor="):
        ask.expect(["check-bulk", "-"], 1, "", "behalf: line 1 of '-': cannot read '%s'\n"
                   "hint: see behalf check-bulk --help\n" % extra.split()[-1],
                   text="document:plan#view@user:bob %s\n" % extra)
    ask.expect(["check-bulk", "-"], 1, "", "behalf: '-' has no questions\n"
               "hint: see behalf check-bulk --help\n", text="// nothing\n")
    many = "document:plan#view@user:bob true\n" * 2500
    code, out, _ = run(["check-bulk", "-", "--json"], ask.endpoint, many)
    pages = [json.loads(line)["results"] for line in out.splitlines()]
    assert code == 0 and [len(page) for page in pages] == [1000, 1000, 500]


def lookups(ask, files):
    ask.expect("expand group:eng member --depth 0", 0,
               "group:eng#member  union\n"
               "├─ group:ops#member\n│  └─ user:carol\n"
               "└─ group:eng#member\n   └─ user:bob\n")
    tree = ask.json("expand document:plan view")["tree"]
    assert tree["object"] == "document:plan" and tree["op"] == "exclusion", tree
    ask.expect("lookup-resources document edit user:ann", 0, 'document:plan\ndocument:"a b"\n')
    ask.expect("lookup-resources document view user:bob --actor agent:bot", 0,
               "document:plan\ndocument:open\n")
    ask.expect("lookup-resources document view user:ann --actor agent:bot", 0, "", "nothing: no_grant\n")
    ask.expect("lookup-resources document edit user:ann --limit 1", 4, "document:plan\n",
               "more: --cursor TOKEN (or --all)\n")
    ask.expect("lookup-resources document edit user:ann --limit 1 --all", 0,
               'document:plan\ndocument:"a b"\n')
    ask.expect("lookup-resources document edit user:ann --limit 100001", 3, "", None)
    ask.expect("lookup-resources nothing edit user:ann", 3, "", None)
    ask.expect("lookup-subjects document:open view user", 0, "user:*  except user:eve\n")
    people = ask.expect("lookup-subjects document:plan view user")
    assert sorted(people.split()) == ["user:ann", "user:bob", "user:carol"], people
    ask.expect("lookup-subjects document:plan view group#member", 0, None)
    ask.expect("lookup-permissions document:plan user:bob", 0,
               "┌────────────┬──────────┐\n│ permission │ decision │\n├────────────┼──────────┤\n"
               "│ edit       │ deny     │\n│ view       │ allow    │\n└────────────┴──────────┘\n")


def expansion(ask, files):
    """Steps of longer arrows, operands that are members, objects without the member."""
    scratch = tempfile.mkdtemp(prefix="behalf-expand.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="""definition user {}
definition org { relation admin: user }
definition team { relation org: org }
definition folder {
    relation owner: team | user
    permission manage = owner->org->admin
    permission admin = owner->org
    permission view = manage & admin
}
""")
        other.expect("relationship touch folder:f#owner@team:a folder:f#owner@user:u "
                     "team:a#org@org:o org:o#admin@user:boss", 0, None)
        other.expect("expand folder:f view --depth 0", 0,
                     "folder:f#view  intersection\n"
                     "├─ folder:f#manage  arrow\n"
                     "│  ├─ team:a#org->admin  arrow\n│  │  └─ org:o#admin\n│  │     └─ user:boss\n"
                     "│  └─ user:u#org->admin\n"
                     "└─ folder:f#admin  arrow\n"
                     "   ├─ team:a#org\n   │  └─ org:o\n"
                     "   └─ user:u  has no such member\n")
    finally:
        server.stop()
        shutil.rmtree(scratch)


def expansion_in_parts(ask, files):
    """A tree larger than a reply is followed by its cursors to the end, as JSON by a document each."""
    scratch = tempfile.mkdtemp(prefix="behalf-parts.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="definition user {}\n"
                     "definition group { relation member: user | group#member }\n")
        names = ["user:u%06d" % n for n in range(100000)]
        other.expect(["import", "-"], 0, "imported 100002\n",
                     text="group:top#member@group:large#member\ngroup:top#member@user:boss\n" +
                     "".join("group:large#member@%s\n" % name for name in names))
        out = other.expect("expand group:top member --depth 0", 0, None)
        found = re.findall("user:[a-z0-9]+", out)
        assert sorted(found) == sorted(names + ["user:boss"]), len(found)
        assert out.count("group:large#member") == 1, out[:300]
        parts = tree_parts(other, "expand group:top member --depth 0")
        assert len(parts) > 1, len(parts)
        text = json.dumps(parts)
        found = re.findall("user:[a-z0-9]+", text)
        assert sorted(found) == sorted(names + ["user:boss"]), len(found)
    finally:
        server.stop()
        shutil.rmtree(scratch)


def tree_parts(ask, line):
    """All documents of an expand, each named by what it continues; every cursor leads to one."""
    lines = ask.expect(line + " --json", 0, None, None).splitlines()
    parts = [json.loads(one) for one in lines]
    names = [part.get("continues") for part in parts]
    assert names[0] is None and len(names) == len(set(names)), names
    cursors = set(re.findall('"cursor":"([^"]+)"', "".join(lines)))
    assert cursors == set(names[1:]), (len(cursors), len(names))
    assert len({part["expanded_at"] for part in parts}) == 1
    return parts


def expansion_of_cycles(ask, files):
    """Groups that contain each other end, also where the cycle is longer than a reply is deep."""
    scratch = tempfile.mkdtemp(prefix="behalf-cycles.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="use expiration\ndefinition user {}\n"
                     "definition group { relation member: user | group#member | user with expiration }\n")
        long = "".join("group:g%d#member@group:g%d#member\n" % (n, (n + 1) % 201) for n in range(201))
        ladder = "".join("group:l%d#member@group:l%d#member\n" % (n, n + step)
                         for n in range(60) for step in (1, 2))
        until = "2099-01-01T00:00:00Z"
        other.expect(["import", "-"], 0, None, text=long + ladder +
                     "group:g180#member@user:deep[expiration:%s]\n" % until)
        parts = tree_parts(other, "expand group:g0 member --depth 0")
        text = json.dumps(parts)
        assert set(re.findall(r"group:g\d+", text)) == {"group:g%d" % n for n in range(201)}
        assert "user:deep" in text and len(parts) <= 202, len(parts)
        out = other.expect("expand group:g0 member --depth 0", 4, None, "valid until %s\n" % until)
        assert "group:g199#member" in out and "deeper than can be shown" in out, out
        # 60 groups on more ways than could ever be shown: a part that several nodes lead to is there once.
        text = json.dumps(tree_parts(other, "expand group:l0 member --depth 0"))
        assert {"group:l%d" % n for n in range(60)} <= set(re.findall(r"group:l\d+", text))
        out = other.expect("expand group:l0 member --depth 0", 0, None)
        assert re.search(r"group:l\d+#member  see above\n", out), out[-2000:]
    finally:
        server.stop()
        shutil.rmtree(scratch)


def imports(ask, files):
    lines = ["group:g%d#member@user:u%d" % (n % 50, n) for n in range(12000)]
    path = files("import.txt", "// many\n" + "\n".join(lines) + "\n")
    ask.expect(["import", path], 0, "imported 12000\n")
    ask.expect(["import", path, "--from-line", "11002"], 0, "imported 1000\n")
    assert ask.json("import " + path) == {"imported": 12000, "lines": 12001}
    bad = files("import-bad.txt", "\n".join(lines[:2500] + ["group:g1#bad@user:x"]) + "\n")
    code, out, err = run(["import", bad], ask.endpoint)
    assert code == 3 and out == "", out
    assert "the lines before 2001 are stored; go on with --from-line 2001\n" in err, err
    assert "cannot import line 2501 of '%s'" % bad in err, err
    ask.expect(["import", "-"], 0, "imported 1\n", text="group:g1#member@user:z")
    ask.expect("import /nowhere", 1, "", None)
    ask.expect("relationship delete --filter group --all", 0, None)


def repeated_lines(ask, files):
    """Of lines that name one relationship the last counts, however far apart; a write refuses."""
    scratch = tempfile.mkdtemp(prefix="behalf-repeated.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="use expiration\ndefinition user {}\n"
                     "definition doc { relation reader: user | user with expiration }\n")
        for distance in (2, 900, 2900):
            lines = ["doc:d%d#reader@user:a" % n for n in range(3000)]
            lines[10] = "doc:twice#reader@user:a"
            lines[10 + distance] = 'doc:"twice"#reader@user:a[expiration:2262-01-01T00:00:00Z]'
            other.expect(["import", "-"], 0, "imported 3000\n", text="\n".join(lines))
            other.expect("relationship read doc:twice", 0,
                         "doc:twice#reader@user:a[expiration:2262-01-01T00:00:00Z]\n")
        other.expect(["relationship", "write", "-"], 3, "",
                     "behalf: cannot write line 4 of '-': the relationship 'doc:1#reader@user:a' "
                     "stands in line 2 already (UPDATES_ON_SAME_RELATIONSHIP)\n",
                     text="// first\ntouch doc:1#reader@user:a\ntouch doc:2#reader@user:a\n"
                          "delete doc:1#reader@user:a\n")
    finally:
        server.stop()
        shutil.rmtree(scratch)


def overloaded(refused, retry_after_ms):
    """A server of writes that refuses the requests of these numbers, and the first line of each batch."""
    listener = socket.create_server(("127.0.0.1", 0))
    begun = []

    def serve():
        connection = listener.accept()[0]
        unpacker = msgpack.Unpacker()
        while data := connection.recv(1 << 20):
            unpacker.feed(data)
            for _, number, _, (arguments,) in unpacker:
                begun.append(arguments["updates"][0]["relationship"])
                error, result = None, {"written_at": "T"}
                if len(begun) in refused:
                    error = {"code": "RESOURCE_EXHAUSTED", "reason": "OVERLOADED", "message": "busy",
                             "details": {"retry_after_ms": retry_after_ms}}
                    result = None
                connection.sendall(msgpack.packb([1, number, error, result]))
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1], begun


def overloaded_imports(ask, files):
    """What an overloaded server refuses is sent again, in order with all that was behind it."""
    path = files("many.txt", "".join("doc:d%d#reader@user:a\n" % n for n in range(3500)))
    first = ["doc:d%d#reader@user:a" % n for n in (0, 1000, 2000, 3000)]
    endpoint, begun = overloaded({2, 5}, 1)
    assert run(["import", path], endpoint) == (0, "imported 3500\n", "")
    again = begun[begun.index(first[1]) + 1:]
    assert begun[:2] == first[:2] and again[-3:] == first[1:], begun
    endpoint, begun = overloaded(range(2, 100), 60001)
    code, out, err = run(["import", path], endpoint)
    assert code == 3 and out == "", (code, out)
    assert "the lines before 1001 are stored; go on with --from-line 1001" in err, err
    assert "cannot import line 1001" in err and "OVERLOADED" in err, err


def bad_imports(ask, files):
    """What is no file of relationships, and what never ends."""
    good = "group:g1#member@user:a\n"
    ask.expect(["import", "-"], 1, "", "behalf: the lines before 3 are stored; go on with --from-line 3\n"
               "behalf: cannot import line 3 of '-': expected '@' and a subject behind the relation, "
               "found the end of the text\n",
               text="// one\n" + good + "group:g1#member\n")
    yaml = ("this looks like a validation file: behalf validate FILE; import takes the lines under "
            "its relationships, in a file of their own")
    schema = "this looks like a schema: behalf schema validate FILE, or schema write FILE"
    for text, hint in (
            ("schema: |-\n  definition user {}\n", yaml), ("---\nschemaFile: x.zed\n", yaml),
            ("# tests\n\n'relationships': |-\n  " + good, yaml), ("\ufeffassertions: {}\n", yaml),
            ("definition user {}\n", schema), ("use expiration\n", schema)):
        code, out, err = run(["import", "-"], ask.endpoint, text)
        assert (code, out) == (1, "") and err.startswith("behalf: nothing was stored\n"), err
        assert err.endswith("\nhint: %s\n" % hint), err
        error = json.loads(run(["import", "-", "--json"], ask.endpoint, text)[2])["error"]
        assert error["hint"] == hint + "; nothing was stored", error
    ask.expect(["import", "-"], 1, "", "behalf: the lines before 2 are stored; go on with --from-line 2\n"
               "behalf: cannot import line 2 of '-': the line has more than 1 MiB, and no relationship "
               "has that much\n", text=good + "group:" + "x" * 5000000 + "#member@user:a\n" + good)
    ask.expect("import /dev/zero", 1, "", "behalf: nothing was stored\nbehalf: cannot import line 1 "
               "of '/dev/zero': the line has more than 1 MiB, and no relationship has that much\n")
    ask.expect("import /", 1, "", "behalf: nothing was stored\n"
               "behalf: cannot import line 1 of '/': Is a directory\n")
    for line in ("schema write", "schema validate", "check-bulk", "relationship write"):
        assert "it has more than 64 MiB" in run(line.split() + ["/dev/zero"], ask.endpoint)[2] or \
            "File too large" in run(line.split() + ["/dev/zero"], ask.endpoint)[2], line
    ask.expect("relationship delete --filter group:g1", 0, None)


def files_of_another_kind(ask, files):
    """A file that is read by the wrong command says which one is right."""
    kinds = {"validation": ("# tests\nschema: |-\n  definition user {}\n",
                            "this looks like a validation file: behalf validate FILE, whose name ends "
                            "in .yaml"),
             "schema": ("// people\ndefinition user {}\n",
                        "this looks like a schema: behalf schema validate FILE, or schema write FILE"),
             "relationships": ("// exported\ngroup:g1#member@user:a\n",
                               "this looks like relationships: behalf import FILE")}
    readers = (("schema write", "validation relationships"), ("schema fmt", "validation relationships"),
               ("schema validate", "validation relationships"), ("schema plan", "validation relationships"),
               ("check-bulk", "validation schema"), ("relationship write", "validation schema relationships"),
               ("validate", "schema relationships"))
    for command, others in readers:
        for kind in others.split():
            text, hint = kinds[kind]
            code, out, err = run([*command.split(), "-"], ask.endpoint, text)
            assert code in (1, 3) and hint in out + err, (command, kind, code, out, err)
            code, out, err = run([*command.split(), "-", "--json"], ask.endpoint, text)
            assert code in (1, 3) and hint in out + err, (command, kind, code, out, err)
            json.loads(err if err else out)
    ask.expect(["relationship", "write", "-"], 1, "", "behalf: line 1 of '-': 'craete' is none of "
               "create, touch, delete, must-match, must-not-match\nhint: did you mean 'create'?\n",
               text="craete group:g1#member@user:a\n")
    ask.expect(["relationship", "write", "-"], 1, "", "behalf: line 1 of '-': nothing behind 'touch'\n"
               "hint: see behalf relationship write --help\n", text="touch \n")


def marks_and_zero_bytes(ask, files):
    """A byte order mark and CRLF are taken in every list; behind a zero byte nothing is left out."""
    def raw(name, content):
        path = files(name, "")
        with open(path, "wb") as file:
            file.write(content)
        return path

    mark = b"\xef\xbb\xbf"
    path = raw("windows.txt", mark + b"// first\r\ntouch document:bom#viewer@user:a\r\n")
    ask.expect(["relationship", "write", path], 0, "written_at TOKEN\n")
    path = raw("windows.txt", mark + b"document:bom#view@user:a true\r\n")
    ask.expect(["check-bulk", path], 0, None)
    path = raw("windows.json", mark + b'{"a": 1}\r\n')
    ask.expect(["check", "document:bom", "view", "user:a", "--context", "@" + path], 0, "allow\n")
    path = raw("windows.txt", mark + b"document:bom#viewer@user:b\r\n")
    ask.expect(["import", path], 0, "imported 1\n")
    zero = "behalf: cannot read '%s': line 2 holds a zero byte\n"
    for command, content in (
            ("relationship write", b"touch document:bom#viewer@user:c\ntouch document:bom#viewer@user:d\0x\n"),
            ("check-bulk", b"document:bom#view@user:a true\ndocument:bom#view@user:a actor=agent:a\0b\n"),
            ("check document:bom view user:a --context", b'{"a":\n1}\0')):
        path = raw("zero.txt", content)
        name = "@" + path if command.endswith("--context") else path
        ask.expect([*command.split(), name], 1, "", zero % path)
    path = raw("zero.txt", b"document:bom#viewer@user:c\0x\n")
    assert run(["import", path], ask.endpoint)[0] in (1, 3)
    ask.expect("relationship read document:bom", 0,
               "document:bom#viewer@user:a\ndocument:bom#viewer@user:b\n")
    ask.expect("relationship delete --filter document:bom", 0, None)


def interrupted_import(ask, files):
    """Ctrl-C ends by the signal, and says where to go on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        environment = dict(os.environ, BEHALF_ENDPOINT=ask.endpoint)
        process = subprocess.Popen([BEHALF, "import", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment)
        process.stdin.write("".join("group:i%d#member@user:a\n" % n for n in range(2500)))
        process.stdin.flush()
        while run(["check", "group:i1999", "member", "user:a"], ask.endpoint)[0] != 0:
            pass
        process.send_signal(number)
        process.wait(PATIENCE)
        out, err = process.communicate()
        assert (process.returncode, out) == (-number, ""), (process.returncode, out, err)
        assert err == ("behalf: interrupted at line 2500 of '-'\nhint: the lines before 2501 are "
                       "stored; go on with --from-line 2501\n"), err
        ask.expect("check group:i2499 member user:a", 0, "allow\n")
        ask.expect("relationship delete --filter group", 0, "deleted 2500\ndeleted_at TOKEN\n")


def whole(ask, files):
    """What was not shown or done whole ends with 4; without --limit nothing is cut."""
    scratch = tempfile.mkdtemp(prefix="behalf-whole.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="""definition user {}
caveat ratio(total int, part int) { total / part > 2 }
definition doc {
    relation reader: user
    relation extra: user with ratio
    permission view = reader + extra
}
""")
        rows = ["doc:d%04d#reader@user:%s" % (n, "left" if n < 2500 else "m") for n in range(2503)]
        rows.append('doc:bad#extra@user:m[ratio:{"part":0}]')
        other.expect(["import", "-"], 0, None, text="\n".join(rows))
        every = other.expect("relationship read @user:left", 0)
        assert every.splitlines() == rows[:2500], len(every)
        out = run(["relationship", "read", "@user:left", "--json"], other.endpoint)[1]
        pages = [json.loads(line) for line in out.splitlines()]
        assert [len(page["relationships"]) for page in pages] == [1000, 1000, 500]
        assert [page["complete"] for page in pages] == [False, False, True]
        found = other.expect("lookup-resources doc view user:left", 0)
        assert sorted(found.splitlines()) == [row.split("#")[0] for row in rows[:2500]]
        first = other.expect("relationship read @user:left --limit 2000", 4, None, None)
        cursor = run(["relationship", "read", "@user:left", "--limit", "2000"], other.endpoint)[2].split()[2]
        rest = other.expect(["relationship", "read", "@user:left", "--cursor", cursor], 0)
        assert first + rest == every
        other.expect(["lookup-resources", "doc", "view", "user:m", "--context", '{"total":9}'], 4,
                     "doc:d2500\ndoc:d2501\ndoc:d2502\n", "behalf: undecided: bad: " +
                     "cannot evaluate caveat 'ratio': division by zero (CAVEAT_EVALUATION_ERROR)\n")
        assert other.json('lookup-resources doc view user:m --context {"total":9}', 4)["complete"] is False
        other.expect(["lookup-permissions", "doc:bad", "user:m", "--context", '{"total":9}'], 4, None, None)
        other.expect("relationship delete --filter @user:left --limit 100", 4,
                     "deleted 100\ndeleted_at TOKEN\n", "more match: run it again, or without --limit\n")
        assert other.json("relationship delete --filter @user:left --limit 100", 4)["complete"] is False
        other.expect("relationship delete --filter @user:left", 0, "deleted 2300\ndeleted_at TOKEN\n")
        other.expect("relationship delete --filter @user:left", 0, "deleted 0\ndeleted_at TOKEN\n")
    finally:
        server.stop()
        shutil.rmtree(scratch)
    for reply in ({}, {"resources": [], "cursor": None}, {"resources": 1, "complete": True},
                  {"resources": [], "complete": True, "cursor": "x" * 200}):
        code, out, err = run(["lookup-resources", "doc", "view", "user:a"], answers(reply))
        assert (code, out) == (2, "") and "the reply has no" in err, (reply, code, err)
    code, out, err = run(["lookup-resources", "doc", "view", "user:a"],
                         answers({"resources": [], "complete": False, "cursor": None}))
    assert code == 4, (code, err)


def deep_trees(ask, files):
    """A tree that is deeper than can be drawn is not whole; JSON has all of it."""
    node = {"object": "group:g", "relation": "member", "op": "leaf", "subjects": ["user:a"]}
    for _ in range(230):
        node = {"object": "group:g", "relation": "member", "op": "union", "children": [node]}
    reply = {"tree": node, "valid_until": None, "expanded_at": "T"}
    other = Asker(answers(reply, reply, {"expanded_at": "T"}))
    assert "deeper than can be shown" in other.expect("expand group:g member", 4, None)
    assert other.expect("expand group:g member --json", 0).count("children") == 230
    other.expect("expand group:g member", 2, "", None)
    # A part without a way to it is not left out in silence.
    lost = {"object": "group:g", "relation": "member", "op": "truncated"}
    top = {"object": "group:g", "relation": "member", "op": "union", "children": [lost]}
    for line in ("expand group:g member", "expand group:g member --json"):
        reply = {"tree": top, "valid_until": None, "expanded_at": "T"}
        code, _, err = run(line.split(), answers(reply))
        assert code == 2 and "the reply has no 'cursor'" in err, (line, code, err)


def usage_as_json(ask, files):
    """With --json what is wrong is one line of JSON, a wrong command line too."""
    for line in ("check --json", "check --json a b c d e", "--json", "frob --json", "schema --json",
                 "check doc:1 view user:a --json --bogus", "check doc:1 view user:a --bogus --json",
                 "lookup-resources --json", "schema validate --json", "ping x --json",
                 "check doc:1 view user:a --json --limit", "schema validate /nowhere --json",
                 "check doc:1 view user:a --json --timeout x", "import /nowhere --json",
                 "validate /nowhere.yaml --json", "check-bulk /nowhere --json",
                 "relationship read doc:x:y@ --json", "check a b c --context {x --json"):
        code, _, err = run(line.split(), ask.endpoint)
        assert code == 1 and err.count("\n") == 1 and json.loads(err)["error"]["message"], (line, err)
    # The other programs, in the same form.
    daemon = os.path.join(BUILD, "behalfd")
    for program, line in ((BENCH, "frob --json"), (BENCH, "run --json --bogus"), (BENCH, "--json"),
                          (BENCH, "run --workload --json"), (BENCH, "load --workload nowhere --json"),
                          (BENCH, "compare a --json"), (BENCH, "run --json --endpoint nonsense"),
                          (daemon, "--log-json"), (daemon, "--bogus --log-json"), (daemon, "--json"),
                          (daemon, "--data /nowhere/data --log-json --loops x"),
                          (daemon, "--verify --data /nowhere/data --log-json")):
        code, out, err = run(line.split(), ask.endpoint, program=program)
        assert code in (1, 2, 3) and out == "" and err.count("\n") == 1, (line, code, out, err)
        assert json.loads(err)["error"]["message"], (line, err)
    done = subprocess.run([daemon, "--bogus"], capture_output=True, text=True, timeout=PATIENCE,
                          env=dict(os.environ, BEHALF_LOG_JSON="true"))
    assert done.returncode == 2 and json.loads(done.stderr)["error"]["hint"], done
    # A word that only looks like the option.
    assert run(["check", "--bogus", "--", "--json"], ask.endpoint)[2].startswith("behalf: ")


def exit_codes(ask, files):
    """One table, in the code, in the help and in both pages."""
    with open("cli/exit_codes.def") as file:
        rows = re.findall(r'^X\(\w+, +(\d+), +"(.*)"\)$', file.read(), re.M)
    assert len(rows) == 10, rows
    text = "exit codes:\n" + "".join("  %3s  %s\n" % row for row in rows)
    for line in ("--help", "help import", "help check"):
        assert text in ask.expect(line, 0), line
    with open("docs/cli.md") as file:
        assert "".join("| %s | %s |\n" % row for row in rows) in file.read()
    with open("docs/man/behalf.1") as file:
        assert "".join(".TP\n.B %s\n%s\n" % row for row in rows) in file.read()


def closed_pipes(ask, files):
    """A reader that leaves ends the program quietly; closed descriptors are no sockets."""
    lines = "\n".join("group:p%d#member@user:a" % n for n in range(3000))
    ask.expect(["import", "-"], 0, None, text=lines)
    for ignored in (False, True):
        reader, writer = os.pipe()
        os.close(reader)
        if ignored:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        done = subprocess.run([BEHALF, "relationship", "read", "group"], stdout=writer,
                              stderr=subprocess.PIPE, timeout=PATIENCE, restore_signals=not ignored,
                              env=dict(os.environ, BEHALF_ENDPOINT=ask.endpoint))
        os.close(writer)
        assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b""), done
    ask.expect("relationship delete --filter group", 0, None)
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", '"$0" ping ' + closed, BEHALF], capture_output=True,
                              env=dict(os.environ, BEHALF_ENDPOINT=ask.endpoint), timeout=PATIENCE)
        assert done.returncode == (3 if ">&-" in closed.replace("2>&-", "") else 0), (closed, done)


def lost_output(ask, files):
    """What cannot be printed is no success, in any program; a reader that left ends it quietly."""
    store = tempfile.mkdtemp(prefix="behalf-lost.")
    os.chmod(store, 0o700)
    server = Server(store)
    assert server.stop() == 0
    schema_file = files("lost.zed", SCHEMA)
    try:
        for program, line, code in (
                ("behalf", "--version", 3), ("behalf", "--help", 3), ("behalf", "help check", 3),
                ("behalf", "check document:plan view user:bob", 3), ("behalf", "status", 3),
                ("behalf", "schema fmt " + schema_file, 3), ("behalf", "schema reflect " + schema_file, 3),
                ("behalf", "validate " + schema_file, 3), ("behalf", "validate --json " + schema_file, 3),
                ("behalf-bench", "--version", 3), ("behalf-bench", "--help", 3),
                ("behalf-bench", "workloads", 3), ("behalfd", "--version", 1), ("behalfd", "--help", 1),
                ("behalfd", "--verify --data " + store, 1)):
            for target in (">/dev/full", ">&-"):
                done = subprocess.run(["sh", "-c", 'exec "$0" %s %s' % (line, target),
                                       os.path.join(BUILD, program)], capture_output=True, text=True,
                                      timeout=PATIENCE, env=dict(os.environ, BEHALF_ENDPOINT=ask.endpoint))
                assert done.returncode == code, (program, line, target, done)
                assert "%s: cannot write the output" % program in done.stderr or "--json" in line, done
        folder = os.path.dirname(schema_file)
        link = os.path.join(folder, "full.xml")
        os.symlink("/dev/full", link)
        for path, why in (("/dev/full", "No space left on device"), (link, "No space left on device"),
                          (folder, "Is a directory"), (folder + "/none/x", "No such file or directory")):
            for line in ([BEHALF, "validate", schema_file, "--junit", path],
                         [BENCH, "run", "--seconds", "0.1", "--warmup", "0", "--html", path]):
                code, _, err = run(line[1:], ask.endpoint, program=line[0])
                assert code == 1 and "cannot write '%s': %s\n" % (path, why) in err, (line, code, err)
        assert os.path.islink(link)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([BENCH, "workloads"], stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b""), done
    finally:
        shutil.rmtree(store)


def server_commands(ask, files):
    assert re.fullmatch(r"pong after \d+ us\n", ask.expect("ping"))
    assert "│ revision" in ask.expect("status")
    assert ask.json("status")["writable"] is True
    assert "│ clock           │ agrees" in ask.expect("status")
    assert "│ writes transactions " in ask.expect("server stats")
    assert ask.json("server stats")["writes"]["transactions"] >= 1
    clock = ask.json("server clock")
    assert clock["state"] == "agrees", clock
    assert moment(clock["now"]) >= moment(clock["wall"]) > moment("2020-01-01T00:00:00Z"), clock
    assert "│ clock                      │ agrees " in ask.expect("server clock confirm")
    assert ask.json("server clock reject")["state"] == "agrees"
    ask.expect("server clock stop", 1, "", "behalf: 'stop' is neither confirm nor reject\n"
               "hint: see behalf server clock --help\n")
    ahead = {"state": "ahead", "now": "2027-01-01T00:00:00Z", "wall": "2027-01-01T00:00:00Z",
             "trusted": "2026-01-01T00:00:00Z"}
    other = Asker(answers(ahead, dict(ahead, state="rejected"), {"clock": ahead}))
    alarm = ("behalf: the server's wall clock is ahead of what its monotonic clock allows; until "
             "somebody decides, nothing is swept\nhint: is the time right? behalf server clock "
             "confirm; else behalf server clock reject\n")
    other.expect("server clock", 0, None, alarm)
    assert "│ rejected" in other.expect("server clock reject", 0, None, None)
    other.expect("status", 0, None, alarm)
    version = open("VERSION").read().strip()
    ask.expect("version", 0, "behalf %s\n" % version)
    ask.expect("--version", 0, "behalf %s\n" % version)
    everything = ask.expect("help")
    names = re.findall(r"^  ([a-z][a-z -]*[a-z])  ", everything, re.M)
    assert len(names) == 66, names
    for name in names:
        own = ask.expect(name + " --help", 1 if name == "check" else 0)
        assert "usage: behalf " + name in own and own == ask.expect("help " + name), name
    ask.expect("help frob", 1, "", "behalf: no command 'frob'\nhint: see behalf help --help\n")
    ask.expect([], 1, "", "behalf: no command\nhint: see behalf --help\n")
    ask.expect("frob", 1, "", "behalf: no command 'frob'\nhint: see behalf --help\n")
    code = subprocess.run([BEHALF, "help"], stdout=open("/dev/full", "w"),
                          stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode
    assert code == 3, "a full disk must not look like success"


def answer_with(replies):
    """A server that says what it is told to; returns its endpoint."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for reply in replies:
            connection, _ = listener.accept()
            connection.recv(65536)
            if reply is not None:
                connection.sendall(reply)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def bad_servers(ask, files):
    """Whatever comes back, nothing but a decision reads as one."""
    replies = [None, b"HTTP/1.1 200 OK\r\n\r\n", b"\xc1", b"\xdd\xff\xff\xff\xff",
               b"\x94\x01\x00\xc0", b"\x94\x01\x07\xc0\x80", b"\x94\x01\x00\xc0\x80",
               b"\x94\x01\x00\xc0\xc3", b"\x94\x01\x00\xc0\x81\xa8decision\xc3",
               b"\x94\x01\x00\xc0\x81\xa8decision\xa6allowx", b"\x94\x01\x00\xc3\x80",
               b"\x94\x01\x00\x80\x81\xa8decision\xa5allow", b"\x93\x02\xa1x\x90",
               b"\x94\x01\xff\xc0\x80", b"\x95\x01\x00\xc0\x80\x80"]
    endpoint = answer_with(replies)
    for reply in replies:
        code, out, err = run(["check", "a:b", "c", "d:e", "--timeout", "5"], endpoint)
        if code not in (2, 3) or out != "" or err == "":
            complain(["check"], "reaction to %r" % reply, "%d %r %r" % (code, out, err), "2 or 3")
    code, out, err = run(["ping"], "127.0.0.1:1")
    assert code == 2 and "cannot connect to '127.0.0.1:1'" in err, err
    for endpoint in ("nonsense", "127.0.0.1:99999", "unix:", "127.0.0.1:", ":1", "::1:5"):
        code, _, err = run(["ping"], endpoint)
        assert code == 1 and "hint:" in err or endpoint == "unix:", (endpoint, code, err)
    silent = socket.create_server(("127.0.0.1", 0))
    code, _, err = run(["ping", "--timeout", "0.2"], "127.0.0.1:%d" % silent.getsockname()[1])
    assert code == 2 and err == "behalf: cannot ping: no reply within 200 ms\n", err


def answers(*results):
    return answer_with([msgpack.packb([1, 0, None, result]) for result in results])


def conditions(ask, files):
    """What a server says of conditions, whatever it knows of them."""
    until = "2027-01-01T00:00:00Z"
    conditional = {"decision": "conditional", "missing": ["count", "limit"], "valid_until": until,
                   "checked_at": "T"}
    trace = {"kind": "member", "object": "tool:a", "relation": "call", "decision": "deny",
             "children": [{"kind": "absent", "relationship": "tool:a#caller@user:b",
                           "decision": "deny", "children": []}]}
    other = Asker(answers(
        conditional, conditional,
        {"decision": "deny", "valid_until": None, "checked_at": "T", "trace": trace},
        {"results": [conditional, {"decision": "allow", "valid_until": until}], "checked_at": "T"},
        {"resources": [dict(conditional, id="a")], "undecided": [], "complete": True,
         "valid_until": until, "cursor": None, "looked_up_at": "T"},
        {"subjects": [dict(conditional, wildcard=True, excluded=[
            {"id": "x", "decision": "conditional"}, {"id": "y", "decision": "allow"}])],
         "complete": True, "valid_until": None, "cursor": None, "looked_up_at": "T"},
        {"permissions": [dict(conditional, permission="call")], "looked_up_at": "T"},
        {"relationships": ["tool:a#caller@user:b", {
            "resource": {"type": "tool", "id": "a b"}, "relation": "caller",
            "subject": {"type": "user", "wildcard": True}, "expires_at": until,
            "caveat": {"name": "few", "context": {"limit": 2.0, "who": "x"}}}],
         "complete": True, "cursor": None, "read_at": "T"},
        {"tree": {"object": "tool:a", "relation": "call", "op": "union", "children": [
            {"object": "group:g", "relation": "member", "op": "leaf",
             "condition": {"caveat": {"name": "few"}},
             "subjects": ["user:a", {"subject": "user:b", "expires_at": until}]}]},
         "valid_until": until, "expanded_at": "T"}))
    other.expect("check tool:a call user:b", 11,
                 "conditional (missing: count, limit) until 2027-01-01T00:00:00Z\n")
    assert other.json("check tool:a call user:b", 11) == conditional
    other.expect("check tool:a call user:b --explain", 10,
                 "deny\ntool:a#call  deny\n`- no tool:a#caller@user:b  deny\n")
    other.expect(["check-bulk", "-"], 0, text="tool:a#call@user:b conditional\n"
                 "tool:a#call@user:b with {\"count\": 1, \"limit\": 2}\n",
                 out="""\
┌────────────────────┬─────────────────────────────────────┬──────────────────────┐
│ question           │ decision                            │ until                │
├────────────────────┼─────────────────────────────────────┼──────────────────────┤
│ tool:a#call@user:b │ conditional (missing: count, limit) │ 2027-01-01T00:00:00Z │
│ tool:a#call@user:b │ allow                               │ 2027-01-01T00:00:00Z │
└────────────────────┴─────────────────────────────────────┴──────────────────────┘
""")
    other.expect("lookup-resources tool call user:b", 0,
                 "tool:a  conditional (missing: count, limit)\n",
                 "valid until 2027-01-01T00:00:00Z\n")
    other.expect("lookup-subjects tool:a call user", 0,
                 "user:*  conditional (missing: count, limit)  except user:x (conditional) user:y\n")
    other.expect("lookup-permissions tool:a user:b", 0, """\
┌────────────┬─────────────────────────────────────┬──────────────────────┐
│ permission │ decision                            │ until                │
├────────────┼─────────────────────────────────────┼──────────────────────┤
│ call       │ conditional (missing: count, limit) │ 2027-01-01T00:00:00Z │
└────────────┴─────────────────────────────────────┴──────────────────────┘
""")
    other.expect("relationship read tool", 0, "tool:a#caller@user:b\n"
                 'tool:"a b"#caller@user:*[few:{"limit":2.0,"who":"x"}]'
                 "[expiration:2027-01-01T00:00:00Z]\n")
    other.expect("expand tool:a call", 0, "tool:a#call  union\n"
                 "└─ group:g#member  [few]\n   ├─ user:a\n"
                 "   └─ user:b  [expiration:2027-01-01T00:00:00Z]\n",
                 "valid until 2027-01-01T00:00:00Z\n")


def conditional_relationships(ask, files):
    """Written in text, printed in text, and what is printed can be imported."""
    scratch = tempfile.mkdtemp(prefix="behalf-conditions.")
    server = Server(scratch)
    try:
        other = Asker(server.address)
        other.expect(["schema", "write", "-"], 0, None, text="""use expiration
caveat quota(count int, limit double) { double(count) < limit }
definition user {}
definition tool {
    relation caller: user | user with quota | user with expiration | user with quota and expiration
    permission call = caller
}
""")
        rows = ['tool:mail#caller@user:"a b"[quota:{"limit":9.0}][expiration:2262-01-01T00:00:00.5Z]',
                "tool:mail#caller@user:ann[quota]",
                "tool:mail#caller@user:bob[expiration:2262-01-01T00:00:00Z]",
                "tool:mail#caller@user:cid"]
        other.expect(["relationship", "create"] + rows, 0, "written_at TOKEN\n")
        read = other.expect("relationship read tool:mail", 0)
        assert sorted(read.splitlines()) == rows, read
        other.expect(["import", "-"], 0, "imported 4\n", text=read)
        assert other.expect("relationship read tool:mail", 0) == read
        other.expect(["relationship", "touch", rows[1].replace("[quota]", '[quota:{"limit": 3}]')],
                     0, "written_at TOKEN\n")
        other.expect("relationship read tool:mail#caller@user:ann", 0,
                     'tool:mail#caller@user:ann[quota:{"limit":3}]\n')
        other.expect(["relationship", "touch", rows[1].replace("[quota]", '[quota:{"lmit":3}]')], 3,
                     "", None)
        other.expect("relationship touch tool:mail#caller@user:ann[nothing]", 3, "", None)
    finally:
        server.stop()
        shutil.rmtree(scratch)


def contexts(ask, files):
    """--context reaches the server, and what is wrong with it is shown."""
    path = files("context.json", '{"hour":\n  3}\n')
    for given in ("{}", '{"hour": 3, "tags": ["a", null]}', "@" + path):
        for line in ("check document:plan view user:bob", "lookup-resources document view user:bob",
                     "lookup-subjects document:plan view user",
                     "lookup-permissions document:plan user:bob"):
            ask.expect(line.split() + ["--context", given], 0, None)
        ask.expect(["check-bulk", "-", "--context", given], 0, None,
                   text="document:plan#view@user:bob true\n"
                        'document:plan#view@user:bob true actor=agent:bot with {"a b": 1}\n')
    ask.expect(["check", "document:plan", "view", "user:bob", "--context", '{"hour": 3'], 1, "",
               "behalf: cannot read the JSON text: a comma or } is missing\n"
               '  --context:1:11\n   1 | {"hour": 3\n     |           ^\n')
    ask.expect(["check", "document:plan", "view", "user:bob", "--context", "@-"], 1, "",
               "behalf: cannot take this as a context: it must be a JSON object\n"
               "  -:1:1\n   1 | [1]\n     | ^\n", text="[1]\n")
    ask.expect(["check-bulk", "-"], 1, "",
               "behalf: cannot read the JSON text: this is no JSON value\n"
               "  -, line 2, context:1:6\n   1 | {\"a\":}\n     |      ^\n",
               text='// first\ndocument:plan#view@user:bob with {"a":}\n')
    ask.expect(["check", "document:plan", "view", "user:bob", "--context", '{"k": 1, "k": 2}'], 3, "",
               "behalf: cannot check: argument 'context': the key 'k' stands twice "
               "(MALFORMED_REQUEST)\n")


def examples(ask, files):
    for name in sorted(os.listdir("examples")):
        directory = os.path.join("examples", name)
        if not os.path.exists(os.path.join(directory, "checks.txt")):
            continue
        scratch = tempfile.mkdtemp(prefix="behalf-example.")
        server = Server(scratch)
        try:
            example = Asker(server.address)
            example.expect(["schema", "fmt", "--check", directory + "/schema.zed"], 0, "")
            example.expect(["schema", "validate", "--fail-on-warn", directory + "/schema.zed"],
                           0, None)
            example.expect(["schema", "write", directory + "/schema.zed"], 0, None)
            example.expect(["import", directory + "/relationships.txt"], 0, None)
            example.expect(["check-bulk", directory + "/checks.txt"], 0, None)
            for method in ("check", "check_bulk", "ping", "lookup_permissions", "expand"):
                got = short_bench(directory, server.address, "--method", method, "--json")
                assert got[0] == 0, (name, method, got)
                assert json.loads(got[1])["rows"][0]["requests"] > 0, got
        finally:
            server.stop()
            shutil.rmtree(scratch)
    for demo in ("examples/agents/demo.sh", "examples/grants/demo.sh",
                 "examples/attributes/demo.sh"):
        done = subprocess.run([demo], capture_output=True, text=True,
                              env=dict(os.environ, BUILD=BUILD), timeout=PATIENCE)
        if done.returncode != 0:
            complain([demo], "output", done.stdout + done.stderr, "exit code 0")


def short_bench(directory, endpoint, *options):
    """A short run; a longer one where a busy machine answered nothing."""
    for seconds in ("0.1", "1", "10"):
        got = run(["run", "--workload", directory, "--seconds", seconds, "--warmup", "0",
                   "--connections", "2", "--no-echo", *options], endpoint, program=BENCH)
        if got[0] != 0 or json.loads(got[1])["rows"][0]["requests"] > 0:
            break
    return got


def wrong_bench(ask, files):
    """The load tool must notice a wrong answer, and shows nothing raw of what a server says."""
    error = {"code": "INTERNAL", "reason": "BAD\x1b[31m\u202e", "message": "a\x1b]0;b\u200b"}
    directory = os.path.dirname(files("checks.txt", "document:a#view@user:b\ttrue\n"))
    files("schema.zed", "definition user {}\n")
    files("relationships.txt", "group:a#member@user:b\n")
    for line in ("load --workload %s", "load --json --workload %s"):
        endpoint = answer_with([msgpack.packb([1, 0, error, None])])
        code, out, err = run((line % directory).split(), endpoint, program=BENCH)
        assert code == 3 and "cannot write the schema" in err and not re.search(
            "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", err), (code, out, err)
        assert ("a\\u001b]0;b\\u200b" in err.lower()), err
    assert "is no workload" in run(["run", "--workload", "x\x1b\u202ey"], endpoint, program=BENCH)[2]
    assert "\x1b" not in run(["run", "--workload", "x\x1b\u202ey"], endpoint, program=BENCH)[2]
    directory = os.path.dirname(files("checks.txt", "document:plan#view@user:bob\tfalse\n"))
    code, _, err = short_bench(directory, ask.endpoint, "--json")
    assert code == 3 and "wrong: document:plan#view@user:bob: expected 0" in err, err
    assert run(["run"], "127.0.0.1:1", program=BENCH)[0] == 2
    assert run(["frob"], "127.0.0.1:1", program=BENCH)[0] == 1


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-cli.")
    server = Server(os.path.join(scratch, "data"))
    os.environ["NO_COLOR"] = "1"

    def files(name, text):
        path = os.path.join(scratch, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    try:
        ask = Asker(server.address)
        for group in (schema, formatting, relationships, public_grants, transactions, deletes,
                      checks, contexts, conditions,
                      conditional_relationships,
                      bulk, lookups, expansion, expansion_in_parts, expansion_of_cycles, wrong_bench, imports,
                      repeated_lines, overloaded_imports, bad_imports,
                      files_of_another_kind, marks_and_zero_bytes,
                      interrupted_import, whole, deep_trees, usage_as_json, exit_codes,
                      closed_pipes, lost_output, server_commands, bad_servers, examples):
            group(ask, files)
            print("cli: %s" % group.__name__, flush=True)
    finally:
        stopped = server.stop()
        shutil.rmtree(scratch)
    if stopped != 0:
        print("cli: behalfd ended with %d" % stopped, file=sys.stderr)
    sys.exit(1 if lib_cli.wrong or stopped != 0 else 0)


if __name__ == "__main__":
    main()
