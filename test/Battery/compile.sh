#!/usr/bin/env bash
# Draws ops into a folder and compiles each of these, one on every core, to NAME.mqa beside it. For Hopper, an op that has a
# drawn schedule gets it.
#   compile.sh BIN_DIR DIR TARGET [arguments of draw_ops.py]
set -euo pipefail
bin=$1 dir=$2 target=$3
ops=$(python3 "$(dirname "${BASH_SOURCE[0]}")/draw_ops.py" "$dir" "${@:4}")
# A schedule that spills is slow, not wrong. On a terminal, a line says how far it is.
compile() {
  local schedule=
  [ "$target" != sm_90a ] || [ ! -f "${1%.mlir}.schedule" ] || schedule=$(cat "${1%.mlir}.schedule")
  "$bin/mqa-compile" "$1" --target="$target" --mqa-schedule="$schedule" -o "${1%.mlir}.mqa" 2> "${1%.mlir}.log" || { cat "${1%.mlir}.log"; return 255; }
  [ ! -t 2 ] || printf '\r\033[Kcompiled for %s: %s of %s ops\r' "$target" "$(find "$(dirname "$1")" -maxdepth 1 -name '*.mqa' | wc -l)" "$count" >&2
}
count=$(wc -l <<< "$ops")
export bin target count
export -f compile
xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'compile "$1"' compile <<< "$ops"
[ ! -t 2 ] || printf '\r\033[K' >&2
echo "compiled for $target: $(wc -l <<< "$ops") ops"
