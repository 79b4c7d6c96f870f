#!/usr/bin/env bash
# A tool that says it succeeded, and has not: mqa-compile fails with one error, and the old output stays.
#   liars.sh WORK_DIR TOOL COMMAND...   COMMAND... -o FILE runs TOOL, the first of that name on PATH
set -u
work=$1 tool=$2
shift 2
rm -rf "$work" && mkdir -p "$work/tmp" "$work/bin" && cd "$work" || exit 1
export TMPDIR=$work/tmp
# A whole ELF file, but of another kind: an object that a linker was to link.
printf '.globl f\nf: .zero 4000\n' | as -o whole.o - || exit 1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
lies() { # what mqa-compile says, then a script that writes to $out
  printf '#!/bin/sh\nfor out; do :; done\n%s\nexit 0\n' "$2" > "bin/$tool"
  chmod +x "bin/$tool"
  echo precious > out
  local code=0
  PATH=$work/bin:$PATH WORK=$work "${command[@]}" -o out 2> stderr || code=$?
  [ $code = 1 ] || fail "$2: exit code $code"
  [ "$(cat out)" = precious ] || fail "$2: the old output"
  [ "$(grep -c error: stderr)" = 1 ] || fail "$2: not one error: $(cat stderr)"
  grep -q "error: .*$tool ('$work/bin/$tool') ended with exit code 0, but its output cannot be used: $1" stderr ||
    fail "$2: $(cat stderr)"
  [ -z "$(ls -A tmp)" ] || fail "$2: left $(ls -A tmp)"
}
command=("$@")
lies "No such file or directory" ":"
lies "it is empty" ': > $out'
lies "it is no ELF file" 'echo text > $out'
lies "it is no ELF file: done" 'echo text > $out; echo done'
lies "invalid buffer" 'head -c 40 $WORK/whole.o > $out'
lies "it is for ELF machine\|its ELF type is" 'cat $WORK/whole.o > $out'
# For the machine and of the type that were asked for, as the header alone says.
kind=${KIND:?bytes 16 to 19 of the ELF header, as printf takes them}
lies "section header table goes past the end of the file\|ends behind the file" \
  "{ head -c 16 \$WORK/whole.o; printf '$kind'; tail -c +21 \$WORK/whole.o; } | head -c 2000 > \$out"
real=$(command -v "$tool" || command -v "/usr/local/cuda/bin/$tool")
if [ -n "$real" ]; then
  for size in 100 2000 -1; do
    lies "" "$real \"\$@\" > /dev/null 2>&1 || exit 3; truncate -s $size \$out"
  done
fi
[ $failures = 0 ] && echo "all right"
