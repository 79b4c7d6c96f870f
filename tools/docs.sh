#!/usr/bin/env bash
# Builds the documentation site in DIR. Open DIR/index.html.
# usage: tools/docs.sh DIR
# A warning is an error, and so is a link or an anchor that leads nowhere. The generator (Sphinx) is that of python3, or of
# PYTHON. If it has none, the script installs one in build/site-env, from PyPI, and keeps it for the next time.
set -euo pipefail
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in -h | --help) usage; exit ;; esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -eq 1 ] || { usage >&2; exit 2; }
dir=$1
has_generator() { "$1" -c 'import sphinx, myst_parser, furo' 2> /dev/null; }
python=${PYTHON:-python3}
if ! has_generator "$python"; then
  env=${MQA_BUILD_DIR:-$root/build}/site-env
  python=$env/bin/python
  if ! has_generator "$python"; then
    echo "installing the generator in $env"
    python3 -m venv --clear "$env"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$root/docs/site/requirements.txt"
  fi
fi
mkdir -p "$dir"
trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT
"$python" -m sphinx -q -W --keep-going -E -b html -c "$root/docs/site" -d "$trees" "$root" "$dir"
# The pictures are in HTML that Sphinx copies as it is; they belong where the pages look for them.
mkdir -p "$dir/docs/images"
find "$root/docs/images" -name "*.svg" -o -name "*.png" | xargs -r cp -t "$dir/docs/images"
cp "$dir/README.html" "$dir/index.html"
echo "$(find "$dir" -name '*.html' | wc -l) pages: $dir/index.html"
