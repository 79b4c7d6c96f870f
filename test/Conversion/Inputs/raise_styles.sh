#!/usr/bin/env bash
# Raises the functions of raise_styles.py, compares what came out with its table, and writes one module of all functions, what was
# raised of them, and the main that calls both.
# usage: raise_styles.sh FOLDER
set -euo pipefail
styles="python3 -B $(dirname "$0")/raise_styles.py" folder=$1
mkdir -p "$folder"
: > "$folder/all.mlir"
for option in none no-nans positive-scales operand-type=bf16; do
  $styles functions "$option" > "$folder/$option.mlir"
  mqa-opt "$folder/$option.mlir" --mlir-print-local-scope -o "$folder/$option.raised.mlir" \
    --pass-pipeline="builtin.module(func.func(mqa-raise{${option#none}},canonicalize,cse))"
  $styles check "$option" "$folder/$option.raised.mlir"
  cat "$folder/$option.mlir" >> "$folder/all.mlir"
  sed -e '/^module {$/d' -e '/^}$/d' -e 's/func\.func @\([a-z0-9_]*\)(/func.func @\1_raised(/' "$folder/$option.raised.mlir" \
    >> "$folder/all.mlir"
done
$styles main >> "$folder/all.mlir"
