#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels of the Python wheel: a bundle for each op and target, named as mqa/prebuilt.py looks for it.

    tools/wheel_kernels.py DIR [--set=models|example|launches] [--jobs=N] [--compile=FILE] [--resume]

The ops are those of models with an indexer (heads, head dim, keys that are selected). `example` is the one op of README.md, and `launches`
are those whose launches runtime/python/launch_cost.py measures.
On sm_90a they get machine code where ptxas is, and then no PTX, which no other GPU could take: a first call reads a third.
For other GPUs they get PTX, which takes less of the wheel. Needs mqa-compile, and
mqa on PYTHONPATH with its runtime: each kernel is loaded as the description that a launch will ask for.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

from mqa import prebuilt, runtime
from mqa.fused_op import FusedOp, describe
from mqa.ops import MergeTopkOp, Op, TopkOp

# From the oldest 64-bit processors on; with AVX2; with AVX-512; with its products in bf16; with AMX.
CPUS = ("x86-64", "x86-64-v3", "x86-64-v4", "cooperlake", "sapphirerapids")
PORTABLE = ("sm_80", "sm_86", "sm_89", "sm_120")
SELECTED = (512, 1024, 2048)
BOOLS = (False, True)


def list_logits(heads, **common):
    """DeepSeek and GLM: logits whole or compressed, and of a paged cache with 1, 2 or 4 new queries per sequence."""
    common = {"num_heads": heads, "head_dim": 128, **common}
    for clean, compressed, fast in itertools.product(BOOLS, repeat=3):
        yield Op("", clean=clean, compressed=compressed, fast=fast, **common)
    for clean, compressed in ((False, False), (True, False), (False, True)):
        yield Op("", out_type="bf16", clean=clean, compressed=compressed, **common)
    for next_n in (1, 2, 4):
        for block_kv, per_query, clean in ((64, True, False), (64, True, True), (64, False, False), (32, True, False)):
            yield Op("", next_n=next_n, block_kv=block_kv, lens_per_query=per_query, clean=clean, **common)


def list_nan_as_zero(heads):
    """The same as DeepGEMM has them, by whose names alone they are asked for: cleaned or compressed, with NaN as 0."""
    for op in list_logits(heads, activation="relu_nan_as_zero"):
        if not (op.clean and op.compressed):
            yield op


def list_rows(heads):
    """Rows that name their sequences: prefill from the pages, and decoding as DeepGEMM's `indices` have it."""
    rows = Op("", heads, 128, next_n=1, block_kv=64, has_sequence=True)
    for clean in BOOLS:
        yield replace(rows, clean=clean)
        for activation in ("relu", "relu_nan_as_zero"):
            yield replace(rows, clean=clean, rows_per_sequence=2, activation=activation)


def list_other_models():
    """The models of test/Examples/models with other heads, dims and types."""
    fp8_and_bf16 = [{"input_type": name, "weights_type": "none", "has_k_scale": False} for name in ("f8E4M3FN", "bf16")]
    # HY-V4 and LongCat: some keys of LongCat's are always selected.
    yield from list_both(Op("", 16, 128), 2048)
    yield from list_best(Op("", 16, 128), 2048, force_first=16, force_last=1024)
    # QSA.
    for types in fp8_and_bf16:
        yield from list_both(Op("", 4, 128, **types), 512)
    # Step5: the keys of all heads are selected later.
    yield from list_plain(Op("", 8, 256), (1, 2, 4))
    # DeepSeek-V4.1, also with fp4 queries, as DeepGEMM's callers have them, and with key blocks.
    yield from list_both(Op("", 32, 128, mx_keys="MXFP4"), 512)
    yield from list_both(Op("", 32, 128, mx_keys="MXFP4", mx_queries="MXFP4"), 512)
    for clean in BOOLS:
        blocks = Op("", 32, 128, mx_keys="MXFP4", key_block_size=8, clean=clean)
        yield blocks
        for lens_per_query in BOOLS:
            yield replace(blocks, next_n=1, block_kv=64, lens_per_query=lens_per_query)
    # Of blocks as keys, and of a paged cache as slots.
    blocks = Op("", 32, 128, mx_keys="MXFP4", key_block_size=8)
    yield FusedOp(blocks, TopkOp("", 512, base="absolute", key_block_size=8))
    selection = TopkOp("", 512, has_ks=False, lens_rank=2, next_n=1, base="slot", block_kv=64, key_block_size=8)
    yield FusedOp(replace(blocks, next_n=1, block_kv=64, lens_per_query=True), selection)
    # MiniMax-M3: the best blocks.
    for types in fp8_and_bf16:
        maxima = Op("", 1, 128, activation="none", block_max=128, clean=True, **types)
        yield maxima
        yield replace(maxima, next_n=4, block_kv=128, lens_per_query=True)
    for has_ks in BOOLS:
        yield TopkOp("", 16, has_ks=has_ks)


def list_both(op, k):
    """The logits of a model, and its best keys."""
    yield from list_plain(op, (1, 2))
    yield from list_best(op, k)


def list_plain(op, next_ns):
    """The logits, with and without cleaning, and of a paged cache."""
    for clean in BOOLS:
        yield replace(op, clean=clean)
    for next_n in next_ns:
        yield replace(op, next_n=next_n, block_kv=64, lens_per_query=True)


def list_best(op, k, **forced):
    """The best keys of ranges, and of a paged cache as slots."""
    yield FusedOp(op, TopkOp("", k, **forced))
    selection = TopkOp("", k, has_ks=False, lens_rank=2, next_n=1, base="slot", block_kv=64, **forced)
    yield FusedOp(replace(op, next_n=1, block_kv=64, lens_per_query=True), selection)


def list_selections(k):
    """From logits in memory: of ranges, and of a paged cache by its lengths, as keys or as slots."""
    for order, values in itertools.product(("key", "any"), BOOLS):
        yield TopkOp("", k, order=order, has_ks=False, has_values=values)
    for order in ("key", "any"):
        yield TopkOp("", k, order=order)
    # Of a part of the keys, to be merged with others; of rows that lie one behind the other.
    for values in BOOLS:
        yield TopkOp("", k, has_ks=False, has_offset=True, has_values=values)
    # As slots by a table of a row's own: of pages of one key or of 64; or of a sequence's.
    for slots in ({"next_n": 1, "block_kv": 1}, {"next_n": 1, "block_kv": 64}, {"has_sequence": True, "block_kv": 1}):
        yield TopkOp("", k, has_ks=False, base="slot", **slots)
    for lens_rank, next_n, slot in itertools.product((1, 2), (1, 2), BOOLS):
        slots = {"base": "slot", "block_kv": 64} if slot else {}
        yield TopkOp("", k, has_ks=False, lens_rank=lens_rank, next_n=next_n, **slots)
    # Indices count all keys, as lists do that ranks merge, or from the start of a range, which the merge is told.
    for values in BOOLS:
        yield MergeTopkOp("", k, base="absolute", has_ks=False, has_values=values)
        yield MergeTopkOp("", k, base="absolute", has_values=values)
        yield MergeTopkOp("", k, has_ks=False, has_values=values)
        yield MergeTopkOp("", k, has_values=values)


def list_fused(heads, k):
    """Likewise of logits that are not stored."""
    yield FusedOp(Op("", heads, 128), TopkOp("", k))
    yield FusedOp(Op("", heads, 128), TopkOp("", k, base="slot", has_sequence=True, block_kv=1))
    for next_n, base in itertools.product((1, 2), ("relative", "slot")):
        # The blocks are those of the cache, whatever an index counts.
        selection = TopkOp("", k, has_ks=False, lens_rank=2, next_n=next_n, base=base, block_kv=64)
        yield FusedOp(Op("", heads, 128, next_n=next_n, block_kv=64, lens_per_query=True), selection)


def list_shared(heads, k):
    """What a rank selects of its part of the keys, as a list that mqa.distributed merges with others."""
    own = {"order": "any", "has_offset": True, "has_values": True}
    yield FusedOp(Op("", heads, 128), TopkOp("", k, base="absolute", **own))
    for next_n in (1, 2):
        selection = TopkOp("", k, has_ks=False, lens_rank=2, next_n=next_n, block_kv=64, **own)
        yield FusedOp(Op("", heads, 128, next_n=next_n, block_kv=64, lens_per_query=True), selection)


def list_measured():
    """Of the models' sets, one of each kind."""
    paged = Op("", 64, 128, next_n=1, block_kv=64, lens_per_query=True)
    selection = TopkOp("", 512, has_ks=False, lens_rank=2, next_n=1, base="slot", block_kv=64)
    return [Op("", 64, 128, clean=True), Op("", 64, 128, compressed=True), paged, TopkOp("", 512, has_ks=False),
            FusedOp(Op("", 64, 128), TopkOp("", 512)), FusedOp(paged, selection)]  # fmt: skip


def list_ops(name):
    if name == "example":
        return [Op("", 64, 128, clean=True)]
    if name == "launches":
        return list_measured()
    ops = [op for heads in (64, 32) for ops in (list_logits(heads), list_nan_as_zero(heads)) for op in ops]
    ops += [op for heads in (64, 32) for op in list_rows(heads)]
    ops += list_other_models()
    ops += [op for k in SELECTED for op in list_selections(k)]
    for heads, k in itertools.product((64, 32), SELECTED):
        ops += [*list_fused(heads, k), *list_shared(heads, k)]
    return ops


def is_fast(op):
    return getattr(op.logits if isinstance(op, FusedOp) else op, "fast", False)


def run_compiler(compiler, op, targets, *options):
    command = [compiler, "-", f"--target={','.join(targets)}", "-o", "-", *options]
    if op.schedule:
        command.append(f"--mqa-schedule={op.schedule.decode()}")
    result = subprocess.run(command, input=op.to_mlir().encode(), stdout=subprocess.PIPE, check=True)
    return result.stdout


def drop_ptx(bundle):
    """A bundle of one part without its PTX, if it has machine code too (the format is in docs/bundle.md)."""
    head = struct.Struct("<8sQII")
    magic, size, _, zero = head.unpack_from(bundle)
    manifest, code = json.loads(bundle[head.size : head.size + size]), bundle[head.size + size :]
    kept = [section for section in manifest["sections"] if section["name"] != "ptx"]
    if not kept:
        return bundle
    sections = [code[section["offset"] :][: section["size"]] for section in kept]
    for i, section in enumerate(kept):
        section["offset"] = sum(map(len, sections[:i]))
    manifest["sections"] = kept
    text = json.dumps(manifest).encode()
    return head.pack(magic, len(text), zlib.crc32(text), zero) + text + b"".join(sections)


def check(path, op):
    """The bundle has the kernel that will be looked for."""
    found = {describe(info) for info in runtime.Bundle(path).kernels}
    if not found & {op, *op.list_alternatives()}:
        raise LookupError(f"{path}: has no {op}, but {found}")


def build(compiler, op, folder, resume):
    """For one target; for the CPU, of several processors."""
    path = folder / prebuilt.name_file(op)
    if not (resume and path.exists()):
        if op.target == "sm_90a":
            path.write_bytes(drop_ptx(run_compiler(compiler, op, ["sm_90a"])))
        else:
            targets = [f"cpu:{name}" for name in CPUS] if op.target == "cpu" else [op.target]
            path.write_bytes(run_compiler(compiler, op, targets, "--mqa-no-cubin"))
    check(path, op)
    return f"{path.name} target={op.target} bytes={path.stat().st_size}"


def list_targets(op):
    """A sum in half precision is for sm_90a alone; where it is allowed, others take the kernel without."""
    return ["sm_90a"] if is_fast(op) else ["sm_90a", *PORTABLE, "cpu"]


def main():
    default = pathlib.Path(os.environ.get("MQA_BUILD_DIR", "build"), "bin", "mqa-compile")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--set", choices=("models", "example", "launches"), default="models")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--compile", default=os.environ.get("MQA_COMPILE", str(default)))
    parser.add_argument("--resume", action="store_true", help="keep bundles of this build that are there")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    ops = [op.for_target(target) for op in list_ops(options.set) for target in list_targets(op)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as executor:
        lines = list(executor.map(lambda op: build(options.compile, op, options.dir, options.resume), ops))
    (options.dir / "index.txt").write_text("".join(f"{line}\n" for line in sorted(lines)))
    size = sum(path.stat().st_size for path in options.dir.iterdir())
    print(f"{len(lines)} bundles in {options.dir}, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
