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
"$work/build/dialect"
"$work/install/bin/mqa-run" "$work/indexer.mqa" --seq-len=20 --seq-len-kv=300 --mask=random --clean --verify
# The runtime is for machines without LLVM.
if ldd "$work/build/runtime_only" | grep -E 'LLVM|MLIR|cuda'; then
  echo "MQA::Runtime links LLVM or CUDA" && exit 1
fi
# What is missing is said.
#   expect WORDS 0|1 FIND_PACKAGE_ARGUMENTS [cmake options]: 1 if cmake ends with an error
expect() {
  local words=$1 fails=$2 arguments=$3 failed=0
  rm -rf "$work/find"
  mkdir "$work/find"
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(find LANGUAGES C CXX)\nfind_package(MQA CONFIG %s)\n' \
    "$arguments" > "$work/find/CMakeLists.txt"
  cmake -S "$work/find" -B "$work/find/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/install" "${@:4}" \
    > "$work/find.log" 2>&1 || failed=1
  # Messages are wrapped.
  if [ $failed != "$fails" ] || ! tr -s ' \n' ' ' < "$work/find.log" | grep -qF "$words"; then
    echo "find_package($arguments) should say: $words" && cat "$work/find.log" && exit 1
  fi
}
without=-DCMAKE_DISABLE_FIND_PACKAGE_MLIR=ON
expect 'needs MLIR 22.1, which was not found: install it' 1 'REQUIRED COMPONENTS Compiler' $without
expect 'there is no target MQA::Compiler. MQA::Compiler needs MLIR 22.1' 0 'REQUIRED' $without
expect "none that is called 'Kernels'" 1 'REQUIRED COMPONENTS Runtime Kernels'
mkdir -p "$work/old"
echo > "$work/old/MLIRConfig.cmake"
printf 'set(PACKAGE_VERSION 21.1.0)\nset(PACKAGE_VERSION_COMPATIBLE FALSE)\n' > "$work/old/MLIRConfigVersion.cmake"
expect "Found and not taken: version 21.1.0 ($work/old/MLIRConfig.cmake)" 1 'REQUIRED COMPONENTS Compiler' \
  "-DMLIR_DIR=$work/old" "-DCMAKE_FIND_ROOT_PATH=$work" -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY
mv "$work/install/lib/cmake/MQA/MQACompilerTargets.cmake" "$work/hidden.cmake"
expect 'MQA was installed without the compiler' 1 'REQUIRED COMPONENTS Runtime Compiler'
mv "$work/hidden.cmake" "$work/install/lib/cmake/MQA/MQACompilerTargets.cmake"
