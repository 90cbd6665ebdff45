#!/bin/bash
# as-user.sh BUILD - the integration tests and some unit tests once more, as a user without rights.
#
# For root: they run as nobody, in a copy of the tree, which that user may read and write. For anybody
# else the tests that were run already are those of a user.
set -u
cd "$(dirname "$0")/.." || exit 2
build=${1:?usage: as-user.sh BUILD}
[ "$(id -u)" = 0 ] || { echo '  skipped  as-user: you are not root, the tests ran as a user'; exit 0; }

user=nobody
copy=$(mktemp -d) || exit 2
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/home" "$copy/$build"
tar --exclude=./.git --exclude=./build --exclude="./$build" -cf - . | tar -xf - -C "$copy" || exit 2
find "$build" -maxdepth 1 -type f -exec cp -p {} "$copy/$build" \;
cp -P "$build"/*.so "$copy/$build"
mkdir -p "$copy/$build/stress" && cp -p "$build/stress/audit" "$copy/$build/stress" # makes logs for a verifier
chown -R "$user:" "$copy"
cd "$copy" || exit 2

as_user() {
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --inh-caps=-all \
        env HOME="$copy/home" TMPDIR="$copy/home" BUILD="$build" CCACHE_DISABLE=1 "$@"
}
status=0
for test in tests/integration/*.py; do
    case $test in */lib*) continue ;; esac
    echo "  USER    $test"
    log=$copy/home/log
    as_user /usr/bin/python3 "$test" >"$log" 2>&1 || { status=1; cat "$log"; echo "FAILED $test"; }
done
for filter in 'store_open/*' 'kv/*' 'options/*' 'net_server/*' 'writer/*'; do
    echo "  USER    test-unit $filter"
    as_user "$build/test-unit" --filter="$filter" >"$log" 2>&1 ||
        { status=1; cat "$log"; echo "FAILED $filter"; }
done
# The brackets keep the command line of grep itself from being found.
if grep -ls "behalfd.*$copy[/]" /proc/[0-9]*/cmdline; then
    echo 'as-user: a server was left running' >&2
    status=1
fi
exit $status
