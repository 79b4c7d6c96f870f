#!/usr/bin/env bash
# Installs a build, builds the consumer project against the install tree alone, and runs it.
#   run.sh BUILD_DIR WORK_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 work=$2
rm -rf "$work"
cmake --install "$build" --prefix "$work/install" > "$work.install.log"
cmake -S "$here" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/install"
cmake --build "$work/build"
"$work/build/embed" "$work/indexer.mqa"
"$work/build/runtime_only" "$work/indexer.mqa"
"$work/build/engine"
"$work/install/bin/mqa-run" "$work/indexer.mqa" --seq-len=20 --seq-len-kv=300 --mask=random --clean --verify
# The runtime is for machines without LLVM.
if ldd "$work/build/runtime_only" | grep -E 'LLVM|MLIR|cuda'; then
  echo "MQA::Runtime links LLVM or CUDA" && exit 1
fi
# Where MLIR is not found, the reason is said.
if cmake -S "$here" -B "$work/without" -G Ninja -DCMAKE_PREFIX_PATH="$work/install" \
    -DCMAKE_DISABLE_FIND_PACKAGE_MLIR=ON > "$work/without.log" 2>&1; then
  echo "the package was found without MLIR" && exit 1
fi
grep -q 'needs MLIR 22.1' "$work/without.log" || { cat "$work/without.log" && exit 1; }
