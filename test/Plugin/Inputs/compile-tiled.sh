# usage: compile-tiled.sh EXAMPLES PLUGIN FOLDER   tiles each example in mlir-opt, and compiles the loops of launches that come out
examples=$1 plugin=$2 folder=$3
mkdir -p "$folder"
for file in "$examples"/*.mlir; do
  name=$(basename "$file" .mlir)
  # Nothing says that the last tile of a dynamic number of columns has whole blocks of keys.
  # (And a tile of memrefs, which mx_types also has, cannot become a kernel.)
  case $name in key_blocks | paged_key_blocks | mx_types) continue ;; esac
  tiled=$folder/$name.mlir
  mlir-opt "$file" --load-dialect-plugin="$plugin" -o "$tiled" \
    --transform-preload-library=transform-library-paths="$(dirname "$0")/tile.mlir" --transform-interpreter || exit 1
  mqa-compile "$tiled" --target=cpu -o "$folder/$name.mqa" --mqa-host="$folder/$name.host.mlir" ||
    { echo "mqa-compile of $file, tiled, failed" >&2; exit 1; }
  grep -q key_offset "$tiled" && grep -c 'scf.for' "$folder/$name.host.mlir"
done
exit 0
