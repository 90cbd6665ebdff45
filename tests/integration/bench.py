#!/usr/bin/python3
"""`behalf-bench` against real servers: every built-in workload's answers at its smallest size, mixes
with writes, both loops, all formats, the server of its own, and that nothing wrong goes unseen.

Uses $BUILD (build/release by default); prints one line per group of cases."""
import csv
import glob
import html.parser
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import lib_process
import xml.etree.ElementTree

BUILD = os.environ.get("BUILD", "build/release")
BENCH = os.path.join(BUILD, "behalf-bench")
PATIENCE = 120
ALL = "check=10,bulk=1,lookup_resources=2,lookup_subjects=2,lookup_permissions=1,expand=1,ping=1"
QUICK = ["--seconds", "0.3", "--warmup", "0", "--connections", "4", "--depth", "4"]


class Server:
    """A behalfd over a directory of its own."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="behalf-bench-test.")
        ready, child = os.pipe()
        self.process = lib_process.spawn(
            [os.path.join(BUILD, "behalfd"), "--data", self.directory, "--listen", "127.0.0.1:0",
             "--ready-fd", str(child), "--log-level", "warn"],
            pass_fds=[child], stdout=subprocess.DEVNULL)
        os.close(child)
        with os.fdopen(ready) as pipe:
            self.address = pipe.readline().strip()
        assert self.address, "behalfd did not start"
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0
        shutil.rmtree(self.directory)


def bench(*arguments, endpoint=None, code=0):
    environment = dict(os.environ)
    environment.pop("BEHALF_ENDPOINT", None)
    if endpoint:
        environment["BEHALF_ENDPOINT"] = endpoint
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, env=environment,
                          timeout=PATIENCE)
    assert done.returncode == code, (arguments, done)
    return done.stdout, done.stderr


def workloads():
    return [line.split()[0] for line in bench("workloads")[0].splitlines()]


def rows(document):
    return {row["name"]: row for row in document["rows"]}


def measured(*arguments):
    """One document of a short run; a longer one where a slow machine answered too little."""
    for seconds in ("0.3", "3", "30"):
        timed = ["--seconds", seconds, *QUICK[2:]]
        with Server() as server:
            out, err = bench(*arguments, "--json", *timed, endpoint=server.address)
        document = json.loads(out)
        found = rows(document)
        if all(found[method]["verified"] > 0
               for method in ("check", "check_bulk", "lookup_resources") if method in found):
            break
    return document, err


def every_workload():
    """The answers that a workload knows are those that the server gives."""
    assert len(workloads()) == 12
    for name in workloads():
        document, err = measured("--workload", name, "--size", "1", "--mix", ALL,
                                 "--questions", "3000", "--batch", "20")
        found = rows(document)
        for method in ("check", "check_bulk", "lookup_resources"):
            row = found[method]
            assert row["requests"] > 0 and row["verified"] > 0, (name, row)
            assert row["wrong"] == row["errors"] == 0, (name, row, err)
        assert found["all"]["wrong"] == found["all"]["errors"] == 0, (name, err)


def every_size():
    """Blocks side by side change no answer, and a skewed choice changes only how often."""
    for name in ("drive", "share-with", "delegated", "grants"):
        document, _ = measured("--workload", name, "--size", "small", "--mix", ALL, "--zipf", "1",
                               "--seed", "7")
        assert document["relationships"] == document["load"]["relationships"] == 10000
        assert rows(document)["all"]["verified"] > 0, document


def writes_beside_checks():
    """Checks keep their answers while the same objects are written."""
    with Server() as server:
        for name in ("--method", "--mix"):
            mix = "check" if name == "--method" else "check=5,write=5,lookup=1,lookup_subjects=1"
            out, _ = bench("--workload", "drive", "--size", "2000", name, mix, "--updates", "3",
                           "--no-echo", "--json", *QUICK, endpoint=server.address)
        found = rows(json.loads(out))
        assert found["write"]["requests"] > 0 and found["lookup_resources"]["verified"] > 0
        assert found["lookup_subjects"]["verified"] == 0


def generated_directory():
    """A workload as files asks the same and is answered the same."""
    directory = tempfile.mkdtemp(prefix="behalf-bench-test.")
    with Server() as server:
        bench("generate", directory, "--workload", "agents", "--size", "2000", "--questions", "500")
        assert sum(1 for _ in open(directory + "/relationships.txt")) == 2000
        bench("load", "--workload", directory, endpoint=server.address)
        out, _ = bench("run", "--workload", directory, "--mix", ALL + ",write=1", "--zipf", "0.9",
                       "--json", *QUICK, endpoint=server.address)
        assert rows(json.loads(out))["check"]["verified"] > 0
        # One wrong expectation among all is found.
        with open(directory + "/checks.txt") as file:
            lines = file.read().splitlines()
        question, expected = lines[3].split("\t")
        lines[3] = "%s\t%s" % (question, "false" if expected == "true" else "true")
        with open(directory + "/checks.txt", "w") as file:
            file.write("\n".join(lines))
        for method in ("check", "bulk"):
            out, err = bench("run", "--workload", directory, "--method", method, "--no-echo",
                             *QUICK, endpoint=server.address, code=3)
            assert "wrong: %s: expected" % question in err, err
        # A list that is too long or too short is found too.
        with open(directory + "/lookups.txt", "w") as file:
            file.write("document#view@user:0-0\t100000\n")
        out, err = bench("run", "--workload", directory, "--method", "lookup", "--no-echo", *QUICK,
                         endpoint=server.address, code=3)
        assert "wrong: document#view@user:0-0: expected 100000" in err, err
        # And what the server refuses.
        with open(directory + "/checks.txt", "w") as file:
            file.write("document:0-0#nosuch@user:0-0\ttrue\n")
        out, err = bench("run", "--workload", directory, "--no-echo", *QUICK,
                         endpoint=server.address, code=3)
        assert "error: document:0-0#nosuch@user:0-0: UNKNOWN_RELATION_OR_PERMISSION" in err, err
        with open(directory + "/checks.txt", "w") as file:
            file.write("document:0-0#view\ttrue\n")
        out, err = bench("run", "--workload", directory, endpoint=server.address, code=1)
        assert "no question for check: 'document:0-0#view\ttrue'" in err, err
    shutil.rmtree(directory)


def open_loop():
    """A fixed rate is kept, and a stall of the server shows in all that was due meanwhile."""
    with Server() as server:
        bench("load", "--workload", "one-hop", "--size", "1000", endpoint=server.address)
        run = ["run", "--workload", "one-hop", "--size", "1000", "--seconds", "4", "--warmup", "0.2",
               "--connections", "4", "--depth", "1", "--questions", "500", "--no-echo", "--json"]
        out, _ = bench(*run, "--rate", "500", endpoint=server.address)
        document = json.loads(out)
        assert 1900 <= rows(document)["check"]["requests"] + document["unsent"] <= 2100, out

        def stall():
            time.sleep(2.2)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.8)
            server.process.send_signal(signal.SIGCONT)

        # 20 % of the requests were due while it stood still: the open loop counts them all, the
        # closed one the four that it had in flight. On a machine that stalls by itself the stop may
        # fall beside the run: then once more.
        for _ in range(4):
            stalled = {}
            for rate in (["--rate", "500"], []):
                thread = threading.Thread(target=stall)
                thread.start()
                out, _ = bench(*run, *rate, endpoint=server.address)
                thread.join()
                stalled[bool(rate)] = json.loads(out)
            opened = rows(stalled[True])["check"]
            closed = rows(stalled[False])["check"]
            if (min(opened["max_us"], closed["max_us"]) > 500000 and stalled[True]["late"] > 150
                    and opened["p90_us"] > 100000 and closed["p90_us"] < opened["p90_us"]):
                return
        raise AssertionError((opened, closed, stalled[True]["late"]))


def goodput():
    """Beyond capacity each request that was due is answered in time or late, refused, expired, or kept
    back by the load tool, and no refusal is an error."""
    with Server() as server:
        bench("load", "--workload", "drive", "--size", "5000", endpoint=server.address)
        run = ["run", "--workload", "drive", "--size", "5000", "--seconds", "1", "--warmup", "0.2",
               "--questions", "500", "--no-echo", "--json", "--deadline", "100"]
        for method in ("check", "check_bulk", "lookup_resources", "lookup_subjects",
                       "lookup_permissions", "expand", "write"):
            out, _ = bench(*run, "--method", method, "--rate", "20000", endpoint=server.address)
            document = json.loads(out)
            row = rows(document)[method]
            assert document["deadline_ms"] == 100 and row["errors"] == row["wrong"] == 0, out
            assert row["requests"] + document["unsent"] > 19000, out
            good = row["good_per_second"] * row["requests"] / row["requests_per_second"]
            assert 0 <= good <= row["requests"] - row["overloaded"] - row["expired"] + 1, out
        out, _ = bench(*run, "--method", "ping", endpoint=server.address)
        assert rows(json.loads(out))["ping"]["good_per_second"] > 0, out
        out, _ = bench(*run[:-3], "--deadline", "100", "--mix", "check=1,write=1",
                       endpoint=server.address)
        assert "deadline 100 ms, 1 x 1.0 s" in out and " good/s; " in out, out


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not any(name in ("src", "href", "onload") for name, _ in attrs), attrs


def formats():
    """Table, JSON, CSV and HTML of one run; reports are compared."""
    directory = tempfile.mkdtemp(prefix="behalf-bench-test.")
    page = os.path.join(directory, "report.html")
    run = ["--workload", "one-hop", "--size", "1000", "--mix", "check=3,ping=1", "--repeat", "2"]
    with Server() as server:
        out, _ = bench(*run, "--html", page, *QUICK, endpoint=server.address)
        lines = out.splitlines()
        assert lines[0].startswith("loaded 1000 relationships in "), out
        assert lines[1] == "one-hop, 1000 relationships, seed 1: check=3,ping=1", out
        assert lines[2].startswith("4 connections x 4 in flight, 1 thread, closed loop, 2 x"), out
        assert "of echo throughput" in lines[-1] and "\033" not in out, out
        with open(page) as file:
            text = file.read()
        xml.etree.ElementTree.fromstring(text.replace("<!DOCTYPE html>", ""))
        tags = Tags()
        tags.feed(text)
        assert tags.seen.count("svg") == 2 and "script" not in tags.seen
        out, _ = bench("run", *run, "--csv", *QUICK, endpoint=server.address)
        table = list(csv.reader(io.StringIO(out)))
        assert len(table) == 1 + 2 * 4 and {len(line) for line in table} == {25}, out
        assert [line[8] for line in table[1::2]] == ["all", "check", "ping", "echo"], out
        out, _ = bench("run", *run, "--json", *QUICK, endpoint=server.address)
        document = json.loads(out)
        assert [len(row["runs"]) for row in document["rows"]] == [2, 2, 2, 2], out
        assert 0 < document["of_echo"]["median"] < 10, out
    before, after = os.path.join(directory, "a.json"), os.path.join(directory, "b.json")
    for path, factor in ((before, 1), (after, 0.5)):
        for row in document["rows"]:
            # Runs without a spread: a busy machine's could hide the difference.
            for figures in [row] + row["runs"]:
                figures["requests_per_second"] = 10000 * factor
        with open(path, "w") as file:
            json.dump(document, file)
    assert bench("compare", before, before)[0].endswith("0 of 4 rows slower by more than 10 % and the spread of the runs\n")
    assert bench("compare", before, after, code=4)[0].endswith("3 of 4 rows slower by more than 10 % and the spread of the runs\n")
    bench("--compare", after, before)
    bench("compare", before, after, "--tolerance", "60")
    assert "the second report is no JSON" in bench("compare", before, "/dev/null", code=1)[1]
    shutil.rmtree(directory)


def leftovers():
    return set(glob.glob(os.path.join(os.environ["TMPDIR"], "behalf-bench.*")))


def own_server():
    """--serve leaves neither a process nor a directory, whether it ends well or by a signal."""
    before = leftovers()
    out, _ = bench("--workload", "one-hop", "--serve", "--json", *QUICK)
    assert rows(json.loads(out))["check"]["verified"] > 0
    assert leftovers() == before
    for number, hang_up in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.SIG_DFL),
                            (signal.SIGHUP, signal.SIG_DFL), (signal.SIGTERM, signal.SIG_IGN)):
        inherited = signal.signal(signal.SIGHUP, hang_up)  # as under nohup, or not
        running = lib_process.spawn([BENCH, "--workload", "one-hop", "--serve", "--seconds", "60"],
                                   stdout=subprocess.DEVNULL)
        signal.signal(signal.SIGHUP, inherited)
        while leftovers() == before:
            time.sleep(0.01)
        if hang_up == signal.SIG_IGN:
            running.send_signal(signal.SIGHUP)
        running.send_signal(number)
        assert running.wait(PATIENCE) == 128 + number
        assert leftovers() == before
    _, err = bench("--workload", "one-hop", "--serve", "--server", "/nowhere/behalfd", code=2)
    assert "cannot start '/nowhere/behalfd': No such file or directory" in err, err


def siege():
    """Every row is there, and neither a server, a directory nor a certificate is left."""
    before = leftovers()
    out, _ = bench("siege", "--idle", "20", "--seconds", "0.3", "--warmup", "0", "--repeat", "1",
                   "--questions", "500")
    lines = out.splitlines()[1:]
    assert [line[:4].strip() for line in lines] == ["S1", "S2", "S2", "S3", "", "S4"], out
    for line, what in zip(lines, ("20 idle connections, 20 stand", "2 slow readers (2 stand)",
                                  "10 slow senders (10 stand)", "goodput", "server.info", "TLS")):
        assert what in line, out
    for line in lines[:5] + (lines[5:] if shutil.which("openssl") else []):
        assert line.split()[-1] in ("reached", "missed"), out
    assert leftovers() == before
    assert "no option '--idle' here" in bench("numbers", "--idle", "1", code=1)[1]
    _, err = bench("siege", "--server", "/nowhere/behalfd", code=2)
    assert "cannot start '/nowhere/behalfd'" in err, err
    assert leftovers() == before


def generated():
    """What generate leaves under its names is whole, and what the names are stays."""
    directory = tempfile.mkdtemp(prefix="behalf-bench-test.")
    make = ("generate", directory, "--workload", "one-hop", "--questions", "10")
    lines = os.path.join(directory, "relationships.txt")
    try:
        inherited = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
        running = lib_process.spawn([BENCH, *make, "--size", "large"])
        signal.signal(signal.SIGINT, inherited)
        while not os.path.exists(lines + ".part"):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == -signal.SIGINT
        assert not os.path.exists(lines)
        bench(*make, "--size", "10")
        assert sorted(os.listdir(directory)) == ["checks.txt", "lookup_subjects.txt", "lookups.txt",
                                                 "relationships.txt", "schema.zed"]
        with open(lines) as file:
            assert len(file.readlines()) >= 10
        for name in ("schema.zed", "relationships.txt", "checks.txt"):
            path = os.path.join(directory, name)
            os.rename(path, path + ".kept")
            os.symlink("/dev/full", path)
            _, err = bench(*make, "--size", "10", code=1)
            assert "cannot write '%s': No space left on device" % path in err, err
            assert os.path.islink(path)
            os.rename(path + ".kept", path)
    finally:
        shutil.rmtree(directory)


def refusals():
    bench("run", "--workload", "one-hop", endpoint="127.0.0.1:1", code=2)
    assert "is no workload and no directory" in bench("run", "--workload", "nosuch", code=1)[1]
    assert "no option '--frob' here" in bench("run", "--frob", code=1)[1]
    assert bench("--help")[0].startswith("usage: behalf-bench")
    assert bench("--version")[0].startswith("behalf-bench ")
    with Server() as server:
        bench("load", "--workload", "drive", "--size", "1", endpoint=server.address)
        # Another schema over these relationships.
        _, err = bench("load", "--workload", "one-hop", "--size", "1", endpoint=server.address,
                       code=3)
        assert "cannot write the schema" in err, err


def main():
    # Of its own, so that the load tools of others are not taken for leftovers.
    scratch = tempfile.mkdtemp(prefix="behalf-bench-test.")
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    for group in (every_workload, every_size, writes_beside_checks, generated_directory, open_loop,
                  goodput, formats, own_server, siege, generated, refusals):
        group()
        print("bench: %s" % group.__name__, flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
