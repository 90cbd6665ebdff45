#!/usr/bin/python3
"""Pages that would outgrow a message end before it: joined they are the answer, each thing once.

Starts a behalfd of its own from $BUILD (build/release by default); prints one line per case."""
import os
import shutil
import sys
import tempfile

from protocol import Server

MESSAGE_SIZE = 4 << 20
COUNT = 5000
SCHEMA = """
use expiration
caveat during(hour int, until int) { hour < until }
caveat broken(n int) { 1 / n > 0 }
caveat bag(m map<any>) { size(m) >= 0 }
definition user {}
definition folder {
    relation owner: user
    relation maybe: user with during
    relation fails: user with broken
    relation shown: user | user:*
    relation banned: user
    relation keeper: user with bag | user with bag and expiration
    permission open = maybe + fails + owner
    permission show = shown - banned
}
"""
CASES = []


def case(function):
    CASES.append(function)
    return function


def long(text, n, fill="x", size=1024):
    """The n-th id of so many bytes."""
    start = "%s%d" % (text, n)
    return start + fill * (size - len(start))


def quoted(id):
    return '"%s"' % id.replace("\\", "\\\\").replace('"', '\\"')


def write(client, relationships, at_once=500):
    relationships = list(relationships)
    for at in range(0, len(relationships), at_once):
        client.call("relationships.write", updates=[
            {"op": "touch", "relationship": one} for one in relationships[at:at + at_once]])


def pages(client, method, **arguments):
    """All of them; the server closes or refuses what is larger than a message."""
    cursor, found = {}, []
    while True:
        found.append(client.call(method, limit=100000, **arguments, **cursor))
        if found[-1]["cursor"] is None:
            return found
        assert found[-1]["complete"] is False
        cursor = {"cursor": found[-1]["cursor"]}


def joined(pages, member):
    return [row for page in pages for row in page[member]]


def same(found, expected):
    found = list(found)
    assert len(found) == len(set(found)), "a row stands twice"
    assert set(found) == set(expected), (len(found), len(set(expected)))


@case
def resources(client):
    ids = [long("r", n) for n in range(COUNT)]
    write(client, ("folder:%s#owner@user:ann" % id for id in ids))
    answer = pages(client, "lookup_resources", resource_type="folder", permission="open",
                   subject="user:ann")
    same((row["id"] for row in joined(answer, "resources")), ids)
    assert len(answer) == 2 and answer[-1]["complete"] is True
    assert len(answer[0]["resources"]) >= 4000, "a page ends long before the frame"


@case
def short_ones_come_in_one_page(client):
    ids = ["s%d" % n for n in range(30000)]
    write(client, ("folder:%s#owner@user:sue" % id for id in ids))
    answer = pages(client, "lookup_resources", resource_type="folder", permission="open",
                   subject="user:sue")
    same((row["id"] for row in joined(answer, "resources")), ids)
    assert len(answer) == 1


@case
def resources_that_are_conditional_or_undecided(client):
    conditional = [long("c", n) for n in range(COUNT)]
    undecided = [long("u", n) for n in range(2000)]
    write(client, ("folder:%s#maybe@user:cat[during]" % id for id in conditional))
    write(client, ('folder:%s#fails@user:cat[broken:{"n":0}]' % id for id in undecided))
    answer = pages(client, "lookup_resources", resource_type="folder", permission="open",
                   subject="user:cat")
    same((row["id"] for row in joined(answer, "resources")), conditional)
    same((row["id"] for row in joined(answer, "undecided")), undecided)
    assert all(row["missing"] == ["hour", "until"] for row in joined(answer, "resources"))
    assert len(answer) > 2


@case
def subjects(client):
    ids = [long("v", n) for n in range(COUNT)]
    write(client, ("folder:many#owner@user:%s" % id for id in ids))
    for permission in ("owner", "open"):
        answer = pages(client, "lookup_subjects", resource="folder:many", permission=permission,
                       subject_type="user")
        same((row["id"] for row in joined(answer, "subjects")), ids)
        assert len(answer) == 2


@case
def exclusions_of_a_wildcard(client):
    banned = [long("b", n) for n in range(2 * COUNT)]
    shown = [long("w", n) for n in range(COUNT)]
    write(client, ("folder:open#banned@user:%s" % id for id in banned))
    write(client, ("folder:open#shown@user:%s" % id for id in shown))
    write(client, ["folder:open#shown@user:*"])
    answer = pages(client, "lookup_subjects", resource="folder:open", permission="show",
                   subject_type="user")
    rows = joined(answer, "subjects")
    wildcards = [row for row in rows if row.get("wildcard")]
    same((one["id"] for row in wildcards for one in row["excluded"]), banned)
    same((row["id"] for row in rows if "id" in row), shown)
    assert [row.get("more_excluded", False) for row in wildcards] == [True, True, False]
    for page in answer[:3]:
        assert page["subjects"][0]["wildcard"] is True, "a page does not begin with the wildcard"
    assert [len(page["subjects"]) for page in answer[:2]] == [1, 1]


@case
def relationships(client):
    texts = ["folder:%s#banned@user:%s" % (quoted(long("q", n, '"', 500)), long("w", n))
             for n in range(2 * COUNT)]
    write(client, texts)
    answer = pages(client, "relationships.read",
                   filter={"resource_type": "folder", "resource_id_prefix": "q"})
    same(joined(answer, "relationships"), texts)
    assert len(answer) > 2


@case
def relationships_with_contexts(client):
    contexts = {"n": "null," * 3900 + "null", "f": "0.5," * 400 + "0.5", "t": '"%s"' % ("x" * 3900)}
    kinds = [(kind, text, until) for kind, text in contexts.items()
             for until in ("", "[expiration:2099-01-01T00:00:00Z]")]
    ids = []
    for number, (kind, text, until) in enumerate(kinds):
        ids += ["k%d%s%d" % (number, kind, n) for n in range(400)]
        write(client, ('folder:%s#keeper@user:k[bag:{"m":{"v":[%s]}}]%s' % (id, text, until)
                       for id in ids[-400:]), at_once=20)
    answer = pages(client, "relationships.read", filter={"resource_type": "folder",
                                                         "relation": "keeper"})
    rows = joined(answer, "relationships")
    same((row["resource"]["id"] for row in rows), ids)
    for row in rows:
        values = row["caveat"]["context"]["m"]["v"]
        kind = row["resource"]["id"][2]
        assert values == {"n": [None] * 3901, "f": [0.5] * 401, "t": ["x" * 3900]}[kind]
    assert len(answer) > 1


def main():
    scratch = tempfile.mkdtemp()
    server = Server(os.path.join(scratch, "data"), "--graph-memory", "256M")
    client = server.connect()
    client.call("schema.write", text=SCHEMA)
    failed = 0
    for function in CASES:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        try:
            function(client)
            print("ok      ", function.__name__)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", function.__name__, repr(problem)[:400])
        client.close()
        client = server.connect()
    client.close()
    failed += server.stop() != 0
    shutil.rmtree(scratch)
    print("pages.py: %d cases, %d failed" % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
