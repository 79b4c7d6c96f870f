#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test that this machine can run.
# usage: tools/test.sh [ctest arguments]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages
build_all
say "testing"
cases=$(($(find "$root/test" -name '*.mlir' -not -path '*/Examples/*' -o -name '*.test' | wc -l) +
  $(grep -rhc -- '^// -----$' "$root/test" --include='*.mlir' | paste -sd+ | sed 's/^$/0/')))
errors=$(grep -rho 'expected-error' "$root/test" --include='*.mlir' | wc -l)
echo "lit: $cases cases, $errors of them expect an error"
ctest --test-dir "$build" --output-on-failure "$@"
