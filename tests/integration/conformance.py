#!/usr/bin/python3
"""conformance: validation files against a running server, over the wire.

    conformance.py DIRECTORY [MISMATCHES]

Asks every assertion of each DIRECTORY/*.yaml, and every lookup of the *.lookups.json beside it, of
$BUILD/behalfd, one server per file, and prints how many agree and the first MISMATCHES (20) that do
not. Without a directory there is nothing to do, and that is no failure. Needs msgpack for Python."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build/release")
PATIENCE = 60
BULK = 500
WRITE = 500


# --- files --------------------------------------------------------------------------------------

def unquote(text):
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        return json.loads(text)
    return text


def read_plainly(lines):
    """The fixed layout of validation files, for a Python without yaml."""
    data = {"assertions": {}}
    block = section = None
    for line in lines:
        line = line.rstrip("\n")
        if block is not None and (line.startswith("  ") or not line.strip()):
            data[block].append(line[2:])
            continue
        block = None
        top = re.match(r"(\w+): *(\|-?)? *$", line)
        inner = re.match(r"  (\w+): *(\[\])? *$", line)
        item = re.match(r"    - (.*)$", line)
        if top and top.group(2):
            block = top.group(1)
            data[block] = []
        elif inner:
            section = data["assertions"].setdefault(inner.group(1), [])
        elif item and section is not None:
            section.append(unquote(item.group(1).strip()))
    return {key: "\n".join(value) if isinstance(value, list) else value
            for key, value in data.items()}


def read_case(path):
    with open(path, encoding="utf-8") as file:
        try:
            import yaml
            return yaml.safe_load(file)
        except ImportError:
            return read_plainly(file)


# --- the server ---------------------------------------------------------------------------------

class Server:
    def __init__(self, data):
        ready, child = os.pipe()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "behalfd"), "--data", data, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "error"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            host, port = pipe.readline().strip().rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.unpacker = msgpack.Unpacker(raw=False)
        self.sent = 0

    def call(self, method, **arguments):
        """The result, or the error's reason as a string."""
        self.sent += 1
        self.socket.sendall(msgpack.packb([0, self.sent, method, [arguments]]))
        while True:
            for kind, number, error, result in self.unpacker:
                assert kind == 1 and number == self.sent, (kind, number)
                return error["reason"] if error is not None else result
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            self.unpacker.feed(data)

    def stop(self):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, "the server did not end well"


# --- questions ----------------------------------------------------------------------------------

def take_apart(question):
    """resource#permission@subject, with nothing behind it."""
    resource, behind = question.split("#", 1)
    permission, subject = behind.split("@", 1)
    return resource, permission, subject


def context_of(text):
    question, found, context = text.partition(" with ")
    return question, json.loads(context) if found else None


def wrong_checks(server, case):
    """Yields (question, expected, given) of every assertion; given == expected when right."""
    questions = []
    for key, expected in (("assertTrue", "allow"), ("assertFalse", "deny"),
                          ("assertCaveated", "conditional")):
        questions += [(text, expected) for text in case["assertions"].get(key) or []]
    for first in range(0, len(questions), BULK):
        part = questions[first:first + BULK]
        items = []
        for text, _ in part:
            question, context = context_of(text)
            resource, permission, subject = take_apart(question)
            item = {"resource": resource, "permission": permission, "subject": subject}
            if context is not None:
                item["context"] = context
            items.append(item)
        answer = server.call("check_bulk", items=items)
        for index, (text, expected) in enumerate(part):
            alone = server.call("check", **items[index])
            given = alone if isinstance(alone, str) else alone["decision"]
            if isinstance(answer, str):
                together = answer
            else:
                result = answer["results"][index]
                together = (result["error"]["reason"] if result.get("error")
                            else result["decision"])
            yield text, expected, given if given == together else "%s, in bulk %s" % (given,
                                                                                      together)


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


def lookups(server, path):
    with open(path, encoding="utf-8") as file:
        asked = json.load(file)
    for lookup in asked.get("lookup_resources", []):
        kind, permission, subject = take_apart(lookup["query"])
        answer = server.call("lookup_resources", resource_type=kind, permission=permission,
                             subject=subject)
        yield ("resources " + lookup["query"], decisions_of(lookup["results"]),
               given_rows(answer, "resources"))
    for lookup in asked.get("lookup_subjects", []):
        resource, permission, subject = take_apart(lookup["query"])
        kind, _, relation = subject.partition("#")
        arguments = {"subject_relation": relation} if relation else {}
        answer = server.call("lookup_subjects", resource=resource, permission=permission,
                             subject_type=kind, **arguments)
        yield ("subjects " + lookup["query"], decisions_of(lookup["results"]),
               given_rows(answer, "subjects"))


# --- a file, all files --------------------------------------------------------------------------

def write_case(server, case):
    """The reason of a refusal, or None."""
    answer = server.call("schema.write", text=case["schema"])
    if isinstance(answer, str):
        return "schema: " + answer
    texts = [line.strip() for line in (case.get("relationships") or "").split("\n")]
    texts = [line for line in texts if line and not line.startswith("//")]
    for first in range(0, len(texts), WRITE):
        updates = [{"op": "touch", "relationship": text} for text in texts[first:first + WRITE]]
        answer = server.call("relationships.write", updates=updates)
        if isinstance(answer, str):
            return "relationships: " + answer
    return None


def run_case(path, counts, mismatches):
    case = read_case(path)
    name = os.path.basename(path)
    with tempfile.TemporaryDirectory(prefix="behalf-conformance.") as data:
        server = Server(data)
        refusal = write_case(server, case)
        if refusal is not None:
            mismatches.append("%s: %s" % (name, refusal))
            counts["refused"] += 1
        else:
            for text, expected, given in wrong_checks(server, case):
                counts["checks"] += 1
                if given != expected:
                    mismatches.append("%s: %s: expected %s, got %s" % (name, text, expected, given))
            beside = path[:-len(".yaml")] + ".lookups.json"
            for text, expected, given in lookups(server, beside) if os.path.exists(beside) else ():
                counts["lookups"] += 1
                if given != expected:
                    mismatches.append("%s: %s: expected %s, got %s" % (name, text, expected, given))
        server.stop()
    counts["files"] += 1


def main():
    if len(sys.argv) < 2:
        print("conformance: no directory of validation files given; nothing to do")
        return 0
    counts = {"files": 0, "refused": 0, "checks": 0, "lookups": 0}
    mismatches = []
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.yaml"))):
        run_case(path, counts, mismatches)
    for text in mismatches[:int(sys.argv[2]) if len(sys.argv) > 2 else 20]:
        print("conformance: " + text)
    print("conformance: %(files)d files (%(refused)d refused), %(checks)d checks, each alone and in "
          "a bulk, %(lookups)d lookups" % counts + ", %d disagree" % len(mismatches))
    return 1 if mismatches or counts["files"] == 0 else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import msgpack
    sys.exit(main())
