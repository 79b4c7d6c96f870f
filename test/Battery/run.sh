#!/usr/bin/env bash
# Draws ops from the whole surface, compiles each for the CPU, and runs random
# problems of each against the oracle; then compiles each for Hopper.
#   run.sh BIN_DIR WORK_DIR [OPS] [CASES_PER_OP] [SEED]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 work=$2 ops=${3:-55} cases=${4:-20} seed=${5:-0}

rm -rf "$work"
python3 "$here/draw_ops.py" "$work" --count="$ops" --seed="$seed"
for op in "$work"/*.mlir; do
  "$bin/mqa-compile" "$op" --target=cpu -o "${op%.mlir}.mqa"
done
"$bin/mqa-bench" random "$work"/*.mqa --cases="$cases" --reruns=1 --seed="$seed"

compiled=0
for op in "$work"/*.mlir; do
  # A schedule that spills is slow, not wrong.
  "$bin/mqa-compile" "$op" -o "${op%.mlir}.gpu.mqa" 2> "$work/log" || { cat "$work/log"; exit 1; }
  compiled=$((compiled + 1))
done
echo "compiled for sm_90a: $compiled ops, $(ls "$work"/*.gpu.mqa | wc -l) bundles"
