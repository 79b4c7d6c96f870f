#!/usr/bin/env bash
# passes.sh SOURCE_DIR HELP_FILE   names what the sources register and the help does not show
set -euo pipefail
names=$(
  find "$1/include" -name '*Passes.td' -exec grep -ohP '^def \w+ *: *(Interface)?Pass<\s*"\K[^"]+' {} +
  grep -ohPz 'PassPipelineRegistration<[^>]*>\s*\w*\(?\s*"\K[^"]+' "$1"/lib/Pipelines/*.cpp | tr '\0' '\n'
)
count=0
for name in $names; do
  count=$((count + 1))
  grep -qP "^ *--$name +- +\S" "$2" || echo "missing: $name"
done
echo "$count passes and pipelines"
