#!/usr/bin/env bash
# Draws ops from the whole surface, compiles each for the CPU, and runs random
# problems of each against the oracle, and the edge cases on those that broke
# other kernels; then compiles each for Hopper, and some for the other GPUs.
#   run.sh BIN_DIR WORK_DIR [OPS] [CASES_PER_OP] [SEED] [PAGED_OPS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 work=$2 ops=${3:-44} cases=${4:-20} seed=${5:-0} paged=${6:-20}

rm -rf "$work"
"$here/compile.sh" "$bin" "$work/paged/cpu" cpu --paged --edges --count="$paged" --seed="$seed"
"$bin/mqa-bench" random "$work"/paged/cpu/paged_op*.mqa --cases="$cases" --reruns=1 --seed="$seed"
"$bin/mqa-bench" edges "$work"/paged/cpu/paged_edge*.mqa --reruns=2
"$here/compile.sh" "$bin" "$work/paged/gpu" sm_90a --paged --edges --count="$paged" --seed="$seed"
"$here/compile.sh" "$bin" "$work/blocks/cpu" cpu --blocks --edges --count=8 --seed="$seed"
"$bin/mqa-bench" random "$work"/blocks/cpu/blocks_op*.mqa --cases="$cases" --reruns=1 --seed="$seed"
"$bin/mqa-bench" edges "$work"/blocks/cpu/blocks_edge*.mqa --reruns=2
"$here/compile.sh" "$bin" "$work/blocks/gpu" sm_90a --blocks --edges --count=8 --seed="$seed"
"$here/compile.sh" "$bin" "$work/cpu" cpu --edges --count="$ops" --seed="$seed"
"$bin/mqa-bench" random "$work"/cpu/op*.mqa --cases="$cases" --reruns=1 --seed="$seed"
"$bin/mqa-bench" edges "$work"/cpu/edge*.mqa --reruns=3
# Other processors than this one: every way in which a CPU multiplies, where this machine can.
for level in native:-amx-bf16 x86-64-v4 x86-64-v3 x86-64; do
  folder=$work/level/${level//:/_}
  "$here/compile.sh" "$bin" "$folder/paged" "cpu:$level" --paged --count=4 --seed="$seed" || exit 1
  "$here/compile.sh" "$bin" "$folder/cpu" "cpu:$level" --edges --count=8 --seed="$seed"
  "$here/compile.sh" "$bin" "$folder/fused" "cpu:$level" --fused --count=2 --seed="$seed"
  bundles=("$folder"/paged/paged_op*.mqa "$folder"/cpu/op*.mqa "$folder"/fused/fused_op*.mqa)
  if message=$("$bin/mqa-run" "${bundles[0]}" --seq-len=1 --seq-len-kv=1 2>&1) || [[ $message != *"needs a processor"* ]]; then
    "$bin/mqa-bench" random "${bundles[@]}" --cases=10 --reruns=1 --seed="$seed"
    "$bin/mqa-bench" edges "$folder"/cpu/edge*.mqa --reruns=1
  else
    echo "not run: $message"
  fi
done
for kind in topk merge; do
  "$here/compile.sh" "$bin" "$work/$kind/cpu" cpu --$kind --edges --count=10 --seed="$seed"
  "$bin/mqa-bench" random "$work/$kind"/cpu/${kind}_op*.mqa --cases=10 --reruns=1 --seed="$seed"
  "$bin/mqa-bench" edges "$work/$kind"/cpu/${kind}_edge*.mqa --reruns=2
  "$here/compile.sh" "$bin" "$work/$kind/gpu" sm_90a --$kind --edges --count=10 --seed="$seed"
done
"$here/compile.sh" "$bin" "$work/fused/cpu" cpu --fused --edges --count=16 --seed="$seed"
"$bin/mqa-bench" random "$work"/fused/cpu/fused_op*.mqa --cases=20 --reruns=1 --seed="$seed"
"$bin/mqa-bench" edges "$work"/fused/cpu/fused_edge*.mqa --reruns=1
"$here/compile.sh" "$bin" "$work/fused/gpu" sm_90a --fused --edges --count=6 --seed="$seed"
# Others have less shared memory than some of these ops need.
"$here/compile.sh" "$bin" "$work/fused/sm_80" sm_80 --fused --count=2 --seed="$seed"
"$here/compile.sh" "$bin" "$work/gpu" sm_90a --edges --count="$ops" --seed="$seed"
for target in sm_80 sm_86 sm_89 sm_120; do
  "$here/compile.sh" "$bin" "$work/$target" "$target" --edges --count=6 --seed="$seed"
  "$here/compile.sh" "$bin" "$work/paged/$target" "$target" --paged --edges --count=4 --seed="$seed"
  "$here/compile.sh" "$bin" "$work/blocks/$target" "$target" --blocks --count=2 --seed="$seed"
  "$here/compile.sh" "$bin" "$work/topk/$target" "$target" --topk --count=2 --seed="$seed"
  "$here/compile.sh" "$bin" "$work/merge/$target" "$target" --merge --count=2 --seed="$seed"
  # Where there is a ptxas. What the loops keep may lie in memory, but not more. (Kernels of mqa.topk have 32 registers, so
  # that two blocks share a multiprocessor, and spill about 200 bytes; fused ones have the registers of logits.)
  if grep -hE '(129|1[3-9][0-9]|[2-9][0-9][0-9]|[0-9]{4,}) bytes spill stores' "$work/$target"/*.log "$work/paged/$target"/*.log "$work/merge/$target"/*.log; then exit 1; fi
done
# The runtime takes every bundle; to launch those, it needs a GPU.
for bundle in "$work"/{,paged/,blocks/,topk/,merge/}{gpu,sm_80,sm_86,sm_89,sm_120}/*.mqa "$work"/fused/{gpu,sm_80}/*.mqa; do
  message=$("$bin/mqa-run" "$bundle" 2>&1) || true
  [[ $message != "error: bundle"* ]] || { echo "$message"; exit 1; }
done
