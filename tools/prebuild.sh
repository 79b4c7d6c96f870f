#!/usr/bin/env bash
# A library of prebuilt bundles for machines without the compiler:
#   tools/prebuild.sh DIR [HEADS...]   default 32 64
# For each H, D = 32, 64 and 128, f8E4M3FN, logits in f32 and bf16, two kernels each, with and without cleaning:
#   DIR/logits_hH_dD_OUT[_compressed][_fast].mqa        rows whole and compressed, exact and fast
#   DIR/paged_hH_dD_OUT_tT_{perquery,persequence}.mqa   next_n 1 and 2, blocks of 64 keys, a length for each query or sequence
# DIR/index.txt lists them. MQA_TARGET=sm_86,sm_90a,cpu compiles each for all of these, of which the runtime takes the best
# for the device; cpu is this machine's processor. The fast ones are for sm_90a alone, which has another way to sum.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?folder} && shift
compile=${MQA_COMPILE:-${MQA_BUILD_DIR:-$here/../build}/bin/mqa-compile}
target=${MQA_TARGET:-sm_90a}
fast_target=$(tr , '\n' <<< "$target" | grep -x sm_90a || true)
dims=${MQA_HEAD_DIMS:-32 64 128}
[ $# -gt 0 ] || set -- 32 64
mkdir -p "$dir"

# One kernel: its name, H, D, type of the logits, attributes.
kernel() {
  local q="tensor<?x$2x$3xf8E4M3FN>" k="tensor<?x$3xf8E4M3FN>" s="tensor<?xf32>" w="tensor<?x$2xf32>" r="tensor<?xi32>" o="tensor<?x?x$4>"
  echo "func.func @$1(%q: $q, %k: $k, %k_scale: $s, %weights: $w, %ks: $r, %ke: $r, %out: $o) -> $o {"
  echo "  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : $q, $k, $s, $w, $r, $r) outs(%out : $o) {$5} -> $o"
  echo "  return %0 : $o"
  echo "}"
}

# The same of mqa.paged_logits: name, H, D, type of the logits, attributes, T, lengths.
paged() {
  local q="tensor<?x$6x$2x$3xf8E4M3FN>" k="tensor<?x64x$3xf8E4M3FN>" s="tensor<?x64xf32>" w="tensor<?x$2xf32>" l="tensor<$7xi32>" t="tensor<?x?xi32>" o="tensor<?x?x$4>"
  echo "func.func @$1(%q: $q, %k: $k, %k_scale: $s, %weights: $w, %context_lens: $l, %block_table: $t, %out: $o) -> $o {"
  echo "  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : $q, $k, $s, $w, $l, $t) outs(%out : $o) {$5} -> $o"
  echo "  return %0 : $o"
  echo "}"
}

build() { # name, targets, what the index says, arguments of the compiler; MLIR on standard input
  "$compile" - --target="$2" -o "$dir/$1.mqa" "${@:4}"
  echo "$1.mqa $3 targets=$2"
}

for heads in "$@"; do
  for dim in $dims; do
    for out in f32 bf16; do
      for form in "" compressed; do
        for schedule in exact fast; do
          name=logits_h${heads}_d${dim}_$out${form:+_$form}
          targets=$target
          [ $schedule = exact ] || { name+=_fast; targets=$fast_target; }
          [ -n "$targets" ] || continue
          { kernel logits "$heads" "$dim" $out "$form"; kernel logits_clean "$heads" "$dim" $out "clean${form:+, $form}"; } |
            build "$name" "$targets" "heads=$heads head_dim=$dim out=$out compressed=$([ -n "$form" ] && echo yes || echo no) schedule=$schedule" --mqa-schedule=$schedule
        done
      done
      for next_n in 1 2; do
        for lengths in "perquery ?x$next_n" "persequence ?"; do
          name=paged_h${heads}_d${dim}_${out}_t${next_n}_${lengths% *}
          { paged paged_logits "$heads" "$dim" $out "" $next_n "${lengths#* }"; paged paged_logits_clean "$heads" "$dim" $out clean $next_n "${lengths#* }"; } |
            build "$name" "$target" "heads=$heads head_dim=$dim out=$out next_n=$next_n block_kv=64 lengths=${lengths% *}"
        done
      done
    done
  done
done > "$dir/index.txt"
echo "$(wc -l < "$dir/index.txt") bundles in $dir, $(du -sh "$dir" | cut -f1)"
