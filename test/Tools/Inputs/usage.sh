#!/usr/bin/env bash
# usage.sh COMMAND... -- WORDS   COMMAND exits with 2, says WORDS, and does nothing else
command=()
while [ "$1" != -- ]; do
  command+=("$1")
  shift
done
output=$(timeout 60 "${command[@]}" 2>&1 < /dev/null)
code=$?
if [ $code = 2 ] && grep -qe "$2" <<< "$output"; then echo refused; else echo "exit code $code: $output"; fi
