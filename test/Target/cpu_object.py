#!/usr/bin/env python3
"""Looks at the object of a CPU bundle.

    cpu_object.py extract BUNDLE OUTPUT
    cpu_object.py list BUNDLE
    cpu_object.py features BUNDLE [--without=FEATURE]

`list` prints the processor, and the instruction sets that the bundle lists, sorted.

`features` tells whether the bundle lists every instruction set that its code uses.
It disassembles the object and assembles it again for a processor that has what the
bundle lists and nothing else: GNU as refuses any other instruction. (LLVM's assembler
takes them all.) With --without, FEATURE is taken from the list first. Prints what is
refused.
"""
import argparse
import json
import pathlib
import re
import struct
import subprocess
import tempfile


def read_bundle(path):
    data = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[8:16])
    manifest = json.loads(data[24 : 24 + size])
    (section,) = manifest["sections"]
    begin = 24 + size + section["offset"]
    return manifest, data[begin : begin + section["size"]]


# What GNU as calls differently: LLVM's name, its own. What every x86-64 has is left out.
NAMES = {f"avx512{name}": f"avx512_{name}" for name in ("vpopcntdq", "vbmi2", "vnni", "bitalg", "bf16", "fp16")}
NAMES |= {"avxvnni": "avx_vnni", "avxifma": "avx_ifma", "avxneconvert": "avx_ne_convert", "amx-tile": "amx_tile", "amx-bf16": "amx_bf16"}
BASELINE = {"64bit", "cmov", "crc32", "cx8", "fxsr", "mmx", "sahf", "sse", "sse2", "x87"}


def disassemble(code):
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(code)
        file.flush()
        command = ["objdump", "-d", "--no-show-raw-insn", file.name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split(":", 1)[1] for line in text.splitlines() if line.startswith(" ")]
    # Padding with odd prefixes is not for assemblers; jumps go to hexadecimal addresses.
    return [re.sub(r"^(\s*\S+\s+)([0-9a-f]+) <.*", r"\g<1>0x\2", line) for line in lines if "nop" not in line]


def assemble(lines, features):
    command = ["as", "-march=" + "+".join(["generic64", *features]), "-o", "/dev/null", "-"]
    return subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)


def check_features(manifest, code, without):
    listed = [NAMES.get(name, name) for name in manifest["cpu_features"] if name not in BASELINE | {without}]
    # An older assembler knows neither a newer extension nor its instructions.
    known = [name for name in listed if assemble([], [name]).returncode == 0]
    lines = disassemble(code)
    result = assemble(lines, known)
    errors = sorted(set(re.findall(r"Error: (.*)", result.stderr)))
    if result.returncode and not errors:
        errors = [result.stderr]
    print(f"{len(lines)} instructions")
    print("\n".join(errors) if errors else "all of them are listed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    extract = commands.add_parser("extract")
    features = commands.add_parser("features")
    for command in (extract, features, commands.add_parser("list")):
        command.add_argument("bundle")
    extract.add_argument("output", type=pathlib.Path)
    features.add_argument("--without")
    options = parser.parse_args()
    manifest, code = read_bundle(options.bundle)
    if options.command == "extract":
        options.output.write_bytes(code)
    elif options.command == "list":
        print(manifest["cpu"], " ".join(sorted(manifest["cpu_features"])), sep="\n")
    else:
        check_features(manifest, code, options.without)


if __name__ == "__main__":
    main()
