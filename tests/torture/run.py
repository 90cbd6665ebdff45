#!/usr/bin/python3
"""Runs the attacks and prints what they came to: `run.py --help`."""
import argparse
import collections
import hashlib
import importlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

import host
from figures import Figures, VERDICTS

# name, what is counted, how many a whole run must reach, how many a shard makes, how many are quick.
Piece = collections.namedtuple("Piece", "name counted floor shard quick")
PIECES = (
    Piece("kills", "kill -9 cycles", 500, 25, 20),
    Piece("strikes", "kill points struck", 1000, 50, 40),
    Piece("powercut", "power-cut states", 1000, 50, 30),
    Piece("ioerrors", "I/O error points", 300, 25, 20),
    Piece("damage", "damaged files", 1000, 50, 60),
    Piece("fulldisk", "full disks", 50, 10, 2),
    Piece("clocks", "clock jumps", 300, 50, 10),
    Piece("frames", "malformed frames", 1000000, 50000, 20000),
    Piece("bombs", "bombs", 70, 14, 7),
    Piece("greedy", "greedy attacks", 42, 7, 7),
    Piece("together", "sieges", 6, 3, 1),
)


class Job:
    """One shard of a piece: what it may draw, where it may write, how long it may take."""

    def __init__(self, piece, shard, count, arguments, end):
        self.piece, self.shard, self.count, self.end = piece, shard, count, end
        self.quick, seed = arguments.quick, arguments.seed
        digest = hashlib.sha256(("%d/%s/%d" % (seed, piece.name, shard)).encode()).digest()
        self.seed = int.from_bytes(digest[:4], "big")
        self.random = random.Random(self.seed)
        self.figures = Figures()
        self.scratch = None
        self.skipped = None  # why the piece cannot run here

    def out_of_time(self):
        return time.monotonic() > self.end

    def run(self):
        began = time.monotonic()
        self.scratch = tempfile.mkdtemp(prefix="behalf-torture.", dir=host.scratch_root())
        try:
            importlib.import_module(self.piece.name).run(self)
        except Exception:  # the harness itself failed: told like a finding, never passed over
            self.figures.blame("wrong", "%s: %s" % (self.name(), traceback.format_exc()))
        if self.figures.failed():
            self.figures.problems.append("the files of %s are kept in %s" % (
                self.name(), self.scratch))
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)
        return self.piece.name, self.figures, self.skipped, time.monotonic() - began

    def name(self):
        return "%s, shard %d" % (self.piece.name, self.shard)


def shards(piece, arguments, end):
    wanted = piece.quick if arguments.quick else max(1, int(piece.floor * arguments.scale))
    shard = min(piece.shard, max(1, wanted // 2)) if arguments.quick else piece.shard
    numbers = range((wanted + shard - 1) // shard)
    if arguments.shard is not None:
        numbers = [arguments.shard]
    return [Job(piece, n, min(shard, wanted - n * shard) if arguments.shard is None else shard,
                arguments, end) for n in numbers]


def work(job):
    return job.run()


def interleave(jobs_of_pieces):
    """The pieces that only wait stand beside those that compute."""
    jobs = []
    while any(jobs_of_pieces):
        jobs += [jobs.pop(0) for jobs in jobs_of_pieces if jobs]
    return jobs


def table(pieces, sums, arguments):
    """The figures; True when all that was wanted was reached and nothing was found."""
    good = True
    print("\n%-26s %10s %8s" % ("", "reached", "wanted") +
          "".join("%9s" % v for v in VERDICTS) + "%9s" % "seconds")
    for piece in pieces:
        figures, skipped, seconds = sums[piece.name]
        reached = figures.counts.get(piece.counted, 0)
        wanted = 1 if arguments.quick else max(1, int(piece.floor * arguments.scale))
        if skipped:
            print("%-26s skipped: %s" % (piece.counted, skipped))
            continue
        print("%-26s %10d %8s" % (piece.counted, reached, wanted) +
              "".join("%9d" % figures.verdicts[v] for v in VERDICTS) + "%9d" % seconds)
        if figures.failed():
            good = False
        elif reached < wanted and arguments.shard is None:
            # A machine that is too busy for a piece of the quick part has found nothing.
            good = good and arguments.quick
            print("    cut short by the clock" if arguments.quick else "    too few")
    return good


def details(pieces, sums):
    print("\nBeside these:")
    for piece in pieces:
        figures = sums[piece.name][0]
        for what, number in sorted([*figures.counts.items(), *figures.peaks.items()]):
            if what != piece.counted:
                print("  %-12s %-52s %10d" % (piece.name, what, number))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="a part that ends within 90 seconds, for `make test`")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="replays the choices of a run")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the whole, for example 0.1")
    parser.add_argument("--only", help="names of pieces, with commas between them")
    parser.add_argument("--shard", type=int, help="one shard of the pieces")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="shards at a time")
    arguments = parser.parse_args()
    only = arguments.only.split(",") if arguments.only else [piece.name for piece in PIECES]
    unknown = set(only) - {piece.name for piece in PIECES}
    if unknown:
        parser.error("no piece is called %s; there are: %s" % (
            ", ".join(sorted(unknown)), ", ".join(piece.name for piece in PIECES)))
    pieces = [piece for piece in PIECES if piece.name in only]
    # The quick part ends by its clock, whatever the machine does: shards stop after their cycle.
    end = time.monotonic() + (75 if arguments.quick else 10 ** 6)
    print("torture: seed %d, %s" % (arguments.seed, "at most 90 s" if arguments.quick else
                                    "about %d minutes on two cores" % max(1, 12 * arguments.scale)),
          flush=True)
    jobs = interleave([shards(piece, arguments, end) for piece in pieces])
    sums = {piece.name: [Figures(), None, 0.0] for piece in pieces}
    with multiprocessing.Pool(arguments.jobs, maxtasksperchild=1) as pool:
        for name, figures, skipped, seconds in pool.imap_unordered(work, jobs):
            sums[name][0].add(figures)
            sums[name][1] = sums[name][1] or skipped
            sums[name][2] += seconds
            for problem in figures.problems[:5]:
                print("%s: %s" % (name, problem), flush=True)
    good = table(pieces, sums, arguments)
    details(pieces, sums)
    if not good:
        print("\nreplay with: tests/torture/run.py --seed %d%s" % (
            arguments.seed, " --quick" if arguments.quick else ""))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
