#!/usr/bin/env bash
# Draws ops into a folder and compiles each, to NAME.mqa beside it.
#   compile.sh BIN_DIR DIR TARGET [arguments of draw_ops.py]
set -euo pipefail
bin=$1 dir=$2 target=$3
python3 "$(dirname "${BASH_SOURCE[0]}")/draw_ops.py" "$dir" "${@:4}"
for op in "$dir"/*.mlir; do
  # A schedule that spills is slow, not wrong.
  "$bin/mqa-compile" "$op" --target="$target" -o "${op%.mlir}.mqa" 2> "${op%.mlir}.log" || { cat "${op%.mlir}.log"; exit 1; }
done
echo "compiled for $target: $(ls "$dir"/*.mlir | wc -l) ops"
