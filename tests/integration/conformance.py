#!/usr/bin/python3
"""conformance: validation files against a running server, over the wire.

    conformance.py [DIRECTORY [MISMATCHES]]

For each DIRECTORY/*.yaml (tests/conformance): every assertion, alone and in a bulk; every lookup and
list of missing names of the *.lookups.json beside it; and the sweep: for every object, relation or
permission, and subject that the file names, and somebody it does not name, a check must say what both
lookups say, at every page size, also where it is an error. For every grant of the file and every such
object and member, a check by the grant must say what lookup_resources and filter_resources say.
Prints how many agree and the first
MISMATCHES (20) that do not. Needs msgpack for Python."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import msgpack

import lib_process

BUILD = os.environ.get("BUILD", "build/release")
PATIENCE = 60
BULK = 500
WRITE = 500
AT_ONCE = 64  # requests under way
PAGES = (1, 5, 16, 1000)
CONTEXTS = 4  # contexts of assertions that a sweep takes, beside none
NOBODY = "nobody_named_here"
ID = r'(?:"(?:[^"\\]|\\.)*"|[^"#@\[ ]+)'
OBJECT = r"[a-z][a-z0-9_/]*:" + ID
QUESTION = re.compile(r"(%s)#([^@]+)@(%s)(?:#([^\[ ]+))?$" % (OBJECT, OBJECT))
ACTORS = r' +actor=([^ "]+)(?= |$)'
GRANT = r' +grant=([^ "]+)(?= |$)'
GRANT_SECONDS = 3600
TUPLE = re.compile(r"(%s)#([^@]+)@(%s)(?:#([a-z0-9_.]+))?(?:\[.*)?$" % (OBJECT, OBJECT))


# --- files --------------------------------------------------------------------------------------

def unquote(text):
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        return json.loads(text)
    return text


def read_list(text):
    return [unquote(item) for item in re.findall(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s,]+""",
                                                 text)]


def read_case(path):
    """The layout that validation files have here; not all of YAML."""
    data = {"schema": [], "relationships": [], "attributes": {}, "grants": {}, "assertions": {}}
    block = section = None
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for line in lines:
        top = re.match(r"(\w+):(?: (.*))?$", line)
        inner = re.match(r"  (\w+):(?: \[(.*)\])? *$", line)
        item = re.match(r"    - (.*)$", line)
        if top:
            block, text = top.group(1), (top.group(2) or "").strip()
            if block in ("schema", "relationships") and not text.startswith("|"):
                data[block].append(unquote(text))
        elif block in ("schema", "relationships"):
            data[block].append(line[2:])
        elif block in ("attributes", "grants") and re.match(r"  \S", line):
            name, text = re.match(r"  (\S+): (\{.*\})$", line).groups()
            data[block][name] = json.loads(text)
        elif block == "assertions" and inner:
            section = data["assertions"].setdefault(inner.group(1), [])
            section.extend(read_list(inner.group(2) or ""))
        elif block == "assertions" and item:
            section.append(unquote(item.group(1).strip()))
    texts = [line.strip() for line in data["relationships"]]
    data["relationships"] = [line for line in texts if line and not line.startswith("//")]
    data["schema"] = "\n".join(data["schema"])
    return data


# --- the server ---------------------------------------------------------------------------------

class Server:
    def __init__(self, data):
        ready, child = os.pipe()
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", data, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "error"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            host, port = pipe.readline().strip().rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unpacker = msgpack.Unpacker(raw=False)

    def together(self, method, requests):
        """Results in the order of the requests; an error is its reason, a string."""
        answers = [None] * len(requests)
        for first in range(0, len(requests), AT_ONCE):
            part = range(first, min(first + AT_ONCE, len(requests)))
            self.socket.sendall(b"".join(
                msgpack.packb([0, number, method, [requests[number]]]) for number in part))
            left = len(part)
            while left > 0:
                for kind, number, error, result in self.unpacker:
                    assert kind == 1 and answers[number] is None, (kind, number)
                    answers[number] = error["reason"] if error is not None else result
                    left -= 1
                if left > 0:
                    data = self.socket.recv(1 << 20)
                    assert data, "the server closed the connection"
                    self.unpacker.feed(data)
        return answers

    def call(self, method, **arguments):
        return self.together(method, [arguments])[0]

    def stop(self):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, "the server did not end well"


def write(server, op, texts):
    """The reason of a refusal, or None."""
    for first in range(0, len(texts), WRITE):
        updates = [{"op": op, "relationship": text} for text in texts[first:first + WRITE]]
        answer = server.call("relationships.write", updates=updates)
        if isinstance(answer, str):
            return answer
    return None


def describe(server, updates):
    """Writes attributes. The reason of a refusal, or None."""
    answer = server.call("attributes.write", updates=updates) if updates else None
    return answer if isinstance(answer, str) else None


def clear(server, case):
    """Forgets a file. A caveat may not change its parameters, but it may go and come back."""
    refusal = write(server, "delete", case["relationships"])
    assert refusal is None, refusal
    refusal = describe(server, [{"object": name, "op": "delete"} for name in case["attributes"]])
    assert refusal is None, refusal
    answer = server.call("schema.write", text="definition none {}")
    assert not isinstance(answer, str), answer


def load(server, case):
    """The reason of a refusal, or None."""
    answer = server.call("schema.write", text=case["schema"])
    if isinstance(answer, str):
        return "schema: " + answer
    refusal = write(server, "touch", case["relationships"])
    if refusal is not None:
        return "relationships: " + refusal
    refusal = describe(server, [{"object": name, "op": "set", "attributes": attributes}
                                for name, attributes in case["attributes"].items()])
    if refusal is not None:
        return "attributes: " + refusal
    return make_grants(server, case)


def make_grants(server, case):
    """Each as `behalf validate` makes it: a root grant with a session of its own."""
    case["ids"] = {}
    case["chains"] = {}  # name -> (principal, the agents of the chain)
    for name, grant in case["grants"].items():
        grant = dict(grant)
        parent = grant.get("parent")
        if parent is not None:
            principal, agents = case["chains"][parent]
            case["chains"][name] = (principal, agents + [grant["delegatee"]])
            grant.update(parent=case["ids"][parent], actor=agents[-1])
            answer = server.call("grants.delegate", **grant)
        else:
            principal, agent = grant.pop("principal"), grant.pop("agent")
            case["chains"][name] = (principal, [agent])
            grant.update(expires_in_s=GRANT_SECONDS, approval={"approver": principal})
            answer = server.call("sessions.create", principal=principal, agent=agent,
                                 expires_in_s=GRANT_SECONDS, grant=grant)
        if isinstance(answer, str):
            return "grant %s: %s" % (name, answer)
        case["ids"][name] = answer["grant"]
    return None


# --- questions ----------------------------------------------------------------------------------

def context_of(text):
    """The question and the context of `question with {json}`, whoever acts."""
    found = re.match(r'((?:"(?:[^"\\]|\\.)*"|[^"])*?) +with +(\{.*)$', text.strip())
    question, context = (found.group(1), json.loads(found.group(2))) if found else (text.strip(), None)
    return re.sub(GRANT, "", re.sub(ACTORS, "", question)), context


def actors_of(text):
    """The actors of `question actor=a,b`; ids that are quoted are not written here."""
    found = re.search(ACTORS, text)
    return found.group(1).split(",") if found else []


def grant_of(text):
    """The name of the grant of `question grant=name`."""
    found = re.search(GRANT, text)
    return found.group(1) if found else None


def with_context(arguments, context):
    return arguments if context is None else dict(arguments, context=context)


def item_of(text, ids=None):
    question, context = context_of(text)
    resource, permission, subject, relation = QUESTION.match(question).groups()
    if relation:
        subject += "#" + relation
    item = {"resource": resource, "permission": permission, "subject": subject}
    if actors_of(text):
        item["actor"] = actors_of(text)
    if grant_of(text):
        item["grant"] = ids[grant_of(text)]
    return with_context(item, context)


def state_of(answer):
    """(decision, missing names) of one result; an error is (its reason, ())."""
    if isinstance(answer, str):
        return answer, ()
    if "error" in answer:
        return answer["error"]["reason"], ()
    return answer["decision"], tuple(answer.get("missing") or ())


def wrong_checks(server, case):
    """Yields (question, expected, given) of every assertion; given == expected when right."""
    questions = []
    for key, expected in (("assertTrue", "allow"), ("assertFalse", "deny"),
                          ("assertCaveated", "conditional")):
        questions += [(text, expected) for text in case["assertions"].get(key) or []]
    items = [item_of(text, case["ids"]) for text, _ in questions]
    alone = [state_of(answer) for answer in server.together("check", items)]
    bulk = []
    for first in range(0, len(items), BULK):
        answer = server.call("check_bulk", items=items[first:first + BULK])
        bulk += [state_of(one) for one in answer["results"]]
    for (text, expected), one, other in zip(questions, alone, bulk):
        yield text, expected, one[0] if one == other else "%s, in bulk %s" % (one, other)


# --- answers given elsewhere --------------------------------------------------------------------

def decisions_of(rows):
    """id -> "allow" or "conditional"; where an id is told twice, the stronger one counts."""
    found = {}
    for row in rows:
        state = "conditional" if row["caveated"] else "allow"
        found[row["id"]] = "allow" if "allow" in (state, found.get(row["id"])) else state
    return found


def given_rows(answer, key):
    if isinstance(answer, str):
        return answer
    return {"*" if row.get("wildcard") else row["id"]: row["decision"] for row in answer[key]}


def wrong_lookups(server, path):
    with open(path, encoding="utf-8") as file:
        asked = json.load(file)
    for lookup in asked.get("lookup_resources", []):
        query, context = context_of(lookup["query"])
        kind, permission, subject = re.match(r"([^#]+)#([^@]+)@(.+)$", query).groups()
        answer = server.call("lookup_resources", **with_context(
            {"resource_type": kind, "permission": permission, "subject": subject}, context))
        yield ("resources " + lookup["query"], decisions_of(lookup["results"]),
               given_rows(answer, "resources"))
    for lookup in asked.get("lookup_subjects", []):
        query, context = context_of(lookup["query"])
        resource, permission, subject = re.match(r"(.+)#([^@#]+)@(.+)$", query).groups()
        kind, _, relation = subject.partition("#")
        arguments = {"resource": resource, "permission": permission, "subject_type": kind}
        if relation:
            arguments["subject_relation"] = relation
        answer = server.call("lookup_subjects", **with_context(arguments, context))
        yield ("subjects " + lookup["query"], decisions_of(lookup["results"]),
               given_rows(answer, "subjects"))
    # Elsewhere a function of two unknown values may name the first one alone.
    for text, names in asked.get("missing_context", {}).items():
        decision, missing = state_of(server.call("check", **item_of(text)))
        yield "missing " + text, ("conditional", set()), (decision, set(names) - set(missing))


# --- the sweep ----------------------------------------------------------------------------------

def id_of(text):
    """The id of `type:id`, as lookups give it."""
    name = text.partition(":")[2]
    return json.loads(name) if name.startswith('"') else name


class World:
    """What a file names: objects and subjects by type, names of members, contexts."""

    def __init__(self, case):
        self.objects = {}   # type -> {id: text}
        self.members = {}   # type -> names
        self.subjects = {}  # (type, relation) -> {id: text}
        self.contexts = [None]
        for text in case["relationships"]:
            self.add(TUPLE.match(text))
        for texts in case["assertions"].values():
            for text in texts or []:
                question, context = context_of(text)
                self.add(QUESTION.match(question))
                if context not in self.contexts and len(self.contexts) <= CONTEXTS:
                    self.contexts.append(context)
        for kind in {kind for kind, _ in self.subjects}:
            self.subjects.setdefault((kind, ""), {})
            self.objects.setdefault(kind, {})[NOBODY] = "%s:%s" % (kind, NOBODY)
        for (kind, relation), subjects in self.subjects.items():
            for name, text in self.objects[kind].items():
                subjects[name] = text + ("#" + relation if relation else "")

    def add(self, found):
        resource, member, subject, relation = found.groups()
        relation = "" if relation in (None, "...") else relation
        kind = resource.partition(":")[0]
        self.objects.setdefault(kind, {})[id_of(resource)] = resource
        self.members.setdefault(kind, set()).add(member)
        kind = subject.partition(":")[0]
        if subject.endswith(":*"):
            self.subjects.setdefault((kind, ""), {})
            return
        self.objects.setdefault(kind, {})[id_of(subject)] = subject
        self.subjects.setdefault((kind, relation), {})

    def places(self):
        """(type, member) of every relation and permission named."""
        return [(kind, member) for kind in sorted(self.members)
                for member in sorted(self.members[kind])]


def add_permissions(server, world):
    """The permissions of the schema, beside the members that the file names."""
    for kind, objects in world.objects.items():
        one = next(iter(objects.values()))
        answer = server.call("lookup_permissions", resource=one, subject="%s:%s" % (kind, NOBODY))
        assert not isinstance(answer, str), answer
        names = [row["permission"] for row in answer["permissions"]]
        if names:
            world.members.setdefault(kind, set()).update(names)


def all_pages(server, method, lookups, limit):
    """For each lookup its pages, or the reason of an error."""
    pages = [[] for _ in lookups]
    asked = [(number, dict(lookup, limit=limit)) for number, lookup in enumerate(lookups)]
    while asked:
        following = []
        answers = server.together(method, [arguments for _, arguments in asked])
        for (number, arguments), answer in zip(asked, answers):
            if isinstance(answer, str):
                pages[number] = answer
                continue
            pages[number].append(answer)
            if answer["cursor"] is not None:
                following.append((number, dict(arguments, cursor=answer["cursor"])))
        asked = following
    return pages


def rows_of(pages, key, limit):
    """All rows; how the pages are wrong, or None."""
    rows = [row for page in pages for row in page[key]]
    names = [(row.get("wildcard", False), row.get("id")) for row in rows]
    if any(len(page[key]) > limit for page in pages):
        return rows, "a page has more than %d rows" % limit
    if len(set(names)) != len(names):
        return rows, "a row stands twice"
    last = pages[-1]
    if last["complete"] and any(page["complete"] for page in pages[:-1]):
        return rows, "a page before the last one is complete"
    return rows, None


def check_all(server, world, context):
    """(resource text, member, subject text) -> state"""
    items = [{"resource": resource, "permission": member, "subject": subject}
             for kind, member in world.places() for resource in world.objects.get(kind, {}).values()
             for subjects in world.subjects.values() for subject in subjects.values()]
    states = []
    for first in range(0, len(items), BULK):
        answer = server.call("check_bulk", items=[with_context(item, context)
                                                  for item in items[first:first + BULK]])
        states += [state_of(one) for one in answer["results"]]
    return {(item["resource"], item["permission"], item["subject"]): state
            for item, state in zip(items, states)}


DENIED = ("deny", ())
DECISIONS = ("allow", "deny", "conditional")


def sweep_resources(server, world, context, checks, limit):
    asked = [(kind, member, subject) for kind, member in world.places()
             for subjects in world.subjects.values() for subject in subjects.values()]
    found = all_pages(server, "lookup_resources", [
        with_context({"resource_type": kind, "permission": member, "subject": subject}, context)
        for kind, member, subject in asked], limit)
    for (kind, member, subject), pages in zip(asked, found):
        what = "resources %s#%s@%s, pages of %d" % (kind, member, subject, limit)
        if isinstance(pages, str):
            yield what, "no error", pages
            continue
        rows, wrong = rows_of(pages, "resources", limit)
        said = {row["id"]: state_of(row) for row in rows}
        said.update({row["id"]: state_of(row) for page in pages
                     for row in page.get("undecided") or []})
        yield what, None, wrong
        objects = world.objects.get(kind, {})
        yield what, set(), set(said) - set(objects)
        for name, resource in objects.items():
            yield what + ": " + resource, checks[resource, member, subject], said.get(name, DENIED)


def said_of(name, relation, rows):
    """What the rows of lookup subjects say of one subject. Names that are missing for everybody may
    be more than those for one who is in some of the sets only. A wildcard that hangs on the
    attributes of each says nothing of one who has no row."""
    wildcard = None
    for row in rows:
        if row.get("wildcard"):
            wildcard = row
        elif row["id"] == name:
            return state_of(row)
    if wildcard is None or relation:
        return DENIED
    for one in wildcard.get("excluded") or []:
        if one["id"] == name:
            return DENIED if one["decision"] == "allow" else ("conditional", None)
    if "subject" in state_of(wildcard)[1]:
        return None
    return state_of(wildcard) if name == NOBODY else (wildcard["decision"], None)


def sweep_subjects(server, world, context, checks, limit):
    asked = [(resource, member, kind, relation) for of, member in world.places()
             for resource in world.objects.get(of, {}).values() for kind, relation in world.subjects]
    lookups = [with_context({"resource": resource, "permission": member, "subject_type": kind,
                             **({"subject_relation": relation} if relation else {})}, context)
               for resource, member, kind, relation in asked]
    found = all_pages(server, "lookup_subjects", lookups, limit)
    for (resource, member, kind, relation), pages in zip(asked, found):
        what = "subjects %s#%s@%s%s, pages of %d" % (resource, member, kind,
                                                    "#" + relation if relation else "", limit)
        subjects = world.subjects[kind, relation]
        expected = {name: checks[resource, member, text] for name, text in subjects.items()}
        reasons = {state[0] for state in expected.values()} - set(DECISIONS)
        if isinstance(pages, str):
            yield what, True, pages in reasons or pages
            continue
        yield what, set(), reasons
        rows, wrong = rows_of(pages, "subjects", limit)
        yield what, None, wrong
        yield what, set(), {row["id"] for row in rows if not row.get("wildcard")} - set(subjects)
        for name, state in expected.items():
            said = said_of(name, relation, rows)
            if said is None:
                continue
            if said[1] is None:
                state = (state[0], None)
            yield what + ": " + subjects[name], state, said


def sweep(server, case):
    world = World(case)
    add_permissions(server, world)
    for context in world.contexts:
        checks = check_all(server, world, context)
        behind = "" if context is None else " with " + json.dumps(context)
        for limit in PAGES:
            for part in (sweep_resources, sweep_subjects):
                for what, expected, given in part(server, world, context, checks, limit):
                    yield what + behind, expected, given
            for what, expected, given in sweep_grants(server, case, world, context, limit):
                yield what + behind, expected, given


def sweep_grants(server, case, world, context, limit):
    """Checks by each grant against lookup_resources and filter_resources by it."""
    for name, (principal, agents) in case["chains"].items():
        shown = {"subject": principal, "actor": agents[-1], "grant": case["ids"][name]}
        for kind, member in world.places():
            what = "grant %s: %s#%s, pages of %d" % (name, kind, member, limit)
            objects = world.objects.get(kind, {})
            asked = with_context(dict(shown, permission=member), context)
            bulk = server.call("check_bulk", items=[dict(asked, resource=resource)
                                                    for resource in objects.values()])
            checks = dict(zip(objects, map(state_of, bulk["results"])))
            pages = all_pages(server, "lookup_resources", [dict(asked, resource_type=kind)], limit)[0]
            if isinstance(pages, str):
                yield what, "no error", pages
                continue
            rows, wrong = rows_of(pages, "resources", limit)
            said = {row["id"]: state_of(row) for row in rows}
            said.update({row["id"]: state_of(row) for page in pages
                         for row in page.get("undecided") or []})
            filtered = server.call("filter_resources", resources=list(objects.values()), **asked)
            yield what, None, wrong
            yield what, set(), set(said) - set(objects)
            yield (what + ", filter", [objects[one] for one in objects if checks[one][0] == "allow"],
                   filtered if isinstance(filtered, str) else filtered["resources"])
            for one, resource in objects.items():
                yield what + ": " + resource, checks[one], said.get(one, DENIED)


# --- a file, all files --------------------------------------------------------------------------

def run_case(server, path, counts, mismatches):
    name = os.path.basename(path)
    case = read_case(path)
    beside = path[:-len(".yaml")] + ".lookups.json"

    def note(key, answers):
        for what, expected, given in answers:
            counts[key] += 1
            if given != expected:
                mismatches.append("%s: %s: expected %s, got %s" % (name, what, expected, given))

    counts["files"] += 1
    refusal = load(server, case)
    if refusal is not None:
        mismatches.append("%s: %s" % (name, refusal))
        counts["refused"] += 1
    else:
        note("checks", wrong_checks(server, case))
        note("lookups", wrong_lookups(server, beside) if os.path.exists(beside) else ())
        note("swept", sweep(server, case))
        clear(server, case)


def run_all(directory, counts, mismatches):
    with tempfile.TemporaryDirectory(prefix="behalf-conformance.") as data:
        server = Server(data)
        for path in sorted(glob.glob(os.path.join(directory, "*.yaml"))):
            run_case(server, path, counts, mismatches)
        server.stop()


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else "tests/conformance"
    counts = dict.fromkeys(("files", "refused", "checks", "lookups", "swept"), 0)
    mismatches = []
    run_all(directory, counts, mismatches)
    for text in mismatches[:int(sys.argv[2]) if len(sys.argv) > 2 else 20]:
        print("conformance: " + text)
    print("conformance: %(files)d files (%(refused)d refused), %(checks)d checks, each alone and in "
          "a bulk, %(lookups)d lookups, %(swept)d comparisons of checks with lookups" % counts +
          ", %d disagree" % len(mismatches))
    return 1 if mismatches or counts["files"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
