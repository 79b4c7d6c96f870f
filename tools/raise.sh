#!/usr/bin/env bash
# Makes kernel functions of a program in linalg: mqa-raise, then bufferization, with the result as the last argument.
# usage: tools/raise.sh IN.mlir OUT.mlir [OPTION...]   OPTION: no-nans=true, positive-scales=true
# If a computation is nearly the computation of the logits, but not quite, it is left alone, and a remark says why.
# Runs the distribution's mlir-opt (MLIR_OPT) with our plugin (MQA_PLUGIN), because upstream's passes do most of the work.
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 2 ] || { usage >&2; exit 2; }
in=$1 out=$2
shift 2
plugin=${MQA_PLUGIN:-${MQA_BUILD_DIR:-$root/build}/lib/MQAPlugin.so}
passes="builtin.module(
  func.func(mqa-raise{$*},canonicalize,cse),
  one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},
  buffer-results-to-out-params{hoist-dynamic-allocs=true hoist-static-allocs=true modify-public-functions=true},
  canonicalize,cse)"
"${MLIR_OPT:-mlir-opt-22}" "$in" --load-dialect-plugin="$plugin" --load-pass-plugin="$plugin" --pass-pipeline="$passes" \
  --remarks-filter=mqa-raise --remark-format=emitRemark -o "$out"
grep -qE 'mqa\.(paged_)?logits' "$out" || { echo "$in: no computation of logits was found" >&2; exit 1; }
