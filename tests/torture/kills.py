"""kill -9 at random moments of mixed writes: 1 to 1,000 updates a transaction, deletes by filter,
schemas, preconditions, repeated idempotency keys, by several writers at once."""
import os
import time

from expected import fresh
from host import Refusal, Server
from wire import Silent


def run(job):
    data = os.path.join(job.scratch, "data")
    expected, server = fresh(data, job.seed, job.figures, lambda: Server(data))
    for cycle in range(job.count):
        if job.out_of_time():
            break
        expected.note = ", kill %d" % cycle
        threads = expected.work(server.endpoint)
        time.sleep(job.random.choice([job.random.uniform(0, 0.03), job.random.uniform(0.03, 0.4)]))
        server.kill()
        for thread in threads:
            thread.join()
        try:
            server = Server(data)
        except Refusal as refusal:
            expected.blame("lost", "no start after kill -9: %s" % refusal)
            return
        except Silent as silent:
            expected.blame("hung", str(silent))
            return
        client = server.connect()
        expected.verify(client)
        client.close()
        job.figures.count("kill -9 cycles")
    code = server.stop()
    if code != 0:
        expected.blame("wrong", "ended with %d on SIGTERM" % code)
    expected.close()
