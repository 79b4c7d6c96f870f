#!/usr/bin/env bash
# A library of prebuilt bundles for machines without the compiler:
#   tools/prebuild.sh DIR [HEADS...]   default 32 64
# For each H: D = 128, f8E4M3FN, logits in f32 and bf16, exact and fast, rows whole and compressed, each with and without
# cleaning, as DIR/logits_hH_d128_OUT[_compressed][_fast].mqa with two kernels; DIR/index.txt lists them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?folder} && shift
compile=${MQA_COMPILE:-${MQA_BUILD_DIR:-$here/../build}/bin/mqa-compile}
[ $# -gt 0 ] || set -- 32 64
mkdir -p "$dir"

# One kernel: its name, H, type of the logits, attributes.
kernel() {
  local q="tensor<?x$2x128xf8E4M3FN>" k="tensor<?x128xf8E4M3FN>" s="tensor<?xf32>" w="tensor<?x$2xf32>" r="tensor<?xi32>" o="tensor<?x?x$3>"
  echo "func.func @$1(%q: $q, %k: $k, %k_scale: $s, %weights: $w, %ks: $r, %ke: $r, %out: $o) -> $o {"
  echo "  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : $q, $k, $s, $w, $r, $r) outs(%out : $o) {$4} -> $o"
  echo "  return %0 : $o"
  echo "}"
}

for heads in "$@"; do
  for out in f32 bf16; do
    for form in "" compressed; do
      for schedule in exact fast; do
        name=logits_h${heads}_d128_$out${form:+_$form}
        [ $schedule = exact ] || name+=_fast
        { kernel logits "$heads" $out "$form"; kernel logits_clean "$heads" $out "clean${form:+, $form}"; } |
          "$compile" - --mqa-schedule=$schedule -o "$dir/$name.mqa"
        echo "$name.mqa heads=$heads head_dim=128 out=$out compressed=$([ -n "$form" ] && echo yes || echo no) schedule=$schedule"
      done
    done
  done
done > "$dir/index.txt"
echo "$(wc -l < "$dir/index.txt") bundles in $dir, $(du -sh "$dir" | cut -f1)"
