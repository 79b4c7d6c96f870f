#!/usr/bin/env bash
# Where a tool writes, and what stays when it cannot.
#   outputs.sh WORK_DIR GOOD_SIZE COMMAND...   COMMAND... -o FILE writes GOOD_SIZE bytes, or any where that is 0
set -u
work=$1 size=$2
shift 2
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1
failures=0
check() { # what, then a command that must be true
  local what=$1
  shift
  "$@" || { echo "FAILED: $what"; failures=$((failures + 1)); }
}
bytes() { stat -Lc %s "$1"; }

"$@" -o good || exit 1
[ "$size" = 0 ] || check "the size" test "$(bytes good)" = "$size"

# Regular files: their like in their place.
echo old > plain && chmod 600 plain
"$@" -o plain
check "a file is replaced" cmp -s good plain
check "the mode stays" test "$(stat -c %a plain)" = 600

# Links lead to what is written.
echo old > target && ln -s target link && "$@" -o link
check "the link stays" test -L link
check "its target is written" cmp -s good target
echo old > one && ln one two && "$@" -o two
check "both names" cmp -s good one
check "one file" test one -ef two

# What is no regular file stays what it is.
mkfifo fifo && { timeout 20 cat fifo > fromfifo & } && "$@" -o fifo
wait
check "a FIFO stays" test -p fifo
check "and is written to" cmp -s good fromfifo
"$@" -o >(cat > fromprocess)
for _ in $(seq 100); do cmp -s good fromprocess && break; sleep 0.1; done
check "a process" cmp -s good fromprocess
"$@" -o - > stdout
check "-" cmp -s good stdout
# As root, a link of our own: a tool that is broken replaces the machine's.
out=/dev/stdout
[ "$(id -u)" = 0 ] && out=$work/out && ln -s /proc/self/fd/1 "$out"
echo before > log && "$@" -o "$out" >> log
check "$out is a link to a descriptor" cmp -s <(echo before; cat good) log
check "$out stays" test -L "$out"
"$@" -o /dev/fd/7 7> seven
check "a descriptor" cmp -s good seven
null=/dev/null
[ "$(id -u)" = 0 ] && null=$work/null && { mknod "$null" c 1 3 2> /dev/null || null=; }
[ -z "$null" ] || { "$@" -o "$null" && check "$null stays" test -c "$null"; }

# Failures: 1, one line, and the old file as it was.
fails() { # what, words, then a command
  local what=$1 words=$2 code=0
  shift 2
  "$@" 2> stderr || code=$?
  check "$what: exit code $code is not 1" test $code = 1
  check "$what: $(cat stderr)" grep -q "$words" stderr
  check "$what: one line" test "$(wc -l < stderr)" = 1
}
if mknod full c 1 7 2> /dev/null; then
  fails "a full device" "No space left on device" "$@" -o full
  check "stays" test -c full
  fails "standard output" "No space left on device" "$@" -o - > full
elif [ "$(id -u)" != 0 ]; then
  fails "standard output" "No space left on device" "$@" -o - > /dev/full
fi
fails "closed standard output" "Bad file descriptor" "$@" -o - >&-
fails "a broken pipe" "Broken pipe" "$@" -o >(true)
echo precious > old
limited() { (ulimit -f 1 && "$@"); }
if [ "$(bytes good)" -gt 2048 ]; then
  fails "a file that is too large" "File too large" limited "$@" -o old
  check "the old file" test "$(cat old)" = precious
fi
trap 'umount disk 2> /dev/null' EXIT
if mkdir disk && mount -t tmpfs -o size=4k tmpfs disk 2> /dev/null; then
  if [ "$(bytes good)" -gt 4096 ]; then
    echo precious > disk/old
    fails "a full disk" "No space left on device" "$@" -o disk/old
    check "the old file" test "$(cat disk/old)" = precious
    check "nothing else" test "$(ls -A disk)" = old
  fi
  umount disk
else
  echo "no full disk: may not mount here"
fi
fails "a folder" "Is a directory" "$@" -o disk
fails "no folder" "No such file or directory" "$@" -o absent/file
if [ "$(id -u)" != 0 ]; then
  chmod 444 old
  fails "a file that is not ours to write" "Permission denied" "$@" -o old
  check "the old file" test "$(cat old)" = precious
fi
check "temporary files" test -z "$(find . -name '.mqa-*')"
[ $failures = 0 ] && echo "all right"
