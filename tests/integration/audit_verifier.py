#!/usr/bin/python3
"""The audit log against a verifier that shares no code with it.

Written from RFC 6962 section 2.1, RFC 8785, C2SP tlog-checkpoint and C2SP signed-note alone, with
Ed25519 of python3-cryptography. build/release/stress/audit makes the log and its proofs.
"""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BUILD = os.environ.get("BUILD", "build/release")
SEGMENT = 65536
RECORDS = 70000  # more than a segment


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decode(text):
    """RFC 4648, and of the texts that give the same bytes only the canonical one."""
    raw = base64.b64decode(text, validate=True)
    assert base64.b64encode(raw).decode() == text, "base64"
    return raw


def largest_power_below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Tree:
    """MTH of RFC 6962 2.1 over leaf hashes, with the roots of perfect subtrees kept."""

    def __init__(self, leaves):
        self.leaves = leaves
        self.kept = {}

    def root(self, start, end):
        n = end - start
        if n == 0:
            return sha256()
        if n == 1:
            return self.leaves[start]
        if (start, end) not in self.kept:
            k = largest_power_below(n)
            node = sha256(b"\x01", self.root(start, start + k), self.root(start + k, end))
            if n & (n - 1):
                return node
            self.kept[(start, end)] = node
        return self.kept[(start, end)]

    def path(self, m, start, end):
        n = end - start
        if n == 1:
            return []
        k = largest_power_below(n)
        if m < k:
            return self.path(m, start, start + k) + [self.root(start + k, end)]
        return self.path(m - k, start + k, end) + [self.root(start, start + k)]

    def proof(self, m, start, end, whole):
        n = end - start
        if m == n:
            return [] if whole else [self.root(start, end)]
        k = largest_power_below(n)
        if m <= k:
            return self.proof(m, start, start + k, whole) + [self.root(start + k, end)]
        return self.proof(m - k, start + k, end, False) + [self.root(start, start + k)]


def read_key(text):
    """signed-note: <name>+<hash>+<base64 of type and key>."""
    name, key_hash, encoded = text.rstrip("\n").split("+", 2)
    raw = decode(encoded)
    assert raw[0] == 1 and len(raw) == 33, "an Ed25519 key"
    key_id = sha256(name.encode(), b"\n", raw)[:4]
    assert key_id.hex() == key_hash, "key id"
    return name, key_id, Ed25519PublicKey.from_public_bytes(raw[1:])


def read_notes(data, key):
    """All checkpoints: [(size, root)]."""
    name, key_id, public = key
    found = []
    lines = data.decode().split("\n")
    assert lines.pop() == "", "the last note ends in a newline"
    while lines:
        gap = lines.index("")
        text = "".join(line + "\n" for line in lines[:gap])
        signature = lines[gap + 1]
        lines = lines[gap + 2:]
        mark, signer, encoded = signature.split(" ")
        raw = decode(encoded)
        assert mark == "\u2014" and signer == name and raw[:4] == key_id
        public.verify(raw[4:], text.encode())
        origin, size, root = text.splitlines()
        assert origin == name and re.fullmatch(r"0|[1-9][0-9]*", size)
        root = decode(root)
        assert len(root) == 32
        found.append((int(size), root))
    return found


def canonical(value):
    """RFC 8785 for what a record may hold: no numbers with a fraction, keys of ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def verify(folder):
    """The tree, and how many lines and checkpoints there were. AssertionError where it is wrong."""
    def load(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    key = read_key(load("key.pub").decode())
    leaves = []
    previous = bytes(32)
    segments = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
    for index, name in enumerate(segments):
        assert name == "%012d.jsonl" % index
        lines = load(name).split(b"\n")
        assert lines.pop() == b"", "a whole last line"
        assert len(lines) == SEGMENT or name == segments[-1]
        for line in lines:
            record = json.loads(line)
            assert canonical(record) == line, "RFC 8785"
            assert record["v"] == 1 and record["seq"] == len(leaves), "seq"
            assert record["prev"] == previous.hex(), "prev"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", record["ts"])
            previous = sha256(b"\x00", line)
            leaves.append(previous)
        kept = load(name.replace("jsonl", "leaves"))
        assert kept == b"".join(leaves[index * SEGMENT:]), "leaves"
    tree = Tree(leaves)
    full = len(leaves) // SEGMENT
    roots = b"".join(tree.root(at * SEGMENT, (at + 1) * SEGMENT) for at in range(full))
    assert load("roots") == roots, "roots"
    notes = read_notes(load("checkpoints"), key)
    assert [size for size, _ in notes] == sorted({size for size, _ in notes}), "sizes ascend"
    for size, root in notes:
        assert size <= len(leaves) and tree.root(0, size) == root, "root of %d" % size
    assert notes[-1][0] == len(leaves), "a stopped log is signed to its end"
    return tree, len(leaves), len(notes)


def refuses(folder, name, at):
    path = os.path.join(folder, name)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    try:
        verify(folder)
    except (AssertionError, ValueError, KeyError, InvalidSignature):
        return True
    finally:
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(byte)
    return False


def main():
    top = tempfile.mkdtemp(prefix="behalf-audit-")
    try:
        folder = os.path.join(top, "audit")
        program = os.path.join(BUILD, "stress", "audit")
        output = subprocess.run([program, folder, str(RECORDS)], check=True,
                                stdout=subprocess.PIPE).stdout.decode()
        tree, records, notes = verify(folder)
        assert records == RECORDS + 1, records
        proofs = 0
        for line in output.splitlines():
            kind, one, size, *hashes = line.split(" ")
            expected = (tree.path(int(one), 0, int(size)) if kind == "inclusion"
                        else tree.proof(int(one), 0, int(size), True))
            assert [h.hex() for h in expected] == hashes, line
            proofs += 1
        assert proofs > 40, proofs
        print("audit_verifier: %d records, %d checkpoints and %d proofs are what RFC 6962 and C2SP "
              "make of them" % (records, notes, proofs))

        small = os.path.join(top, "small")
        subprocess.run([program, small, "5"], check=True, stdout=subprocess.DEVNULL)
        verify(small)
        count = 0
        for name in ("000000000000.jsonl", "000000000000.leaves", "checkpoints", "key.pub"):
            for at in range(os.path.getsize(os.path.join(small, name))):
                assert refuses(small, name, at), (name, at)
                count += 1
        print("audit_verifier: %d flipped bytes refused" % count)
    finally:
        shutil.rmtree(top)


if __name__ == "__main__":
    sys.exit(main())
