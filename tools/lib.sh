# Shared by run.sh and test.sh: install what is missing, then build. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${MQA_BUILD_DIR:-$root/build}

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian 12 (with its security updates) has all of these; a CUDA toolkit is used where there is one, and not needed.
packages=(ca-certificates g++ cmake ninja-build git python3-dev binutils zlib1g-dev libzstd-dev
  python3-pip python3-setuptools python3-wheel
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  nlohmann-json3-dev libcli11-dev libgtest-dev)

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

build_all() {
  say "building in $build"
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release > "$build.configure.log" 2>&1 ||
    { cat "$build.configure.log"; exit 1; }
  mv "$build.configure.log" "$build/configure.log"
  cmake --build "$build"
}
