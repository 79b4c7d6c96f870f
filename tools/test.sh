#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test that this machine can run.
# usage: tools/test.sh [ctest arguments]
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# Of tests alone: types of the Python package, the site of the documentation.
packages+=(python3-mypy python3-sphinx python3-myst-parser furo)
install_packages
build_all
say "testing"
# A file is a case, and so is each further part of a split one.
files=$(find "$root/test" -name '*.mlir' -not -path '*/Examples/*' -o -name '*.test' | wc -l)
parts=$(grep -rh --include='*.mlir' -e '^// -----$' "$root/test" | wc -l)
errors=$(grep -rho --include='*.mlir' -e 'expected-error' "$root/test" | wc -l)
echo "lit: $((files + parts)) cases in $files files, $errors expected errors"
# What the long tests counted stands before ctest's summary, which comes last.
log=$build/ctest.log
status=0
ctest --test-dir "$build" --output-on-failure --parallel "$(nproc)" "$@" | tee "$log" | sed '/% tests passed/,$d' || status=$?
say "counts"
grep -hE '^(random shapes|edge cases|compiled for|fuzz):?' "$build/Testing/Temporary/LastTest.log" || true
sed -n '/% tests passed/,$p' "$log"
exit $status
