#!/usr/bin/env bash
# Compiles a library of bundles for machines without the compiler.
# usage: tools/prebuild.sh DIR [HEADS...]              HEADS: numbers of heads H, by default 32 64
#        tools/prebuild.sh DIR --model=NAME[,NAME...]  the kernels of these models, or of all of them: --model=all
# A model is a file of test/Examples/models without its ending, such as deepseek_v3_2. It becomes one bundle, DIR/NAME.mqa, which
# has all kernels of the file. Without --model, the bundles have these kernels:
# Logits, for each H and for D = 32, 64 and 128 (MQA_HEAD_DIMS), in f8E4M3FN, with logits in f32 and bf16. Each bundle has two
# kernels, with and without cleaning:
#   DIR/logits_hH_dD_OUT[_compressed][_fast].mqa        whole and compressed rows, exact and fast
#   DIR/paged_hH_dD_OUT_tT_{perquery,persequence}.mqa   next_n 1 and 2, blocks of 64 keys, a length for each query or sequence
# Logits and top-k in one kernel, for each H, D = 128 (MQA_TOPK_HEAD_DIMS), and k = 512, 1024 and 2048 (MQA_TOPK_K). Keys
# ascend. There are kernels with and without the logits of the keys, and one that stores all logits, for mqa-run --verify:
#   DIR/topk_hH_dD_kK[_fast].mqa             indices count from the beginning of the range
#   DIR/paged_topk_hH_dD_kK_tT[_fast].mqa    the same, and indices that are slots of the cache; next_n 1 and 2, a length for
#                                            each query
# DIR/index.txt lists the bundles. MQA_TARGET=sm_86,sm_90a,cpu compiles each kernel for each of these targets (by default
# sm_90a); the runtime takes the best one for the device. cpu is this machine's processor. Fast kernels are for sm_90a alone.
# MQA_NO_CUBIN=1 leaves machine code out of bundles for GPUs: the driver compiles their PTX.
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { usage >&2; exit 2; }
dir=$1 && shift
compile=${MQA_COMPILE:-${MQA_BUILD_DIR:-$here/../build}/bin/mqa-compile}
target=${MQA_TARGET:-sm_90a}
fast_target=$(tr , '\n' <<< "$target" | grep -x sm_90a || true)
dims=${MQA_HEAD_DIMS-32 64 128}
topk_dims=${MQA_TOPK_HEAD_DIMS-128}
topk_sizes=${MQA_TOPK_K-512 1024 2048}
no_cubin=()
[ -z "${MQA_NO_CUBIN:-}" ] || no_cubin=(--mqa-no-cubin)

models=()
case ${1:-} in
  --model=*)
    [ $# -eq 1 ] || { echo "--model takes no numbers of heads" >&2; exit 2; }
    folder=$here/../test/Examples/models
    known=$(find "$folder" -name '*.mlir' -printf '%f\n' | sed 's/\.mlir$//' | sort)
    names=${1#--model=}
    [ "$names" != all ] || names=$known
    read -ra models <<< "$(tr ',\n' '  ' <<< "$names")"
    for model in "${models[@]}"; do
      grep -qxF -e "$model" <<< "$known" || { echo "no model is named '$model'; there are" $known >&2; exit 2; }
    done
    [ ${#models[@]} -gt 0 ] || { echo "--model needs a name; there are" $known >&2; exit 2; }
    ;;
  -*) usage >&2; exit 2 ;;
esac
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

# The outputs of a selection: name of the function, k. One that ends with _values has two.
outputs() {
  local indices="tensor<?x$2xi32>" values="tensor<?x$2xf32>"
  case $1 in
    *_values) out_arguments="%indices: $indices, %values: $values" out_names="%indices, %values" out_types="$indices, $values" result=%0:2 returned="%0#0, %0#1" ;;
    *) out_arguments="%indices: $indices" out_names=%indices out_types=$indices result=%0 returned=%0 ;;
  esac
}

# The best keys: name, H, D, k.
topk() {
  local q="tensor<?x$2x$3xf8E4M3FN>" k="tensor<?x$3xf8E4M3FN>" s="tensor<?xf32>" w="tensor<?x$2xf32>" r="tensor<?xi32>" o="tensor<?x?xf32>"
  outputs "$1" "$4"
  echo "func.func @$1(%q: $q, %k: $k, %k_scale: $s, %weights: $w, %ks: $r, %ke: $r, $out_arguments) -> ($out_types) {"
  echo "  %c0 = arith.constant 0 : index"
  echo "  %rows = tensor.dim %q, %c0 : $q"
  echo "  %keys = tensor.dim %k, %c0 : $k"
  echo "  %out = tensor.empty(%rows, %keys) : $o"
  echo "  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : $q, $k, $s, $w, $r, $r) outs(%out : $o) -> $o"
  echo "  $result = mqa.topk ins(%logits, %ks, %ke : $o, $r, $r) outs($out_names : $out_types) -> $out_types"
  echo "  return $returned : $out_types"
  echo "}"
}

# The same of a paged cache: name, H, D, k, T, attributes. Of slots, the table is an operand of the selection too.
paged_topk() {
  local q="tensor<?x$5x$2x$3xf8E4M3FN>" k="tensor<?x64x$3xf8E4M3FN>" s="tensor<?x64xf32>" w="tensor<?x$2xf32>" l="tensor<?x$5xi32>" t="tensor<?x?xi32>" o="tensor<?x?xf32>"
  outputs "$1" "$4"
  local table=
  [ -z "$6" ] || table="block_table(%block_table : $t) "
  echo "func.func @$1(%q: $q, %k: $k, %k_scale: $s, %weights: $w, %context_lens: $l, %block_table: $t, $out_arguments, %num_keys: index) -> ($out_types) {"
  echo "  %c0 = arith.constant 0 : index"
  echo "  %next_n = arith.constant $5 : index"
  echo "  %batch = tensor.dim %q, %c0 : $q"
  echo "  %rows = arith.muli %batch, %next_n : index"
  echo "  %out = tensor.empty(%rows, %num_keys) : $o"
  echo "  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : $q, $k, $s, $w, $l, $t) outs(%out : $o) -> $o"
  echo "  $result = mqa.topk ins(%logits, none, none : $o) context_lens(%context_lens : $l) ${table}outs($out_names : $out_types) {$6} -> $out_types"
  echo "  return $returned : $out_types"
  echo "}"
}

# One line on a terminal, which whatever comes next overwrites.
progress() {
  [ -t 2 ] && [ "${TERM:-dumb}" != dumb ] || return 0
  printf '\r\033[K%s\r' "$*" >&2
}

build() { # name, targets, what the index says, arguments of the compiler; MLIR on standard input
  [ -n "${total:-}" ] || { cat > /dev/null; echo "$1"; return; }
  progress "bundle $(($(wc -l < "$dir/index.txt") + 1)) of $total: $1"
  "$compile" - --target="$2" -o "$dir/$1.mqa" "${no_cubin[@]}" "${@:4}"
  echo "$1.mqa $3 targets=$2"
}

# Each bundle; without `total`, only their names.
build_all() {
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
    for dim in $topk_dims; do
      for size in $topk_sizes; do
        for schedule in exact fast; do
          suffix= targets=$target
          [ $schedule = exact ] || suffix=_fast targets=$fast_target
          [ -n "$targets" ] || continue
          { for values in "" _values; do topk topk$values "$heads" "$dim" "$size"; done; kernel logits "$heads" "$dim" f32 ""; } |
            build "topk_h${heads}_d${dim}_k$size$suffix" "$targets" "heads=$heads head_dim=$dim k=$size schedule=$schedule" --mqa-schedule=$schedule
          for next_n in 1 2; do
            { for values in "" _values; do
                paged_topk topk$values "$heads" "$dim" "$size" $next_n ""
                paged_topk topk_slots$values "$heads" "$dim" "$size" $next_n "base = #mqa.base<slot>, block_kv = 64"
              done
              paged paged_logits "$heads" "$dim" f32 "" $next_n "?x$next_n"; } |
              build "paged_topk_h${heads}_d${dim}_k${size}_t$next_n$suffix" "$targets" "heads=$heads head_dim=$dim k=$size next_n=$next_n block_kv=64 schedule=$schedule" --mqa-schedule=$schedule
          done
        done
      done
    done
  done
}

# The bundle of each model.
build_models() {
  local model
  for model in "$@"; do
    build "$model" "$target" "model=$model" < "$folder/$model.mlir"
  done
}

if [ ${#models[@]} -gt 0 ]; then
  total=${#models[@]}
  build_models "${models[@]}" > "$dir/index.txt"
else
  total=
  total=$(build_all "$@" | wc -l)
  build_all "$@" > "$dir/index.txt"
fi
progress
echo "$(wc -l < "$dir/index.txt") bundles in $dir, $(du -sh "$dir" | cut -f1)"
