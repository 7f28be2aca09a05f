#!/bin/sh
# Runs the clients of others against a server built from this tree, and names
# those that could not be installed here.
set -eu
cd "$(dirname "$0")"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
GOWORK=off go test -count=1 -v ./... >"$out" 2>&1 || status=$?
grep -E '^(---|ok|FAIL|PASS|panic)|^ +[a-z_]+_test.go.*cannot' "$out" || true
if [ "$status" -ne 0 ]; then
	cat "$out"
	exit "$status"
fi
