# demo-lib.sh - what the demos of the examples share: a server on a temporary directory, and commands
# whose answers are checked. Sourced with `here` set to the example's folder; ends the shell with 1
# when there is no server. BEHALF_ENDPOINT names the server, $build holds the programs.
set -u
build=${BUILD:-build/release}
for program in behalfd behalf; do
    [ -x "$build/$program" ] || { echo "demo: no $build/$program; build it with make" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/behalf-demo.XXXXXX") || exit 1
server=
wrong=0
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

bold= plain= faint=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m' faint=$'\e[2m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# show ARGUMENT...: the command as a shell takes it.
show() {
    local word line='$ behalf'
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_.:/=,@#-]*) line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s%s%s\n' "$faint" "$line" "$plain"
}

# is_wrong TEXT...: counts a wrong answer.
is_wrong() {
    printf 'demo: WRONG: %s\n' "$*" >&2
    wrong=$((wrong + 1))
}

# ask CODE ARGUMENT...: shows the command and its answer; anything but exit code CODE is a failure.
ask() {
    local want=$1 got
    shift
    show "$@"
    "$build/behalf" "$@"
    got=$?
    [ "$got" -eq "$want" ] || is_wrong "exit code $got, expected $want"
}
allowed() { ask 0 check "$@"; }
denied() { ask 10 check "$@"; }

# answer "TEXT" CODE ARGUMENT...: as ask, and the answer must be just this text.
answer() {
    local want=$1 code=$2 got
    shift 2
    show "$@"
    got=$("$build/behalf" "$@")
    [ $? -eq "$code" ] || is_wrong "not exit code $code"
    printf '%s\n' "$got"
    [ "$got" = "$want" ] || is_wrong "expected $want"
}

# list "EXPECTED LINES" ARGUMENT...: as ask, and the sorted lines must be just these.
list() {
    local want=$1 got
    shift
    show "$@"
    got=$("$build/behalf" "$@") || wrong=$((wrong + 1))
    printf '%s\n' "$got"
    [ "$(sort <<<"$got" | xargs)" = "$want" ] || is_wrong "expected $want"
}
quiet() { "$build/behalf" "$@" >/dev/null || wrong=$((wrong + 1)); }

# finish: the exit code of the demo.
finish() {
    if [ "$wrong" -ne 0 ]; then
        printf '\ndemo: %s answers were wrong\n' "$wrong" >&2
        exit 1
    fi
    say 'Every answer was the right one.'
}

mkfifo "$work/ready" && exec 9<>"$work/ready" || exit 1
"$build/behalfd" --data "$work/data" --listen 127.0.0.1:0 --ready-fd 9 >"$work/out" 2>"$work/log" &
server=$!
# The server writes its address when it listens; a server that died never does. A read that runs out of
# time keeps what it got so far.
BEHALF_ENDPOINT=
until read -t 1 -r part <&9; do
    BEHALF_ENDPOINT+=$part
    kill -0 "$server" 2>/dev/null && continue
    server=
    cat "$work/log" >&2
    exit 1
done
BEHALF_ENDPOINT+=$part
exec 9>&-
export BEHALF_ENDPOINT
