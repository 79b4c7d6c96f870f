#!/usr/bin/env bash
# Writes one HTML page that shows a kernel at every level and after every pass, with the code and the resources of a GPU.
# usage: tools/explore.sh FILE.mlir OUT.html [--target=TARGET] [--schedule=SCHEDULE] [--docs=PATTERN]   (--help: all of it)
# Runs mqa-opt and mqa-compile of this build (MQA_BUILD_DIR), and ptxas where there is one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 -B "$root/tools/explore/explore.py" --bin="${MQA_BUILD_DIR:-$root/build}/bin" "$@"
