#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The platform tag of a wheel, from what its libraries ask of the system: tools/wheel_tag.py LIBRARY...

Prints manylinux_2_NN_ARCH, where 2.NN is the oldest glibc that has all their symbols. Refuses libraries that need more than
every system of the tag has.
"""
import os
import platform
import re
import subprocess
import sys

# Of those that a wheel may leave to the system (PEP 600), the ones that these libraries use.
SYSTEM = re.compile(r"(libc|libm|libgcc_s|libdl|libpthread|ld-linux-[\w-]+)\.so\.\d+")
NEWEST_GCC = (4, 8, 0)  # What libgcc_s has on the oldest of these systems.


def read_needs(path):
    """The names of the libraries that a file needs, and the versions of their symbols, by prefix."""
    text = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"^\s+NEEDED\s+(\S+)$", text, flags=re.M)
    references = text.partition("Version References:")[2]
    versions = {}
    for prefix, version in re.findall(r"\s([A-Z]+)_(\d[\d.]*)$", references, flags=re.M):
        versions.setdefault(prefix, set()).add(tuple(map(int, version.split("."))))
    return needed, versions


def find_tag(paths):
    own = {os.path.basename(path) for path in paths}
    glibc = (2, 17)
    for path in paths:
        needed, versions = read_needs(path)
        for name in needed:
            if name not in own and not SYSTEM.fullmatch(name):
                raise ValueError(f"{path} needs {name}, which a wheel may not leave to the system")
        if unknown := set(versions) - {"GLIBC", "GCC"}:
            raise ValueError(f"{path} needs symbols of {', '.join(sorted(unknown))}")
        if max(versions.get("GCC", {NEWEST_GCC})) > NEWEST_GCC:
            raise ValueError(f"{path} needs a libgcc_s that older systems lack")
        glibc = max(glibc, *versions.get("GLIBC", {glibc}))
    return f"manylinux_{glibc[0]}_{glibc[1]}_{platform.machine()}"


def main():
    try:
        print(find_tag(sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
