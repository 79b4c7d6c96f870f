#!/usr/bin/env bash
# other-build.sh PROGRAM COPY_DIR OTHER_DIR   a copy of a program, and one with another build id
set -euo pipefail
program=$(command -v "$1")
cp "$program" "$2"
cp "$program" "$3"
note=$(mktemp)
objcopy --dump-section .note.gnu.build-id="$note" "$3/$1"
printf 'xyz' | dd of="$note" bs=1 seek=20 conv=notrunc status=none
objcopy --update-section .note.gnu.build-id="$note" "$3/$1"
rm "$note"
