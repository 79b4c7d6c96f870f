#!/usr/bin/env bash
# Makes an executable of the program of test/Examples/program.mlir, with its kernels for TARGET, for a machine without MLIR.
# usage: build-program.sh TARGET DIR   then on that machine: CUDA_LAUNCH_BLOCKING=1 DIR/program
# The tools (mqa-compile, mqa-opt, mlir-opt, mlir-translate, llc) are on PATH; MQA_RUNTIME_LIBRARY is libmqa_runtime.so.
# The program reads on the CPU what kernels have written, in memory that both use: so launches must not overlap it.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
target=$1 dir=$2
inputs=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir"
sed 's/@main(/@program_main(/' "$inputs/../../Examples/program.mlir" "$inputs/program-main.mlir" > "$dir/program.mlir"
mqa-compile "$dir/program.mlir" --target="$target" -o "$dir/program.mqa" --mqa-host="$dir/host.mlir"
mqa-opt "$dir/host.mlir" --mqa-bind-kernels=bundle="$dir/program.mqa" -o "$dir/bound.mlir"
mlir-opt "$dir/bound.mlir" --buffer-deallocation-pipeline --convert-bufferization-to-memref --convert-linalg-to-loops \
  --convert-vector-to-scf --expand-strided-metadata --lower-affine --convert-scf-to-cf --arith-expand=include-bf16 \
  --convert-vector-to-llvm --finalize-memref-to-llvm=use-generic-functions --convert-arith-to-llvm --convert-cf-to-llvm \
  --convert-func-to-llvm --convert-ub-to-llvm --reconcile-unrealized-casts -o "$dir/llvm.mlir"
mlir-translate --mlir-to-llvmir "$dir/llvm.mlir" -o "$dir/program.ll"
llc -O2 -filetype=obj -relocation-model=pic "$dir/program.ll" -o "$dir/program.o"
cp "$MQA_RUNTIME_LIBRARY" "$dir/libmqa_runtime.so.0"
cc -O2 -Wall "$inputs/program-memory.c" "$dir/program.o" "$dir/libmqa_runtime.so.0" -Wl,-rpath,'$ORIGIN' -ldl -lm -o "$dir/program"
