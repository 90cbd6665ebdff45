#!/usr/bin/python3
"""README's first block, pasted into a shell as it is; only the port is another one."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("BUILD", "build/release"))
PATIENCE = 120


def main():
    with open("README.md") as file:
        block = re.search(r"```sh\n(.*?)```", file.read(), re.S)[1]
    wanted = re.findall(r"#\s+(\w+)$", block, re.M)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "127.0.0.1:%d" % free.getsockname()[1]
    first, rest = block.split("\n", 1)
    assert first == "make && export PATH=$PWD/build/release:$PATH", first
    script = rest.replace("127.0.0.1:23425", address) + "kill $!; wait $!\n"
    folder = tempfile.mkdtemp(prefix="behalf-quick-start.")
    try:
        done = subprocess.run(
            ["bash"], input=script, capture_output=True, text=True, cwd=folder, timeout=PATIENCE,
            env=dict(os.environ, PATH=BUILD + ":" + os.environ["PATH"], BEHALF_ENDPOINT=address))
    finally:
        shutil.rmtree(folder)
    lines = done.stdout.splitlines()
    good = done.returncode == 0 and wanted == ["allow"] and lines[-1:] == wanted
    if not good:
        print(script, done.returncode, done.stdout, done.stderr, sep="\n", file=sys.stderr)
    print("quick_start: %s" % ("as README says" if good else "FAILED"))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
