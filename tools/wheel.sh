#!/usr/bin/env bash
# Makes the Python wheels: installs what is missing, builds, and writes two wheels for this machine's architecture.
# usage: tools/wheel.sh DIR
# DIR/mqa-….whl           the package, its runtime and launcher, and kernels of the models' sets for GPUs and CPUs
# DIR/mqa_compiler-….whl  the compiler, which makes all other kernels
# MQA_WHEEL_KERNELS says which kernels the package has:
#   example   the kernel of README.md's example alone (this takes seconds instead of minutes)
#   none      no kernels
#   FOLDER    the kernels that tools/wheel_kernels.py wrote to FOLDER with this build's compiler
# MQA_PYTHON is a Python that has pip, setuptools and wheel; by default python3, or Debian's.
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 1 ] || { usage >&2; exit 2; }
out=$1
kernels=${MQA_WHEEL_KERNELS:-models}
mkdir -p "$out" && out=$(cd "$out" && pwd)

has_tools() { "$1" -c 'import setuptools, wheel, pip' 2> /dev/null; }
python=${MQA_PYTHON:-python3}
[ -n "${MQA_PYTHON:-}" ] || has_tools "$python" || python=/usr/bin/python3
# A test of the build installs nothing.
[ -n "${MQA_NO_INSTALL:-}" ] || install_packages
has_tools "$python" || { echo "$python lacks pip, setuptools or wheel" >&2; exit 1; }

say "building in $build"
[ -e "$build/CMakeCache.txt" ] || cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release > /dev/null
cmake --build "$build" --target mqa-wheel-libraries mqa_runtime mqa-compile

# The notices of what is inside the libraries, as Debian has them.
write_notices() {
  local package
  for package in "$@"; do
    printf '==== %s\n\n' "$package"
    cat "/usr/share/doc/$package/copyright"
  done
}

stage=$build/wheel-stage

# The wheel of the package $1, which was copied, for the Pythons and the ABI $2.
pack() {
  local package=$1 abi=$2 folder=$stage/$1 platform
  platform=$("$python" "$root/tools/wheel_tag.py" "$folder/$package/lib"/*.so*)
  cp "$root/LICENSE" "$folder"
  # With the time of the commit, the same commit gives the same bytes.
  MQA_WHEEL_TAG=$abi-$platform SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2> /dev/null || echo 315532800) \
    "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -w "$out" "$folder"
  (cd "$out" && du -h --apparent-size "$package"-[0-9]*-"$abi-$platform.whl")
}

# The sources in runtime/$1 and the libraries of the package $2: files of an earlier build would be packed too.
copy_package() {
  rm -rf "$stage/$2" && mkdir -p "$stage/$2"
  (cd "$root/runtime/$1" && tar -c --exclude=__pycache__ --exclude=native --exclude=.mypy_cache --exclude=*.egg-info --exclude=build .) |
    tar -x -C "$stage/$2"
  mkdir -p "$stage/$2/$2/lib"
  find "$build/wheel/$2/lib" -type f -name '*.so*' -exec cp {} "$stage/$2/$2/lib" \; 2> /dev/null || true
  [ -n "$(ls "$stage/$2/$2/lib")" ] || { echo "$build has no library for $2: see $build/configure.log" >&2; exit 1; }
}

say "packing mqa"
copy_package python mqa
case $kernels in
  none) ;;
  models | example)
    PYTHONPATH=$root/runtime/python MQA_RUNTIME_LIBRARY=$build/lib/libmqa_runtime.so PYTHONDONTWRITEBYTECODE=1 \
      "$python" "$root/tools/wheel_kernels.py" "$stage/mqa/mqa/kernels" --set="$kernels" --compile="$build/bin/mqa-compile"
    ;;
  *) cp -r "$kernels" "$stage/mqa/mqa/kernels" ;;
esac
libstdcxx=libstdc++-$(g++ -dumpversion)-dev
write_notices "$libstdcxx" zlib1g-dev nlohmann-json3-dev > "$stage/mqa/THIRD_PARTY"
pack mqa cp310-abi3

say "packing mqa_compiler"
copy_package python-compiler mqa_compiler
cp "$root/runtime/python/setup.py" "$stage/mqa_compiler"
cp "$root/runtime/python/mqa/_version.py" "$stage/mqa_compiler/mqa_compiler"
write_notices libllvm22 "$libstdcxx" zlib1g-dev libzstd-dev > "$stage/mqa_compiler/THIRD_PARTY"
pack mqa_compiler py3-none
