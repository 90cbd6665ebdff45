"""A clock that jumps. Grants that expire are written; then the system's clock is set back and forth,
time passes (both clocks), the server is killed and started. A grant whose time has truly passed must
never be seen again: not by a check, a lookup or a read, whatever the clock shows.

What docs/configuration.md grants is granted here: a start knows the time that was kept with a commit
(the ten seconds after which it is kept besides are not waited for, since time is made to pass at once),
and nothing of how long the server was down.

The library of faults.c shows the server other clocks than the machine's; the true time of the server
is the machine's and what was made to pass."""
import datetime
import os
import time

from control import Control
from host import Refusal, Server
from wire import Gone, Refused, Silent

SCHEMA = """use expiration
definition user {}
definition document {
    relation viewer: user | user with expiration
    relation held: user
    permission view = viewer
}
"""
JUMPS = (-86400 * 400, -86400, -3600, -61, -5, -0.5, 0, 0.5, 5, 61, 3500, 3700, 86400, 86400 * 40)
SECOND = 1000000000


class World:
    def __init__(self, job):
        self.job, self.random = job, job.random
        self.control = Control(os.path.join(job.scratch, "control"))
        self.data = os.path.join(job.scratch, "data")
        self.passed = 0.0  # seconds that were made to pass on both clocks
        self.jump = 0.0    # how far the wall clock is from the truth
        self.lag = 0.0     # how far the server's time may be behind the true one, by what is documented
        self.kept = time.time()  # the true time that the store knows at least: that of a commit
        self.settled = set()  # grants that were seen to have ended
        self.grants = []   # (id, true time of the end)
        self.told = []     # what was done, for a complaint

    def true_time(self):
        return time.time() + self.passed

    def set_clocks(self):
        self.control.set(wall=int((self.passed + self.jump) * SECOND),
                         monotonic=int(self.passed * SECOND))

    def begin(self):
        self.server = Server(self.data, "--sweep-interval", "1", "--idle-timeout", "0",
                             environment=self.control.environment())
        self.client = self.server.connect()

    def note(self, what):
        self.told.append(what)

    def step(self):
        pick = self.random.random()
        if pick < 0.3:
            self.jump = self.random.choice(JUMPS)
            self.note("clock is off by %g s" % self.jump)
            self.set_clocks()
            self.job.figures.count("clock jumps")
        elif pick < 0.55:
            seconds = self.random.choice((0.2, 1, 3, 10, 40))
            self.passed += seconds
            self.note("%g s pass" % seconds)
            self.set_clocks()
        elif pick < 0.75:
            self.grant()
        elif pick < 0.85:
            action = self.random.choice(("confirm", "reject"))
            self.note("%s: %s" % (action, self.client.call("server.clock", action=action)["state"]))
        else:
            self.restart()

    def restart(self):
        # What was not kept is unknown to the next start.
        self.settled = {(ident, end) for ident, end in self.settled if end < self.kept}
        if self.random.random() < 0.5:
            self.note("kill -9")
            self.server.kill()
        else:
            self.note("stop")
            self.server.stop()
        if self.random.random() < 0.5:
            self.jump = self.random.choice(JUMPS)
            self.note("clock is off by %g s" % self.jump)
            self.set_clocks()
        self.begin()
        if self.jump >= 0 and self.client.call("server.clock")["state"] == "agrees":
            self.lag = 0
        else:
            # Nobody can tell how long the server was down, and a clock that is up to an hour behind
            # the time that was kept is believed.
            self.lag += self.true_time() - self.kept + min(max(-self.jump, 0), 3600)
        self.job.figures.count("restarts between jumps")

    def grant(self):
        """Ends a while from the true now; also beside a clock that is off."""
        ident = "d%d" % len(self.grants)
        seconds = self.random.choice((1, 2, 5, 20, 60))
        end = self.true_time() + seconds
        moment = datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            self.client.call("relationships.write", updates=[{
                "op": "touch", "relationship": "document:%s#viewer@user:ann[expiration:%s]" % (
                    ident, text)}])
        except Refused as error:
            self.note("not granted: %s" % error.reason)
            return
        self.note("%s ends in %d s" % (ident, seconds))
        if self.client.call("server.clock")["state"] == "agrees":
            self.kept = end - seconds - self.lag  # a time that is doubted is not kept
        self.grants.append((ident, end))

    def compare(self):
        """Nothing that has truly ended may be seen; what never ends is always there."""
        # The two processes read their clocks one after the other.
        now = self.true_time() - 0.05 - self.lag
        ended = {ident for ident, end in self.grants if end < now}
        ended |= {ident for ident, _ in self.settled}
        items = [{"resource": "document:" + ident, "permission": "view", "subject": "user:ann"}
                 for ident, _ in self.grants]
        seen = set()
        for first in range(0, len(items), 1000):
            results = self.client.call("check_bulk", items=items[first:first + 1000])["results"]
            seen |= {self.grants[first + n][0] for n, result in enumerate(results)
                     if result.get("decision") != "deny"}
        listed = {entry["id"] for entry in self.client.call(
            "lookup_resources", resource_type="document", permission="view", subject="user:ann",
            limit=10000)["resources"]}
        read = {r["resource"]["id"] for r in self.client.call(
            "relationships.read", limit=10000,
            filter={"resource_type": "document", "relation": "viewer"})["relationships"]
                if isinstance(r, dict)}
        for way, names in (("check", seen), ("lookup", listed), ("read", read)):
            revived = sorted(names & ended)
            if revived:
                self.job.figures.blame("wrong", "seed %d: %s shows %s, whose time has passed, after: "
                                       "%s" % (self.job.seed, way, revived[0], self.told[-20:]))
        self.settled |= {(ident, end) for ident, end in self.grants
                         if end < now and ident not in seen}
        kept = self.client.call("check", resource="document:kept", permission="held",
                                subject="user:ann")
        if kept["decision"] != "allow":
            self.job.figures.blame("lost", "seed %d: what never expires is gone after: %s" % (
                self.job.seed, self.told[-20:]))
        self.job.figures.count("comparisons of grants", len(self.grants))


def run(job):
    world = World(job)
    world.begin()
    world.client.call("schema.write", text=SCHEMA)
    world.client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "document:kept#held@user:ann"}])
    try:
        jumps = 0
        while jumps < job.count and not job.out_of_time():
            world.step()
            world.compare()
            jumps = job.figures.counts.get("clock jumps", 0)
            if job.figures.failed():
                break
    except (Refusal, Refused) as refusal:
        job.figures.blame("wrong", "seed %d: %s after: %s" % (job.seed, refusal, world.told[-20:]))
    except (Silent, Gone) as silent:
        job.figures.blame("hung", "seed %d: %s after: %s" % (job.seed, silent, world.told[-20:]))
    world.server.kill()
