# usage: each.sh EXAMPLES PLUGIN OPTION...   what mlir-opt makes of each example
examples=$1 plugin=$2
shift 2
for file in "$examples"/*.mlir; do
  mlir-opt "$file" --load-dialect-plugin="$plugin" "$@" || { echo "mlir-opt $* of $file failed" >&2; exit 1; }
done
