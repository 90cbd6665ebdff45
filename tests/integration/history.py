#!/usr/bin/python3
"""The past on the command line: history of an object, and checks at a time and at a token.

Starts its own behalfd from $BUILD (build/release by default)."""
import json
import re
import shutil
import sys
import tempfile
import time
from datetime import datetime, timezone

import lib_cli
from lib_cli import Server, run

SCHEMA = """definition user {}
definition document {
    relation viewer: user
    permission view = viewer
}
"""


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def later():
    """A time after all that was written, and some more before the next write."""
    time.sleep(0.02)
    moment = now()
    time.sleep(0.02)
    return moment


def ask(server, *arguments, code=0, text=None):
    got, out, err = run(list(arguments), server.address, text)
    assert got == code, (arguments, got, out, err)
    return out if code == 0 else err


def main():
    directory = tempfile.mkdtemp(prefix="behalf-history-")
    server = Server(directory + "/store")
    try:
        before = later()
        ask(server, "schema", "write", "-", text=SCHEMA)
        none = later()
        ask(server, "relationship", "touch", "document:a#viewer@user:ann", "document:b#viewer@user:ann")
        with_ann = later()
        token = json.loads(ask(server, "check", "document:a", "view", "user:ann", "--json"))["checked_at"]
        ask(server, "attribute", "set", "document:a", '{"k": 1}')
        ask(server, "relationship", "delete", "document:a#viewer@user:ann")

        check = ["check", "document:a", "view", "user:ann"]
        denied = run(check, server.address)[0]
        assert denied != 0, "nobody is a viewer now"
        ask(server, *check, "--at", with_ann)
        ask(server, *check, "--at", token)
        assert run([*check, "--at", none], server.address)[0] == denied
        assert "NO_SCHEMA" in run([*check, "--at", before], server.address)[2]
        future = "2261-01-01T00:00:00Z"
        assert "lies in the future" in run([*check, "--at", future], server.address)[2]
        for wrong in (["--at", "10:00"], ["--at", future, "--token", token],
                      ["--at", token, "--consistency", "full"]):
            assert run([*check, *wrong], server.address)[0] == 1, wrong

        lines = ask(server, "history", "document:a").splitlines()
        got = [re.sub(r"^\S+ ", "", line) for line in lines]
        assert got == ["4 delete document:a#viewer@user:ann", "3 attributes written",
                       "2 touch document:a#viewer@user:ann"], lines
        lines = ask(server, "history", "user:ann", "--limit", "1", "--all").splitlines()
        got = [re.sub(r"^\S+ ", "", line) for line in lines]
        assert got == ["4 delete document:a#viewer@user:ann", "2 touch document:a#viewer@user:ann",
                       "2 touch document:b#viewer@user:ann"], lines
        code, out, err = run(["history", "document:a", "--limit", "2"], server.address)
        assert code == 4 and len(out.splitlines()) == 2, (code, out, err)
        page = json.loads(ask(server, "history", "document:b", "--json"))
        assert page["complete"] and page["retained_from"] == 1, page
        assert page["revisions"][0]["relationships"] == [
            {"op": "touch", "relationship": "document:b#viewer@user:ann"}], page
        ask(server, *check, "--at", page["revisions"][0]["token"])
        assert ask(server, "history", "document:nobody") == ""
    finally:
        assert server.stop() == 0
        shutil.rmtree(directory)
    print("history.py: passed")
    return 1 if lib_cli.wrong else 0


sys.exit(main())
