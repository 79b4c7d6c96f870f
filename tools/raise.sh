#!/usr/bin/env bash
# From a program in linalg to kernel functions: mqa-raise, then bufferization, with the result as the last argument.
# usage: tools/raise.sh IN.mlir OUT.mlir [OPTION...]   OPTION: no-nans=true, positive-scales=true
# Says why a computation that is nearly that of the logits was left alone.
# Runs the distribution's mlir-opt (MLIR_OPT) with our plugin (MQA_PLUGIN), as upstream's passes do most of the work.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
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
