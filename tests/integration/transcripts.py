#!/usr/bin/env python3
"""Every transcript of the documentation is run, and prints what the page shows.

A transcript is a code block with lines that begin with "$ ": commands, each followed by what it
prints. The commands of a page run in one shell, in a folder of their own, with the built programs
on the PATH; the default port and :8080 become free ones. In a page, comments that readers do not see say
what the page takes for granted:

    <!-- file NAME -->          the next code block becomes the file NAME
    <!-- run COMMANDS -->       commands before the next block; may have several lines
    <!-- illustration -->       the next block is not run: it shows what nobody can repeat

In expected output, "..." stands for any text within a line, and for any lines where it stands
alone."""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build/release"))
PAGES = ["README.md", "CONTRIBUTING.md", "docs/*.md", "examples/*/README.md", "*/README.md"]
DEFAULT_PORT = "23425"
HTTP_PORT = ":8080"
PATIENCE = 120
END = "--- end of output: "


class Shell:
    """One bash for the commands of a page; what a command prints ends at a line of our own."""

    def __init__(self, folder):
        with socket.socket() as free, socket.socket() as free_http:
            free.bind(("127.0.0.1", 0))
            free_http.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
            self.http_port = ":" + str(free_http.getsockname()[1])
        environment = dict(os.environ, BEHALF_ENDPOINT="127.0.0.1:" + self.port, LC_ALL="C.UTF-8",
                           PATH=BUILD + ":" + os.environ["PATH"])
        self.process = subprocess.Popen(["bash"], cwd=folder, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.run("make() { :; }; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT")

    def run(self, command):
        """What it printed; a server in the background prints into a file."""
        command = command.replace(DEFAULT_PORT, self.port).replace(HTTP_PORT, self.http_port)
        if command.rstrip().endswith("&"):
            command = command.rstrip()[:-1] + ">>server.log 2>&1 &"
        self.process.stdin.write("{ %s\n} </dev/null; printf '\\n%s%%d\\n' $?\n" % (command, END))
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(END):
                break
            printed.append(line)
        else:
            raise AssertionError("the shell ended at: " + command)
        text = "".join(printed)[:-1]  # the line end that the marker begins with
        return text.replace(self.port, DEFAULT_PORT).replace(self.http_port, HTTP_PORT)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)


def blocks(text):
    """(directive, lines) of each code block, fenced or indented, with the comments before it."""
    directives, lines, fenced = [], [], False
    pattern = re.compile(r"<!-- (file|run|illustration)(.*?)-->", re.S)
    text = pattern.sub(lambda match: "\0" + match[1] + "\1" + match[2].strip().replace("\n", "\2"),
                       text)
    for line in text.split("\n") + [""]:
        if line.startswith("\0"):
            directives.append(line[1:].split("\1"))
        elif line.startswith("```"):
            fenced = not fenced
            if not fenced:
                yield directives, lines
                directives, lines = [], []
        elif fenced or line.startswith("    "):
            lines.append(line if fenced else line[4:])
        elif line == "" and lines and not fenced:
            lines.append("")
        elif lines:
            yield directives, lines
            directives, lines = [], []
    if lines or directives:
        yield directives, lines


def matches(shown, printed):
    """Line by line; "..." is any text within a line, and alone any lines."""
    pattern = []
    for line in shown:
        if line == "...":
            pattern.append(r"(?:.*\n)*")
        else:
            pattern.append(".*".join(re.escape(part) for part in line.split("...")) + r"[ ]*\n")
    return re.fullmatch("".join(pattern), printed if printed.endswith("\n") or not printed
                        else printed + "\n") is not None


def commands(lines):
    """(command, the lines shown below it)."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    for command, shown in found:
        while shown and shown[-1] == "":
            shown.pop()
        yield command, shown


def run_block(page, shell, folder, directives, lines):
    """The number of commands that were run."""
    count = 0
    for name, value in directives:
        if name == "file":
            with open(os.path.join(folder, value), "w") as file:
                file.write("\n".join(lines).rstrip("\n") + "\n")
            return 0
        if name == "run":
            shell.run(value.replace("\2", "\n"))
        if name == "illustration":
            return 0
    for command, shown in commands(lines):
        printed = shell.run(command)
        assert matches(shown, printed), "%s: $ %s\n--- the page shows\n%s\n--- it prints\n%s" % (
            page, command, "\n".join(shown), printed)
        count += 1
    return count


def run_page(page):
    with open(os.path.join(ROOT, page)) as file:
        text = file.read()
    if not re.search(r"^(    )?\$ ", text, re.M):
        return 0
    folder = tempfile.mkdtemp(prefix="behalf-transcript.")
    shell = Shell(folder)
    try:
        return sum(run_block(page, shell, folder, *block) for block in blocks(text))
    finally:
        shell.close()
        shutil.rmtree(folder)


def main():
    failed = count = 0
    for page in sorted({page for pattern in PAGES for page in glob.glob(pattern, root_dir=ROOT)}):
        try:
            count += run_page(page)
        except AssertionError as problem:
            print("WRONG", problem, file=sys.stderr)
            failed += 1
    print("transcripts.py: %d commands, %d pages differ" % (count, failed))
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
