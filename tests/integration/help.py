#!/usr/bin/python3
"""Help, completion, pages and parser name the same commands and options, and wrong words are met
with the word that was meant."""
import os
import re
import subprocess
import sys

BUILD = os.environ.get("BUILD", "build/release")
BEHALF = os.path.join(BUILD, "behalf")
NOWHERE = "127.0.0.1:1"
PATIENCE = 60
COMMON = {"--endpoint", "--help", "--json", "--timeout"}
wrong = 0


def run(*words):
    done = subprocess.run([BEHALF, *words], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, BEHALF_ENDPOINT=NOWHERE))
    return done.returncode, done.stdout, done.stderr


def expect(what, got, want):
    global wrong
    if got != want:
        wrong += 1
        print("FAILED %s\n  is      %r\n  instead %r" % (what, got, want), file=sys.stderr)


def commands():
    return re.findall(r"^  ([a-z][a-z -]*[a-z])  ", run("help")[1], re.M)


def options_of(command):
    """Names to whether a value has to follow, as --help lists them."""
    return {name: bool(value) for name, value in
            re.findall(r"^  (--[a-z-]+)( [A-Z|@=0-9\[\],.]+)?(?:\[=\w+\])?  ", run("help", *command.split())[1],
                       re.M)}


def completed(command):
    words = " ".join(["behalf", *command.split(), "-"])
    script = ("source cli/completion.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _behalf; "
              "echo ${COMPREPLY[@]}" % (words, len(words.split()) - 1))
    return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                              timeout=PATIENCE).stdout.split())


def options_agree():
    every = {name: value for command in commands() for name, value in options_of(command).items()}
    with open("docs/cli.md") as page, open("docs/man/behalf.1") as manual:
        texts = {"docs/cli.md": page.read(), "docs/man/behalf.1": manual.read()}
    for command in commands():
        own = options_of(command)
        assert COMMON <= set(own), (command, own)
        expect("the completion of " + command, completed(command), set(own))
        for name, value in every.items():
            given = [name, "1"] if value else [name]
            refused = "option '%s' does not go with this command" % name in \
                run(*command.split(), *given)[2]
            expect("whether '%s' refuses %s" % (command, name), refused, name not in own)
    for name in every:
        for page, text in texts.items():
            # A page may leave out --help.
            if name != "--help" and name not in text:
                expect("%s in %s" % (name, page), "missing", "there")
    expect("a delete with --cursor", "--cursor" in options_of("relationship delete"), False)


def wrong_words():
    for words, problem, meant in (
            (("chek", "a:b", "c", "d:e"), "no command 'chek'", "check"),
            (("lookup-resource",), "no command 'lookup-resource'", "lookup-resources"),
            (("relationships", "read"), "no command 'relationships'", "relationship"),
            (("relationship", "raed"), "no command 'relationship raed'", "read"),
            (("schema", "wirte"), "no command 'schema wirte'", "write"),
            (("help", "improt"), "no command 'improt'", "import"),
            (("check", "--contxt", "{}"), "no option '--contxt'", "--context"),
            (("relationship", "read", "--limt=3"), "no option '--limt'", "--limit")):
        expect(" ".join(words), run(*words),
               (1, "", "behalf: %s\nhint: did you mean '%s'?\n" % (problem, meant)))
    expect("frobnicate", run("frobnicate"),
           (1, "", "behalf: no command 'frobnicate'\nhint: see behalf --help\n"))


def main():
    os.environ["NO_COLOR"] = "1"
    for group in (options_agree, wrong_words):
        group()
        print("help: %s" % group.__name__, flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
