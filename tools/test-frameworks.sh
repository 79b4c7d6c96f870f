#!/usr/bin/env bash
# Runs the Python tests with PyTorch and JAX: makes a virtual environment that has both, builds, and runs the tests there.
# usage: tools/test-frameworks.sh [DIR]   DIR: the environment, build/frameworks by default; kept for the next time (6 GB)
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dir=${1:-$build/frameworks}
python=$dir/bin/python
packages+=(python3-venv)
install_packages

# PyTorch's wheel for Linux loads CUDA's libraries, also where there is no GPU, so it needs all that it asks for.
show_versions() {
  "$python" - << 'END'
import sys
import jax, numpy, torch
print("Python", sys.version.split()[0], "PyTorch", torch.__version__, "JAX", jax.__version__, "NumPy", numpy.__version__)
END
}

if ! show_versions > /dev/null 2>&1; then
  if [ -e "$dir" ] && [ ! -e "$dir/pyvenv.cfg" ]; then
    echo "$dir is there, and no virtual environment" >&2
    exit 1
  fi
  say "installing PyTorch and JAX in $dir"
  # One that was begun and not finished may lack anything.
  python3 -m venv --clear "$dir"
  "$python" -m pip install --quiet --disable-pip-version-check torch jax numpy mypy
fi

build_all

export PYTHONPATH=$root/runtime/python PYTHONDONTWRITEBYTECODE=1 MQA_CACHE=$build/test/Python/cache
export MQA_RUNTIME_LIBRARY=$build/lib/libmqa_runtime.so MQA_COMPILER_LIBRARY=$build/lib/libmqa_compiler.so
export MQA_COMPILE=$build/bin/mqa-compile MQA_FAKE_CUDA=$build/test/Runtime/fake/libcuda.so.1

say "testing"
show_versions
# Without this module, known launches are not tested.
"$python" -c 'import torch; from mqa import launches; assert launches._launcher, "_mqa_launcher was not loaded"'
log=$build/frameworks.log
: > "$log"
failed=()
for test in "$root"/test/Python/test_*.py; do
  name=$(basename "$test" .py)
  echo "-- $name"
  # A test that hangs is a failure, not a hang of ours.
  timeout --kill-after=10 900 "$python" "$test" 2>&1 | tee -a "$log" || failed+=("$name")
done

say "counts"
# Each file ends with "Ran N tests in ..." and "OK (skipped=N)" or "FAILED (failures=N, errors=N, skipped=N)".
count() { { grep -hoE "$1" "$log" || true; } | { grep -oE '[0-9]+' || true; } | awk '{ sum += $1 } END { print sum + 0 }'; }
ran=$(count '^Ran [0-9]+')
wrong=$(count '(failures|errors)=[0-9]+')
skipped=$(count 'skipped=[0-9]+')
# One that ended before its counts is a failure too.
[ "$wrong" -ge ${#failed[@]} ] || wrong=${#failed[@]} ran=$((ran + wrong))
[ ${#failed[@]} -eq 0 ] || echo "failed: ${failed[*]}"
echo "$((ran - wrong - skipped)) passed, $wrong failed, $skipped skipped"
[ ${#failed[@]} -eq 0 ]
