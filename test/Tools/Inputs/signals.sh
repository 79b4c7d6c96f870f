#!/usr/bin/env bash
# A signal while the linker runs: it goes, with all temporary files, and the old output stays.
#   signals.sh WORK_DIR COMMAND...
set -u
work=$1
shift
rm -rf "$work" && mkdir -p "$work/tmp" "$work/bin" && cd "$work" || exit 1
export TMPDIR=$work/tmp
printf '#!/bin/sh\necho $$ > %s/pid.new; mv %s/pid.new %s/pid; exec sleep 300\n' "$work" "$work" "$work" > bin/ld
chmod +x bin/ld
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
runs() { # a process that is more than what its parent has yet to collect
  [ -e "/proc/$1" ] && ! grep -q '^State:.[ZX]' "/proc/$1/status"
}
for signal in TERM HUP INT; do
  echo precious > out
  rm -f pid
  # By a shell that lets SIGINT be, as one without jobs would ignore it.
  PATH=$work/bin:$PATH python3 -c '
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
import os
os.execvp(sys.argv[1], sys.argv[1:])' "$@" -o out &
  tool=$!
  for _ in $(seq 600); do [ -e pid ] && break; sleep 0.05; done
  [ -e pid ] || fail "$signal: the linker did not start"
  linker=$(cat pid)
  [ -n "$(ls -A tmp)" ] || fail "$signal: no temporary files to remove"
  kill -$signal $tool
  wait $tool
  code=$?
  [ $code = $((128 + $(kill -l $signal))) ] || fail "$signal: exit code $code"
  for _ in $(seq 100); do runs "$linker" || break; sleep 0.05; done
  runs "$linker" && fail "$signal: the linker lives" && kill -9 "$linker"
  [ -z "$(ls -A tmp)" ] || fail "$signal: left $(ls -A tmp)"
  [ "$(cat out)" = precious ] || fail "$signal: the old output"
done
[ $failures = 0 ] && echo "all right"
