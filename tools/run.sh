#!/usr/bin/env bash
# Installs what is missing, builds, compiles the example and runs it: on a Hopper GPU if there is one, else on the CPU.
# usage: tools/run.sh [mqa-run arguments]
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages
build_all
example=$root/test/Examples/logits.mlir

has_hopper() {
  command -v nvidia-smi > /dev/null &&
    nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | grep -qx '9.0'
}

if has_hopper; then
  target=sm_90a shape=(--seq-len=2048 --seq-len-kv=16384 --repeat=21)
else
  target=cpu shape=(--seq-len=128 --seq-len-kv=2048 --repeat=3)
fi
say "compiling $(basename "$example") for $target"
"$build/bin/mqa-compile" "$example" -o "$build/logits.$target.mqa" --target="$target"
say "running it and comparing with a float64 oracle"
"$build/bin/mqa-run" "$build/logits.$target.mqa" "${shape[@]}" --mask=causal --verify "$@"
