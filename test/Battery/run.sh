#!/usr/bin/env bash
# Draws ops from the whole surface, compiles each for the CPU, and runs random
# problems of each against the oracle, and the edge cases on those that broke
# other kernels; then compiles each for Hopper.
#   run.sh BIN_DIR WORK_DIR [OPS] [CASES_PER_OP] [SEED]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 work=$2 ops=${3:-55} cases=${4:-20} seed=${5:-0}

rm -rf "$work"
"$here/compile.sh" "$bin" "$work/cpu" cpu --edges --count="$ops" --seed="$seed"
"$bin/mqa-bench" random "$work"/cpu/op*.mqa --cases="$cases" --reruns=1 --seed="$seed"
"$bin/mqa-bench" edges "$work"/cpu/edge*.mqa --reruns=10
"$here/compile.sh" "$bin" "$work/gpu" sm_90a --edges --count="$ops" --seed="$seed"
