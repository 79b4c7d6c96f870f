#!/usr/bin/env bash
# A tool that cannot write what it prints exits with 1, and says why in one line.
#   streams.sh WORK_DIR [--stderr] COMMAND...
set -u
work=$1
shift
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
full=/dev/full
# As root, a node of our own: a tool that is broken might replace it.
if [ "$(id -u)" = 0 ]; then
  full=$work/full
  mknod full c 1 7 || { echo "all right: no device node can be made here" && exit 0; }
fi
if [ "$1" = --stderr ]; then
  shift
  "$@" > /dev/null 2> "$full"
  code=$?
  [ $code = 1 ] || fail "full standard error: exit code $code"
else
  for kind in full closed broken; do
    case $kind in
      full) "$@" > "$full" 2> stderr ;;
      closed) "$@" >&- 2> stderr ;;
      broken) "$@" 2> stderr > >(exec true) ;;
    esac
    code=$?
    # A pipe may take what is written before its reader has ended.
    if [ $kind = broken ] && [ $code = 0 ]; then continue; fi
    [ $code = 1 ] || fail "$kind: exit code $code"
    grep -q 'error: cannot write to standard output' stderr || fail "$kind: $(cat stderr)"
    [ "$(wc -l < stderr)" = 1 ] || fail "$kind: more than one line"
  done
fi
[ $failures = 0 ] && echo "all right"
