#!/usr/bin/env bash
# Runs the Python tests on a GPU machine that has PyTorch or JAX, but neither MLIR nor a build of this repository. That machine
# needs a checkout of the commit that the folder was packed from, and no network.
#   tools/gpu-python.sh pack DIR           here: both wheels into DIR (30 MB), the package's with kernels to measure launches
#   tools/gpu-python.sh test DIR [NAME...] there: all tests that launch on tensors or arrays, or those named (test_NAME.py)
#   tools/gpu-python.sh cost DIR [ARGS]    there: what launches, and first calls, cost on the host (runtime/python/launch_cost.py)
# `test` prints PASS, FAIL or SKIP for each file, then PASS or FAIL for all. It writes the output of each file to DIR/logs. If the
# variable OUT names a folder, it also writes all of the output to OUT/python-tests.log. PYTHON is the Python that has PyTorch
# and JAX. MQA_TEST_DEVICES=cpu,cuda also tests on the CPU, which needs ld.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# //p' "$0"; exit ;; esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
verb=${1:?pack, test or cost} dir=$(mkdir -p "${2:?folder}" && cd "$2" && pwd)
shift 2
python=${PYTHON:-python3}

# test_gpu comes first and alone, since it measures; the others share the machine.
torch_tests=(torch launch_options dispatch compile topk topk_key_blocks merge_topk fused_topk fused_rows select mx mxfp8 mx_queries q_scale q_scale_blocks head_reduction block_max key_blocks paged_key_blocks paged_rows gradients deep_gemm deep_gemm_versions compat_vllm compat_sglang
  compat_flashinfer engines)
tests=(gpu jax jax_key_blocks jax_q_scale jax_head_reduction "${torch_tests[@]}")

# The wheels without pip, which may be missing.
unpack() {
  local wheel
  export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$dir/site MQA_CACHE=$dir/cache MQA_TEST_DEVICES=${MQA_TEST_DEVICES:-cuda}
  # Processes of the tests that would compile a bundle by hand say so.
  export MQA_COMPILE=${MQA_COMPILE:-/nonexistent/mqa-compile} XLA_PYTHON_CLIENT_PREALLOCATE=false
  rm -rf "$dir/site" && mkdir -p "$dir/site" "$dir/cache" && chmod 700 "$dir/cache"
  for wheel in "$dir"/mqa-*.whl "$dir"/mqa_compiler-*.whl; do
    "$python" -m zipfile -e "$wheel" "$dir/site"
  done
  "$python" -m mqa
}

run_test() {
  local name=$1 log=$logs/$1.log result=FAIL
  if timeout --kill-after=10 "${MQA_TEST_TIMEOUT:-500}" "$python" "$root/test/Python/test_$name.py" -v > "$log" 2>&1; then
    result=PASS
    ! grep -q '^skipped: no ' "$log" || result=SKIP
  fi
  echo "$result test_$name: $(grep -E '^(skipped: no |Ran [0-9]+ |OK|FAILED)' "$log" | tr '\n' ' ')"
  [ $result != FAIL ] || { grep -E '^(FAIL|ERROR): |^[A-Za-z]*(Error|Exception):' "$log" | sort | uniq -c | head -20; touch "$logs/$name.failed"; }
}

case $verb in
  pack)
    kernels=$dir/kernels
    PYTHONPATH=$root/runtime/python MQA_RUNTIME_LIBRARY=${MQA_BUILD_DIR:-$root/build}/lib/libmqa_runtime.so \
      python3 "$root/tools/wheel_kernels.py" "$kernels" --set=launches --compile="${MQA_BUILD_DIR:-$root/build}/bin/mqa-compile"
    MQA_WHEEL_KERNELS=$kernels "$root/tools/wheel.sh" "$dir"
    rm -rf "$kernels"
    ;;
  test)
    unpack
    logs=$dir/logs
    rm -rf "$logs" && mkdir -p "$logs"
    if [ $# -gt 0 ]; then tests=("$@"); fi
    alone=() together=()
    for name in "${tests[@]}"; do
      if [ "$name" = gpu ]; then alone+=("$name"); else together+=("$name"); fi
    done
    for name in "${alone[@]}"; do run_test "$name"; done
    export -f run_test
    export python root logs
    [ ${#together[@]} -eq 0 ] || printf '%s\n' "${together[@]}" | xargs -P "${MQA_TEST_JOBS:-6}" -I{} bash -c 'run_test {}'
    failed=$(find "$logs" -name '*.failed' -printf '%f ')
    rm -f "$logs"/*.failed
    [ -z "${OUT:-}" ] || tail -n +1 "$logs"/*.log > "$OUT/python-tests.log"
    [ -z "$failed" ] || { echo "FAIL: ${failed//.failed/}"; exit 1; }
    echo PASS
    ;;
  cost)
    unpack
    # Not from its folder, which has the package without its libraries.
    cp "$root/runtime/python/launch_cost.py" "$dir/"
    "$python" "$dir/launch_cost.py" "$@"
    ;;
  *)
    echo "unknown: $verb" >&2
    exit 2
    ;;
esac
