#!/usr/bin/env bash
# One round on a GPU machine that has neither MLIR nor this repository's build:
#   tools/gpu.sh pack DIR    here: compile every bundle, copy the tools beside them
#   DIR/gpu.sh check         there: random shapes and a large one on every bundle, sanitizers
#   DIR/gpu.sh time [ARGS]   there: the prefill table (ARGS go to mqa-bench prefill; --wide: all columns)
#   DIR/gpu.sh shapes [ARGS] there: the same for every H and D
#   DIR/gpu.sh paged [ARGS]  there: the paged table (ARGS go to mqa-bench paged)
# and for the whole surface of the op, beyond what is timed:
#   tools/gpu.sh pack-battery DIR [OPS] [SEED]   here: bundles of random ops, half as many more of them paged
#   DIR/gpu.sh battery                           there: random problems, edge cases; with SANITIZE=1 the sanitizers
# and for logits and top-k in one kernel:
#   tools/gpu.sh pack-topk DIR [PAIRS] [SEED]   here: bundles of tools/prebuild.sh, and of random pairs of both ops
#   DIR/gpu.sh check-topk                       there: random problems and edge cases; with SANITIZE=1 the sanitizers
#   DIR/gpu.sh topk [ARGS]                      there: the tables (ARGS go to mqa-bench topk), random logits, then ascending ones
# and to search for schedules:
#   tools/gpu.sh candidates DIR [FILE.mlir]   here: a bundle for each schedule worth measuring
#   DIR/gpu.sh search [ARGS]                  there: the winners, as entries of schedules.json
# TARGET=sm_80 before pack-battery or candidates is for another chip. A newer GPU runs the PTX of that chip too.
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
here=$(cd "$(dirname "$0")" && pwd)

pack() {
  local dir=$1 root=$here/.. build
  build=${MQA_BUILD_DIR:-$root/build}
  mkdir -p "$dir"
  # The example's text with other head counts, head dims and static sizes.
  for h in 32 64; do
    for d in 32 64 128; do
      sed -e "s/x64x128xf8/x${h}x${d}xf8/; s/<?x128xf8/<?x${d}xf8/; s/<?x64xf32/<?x${h}xf32/" \
        "$root/test/Examples/logits.mlir" > "$dir/h${h}_d${d}.mlir"
      "$build/bin/mqa-compile" "$dir/h${h}_d${d}.mlir" -o "$dir/h${h}_d${d}.mqa"
      "$build/bin/mqa-compile" "$dir/h${h}_d${d}.mlir" -o "$dir/h${h}_d${d}_fast.mqa" --mqa-schedule=fast
    done
  done
  sed -e 's/<?x64x128xf8/<70x64x128xf8/g; s/<?x128xf8/<700x128xf8/g; s/%k_scale: tensor<?xf32>/%k_scale: tensor<700xf32>/; s/tensor<?xf32>,$/tensor<700xf32>,/; s/<?x64xf32/<70x64xf32/g; s/<?xi32/<70xi32/g; s/<?x?xf32/<70x700xf32/g' \
    "$root/test/Examples/logits.mlir" > "$dir/static.mlir"
  "$build/bin/mqa-compile" "$dir/static.mlir" -o "$dir/static.mqa"
  for t in 1 2; do
    sed -e "s/<?x2x/<?x${t}x/g" "$root/test/Examples/paged_logits.mlir" > "$dir/paged_t$t.mlir"
    "$build/bin/mqa-compile" "$dir/paged_t$t.mlir" -o "$dir/paged_t$t.mqa"
  done
  copy_tools "$dir"
}

candidates() {
  local dir=$1 input=${2:-$here/../test/Examples/logits.mlir}
  "${MQA_BUILD_DIR:-$here/../build}/bin/mqa-compile" "$input" --target="${TARGET:-sm_90a}" --mqa-search -o "$dir"
  copy_tools "$dir"
  # What the others are measured against.
  [ "${TARGET:-sm_90a}" = sm_90a ] || mv "$dir/mma_ceiling.ptx" "$dir/ceiling.ptx"
}

pack_battery() {
  local dir=$1 ops=${2:-70} seed=${3:-0}
  "$here/../test/Battery/compile.sh" "${MQA_BUILD_DIR:-$here/../build}/bin" "$dir" "${TARGET:-sm_90a}" --edges --count="$ops" --seed="$seed"
  "$here/../test/Battery/compile.sh" "${MQA_BUILD_DIR:-$here/../build}/bin" "$dir" "${TARGET:-sm_90a}" --paged --edges --count="$((ops / 2))" --seed="$seed"
  copy_tools "$dir"
}

# One process for each bundle, with a time limit: a kernel that hangs would end
# the round.
battery() {
  local failed=0 cases=0 edges=0 reruns=${RERUNS:-2} log
  : > "$here/errors.txt"
  for bundle in "$here"/*op*.mqa; do
    log=$(timeout 120 "$here/mqa-bench" random "$bundle" --cases="${CASES:-30}" --reruns="$reruns" 2>&1) || report "$bundle"
    cases=$((cases + $(sed -n 's/^random shapes: \([0-9]*\) cases.*/\1/p' <<< "$log")))
    sed -n 's/.*worst relative error \([^,]*\),.*/\1/p' <<< "$log" >> "$here/errors.txt"
  done
  for bundle in "$here"/*edge*.mqa; do
    # One of them has as many heads as the table's kernels: also on 2^31 logits.
    local large=()
    [[ ${LARGE:-1} = 1 && ( $bundle = */edge09.mqa || $bundle = */paged_edge00.mqa ) ]] && large=(--large)
    log=$(timeout 300 "$here/mqa-bench" edges "$bundle" --reruns="${EDGE_RERUNS:-100}" --late-copy="$here/late_copy.ptx" "${large[@]}" 2>&1) || report "$bundle"
    edges=$((edges + $(sed -n 's/^edge cases: \([0-9]*\),.*/\1/p' <<< "$log")))
    sed -n 's/.*worst relative error \([^,]*\),.*/\1/p' <<< "$log" >> "$here/errors.txt"
  done
  echo "battery: $cases random cases of $(ls "$here"/*op*.mqa | wc -l) ops, $edges edge cases of $(ls "$here"/*edge*.mqa | wc -l), each $reruns (edges: ${EDGE_RERUNS:-100}, also in graphs, on two streams and behind a kernel that writes late) reruns; $failed ops failed, worst relative error $(sort -g "$here/errors.txt" | tail -1)"
  [ "${SANITIZE:-0}" = 0 ] || sanitize "$here"/*edge*.mqa || failed=1
  return $((failed > 0))
}

# A failure of `battery`: counted and shown, with what the op was.
report() {
  echo "FAILED: $(grep -h "^$(basename "${1%.mqa}")" "$here"/*ops.txt)"
  echo "$log"
  failed=$((failed + 1))
}

# Each of compute-sanitizer's tools on a small problem of each bundle. A kernel
# that ptxas serialised may stop there with an illegal instruction or a wrong
# program counter: what the tools add to it needs more registers than setmaxnreg
# leaves the producer (with 56 instead of 32 there, one that did so ran clean).
sanitize() {
  local failed=0 log
  command -v compute-sanitizer > /dev/null || { echo "no compute-sanitizer here"; return 0; }
  for tool in memcheck racecheck initcheck synccheck; do
    for bundle in "$@"; do
      echo -n "$tool $(basename "$bundle"): "
      log=$(compute-sanitizer --tool $tool --error-exitcode=1 "$here/mqa-bench" random "$bundle" --cases="${SANITIZE:-1}" --reruns=0 --seed=3 2>&1) ||
        { if grep -qs C7512 "${bundle%.mqa}.log" && grep -q 'CUDA error 71[58]' <<< "$log"; then
            echo "not checked: serialised, too few registers for the tool"; continue
          fi; echo -n "FAILED: "; failed=1; }
      grep -E 'SUMMARY|WRONG' <<< "$log" || { echo "no summary"; failed=1; }
    done
  done
  return $failed
}

copy_tools() {
  local dir=$1 root=$here/..
  local bin=${MQA_BUILD_DIR:-$root/build}/bin
  for helper in ceiling late_copy; do
    "$bin/mqa-compile" "$root/tools/mqa-bench/$helper.mlir" --emit=ptx -o "$dir/$helper.ptx"
  done
  "$bin/mqa-compile" "$root/tools/mqa-bench/mma_ceiling.mlir" --target=sm_80 --emit=ptx -o "$dir/mma_ceiling.ptx"
  cp "$bin/mqa-run" "$bin/mqa-bench" "$root/tools/mqa-bench/peer_h100.json" "$here/gpu.sh" "$dir/"
  echo "packed $(du -sh "$dir" | cut -f1) in $dir"
}

check() {
  # Bundle by bundle, with a time limit: a kernel that hangs would end the round.
  local failed=0
  for bundle in "$here"/*.mqa; do
    echo -n "$(basename "$bundle"): "
    timeout 120 "$here/mqa-bench" random "$bundle" --cases="${CASES:-50}" \
      --reruns="${RERUNS:-20}" --large-reruns="${LARGE_RERUNS:-40}" ||
      { echo "FAILED with $? (124: over 120 s, it hangs)"; failed=1; }
  done
  sanitize "$here"/h64_d128*.mqa "$here"/h32_d32*.mqa "$here"/paged*.mqa || failed=1
  return $failed
}

time_() {
  "$here/mqa-bench" prefill "$here/h64_d128.mqa" "$here/h64_d128_fast.mqa" --ceiling="$here/ceiling.ptx" --peer="$here/peer_h100.json" "$@"
}

shapes() {
  "$here/mqa-bench" prefill "$here"/h*.mqa --ceiling="$here/ceiling.ptx" "$@"
}

paged() {
  "$here/mqa-bench" paged "$here"/paged_t*.mqa --ceiling="$here/ceiling.ptx" --peer="$here/peer_h100.json" "$@"
}

# H = 64 and D = 128 with each k, exact and fast; of H = 32 and D = 64, k = 512.
pack_topk() {
  local dir=$1 pairs=${2:-40} seed=${3:-0} build=${MQA_BUILD_DIR:-$here/../build}
  MQA_TARGET=${TARGET:-sm_90a} MQA_BUILD_DIR=$build MQA_HEAD_DIMS='' "$here/prebuild.sh" "$dir" 64
  MQA_TARGET=${TARGET:-sm_90a} MQA_BUILD_DIR=$build MQA_HEAD_DIMS='' MQA_TOPK_HEAD_DIMS=64 MQA_TOPK_K='1 512' "$here/prebuild.sh" "$dir" 32
  "$here/../test/Battery/compile.sh" "$build/bin" "$dir" "${TARGET:-sm_90a}" --fused --edges --count="$pairs" --seed="$seed"
  copy_tools "$dir"
}

# One process for each bundle, with a time limit: a kernel that hangs would end the round.
check_topk() {
  local failed=0 large
  for bundle in "$here"/*topk_*.mqa "$here"/fused_op*.mqa; do
    echo "$(basename "$bundle"):"
    timeout 300 "$here/mqa-bench" random "$bundle" --cases="${CASES:-50}" --reruns="${RERUNS:-5}" ||
      { echo "FAILED with $? (124: over 300 s, it hangs): $(grep -hs "^$(basename "${bundle%.mqa}")" "$here"/fused_ops.txt)"; failed=1; }
  done
  for bundle in "$here"/*topk_*.mqa "$here"/fused_edge*.mqa; do
    echo "$(basename "$bundle"):"
    large=()
    [[ ${LARGE:-1} = 1 && $bundle = */topk_h64_d128_k2048.mqa ]] && large=(--large)
    timeout 600 "$here/mqa-bench" edges "$bundle" --reruns="${EDGE_RERUNS:-100}" --late-copy="$here/late_copy.ptx" "${large[@]}" ||
      { echo "FAILED with $? (124: over 600 s, it hangs)"; failed=1; }
  done
  [ "${SANITIZE:-0}" = 0 ] || sanitize "$here"/*topk_h64*.mqa "$here"/fused_edge*.mqa || failed=1
  return $failed
}

topk() {
  "$here/mqa-bench" topk "$here"/*topk_h64_d128_k2048*.mqa --json="$here/topk.json" "$@"
  "$here/mqa-bench" topk "$here"/*topk_h64_d128_k2048*.mqa --json="$here/topk_ascending.json" --ascending "$@"
}

search() {
  "$here/mqa-bench" search "$here"/h*.mqa --ceiling="$here/ceiling.ptx" --table="$here/winners.json" "$@"
}

case "${1:-}" in
  candidates) candidates "${2:?folder}" "${@:3}" ;;
  shapes | search | paged) "$@" ;;
  pack) pack "${2:?folder}" ;;
  pack-battery) pack_battery "${2:?folder}" "${@:3}" ;;
  check) check ;;
  battery | sanitize | topk) "$@" ;;
  pack-topk) pack_topk "${2:?folder}" "${@:3}" ;;
  check-topk) check_topk ;;
  time) shift; time_ "$@" ;;
  *) usage >&2; exit 2 ;;
esac
