#!/usr/bin/python3
"""`behalf validate` and the schema tools, without and with a server: exact output, exit codes, and
all files of tests/conformance.

Tokens are shown as TOKEN. Prints one line per group of cases."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import lib_process
import xml.etree.ElementTree

BUILD = os.environ.get("BUILD", "build/release")
BEHALF = os.path.join(BUILD, "behalf")
PATIENCE = 120
NOWHERE = "127.0.0.1:1"
FILES_MIN = 250  # of tests/conformance: an empty folder is no success
TURNED = {"True": "assertFalse:", "False": "assertCaveated:", "Caveated": "assertTrue:"}

GOOD = """# a comment
schema: |-
  definition user {}
  definition note {
    relation owner: user | user:*
    relation blocked: user
    permission read = owner - blocked
  }
relationships: |-
  // comment lines and blanks are skipped

  note:n1#owner@user:*
  note:n1#blocked@user:mallory
assertions:
  assertTrue:
    - "note:n1#read@user:ann"
  assertFalse:
    - "note:n1#read@user:mallory with {}"
  assertCaveated: []
validation:
  note:n1#read:
    - "[user:* - {user:mallory}] is <note:n1#owner>"
"""
COUNTS = "2 relationships loaded, 2 assertions run, 1 expected relation validated"
wrong = 0


def run(arguments, endpoint=NOWHERE, text=None, folder=None):
    environment = dict(os.environ, BEHALF_ENDPOINT=endpoint)
    done = subprocess.run([os.path.abspath(BEHALF), *arguments], input=text, capture_output=True,
                          text=True, env=environment, timeout=PATIENCE, cwd=folder)
    return done.returncode, re.sub(r"written_at [A-Za-z0-9_-]+", "written_at TOKEN", done.stdout), done.stderr


def expect(arguments, code, out=None, err="", **more):
    global wrong
    got = run(arguments, **more)
    for what, have, want in (("exit code", got[0], code), ("output", got[1], out),
                             ("error output", got[2], err)):
        if want is not None and have != want:
            wrong += 1
            print("FAILED behalf %s\n  %s is\n%s\n  instead of\n%s" %
                  (" ".join(arguments), what, have, want), file=sys.stderr)
    return got[1]


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="behalf-validate.")

    def put(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


def conformance(folder):
    paths = sorted(glob.glob("tests/conformance/*.yaml"))
    assert len(paths) >= FILES_MIN, len(paths)
    result = json.loads(expect(["validate", "--json", *paths], 0))
    assert len(result["files"]) == len(paths) and result["failed"] == 0, result
    for path, one in zip(paths, result["files"]):
        assert one["path"] == path and one["assertions"] + one["expected_relations"] > 0, one
    # With the three lists under each other's names every single assertion fails.
    turned = []
    for path in paths:
        with open(path) as file:
            text = re.sub(r"\bassert(True|False|Caveated):", lambda found: TURNED[found[1]],
                          file.read())
        turned.append(folder.put(os.path.basename(path), text))
    for path, one in zip(paths, json.loads(expect(["validate", "--json", *turned], 3))["files"]):
        failed = sum(problem["kind"] == "assertion" and "answer" in problem
                     for problem in one["problems"])
        assert failed == one["assertions"], (path, one)


def passing(folder):
    folder.put("good.yaml", GOOD)
    for name in ("good.yaml", "good.yml", "good.zaml"):
        folder.put(name, GOOD)
        expect(["validate", name], 0, "ok %s: %s\n" % (name, COUNTS), folder=folder.path)
    expect(["validate", "good.yaml", "good.yml"], 0,
           "ok good.yaml: %s\nok good.yml: %s\n2 files: 4 relationships loaded, 4 assertions run, "
           "2 expected relations validated\n" % (COUNTS, COUNTS), folder=folder.path)
    folder.put("alone.zed", "definition user {}\n")
    expect(["validate", "alone.zed"], 0,
           "ok alone.zed: 0 relationships loaded, 0 assertions run, "
           "0 expected relations validated\n", folder=folder.path)
    folder.put("apart.yaml", "schemaFile: ./sub/apart.zed\nrelationships: note:a#owner@user:x\n"
               "assertions:\n  assertTrue: [\"note:a#owner@user:x\"]\n")
    folder.put("sub/apart.zed", "use import\nimport \"user.zed\"\n"
               "definition note { relation owner: user }\n")
    folder.put("sub/user.zed", "definition user {}\n")
    expect(["validate", "apart.yaml"], 0,
           "ok apart.yaml: 1 relationship loaded, 1 assertion run, 0 expected relations "
           "validated\n", folder=folder.path)


def failing(folder):
    bad = GOOD.replace("user:ann", "user:mallory").replace("<note:n1#owner>", "<note:n1#blocked>")
    folder.put("bad.yaml", bad)
    expect(["validate", "bad.yaml"], 3,
           "FAILED bad.yaml: %s, 2 failed\n"
           "  failed bad.yaml:16: assertTrue note:n1#read@user:mallory\n"
           "    expected allow, the answer is deny\n"
           "    note:n1#read  deny\n"
           "      exclusion  deny: what is subtracted holds\n"
           "        note:n1#blocked  allow\n"
           "          note:n1#blocked@user:mallory  allow\n"
           "  failed bad.yaml:22: note:n1#read\n"
           "    expected '[user:* - {user:mallory}] is <note:n1#blocked>', found "
           "'[user:* - {user:mallory}] is <note:n1#owner>'\n" % COUNTS, folder=folder.path)
    got = json.loads(expect(["validate", "--json", "bad.yaml"], 3, folder=folder.path))
    assert [one["line"] for one in got["files"][0]["problems"]] == [16, 22], got
    folder.put("schema.yaml", "schema: |-\n  definition note {\n    relation owner: usr\n  }\n")
    expect(["validate", "schema.yaml"], 1,
           "FAILED schema.yaml: 0 relationships loaded, 0 assertions run, 0 expected relations "
           "validated, 1 failed\n  failed schema.yaml:3:21: schema\n"
           "    there is no definition 'usr'\n", folder=folder.path)
    folder.put("twice.yaml", GOOD.replace("  // comment lines", "  note:n1#owner@user:*\n  // c"))
    assert "line 10 already" in expect(["validate", "twice.yaml"], 3, folder=folder.path)
    folder.put("far.yaml", "schemaFile: ../far.zed\n")
    assert "cannot read" in expect(["validate", "far.yaml"], 1, folder=folder.path)
    folder.put("cycle.yaml", """schema: |-
  definition user {}
  definition group {
    relation member: user | group#active
    relation banned: user | group#active
    permission active = member - banned
  }
relationships: |-
  group:a#member@user:ann
  group:a#banned@group:a#active
assertions:
  assertFalse: ["group:a#active@user:ann"]
validation:
  group:a#active: []
""")
    out = expect(["validate", "cycle.yaml"], 3, folder=folder.path)
    assert out.count("depends on its own negation") == 2, out


CONDITIONAL = """schema: |-
  use expiration
  caveat below(level int, limit int) { level < limit }
  definition user {}
  definition doc {
    relation viewer: user with below | user:* with below | user with expiration
    relation banned: user | user with below
    permission view = viewer - banned
  }
relationships: |-
  doc:a#viewer@user:ann[below:{"limit":3}]
  doc:a#viewer@user:old[expiration:2001-01-01T00:00:00Z]
  doc:b#viewer@user:*[below]
  doc:b#banned@user:eve
  doc:b#banned@user:mal[below]
assertions:
  assertTrue:
    - 'doc:a#view@user:ann with {"level": 2}'
  assertFalse:
    - "doc:a#view@user:old"
  assertCaveated:
    - "doc:a#view@user:ann"
validation:
  doc:a#view:
    - "[user:ann[...]] is <doc:a#viewer>"
  doc:b#view:
    - "[user:*[...] - {user:eve, user:mal[...]}] is <doc:b#viewer>"
"""


def conditions(folder):
    counts = "5 relationships loaded, 3 assertions run, 2 expected relations validated"
    folder.put("good.yaml", CONDITIONAL)
    expect(["validate", "good.yaml"], 0, "ok good.yaml: %s\n" % counts, folder=folder.path)
    bad = CONDITIONAL.replace(' with {"level": 2}', "").replace("user:mal[...]", "user:mal")
    folder.put("bad.yaml", bad)
    out = expect(["validate", "bad.yaml"], 3, folder=folder.path)
    assert out.startswith(
        "FAILED bad.yaml: %s, 2 failed\n"
        "  failed bad.yaml:18: assertTrue doc:a#view@user:ann\n"
        "    expected allow, the answer is conditional (missing: level)\n" % counts), out
    assert out.endswith(
        "  failed bad.yaml:27: doc:b#view\n"
        "    expected '[user:*[...] - {user:eve, user:mal}] is <doc:b#viewer>', found "
        "'[user:*[...] - {user:eve, user:mal[...]}] is <doc:b#viewer>'\n"), out
    got = json.loads(expect(["validate", "--json", "bad.yaml"], 3, folder=folder.path))
    one = got["files"][0]["problems"][0]
    assert (one["expected"], one["answer"], one["missing"]) == ("allow", "conditional",
                                                               ["level"]), one
    expect(["validate", "--junit", "out.xml", "bad.yaml"], 3, None, folder=folder.path)
    root = xml.etree.ElementTree.parse(os.path.join(folder.path, "out.xml")).getroot()
    assert root.find("testsuite/testcase/failure").get("message") == \
        "expected allow, the answer is conditional (missing: level)"
    for wrong, message in (
            ('ann with {"level": 2}', "'ann[below] with {\"level\": 2}'"),
            ('ann with {"level": 2}', 'ann with {"level": }'),
            ('ann with {"level": 2}', 'ann with {"level": "two"}'),
            ("user:*[below]", "user:*"), ('{"limit":3}', '{"limit":"x"}'),
            ('{"limit":3}', '{"other":3}'), ("below:{", "above:{")):
        folder.put("bad.yaml", CONDITIONAL.replace(wrong, message, 1))
        out = expect(["validate", "bad.yaml"], 3, folder=folder.path)
        assert ", 1 failed\n" in out, (message, out)
    stale = CONDITIONAL.replace("[user:ann[...]]", "[user:ann]").replace(
        "[user:*[...] - {user:eve, user:mal[...]}]", "[user:*]")
    path = folder.put("stale.yaml", stale)
    expect(["validate", "--update", "stale.yaml"], 0,
           "ok stale.yaml: %s\nupdated stale.yaml\n" % counts, folder=folder.path)
    with open(path) as file:
        assert file.read() == CONDITIONAL


ACTORS = """schema: |-
  use expiration
  caveat on_call(shift string) { shift == "night" }
  definition user {}
  definition robot {}
  definition agent {
    relation principal: user | agent | user with on_call
    permission acts_on_behalf_of = principal
  }
  definition doc {
    relation viewer: user
    permission view = viewer
  }
relationships: |-
  doc:a#viewer@user:ann
  doc:b#viewer@user:bob
  agent:bot#principal@user:ann
  agent:helper#principal@agent:bot
  agent:nurse#principal@user:ann[on_call]
assertions:
  assertTrue:
    - "doc:a#view@user:ann actor=agent:bot"
    - "doc:a#view@user:ann actor=agent:bot,agent:helper"
    - 'doc:a#view@user:ann actor=agent:nurse with {"shift": "night"}'
  assertFalse:
    - "doc:b#view@user:ann actor=agent:bot"
    - "doc:b#view@user:bob actor=agent:bot"
    - "doc:a#view@user:ann actor=agent:helper"
    - "doc:a#view@user:ann actor=agent:bot,agent:stranger"
    - 'doc:a#view@user:ann actor=agent:nurse with {"shift": "day"}'
    - "doc:b#view@user:ann actor=agent:nurse"
  assertCaveated:
    - "doc:a#view@user:ann actor=agent:nurse"
"""


def actors(folder):
    """Assertions with actors are checks with actors; an actor that cannot be one is never passed."""
    path = "examples/agents/validation.yaml"
    expect(["validate", "--fail-on-warn", path], 0, "ok %s: 9 relationships loaded, 9 assertions run, "
           "1 expected relation validated\n" % path)
    counts = "5 relationships loaded, 10 assertions run, 0 expected relations validated"
    folder.put("good.yaml", ACTORS)
    expect(["validate", "good.yaml"], 0, "ok good.yaml: %s\n" % counts, folder=folder.path)
    folder.put("bad.yaml", ACTORS.replace("agent:bot,agent:helper", "agent:helper")
               .replace(' with {"shift": "night"}', ""))
    out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
    assert out.startswith(
        "FAILED bad.yaml: %s, 2 failed\n"
        "  failed bad.yaml:23: assertTrue doc:a#view@user:ann actor=agent:helper\n"
        "    expected allow, the answer is deny (no_grant)\n" % counts), out
    assert "  agent:helper acts on behalf  deny" in out, out
    assert "expected allow, the answer is conditional (missing: shift)" in out, out
    long = ",".join("agent:a%d" % number for number in range(17))
    for bad, column, message in (
            ("agent", 39, "expected ':'"),
            ("", 34, "an actor is missing"),
            ("agent:bot, agent:helper", 44, "an actor is missing"),
            ("agent:bot,ghost:x", 44, "ghost"),
            ("agent:bot,robot:x", 44, "acts_on_behalf_of"),
            ("agent:bot,agent:*", 44, "wildcard"),
            ("agent:bot,agent:helper#view", 44, "plain object"),
            ("agent:bot,agent:helper,agent:bot", 57, "twice"),
            ("user:ann", 34, "twice"),
            (long, 34 + long.index("agent:a16"), "at most 16"),
            ("agent:bot grant=reading", 50, "the file has no grant 'reading'"),
            ("agent:bot actor=agent:helper", 44, "'actor=agent:helper' is not understood")):
        for expected in ("assertTrue", "assertFalse", "assertCaveated"):
            folder.put("bad.yaml", ACTORS.split("assertions:")[0] + "assertions:\n  %s:\n"
                       '    - "doc:a#view@user:ann actor=%s"\n' % (expected, bad))
            out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
            assert "  failed bad.yaml:22:%d: " % column in out and message in out, (bad, out)
    # Behind text that is not ASCII columns are bytes; in escaped text an error names its beginning.
    folder.put("bad.yaml", ACTORS.split("assertions:")[0] + "assertions:\n  assertFalse: "
               '["doc:\u00e9#view@user:ann actor=x", "doc:\\"a b\\"#view@user:ann actor=x"]\n')
    out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
    assert "bad.yaml:21:" in out, out


GRANTS = """schema: |-
  caveat few(count int, limit int) { count < limit }
  definition user {}
  definition document {
    relation owner: user
    permission view = owner
    permission edit = owner
  }
  definition agent {
    permission acts_on_behalf_of = nil
  }
relationships: |-
  document:a#owner@user:ann
  document:b#owner@user:ann
  document:c#owner@user:bob
grants:
  reading: {principal: "user:ann", agent: "agent:bot", max_depth: 1, scope: [{selector: "document:*", actions: [view]}]}
  one:
    parent: reading
    actor: agent:bot
    delegatee: agent:helper
    scope: [{selector: "document:a", actions: [view]}]
  twice: {principal: "user:ann", agent: "agent:bot", uses: 2, scope: [{selector: "document:*", actions: [view]}]}
  later: {principal: "user:ann", agent: "agent:bot", not_before: 2099-01-01T00:00:00Z, expires_at: 2100-01-01T00:00:00Z, scope: [{selector: "document:*", actions: [view]}]}
  bound: {principal: "user:ann", agent: "agent:bot", bind: {method: POST, digest: DIGEST}, scope: [{selector: "document:*", actions: [view]}]}
  tools: {principal: "user:ann", agent: "agent:bot", tools: [{name: mail, sha256: DIGEST}], scope: [{selector: "document:*", actions: [view]}]}
  few: {principal: "user:ann", agent: "agent:bot", constraints: [{caveat: few, context: {limit: 3}}], scope: [{selector: "document:*", actions: [view]}]}
assertions:
  assertTrue:
    - "document:a#view@user:ann actor=agent:bot grant=reading"
    - "document:a#view@user:ann grant=one actor=agent:bot,agent:helper"
    - "document:a#view@user:ann actor=agent:bot grant=twice"
    - "document:b#view@user:ann actor=agent:bot grant=twice"
    - 'document:b#view@user:ann actor=agent:bot grant=few with {"count": 2}'
  assertFalse:
    - "document:a#view@user:ann actor=agent:bot grant=twice"
    - "document:a#view@user:ann actor=agent:bot grant=later"
    - "document:a#view@user:ann actor=agent:bot grant=bound"
    - "document:a#view@user:ann actor=agent:bot grant=tools"
    - 'document:b#view@user:ann actor=agent:bot grant=few with {"count": 3, "limit": 9}'
  assertCaveated:
    - "document:b#view@user:ann actor=agent:bot grant=few"
""".replace("DIGEST", "ab" * 32)


def grants(folder):
    """Grants are made by the server's code; what it would refuse fails the file."""
    path = "examples/grants/validation.yaml"
    expect(["validate", "--fail-on-warn", path], 0, "ok %s: 10 relationships loaded, 13 assertions "
           "run, 0 expected relations validated\n" % path)
    path = "examples/attributes/validation.yaml"
    expect(["validate", "--fail-on-warn", path], 0, "ok %s: 10 relationships loaded, 14 assertions "
           "run, 0 expected relations validated\n" % path)
    counts = "3 relationships loaded, 11 assertions run, 0 expected relations validated"
    folder.put("good.yaml", GRANTS)
    expect(["validate", "--fail-on-warn", "good.yaml"], 0, "ok good.yaml: %s\n" % counts,
           folder=folder.path)
    # Why an answer is a deny is said, in text and JSON.
    folder.put("bad.yaml", GRANTS.replace("assertFalse:", "assertTrue :").replace(
        "assertTrue :", "assertCaveated :").replace("  assertCaveated:\n", "  assertFalse:\n"))
    out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
    for line in ("grant=twice\n    expected conditional, the answer is deny (uses_exhausted)\n",
                 "grant=later\n    expected conditional, the answer is deny (grant_not_yet_valid)\n",
                 "grant=bound\n    expected conditional, the answer is deny (binding_mismatch)\n",
                 "grant=tools\n    expected conditional, the answer is deny (tool_changed)\n",
                 "the answer is deny (constraint_failed)\n",
                 "expected deny, the answer is conditional (missing: count)\n"):
        assert line in out, (line, out)
    problems = json.loads(expect(["validate", "--json", "bad.yaml"], 3,
                                 folder=folder.path))["files"][0]["problems"]
    assert [one.get("reason") for one in problems] == [
        "uses_exhausted", "grant_not_yet_valid", "binding_mismatch", "tool_changed",
        "constraint_failed", "missing_context"], problems
    reading = GRANTS.split("grants:\n")[1].split("\n")[0]
    for grant, message in (
            (reading.replace("agent:bot", "user:bob"), "is of no agent type"),
            (reading.replace("user:ann", "agent:other"), "an agent serves no agent"),
            (reading.replace("document:*", "ghost:*"), "ghost"),
            (reading.replace("[view]", "[veiw]"), "veiw"),
            (reading.replace("max_depth: 1", "expires_at: 2001-01-01T00:00:00Z"), "expires_at: it does not lie ahead"),
            (reading.replace("scope:", "scoop:"), "no 'scoop'"),
            (reading.replace("max_depth: 1, ", "") + '\n  two: {parent: reading, delegatee: '
             '"agent:helper", scope: [{selector: "document:a", actions: [view]}]}',
             "its max_depth is 0"),
            (reading + '\n  two: {parent: reading, delegatee: "agent:helper", scope: '
             '[{selector: "document:a", actions: [edit]}]}', "no element of the parent's scope includes 'edit' on document:a"),
            (reading + '\n  two: {parent: reading, actor: "agent:x", delegatee: "agent:helper", '
             'scope: [{selector: "document:a", actions: [view]}]}', "actor: the parent was not given to 'agent:x'"),
            ('  two: {parent: reading, delegatee: "agent:helper", scope: '
             '[{selector: "document:a", actions: [view]}]}\n' + reading, "no grant 'reading'")):
        folder.put("bad.yaml", GRANTS.split("grants:\n")[0] + "grants:\n" + grant + "\n")
        out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
        line = 18 if "\n  two" in grant else 17
        assert out.startswith("FAILED bad.yaml: 3 relationships loaded, 0 assertions run, "
                              "0 expected relations validated, 1 failed\n  failed bad.yaml:%d:3: "
                              % line) and message in out, (grant, out)
    # A grant that is not there, one without an actor, one without a name.
    for text, column, message in (
            ("document:a#view@user:ann actor=agent:bot grant=raeding", 55,
             "the file has no grant 'raeding'"),
            ("document:a#view@user:ann grant=reading", 0, "actor"),
            ("document:a#view@user:ann grant= actor=agent:bot", 39, "a name is missing")):
        folder.put("bad.yaml", GRANTS.split("assertions:")[0] +
                   'assertions:\n  assertFalse:\n    - "%s"\n' % text)
        out = expect(["validate", "bad.yaml"], 3, None, folder=folder.path)
        place = ":%d" % column if column else ""
        assert "  failed bad.yaml:30%s: assertFalse %s\n" % (place, text) in out and message in out, out


def unreadable(folder):
    expect(["validate"], 1, "", "behalf: too few arguments: 'validate' needs FILE...\n"
           "hint: see behalf validate --help\n")
    expect(["validate", "none.yaml"], 1, "",
           "behalf: cannot read 'none.yaml': No such file or directory\n", folder=folder.path)
    folder.put("good.yaml", GOOD)
    expect(["validate", "*.yml"], 1, "",
           "behalf: cannot read '*.yml': No such file or directory\n", folder=folder.path)
    expect(["validate", "none.yaml", "good.yaml"], 1,
           "ok good.yaml: %s\n1 file: %s\n" % (COUNTS, COUNTS), None, folder=folder.path)
    expect(["validate", "notes.txt"], 1, "",
           "behalf: 'notes.txt' is no .yaml, .yml, .zaml or .zed file\n"
           "hint: see behalf validate --help\n")
    for text in ("", "[", "a: b\n", "\x00", "schema: |-\n  definition user {}\nschema: x\n",
                 "schema: &a [*a]\n", "&a schema: *a\n", "? [x]\n: y\n", "\"\\xff\": \n"):
        folder.put("odd.yaml", text)
        expect(["validate", "odd.yaml"], 1 if "schema: *a" in text else 3, None, folder=folder.path)


def bounded(folder):
    """What would take time in its square is refused, and many subjects are compared in no time."""
    for text, message in (("[" * 60000, "nested more than 64 deep"),
                          ("{a: " * 60000, "nested more than 64 deep"),
                          ("- " * 60000, "nested more than 64 deep"),
                          ("- &a%d x\n" * 1001 % tuple(range(1001)), "more than 1,000 anchors"),
                          ("%%TAG !a%d! x\n" * 60000 % tuple(range(60000)) + "---\na\n",
                           "more than 16 lines begin with '%'")):
        folder.put("big.yaml", text)
        assert message in expect(["validate", "big.yaml"], 3, folder=folder.path), text[:40]
    text = "schema: |-\n  definition user {}\nassertions: &list\n  assertTrue: &true\n" + \
        "    - 'user:a#b@user:c'\n" * 5000 + "validation:\n  a#b: &a [x, x, x, x, x, x, x, x, x]\n"
    folder.put("again.yaml", text + "".join("  k%d: *true\n" % n for n in range(5000)))
    assert "aliases repeat more than the file holds" in expect(["validate", "again.yaml"], 3,
                                                               folder=folder.path)
    laughs = "".join("  l%d: &l%d [%s]\n" % (n, n, ", ".join(["*l%d" % (n - 1)] * 9)) for n in range(1, 60))
    folder.put("laughs.yaml", "schema: |-\n  definition user {}\nvalidation:\n  l0: &l0 [x]\n" + laughs)
    assert "an expected subject must be text" in expect(["validate", "laughs.yaml"], 3,
                                                        folder=folder.path)
    expect(["validate", "/dev/zero"], 1, "", "behalf: '/dev/zero' is no .yaml, .yml, .zaml or .zed "
           "file\nhint: see behalf validate --help\n")
    os.symlink("/dev/zero", os.path.join(folder.path, "zero.yaml"))
    expect(["validate", "zero.yaml"], 1, "",
           "behalf: cannot read 'zero.yaml': it has more than 64 MiB\n", folder=folder.path)
    head = "schema: |-\n  definition user {}\n  definition doc { relation reader: user }\n"
    names = ["u%d" % n for n in range(20000)]
    relationships = "relationships: |-\n" + "".join("  doc:1#reader@user:%s\n" % n for n in names)
    lines = ['    - "[user:%s] is <doc:1#reader>"\n' % n for n in names]
    folder.put("many.yaml", head + relationships + "validation:\n  doc:1#reader:\n" + "".join(lines))
    expect(["validate", "many.yaml"], 0, None, folder=folder.path)
    folder.put("less.yaml", head + relationships + "validation:\n  doc:1#reader:\n" +
               "".join(lines[1:] + ['    - "[user:x] is <doc:1#reader>"\n']))
    out = expect(["validate", "less.yaml"], 3, folder=folder.path)
    assert out.endswith("expected '[user:x] is <doc:1#reader>', not found\n"
                        "  failed less.yaml:20006: doc:1#reader\n"
                        "    found '[user:u0] is <doc:1#reader>', not expected\n"), out


def standard_input(folder):
    expect(["validate", "-"], 0, "ok -: %s\n" % COUNTS, text=GOOD)
    expect(["validate", "-", "--update"], 1, "", None, text=GOOD)


def written_files(folder):
    """What is written stays what it was."""
    path = folder.put("real.yaml", GOOD.replace("{user:mallory}", "{user:old}"))
    os.chmod(path, 0o640)
    os.symlink("real.yaml", os.path.join(folder.path, "link.yaml"))
    expect(["validate", "--update", "link.yaml"], 0, None, folder=folder.path)
    assert os.path.islink(os.path.join(folder.path, "link.yaml"))
    assert os.stat(path).st_mode & 0o777 == 0o640 and open(path).read() == GOOD
    got = run(["validate", "real.yaml", "--junit", "/dev/stdout"], folder=folder.path)
    assert got[0] == 0 and "</testsuites>\n" in got[1], got
    with open(os.path.join(folder.path, "all"), "w") as out:
        subprocess.run([os.path.abspath(BEHALF), "validate", "real.yaml", "--junit", "/dev/stdout"],
                       stdout=out, cwd=folder.path, check=True, timeout=PATIENCE)
    text = open(os.path.join(folder.path, "all")).read()
    assert text.startswith("ok real.yaml") and text.endswith("</testsuites>\n"), text
    assert run(["validate", "real.yaml", "--junit", "-"], folder=folder.path)[1] == text
    assert sorted(os.listdir(folder.path)) == ["all", "link.yaml", "real.yaml"]


def warnings(folder):
    folder.put("warn.yaml", GOOD.replace("read", "note") + "more: 1\n")
    text = expect(["validate", "warn.yaml"], 0, folder=folder.path)
    assert "ok warn.yaml: %s, 2 warnings\n" % COUNTS in text, text
    assert "warning warn.yaml:23:1: more\n" in text, text
    assert "warning warn.yaml:7:16: relation-name-references-parent\n" in text, text
    expect(["validate", "--fail-on-warn", "warn.yaml"], 3, None, folder=folder.path)
    folder.put("good.yaml", GOOD)
    expect(["validate", "--fail-on-warn", "good.yaml"], 0, None, folder=folder.path)


def slips(folder):
    """A key that is nearly right names the one that was meant."""
    folder.put("slip.yaml", GOOD.replace("validation:", "validations:"))
    assert "did you mean 'validation'?" in expect(["validate", "slip.yaml"], 0, folder=folder.path)
    folder.put("slip.yaml", GOOD.replace("schema:", "shcema:"))
    assert "did you mean 'schema'?" in expect(["validate", "slip.yaml"], 3, folder=folder.path)
    folder.put("slip.yaml", GOOD.replace("assertTrue", "assertTure"))
    assert "did you mean 'assertTrue'?" in expect(["validate", "slip.yaml"], 3, folder=folder.path)


def junit(folder):
    folder.put("bad.yaml", GOOD.replace("user:ann", "user:mallory"))
    expect(["validate", "--junit", "out.xml", "bad.yaml"], 3, None, folder=folder.path)
    root = xml.etree.ElementTree.parse(os.path.join(folder.path, "out.xml")).getroot()
    assert root.tag == "testsuites" and root.get("failures") == "1", root.attrib
    cases = root.findall("testsuite/testcase")
    assert root.get("tests") == str(len(cases)) == "5", len(cases)
    failed = [one for one in cases if one.find("failure") is not None]
    assert [one.get("line") for one in failed] == ["16"]
    assert failed[0].get("name") == "assertTrue note:n1#read@user:mallory"
    expect(["validate", "--junit", "none/out.xml", "bad.yaml"], 1, None, None, folder=folder.path)


def update(folder):
    stale = GOOD.replace("{user:mallory}", "{user:old}") + "# tail\n"
    path = folder.put("stale.yaml", stale)
    expect(["validate", "stale.yaml"], 3, None, folder=folder.path)
    expect(["validate", "--update", "stale.yaml"], 0,
           "ok stale.yaml: %s\nupdated stale.yaml\n" % COUNTS, folder=folder.path)
    with open(path) as file:
        assert file.read() == GOOD + "# tail\n"
    expect(["validate", "--update", "stale.yaml"], 0, "ok stale.yaml: %s\n" % COUNTS,
           folder=folder.path)
    with open(path, "wb") as file:
        file.write(b"\xef\xbb\xbf" + stale.replace("\n", "\r\n").encode())
    expect(["validate", "--update", "stale.yaml"], 0, None, folder=folder.path)
    with open(path, "rb") as file:
        assert file.read() == b"\xef\xbb\xbf" + (GOOD + "# tail\n").replace("\n", "\r\n").encode()
    indented = "{\"schema\": \"definition user {}\", \"validation\": {\"user:a#b\": []}}"
    path = folder.put("flow.yaml", indented)
    expect(["validate", "--update", "flow.yaml"], 3, None, folder=folder.path)
    with open(path) as file:
        assert file.read() == indented


OLD = """definition user {}

/** people */
definition group {
    relation member: user | group#member
}

definition doc {
    relation viewer: user | user:* | group#member
    relation owner: user
    permission view = viewer + owner
    permission edit = owner
}
"""
NEW = """definition user {}

definition group {
    relation member: user | group#member
}

definition doc {
    relation viewer: user
    permission owner = viewer
    permission view = owner + viewer
    permission edit = owner & viewer
}
"""
CONDITIONS = """use expiration

definition user {}

definition note {
    relation viewer: user | user with limit and expiration
}

// how many
caveat limit(counts list<int>) {
    counts.size() < 4
}
"""
CHANGES = """- variant doc#viewer: user:*
- variant doc#viewer: group#member
- relation doc#owner: user
+ permission doc#owner = viewer
~ permission doc#edit = owner & viewer  (was: owner)
"""


def schema_files(folder):
    folder.put("old.zed", OLD)
    folder.put("new.zed", NEW)
    expect(["schema", "diff", "old.zed", "new.zed"], 0, CHANGES, folder=folder.path)
    expect(["schema", "diff", "old.zed", "old.zed"], 0, "no changes\n", folder=folder.path)
    got = json.loads(expect(["schema", "diff", "--json", "old.zed", "new.zed"], 0,
                            folder=folder.path))
    assert got["changes"][4] == {"change": "changed", "what": "permission", "definition": "doc",
                                 "name": "edit", "before": "owner", "after": "owner & viewer"}, got
    got = json.loads(expect(["schema", "reflect", "old.zed"], 0, folder=folder.path))
    group, doc = got["definitions"][1:]
    assert group["comment"] == "people", group
    assert group["relations"][0]["types"] == [{"type": "user"},
                                              {"type": "group", "relation": "member"}], group
    assert doc["permissions"][0] == {"name": "view", "comment": "",
                                     "expression": "viewer + owner"}, doc
    assert got["caveats"] == [], got
    folder.put("conditions.zed", CONDITIONS)
    got = json.loads(expect(["schema", "reflect", "conditions.zed"], 0, folder=folder.path))
    assert got["definitions"][1]["relations"][0]["types"] == [
        {"type": "user"}, {"type": "user", "caveat": "limit", "expiration": True}], got
    assert got["caveats"] == [{"name": "limit", "comment": "how many",
                               "parameters": [{"name": "counts", "type": "list<int>"}],
                               "expression": "counts.size() < 4"}], got
    expect(["schema", "diff", "conditions.zed", "old.zed"], 0, None, folder=folder.path)
    got = json.loads(expect(["schema", "diff", "--json", "old.zed", "conditions.zed"], 0,
                            folder=folder.path))
    assert got["changes"][-1] == {"change": "added", "what": "caveat", "name": "limit",
                                  "after": "(counts list<int>) { counts.size() < 4 }"}, got
    expect(["schema", "lint", "old.zed"], 0, "old.zed: valid, 3 definitions, 0 warnings\n",
           folder=folder.path)
    folder.put("main.zed", "use import\nuse self\nimport \"part.zed\"\n"
               "definition note {\n  relation note: user\n}\n")
    folder.put("part.zed", "definition user { permission own = nil }\n")
    expect(["schema", "compile", "main.zed"], 0,
           "use self\n\ndefinition user {\n    permission own = nil\n}\n\ndefinition note {\n"
           "    relation note: user\n}\n", folder=folder.path)
    warning = ("warning: relation 'note' ends in the name of its definition 'note', which says "
               "nothing new [relation-name-references-parent]\n  main.zed:5:12\n")
    expect(["schema", "lint", "main.zed"], 0, "main.zed: valid, 2 definitions, 1 warning\n",
           warning, folder=folder.path)
    expect(["schema", "lint", "--fail-on-warn", "main.zed"], 1, None, warning,
           folder=folder.path)
    folder.put("part.zed", "definition user {\n")
    expect(["schema", "compile", "main.zed"], 1, "", None, folder=folder.path)
    assert "  part.zed:2:1\n" in run(["schema", "compile", "main.zed"], folder=folder.path)[2]
    folder.put("part.zed", "use import\nimport \"main.zed\"\n")
    expect(["schema", "compile", "main.zed"], 1, "",
           "behalf: cannot accept the schema: files import each other in a circle "
           "(SCHEMA_PARSE_ERROR)\n  part.zed:2:8\n   2 | import \"main.zed\"\n"
           "     |        ^^^^^^^^\n", folder=folder.path)


BY_ROLE = ("caveat admin(subject map<any>) { subject.role == 'admin' }\n"
           "caveat early(hour int) { hour < 9 }\n"
           "definition user {}\n"
           "definition doc { relation viewer: user with admin | user with early }\n")


def flags_of_attributes(folder, there):
    """They come only while no relationship carries a caveat that they would change."""
    without = folder.put("without.zed", BY_ROLE)
    under = folder.put("under.zed", "use attributes\n" + BY_ROLE)
    expect(["schema", "diff", without, under], 0, "+ flag use attributes\n")
    got = json.loads(expect(["schema", "diff", "--json", under, without], 0))
    assert got["changes"] == [{"change": "removed", "what": "flag", "before": "use attributes"}], got
    expect(["schema", "apply", "--yes", without], 0, None, **there)
    expect(["relationship", "create", "doc:a#viewer@user:x[admin]", "doc:b#viewer@user:x[early]"], 0,
           None, **there)
    expect(["schema", "plan", under], 3, "+ flag use attributes\n"
           "blocked by 1 relationship of doc#viewer with subject user with admin\n"
           "  doc:a#viewer@user:x[admin]\n", **there)
    expect(["schema", "apply", "--yes", under], 3, None, None, **there)
    expect(["relationship", "delete", "doc:a#viewer@user:x"], 0, None, **there)
    expect(["schema", "plan", under], 0, "+ flag use attributes\n", **there)
    out = expect(["schema", "apply", "--yes", under], 0, None, **there)
    assert out.startswith("+ flag use attributes\nwritten_at "), out


def schema_server(folder):
    old, new = folder.put("old.zed", OLD), folder.put("new.zed", NEW)
    expect(["schema", "apply", old], 1, "", "behalf: apply asks at a terminal; elsewhere it needs "
           "--yes\nhint: see behalf schema apply --help\n")
    ready, child = os.pipe()
    server = lib_process.spawn(
        [os.path.join(BUILD, "behalfd"), "--data", os.path.join(folder.path, "data"), "--listen",
         "127.0.0.1:0", "--ready-fd", str(child), "--log-level", "warn"],
        pass_fds=[child], stdout=subprocess.DEVNULL)
    os.close(child)
    with os.fdopen(ready) as pipe:
        there = {"endpoint": pipe.readline().strip()}
    try:
        assert expect(["schema", "plan", old], 0, **there).startswith("+ definition user\n")
        out = expect(["schema", "apply", "--yes", old], 0, **there)
        assert out.endswith("+ permission doc#edit = owner\nwritten_at TOKEN\n"), out
        expect(["schema", "apply", "--yes", old], 0, "no changes\n", **there)
        expect(["relationship", "create", "doc:a#viewer@user:*", "doc:a#viewer@user:x",
                "doc:b#owner@user:x", *("doc:%d#viewer@group:g#member" % n for n in range(4))], 0,
               None, **there)
        expect(["schema", "plan", new], 3, CHANGES +
               "blocked by 1 relationship of doc#viewer with subject user:*\n"
               "  doc:a#viewer@user:*\n"
               "blocked by 4 relationships of doc#viewer with subject group#member\n"
               "  doc:0#viewer@group:g#member\n  doc:1#viewer@group:g#member\n"
               "  doc:2#viewer@group:g#member\n  ...\n"
               "blocked by 1 relationship of doc#owner with subject user\n"
               "  doc:b#owner@user:x\n", **there)
        got = json.loads(expect(["schema", "plan", "--json", new], 3, **there))
        assert [one["count"] for one in got["blocked"]] == [1, 4, 1], got
        expect(["schema", "apply", "--yes", new], 3, None, None, **there)
        expect(["relationship", "delete", "--filter", "doc"], 0, None, **there)
        expect(["schema", "plan", new], 0, CHANGES, **there)
        expect(["schema", "apply", "--yes", "--json", new], 0, None, **there)
        got = json.loads(expect(["schema", "reflect"], 0, **there))
        assert [one["name"] for one in got["definitions"]] == ["user", "group", "doc"], got
        flags_of_attributes(folder, there)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)


def main():
    os.environ["NO_COLOR"] = "1"
    folder = Folder()
    try:
        for group in (conformance, passing, failing, conditions, actors, grants, unreadable, bounded, standard_input,
                      warnings, slips, junit, update, schema_files, schema_server):
            group(folder)
            print("validate: %s" % group.__name__, flush=True)
        alone = Folder()
        written_files(alone)
        shutil.rmtree(alone.path)
    finally:
        shutil.rmtree(folder.path)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
