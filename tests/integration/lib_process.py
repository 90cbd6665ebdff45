"""Processes that end with the test that started them: a failed case, an exception or a kill of the test
leaves nothing behind. What a server costs is read here, too, in ways that are open to any user."""
import atexit
import os
import subprocess

_started = []


def spawn(command, **options):
    """As Popen. The kernel kills the process when the thread that started it ends."""
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], **options)
    _started.append(process)
    return process


def mark():
    """Names what runs now, for end_since."""
    return len(_started)


def end_since(mark):
    """Kills what was started since and still runs; how many that were."""
    left = [process for process in _started[mark:] if process.poll() is None]
    for process in left:
        process.kill()
        process.wait()
    return len(left)


def cpu_ns(pid):
    """Processor time of all threads of a process. Unlike the time on the wall, it does not depend on
    what else the machine does."""
    total = 0
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as stat:
            total += int(stat.read().split()[0])
    return total


atexit.register(end_since, 0)
