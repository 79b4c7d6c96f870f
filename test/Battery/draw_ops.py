#!/usr/bin/env python3
"""Writes seeded random mqa.logits, mqa.paged_logits, mqa.topk and mqa.merge_topk ops, and pairs of them, one MLIR file each.

    draw_ops.py DIR --count=N --seed=S [--edges] [--paged | --blocks | --topk | --merge | --fused]

The surface is that of the op (with --paged, of mqa.paged_logits; with --blocks, of both with key_blocks; with --topk, of mqa.topk, see draw_topk.py; with --merge, of
mqa.merge_topk, see draw_merge.py; with --fused, of logits and top-k in one kernel, see draw_fused.py): heads, head dim, key groups, element types,
optional operands, activation, reduction over the heads, clean, compressed or with maxima of blocks, static or dynamic
sizes, tensors or memrefs (then with strided scales). With --edges, first come
edgeNN.mlir: heads and head dims that broke other kernels, in every form of the op.
NAME.schedule beside NAME.mlir has a schedule for Hopper, for some of the random logits (see draw_schedules.py).
DIR/ops.txt lists the files with what was drawn. The same seed gives the same files.
Prints the name of each op's file.
"""
import argparse
import pathlib
import random

import draw_fused
import draw_merge
import draw_schedules
import draw_topk

INPUTS = ["f8E4M3FN", "f8E5M2", "bf16", "f16"]
OUTS = ["f32", "bf16", "f16"]


# Keys with block scales: elements of k for a key of D, and their type.
MX_KEYS = {"MXFP4": (lambda d: d // 2, "i8"), "MXFP8": (lambda d: d, "f8E4M3FN")}


def draw_mx(rng, op):
    """Gives the keys and the queries of some ops block scales."""
    if not op.get("groups") and rng.random() < 0.2:
        op |= {"mx_queries": rng.choice(list(MX_KEYS)), "head_dim": rng.choice([32, 64, 96, 128, 128])}
    if op["input"] != "f8E5M2" and not op.get("groups") and rng.random() < 0.25:
        op |= {"mx": rng.choice(list(MX_KEYS)), "k_scale": True, "head_dim": rng.choice([32, 64, 96, 128, 128])}
    return op


def draw_blocks(rng, op):
    """Takes the maxima of blocks in some ops, as long as a tile of such keys fits every GPU."""
    bytes_ = op["head_dim"] * (1 if op["input"].startswith("f8") else 2)
    if not op.get("compressed") and rng.random() < 0.25:
        op["block_max"] = rng.choice([8, 64, 128] if bytes_ <= 128 and "MXFP8" not in (op.get("mx"), op.get("mx_queries")) else [8])
        if op["columns"] != "?" and "keys" in op:
            op["columns"] = -(-op["columns"] // op["block_max"])
    return op


def draw_head_reduction(rng, op):
    """Takes the maximum over the heads in some ops, also in those of a pair."""
    own = op.get("logits") or op.get("paged") or op
    if "heads" in own:
        own["head_reduction"] = rng.choice(["sum", "sum", "sum", "max"])


def draw(rng):
    op = {
        "heads": rng.choice([1, 2, 4, 8, 16, 32, 64, 128, rng.randint(1, 128)]),
        "head_dim": rng.choice([32, 64, 128, 16 * rng.randint(1, 16)]),
        "input": rng.choice(INPUTS),
        "out": rng.choice(OUTS),
        "activation": rng.choice(["relu", "relu", "none", "relu_nan_as_zero"]),
        "k_scale": rng.random() < 0.85,
        "weights": rng.choice(["f32", "f32", "f32", "bf16", "none"]),
        "clean": rng.random() < 0.5,
        "compressed": rng.random() < 0.3,
        "groups": None,
        "memrefs": rng.random() < 0.2,
        "queries": "?",
        "keys": "?",
    }
    if rng.random() < 0.35:
        divisors = [g for g in range(1, op["heads"] + 1) if op["heads"] % g == 0]
        op["groups"] = rng.choice(divisors)
    if rng.random() < 0.2:
        op["queries"] = rng.randint(1, 100)
        op["keys"] = rng.randint(1, 1000)
    op["columns"] = op["keys"]
    if op["compressed"] and rng.random() < 0.3:
        op["columns"] = rng.randint(1, 1200)
    return draw_blocks(rng, draw_mx(rng, op))


def draw_paged_key_blocks(rng):
    """Likewise of a paged cache: a list for each row."""
    op = draw_paged(rng)
    op.pop("block_max", None)
    op.pop("rows_per_sequence", None)
    op |= {"block_size": rng.choice([8, 16]), "list": "?"}
    if op["batch"] != "?" or rng.random() < 0.2:
        op["list"] = rng.randint(1, 60)
    op["columns"] = "?" if op["list"] == "?" else op["list"] * op["block_size"]
    return op


def draw_key_blocks(rng):
    """With lists of key blocks, whose columns are static now and then."""
    if rng.random() < 0.5:
        return draw_paged_key_blocks(rng)
    op = draw(rng)
    op.pop("block_max", None)
    op |= {"groups": None, "compressed": False, "block_size": rng.choice([8, 16]), "blocks": "?"}
    if op["queries"] != "?" or rng.random() < 0.2:
        op["blocks"] = rng.randint(1, 60)
    op["columns"] = "?" if op["blocks"] == "?" else op["blocks"] * op["block_size"]
    return op


def draw_paged(rng):
    op = {
        "heads": rng.choice([1, 4, 8, 16, 32, 64, 64, 128, rng.randint(1, 128)]),
        "head_dim": rng.choice([32, 64, 128, 128, 16 * rng.randint(1, 16)]),
        "next_n": rng.choice([1, 1, 2, 2, rng.randint(1, 8)]),
        "block_kv": rng.choice([16, 32, 64, 64, 128, 256]),
        "input": rng.choice(["f8E4M3FN", "f8E4M3FN", *INPUTS]),
        "out": rng.choice(OUTS),
        "activation": rng.choice(["relu", "relu", "relu", "none", "relu_nan_as_zero"]),
        "k_scale": rng.random() < 0.85,
        "weights": rng.choice(["f32", "f32", "f32", "bf16", "none"]),
        "lens_per_query": rng.random() < 0.5,
        "rows": "?" if rng.random() < 0.4 else None,  # rows that name their sequences: how many
        "clean": rng.random() < 0.5,
        "memrefs": rng.random() < 0.2,
        "batch": "?",
        "columns": "?",
        "blocks": "?",
        "table": "?",
    }
    if rng.random() < 0.15:
        op |= {"batch": rng.randint(1, 40), "columns": rng.randint(1, 1500)}
        op |= {"blocks": rng.randint(1, 300), "table": rng.randint(1, 60)}
        if op["rows"]:
            op["rows"] = rng.randint(1, 200)
    if op["rows"] and rng.random() < 0.5:
        op["rows_per_sequence"] = rng.randint(1, 8)
    return draw_blocks(rng, draw_mx(rng, op))


# Few heads, no power of two, narrow swizzles; one form of the op each.
EDGES = [
    {"heads": 1, "head_dim": 32},
    {"heads": 4, "head_dim": 64, "clean": True},
    {"heads": 8, "head_dim": 32, "compressed": True, "clean": True},
    {"heads": 16, "head_dim": 64, "compressed": True},
    {"heads": 5, "head_dim": 48, "input": "f8E5M2", "memrefs": True},
    {"heads": 64, "head_dim": 128, "compressed": True, "clean": True},
    {"heads": 33, "head_dim": 80, "input": "bf16", "out": "bf16", "weights": "bf16"},
    {"heads": 12, "head_dim": 128, "groups": 4, "clean": True},
    {"heads": 6, "head_dim": 64, "groups": 6, "input": "f16", "out": "f16", "compressed": True},
    {"heads": 64, "head_dim": 64, "out": "f16", "clean": True},
    {"heads": 111, "head_dim": 256, "input": "bf16", "clean": True},
    {"heads": 32, "head_dim": 32, "k_scale": False, "weights": "none", "activation": "none"},
    {"heads": 64, "head_dim": 128, "mx": "MXFP4", "clean": True},
    {"heads": 64, "head_dim": 128, "block_max": 8, "clean": True},
    {"heads": 4, "head_dim": 128, "block_max": 128, "k_scale": False, "weights": "none", "activation": "none"},
    {"heads": 6, "head_dim": 64, "groups": 3, "input": "f16", "out": "f16", "block_max": 64},
    {"heads": 5, "head_dim": 96, "mx": "MXFP4", "input": "bf16", "memrefs": True, "compressed": True},
    {"heads": 64, "head_dim": 128, "mx": "MXFP8", "input": "bf16", "clean": True},
    {"heads": 12, "head_dim": 64, "mx": "MXFP8", "compressed": True},
    {"heads": 64, "head_dim": 128, "mx_queries": "MXFP4", "mx": "MXFP4", "clean": True},
    {"heads": 16, "head_dim": 128, "mx_queries": "MXFP8", "mx": "MXFP8"},
    {"heads": 16, "head_dim": 64, "mx_queries": "MXFP4", "mx": "MXFP4", "typed": True},
    {"heads": 8, "head_dim": 96, "mx": "MXFP4", "input": "bf16", "memrefs": True, "typed": True},
    {"heads": 5, "head_dim": 96, "mx_queries": "MXFP4", "memrefs": True, "compressed": True, "weights": "none"},
    {"heads": 64, "head_dim": 128, "mx_queries": "MXFP8", "block_max": 8, "activation": "relu_nan_as_zero"},
    {"heads": 128, "head_dim": 128, "mx_queries": "MXFP8", "input": "bf16", "out": "bf16", "weights": "bf16"},
    {"heads": 1, "head_dim": 64, "head_reduction": "max", "weights": "none", "activation": "none"},
    {"heads": 5, "head_dim": 128, "head_reduction": "max", "clean": True},
    {"heads": 16, "head_dim": 128, "head_reduction": "max", "block_max": 128, "k_scale": False, "clean": True},
    {"heads": 111, "head_dim": 256, "head_reduction": "max", "input": "bf16", "out": "f16"},
    {"heads": 12, "head_dim": 64, "head_reduction": "max", "groups": 4, "compressed": True},
    {"heads": 33, "head_dim": 96, "head_reduction": "max", "mx_queries": "MXFP4", "mx": "MXFP8"},
    {"heads": 16, "head_dim": 128, "head_reduction": "max", "mx_queries": "MXFP4", "clean": True},
    {"heads": 111, "head_dim": 256, "head_reduction": "max", "input": "bf16", "groups": 1},
]


PAGED_EDGES = [
    {"heads": 64, "head_dim": 128, "next_n": 1, "block_kv": 64, "clean": True},
    {"heads": 64, "head_dim": 128, "next_n": 2, "block_kv": 64, "lens_per_query": True},
    {"heads": 1, "head_dim": 32, "next_n": 3, "block_kv": 16, "clean": True},
    {"heads": 33, "head_dim": 80, "next_n": 5, "block_kv": 32, "input": "bf16", "out": "f16", "lens_per_query": True},
    {"heads": 128, "head_dim": 64, "next_n": 8, "block_kv": 128, "out": "bf16", "clean": True},
    {"heads": 128, "head_dim": 224, "next_n": 3, "block_kv": 32, "input": "bf16", "out": "f16", "k_scale": False},
    {"heads": 32, "head_dim": 128, "next_n": 7, "block_kv": 256, "k_scale": False, "weights": "none", "lens_per_query": True},
    {"heads": 64, "head_dim": 128, "next_n": 1, "block_kv": 64, "mx": "MXFP4"},
    {"heads": 64, "head_dim": 128, "next_n": 2, "block_kv": 64, "block_max": 128, "clean": True},
    {"heads": 4, "head_dim": 64, "next_n": 3, "block_kv": 16, "block_max": 8, "lens_per_query": True},
    {"heads": 16, "head_dim": 32, "next_n": 2, "block_kv": 16, "mx": "MXFP4", "input": "f16", "clean": True},
    {"heads": 64, "head_dim": 128, "rows": "?", "block_kv": 64, "clean": True},
    {"heads": 32, "head_dim": 128, "rows": "?", "block_kv": 16, "out": "bf16", "memrefs": True},
    {"heads": 7, "head_dim": 48, "rows": "?", "block_kv": 256, "input": "f16", "k_scale": False, "weights": "none"},
    {"heads": 64, "head_dim": 128, "rows": "?", "block_kv": 64, "mx": "MXFP4", "clean": True},
    {"heads": 32, "head_dim": 128, "next_n": 1, "block_kv": 64, "mx": "MXFP8", "input": "bf16"},
    {"heads": 16, "head_dim": 32, "next_n": 2, "block_kv": 16, "mx": "MXFP8", "input": "f16", "clean": True},
    {"heads": 32, "head_dim": 128, "rows": "?", "block_kv": 64, "mx": "MXFP8", "clean": True},
    {"heads": 64, "head_dim": 128, "rows": "?", "block_kv": 64, "rows_per_sequence": 4},
    {"heads": 16, "head_dim": 64, "rows": "?", "block_kv": 32, "rows_per_sequence": 1, "block_max": 64, "clean": True},
    {"heads": 64, "head_dim": 128, "next_n": 1, "block_kv": 64, "mx_queries": "MXFP4", "mx": "MXFP4"},
    {"heads": 16, "head_dim": 64, "next_n": 2, "block_kv": 16, "mx_queries": "MXFP8", "mx": "MXFP4", "typed": True},
    {"heads": 64, "head_dim": 128, "next_n": 2, "block_kv": 64, "mx_queries": "MXFP4", "clean": True},
    {"heads": 32, "head_dim": 128, "next_n": 1, "block_kv": 64, "mx_queries": "MXFP8", "mx": "MXFP8"},
    {"heads": 7, "head_dim": 32, "next_n": 3, "block_kv": 16, "mx_queries": "MXFP4", "input": "f8E5M2", "memrefs": True},
    {"heads": 64, "head_dim": 128, "rows": "?", "block_kv": 64, "mx_queries": "MXFP4", "mx": "MXFP4", "clean": True},
    {"heads": 64, "head_dim": 128, "next_n": 1, "block_kv": 64, "head_reduction": "max", "mx": "MXFP4"},
    {"heads": 5, "head_dim": 64, "next_n": 2, "block_kv": 32, "head_reduction": "max", "clean": True},
    {"heads": 64, "head_dim": 128, "rows": "?", "block_kv": 64, "head_reduction": "max"},
]


BLOCK_EDGES = [
    {"heads": 64, "head_dim": 128, "block_size": 8, "clean": True},
    {"heads": 64, "head_dim": 128, "block_size": 16},
    {"heads": 32, "head_dim": 64, "block_size": 8, "out": "bf16", "clean": True},
    {"heads": 1, "head_dim": 32, "block_size": 8, "memrefs": True},
    {"heads": 33, "head_dim": 80, "block_size": 16, "input": "bf16", "out": "f16", "weights": "bf16", "clean": True},
    {"heads": 111, "head_dim": 256, "block_size": 8, "input": "f16", "k_scale": False},
    {"heads": 16, "head_dim": 64, "block_size": 8, "mx": "MXFP4"},
    {"heads": 64, "head_dim": 128, "block_size": 8, "next_n": 1, "block_kv": 64, "clean": True},
    {"heads": 64, "head_dim": 128, "block_size": 16, "next_n": 2, "block_kv": 64, "lens_per_query": True},
    {"heads": 32, "head_dim": 64, "block_size": 8, "next_n": 3, "block_kv": 16, "out": "bf16", "clean": True},
    {"heads": 33, "head_dim": 80, "block_size": 16, "next_n": 1, "block_kv": 256, "input": "bf16", "memrefs": True},
    {"heads": 16, "head_dim": 128, "block_size": 8, "rows": "?", "block_kv": 128, "clean": True},
    {"heads": 64, "head_dim": 128, "block_size": 16, "rows": "?", "block_kv": 16, "k_scale": False, "weights": "none"},
    {"heads": 64, "head_dim": 128, "block_size": 8, "rows": "?", "block_kv": 64, "mx": "MXFP4"},
    {"heads": 16, "head_dim": 128, "block_size": 16, "mx": "MXFP8", "input": "bf16"},
    {"heads": 64, "head_dim": 96, "block_size": 8, "next_n": 1, "block_kv": 64, "mx": "MXFP8", "clean": True},
    {"heads": 64, "head_dim": 128, "block_size": 8, "mx_queries": "MXFP4", "mx": "MXFP4"},
    {"heads": 32, "head_dim": 64, "block_size": 16, "next_n": 2, "block_kv": 64, "mx_queries": "MXFP8", "clean": True},
    {"heads": 12, "head_dim": 128, "block_size": 8, "head_reduction": "max", "clean": True},
]


def make_block_edge(form):
    if "block_kv" in form:
        return make_paged_edge({"list": "?"} | form)
    return make_edge({"blocks": "?", "columns": "?"} | form)


def make_paged_edge(form):
    op = {"input": "f8E4M3FN", "out": "f32", "activation": "relu", "k_scale": True}
    op |= {"weights": "f32", "clean": False, "lens_per_query": False, "memrefs": False}
    op |= {"batch": "?", "columns": "?", "blocks": "?", "table": "?", "next_n": 1, "rows": None}
    return op | form


def make_edge(form):
    op = {"input": "f8E4M3FN", "out": "f32", "activation": "relu", "k_scale": True}
    op |= {"weights": "f32", "clean": False, "compressed": False, "groups": None}
    op |= {"memrefs": False, "queries": "?", "keys": "?", "columns": "?"}
    return op | form


def to_type(op, name, shape, element):
    """A tensor, or a memref with strided rows, and k_scale without rows of its
    own strided too."""
    sizes = "x".join(str(size) for size in shape + [element])
    if not op["memrefs"]:
        return f"tensor<{sizes}>"
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, "?" if "?" in (size, strides[0]) else size * strides[0])
    if len(shape) > 1 or name == "k_scale":
        strides[0] = "?"
    return f"memref<{sizes}, strided<[{', '.join(map(str, strides))}], offset: ?>>"


def list_key_blocks(op, rows, count):
    """As to_shapes, of the lists of `count` key blocks for each row; none without them."""
    if "block_size" not in op:
        return []
    return [("key_blocks", [rows, count], "i32"), ("num_key_blocks", [rows], "i32")]


def to_shapes(op):
    """Name, shape and element type of each operand; no type where it is left out."""
    shapes = list_shapes(op)
    if mx := op.get("mx_queries"):
        # Their words are for the rows of `out`.
        _, query, _ = shapes[0]
        shapes[0] = ("q", [*query[:-1], MX_KEYS[mx][0](query[-1])], MX_KEYS[mx][1])
        shapes.insert(-1, ("q_scale", [shapes[-1][1][0], op["heads"]], "i32"))
    return [to_typed(*shape) for shape in shapes] if op.get("typed") else shapes


def to_typed(name, shape, element):
    """The same with types of its own, where it is bytes of fp4 or words of block scales."""
    if element == "i8":
        return name, [*shape[:-1], 2 * shape[-1]], "f4E2M1FN"
    if name in ("k_scale", "q_scale") and element == "i32":
        return name, [*shape, 4], "f8E8M0FNU"
    return name, shape, element


def list_shapes(op):
    """Those of queries without block scales."""
    h, d, element = op["heads"], op["head_dim"], op["input"]
    mx = op.get("mx")
    k_scale = "i32" if mx else "f32" if op["k_scale"] else None
    key = (MX_KEYS[mx][0](d), MX_KEYS[mx][1]) if mx else (d, element)
    weights = op["weights"] if op["weights"] != "none" else None
    if "next_n" in op:
        b, t, c, p = op["batch"], op["next_n"], op["blocks"], op["block_kv"]
        if r := op.get("rows"):
            return [
                ("q", [r, h, d], element),
                ("k", [c, p, key[0]], key[1]),
                ("k_scale", [c, p], k_scale),
                ("weights", [r, h], weights),
                ("context_lens", [r], "i32"),
                ("block_table", [b, op["table"]], "i32"),
                ("sequence", [r], "i32"),
                *list_key_blocks(op, r, op.get("list")),
                ("out", [r, op["columns"]], op["out"]),
            ]
        rows = b if b == "?" else b * t
        return [
            ("q", [b, t, h, d], element),
            ("k", [c, p, key[0]], key[1]),
            ("k_scale", [c, p], k_scale),
            ("weights", [rows, h], weights),
            ("context_lens", [b, t] if op["lens_per_query"] else [b], "i32"),
            ("block_table", [b, op["table"]], "i32"),
            *list_key_blocks(op, rows, op.get("list")),
            ("out", [rows, op["columns"]], op["out"]),
        ]
    m, n = op["queries"], op["keys"]
    groups = [op["groups"]] if op["groups"] else []
    return [
        ("q", [m, h, d], element),
        ("k", [n, *groups, key[0]], key[1]),
        ("k_scale", [n, *groups], k_scale),
        ("weights", [m, h], weights),
        ("ks", [m], "i32"),
        ("ke", [m], "i32"),
        *list_key_blocks(op, m, op.get("blocks")),
        ("out", [m, op["columns"]], op["out"]),
    ]


def to_call(op, types):
    """The op without its result; `types` are those of operands that are there, and of out."""
    attributes = []
    if op["activation"] != "relu":
        attributes.append(f"activation = #mqa.activation<{op['activation']}>")
    if op.get("head_reduction", "sum") != "sum":
        attributes.append(f"head_reduction = #mqa.head_reduction<{op['head_reduction']}>")
    attributes += [name for name in ("clean", "compressed") if op.get(name)]
    if op.get("block_max"):
        attributes.append(f"block_max = {op['block_max']} : i64")
    if op.get("rows_per_sequence"):
        attributes.append(f"rows_per_sequence = {op['rows_per_sequence']} : i64")
    dictionary = " {" + ", ".join(attributes) + "}" if attributes else ""
    lists = ("key_blocks", "num_key_blocks")
    names = [name for name, _, _ in to_shapes(op) if name not in ("sequence", "q_scale", "out", *lists)]
    blocks = ""
    sequence = f"\n       sequence(%sequence : {types['sequence']})" if "sequence" in types else ""
    if "block_size" in op:
        blocks = f"""
       blocks(%key_blocks, %num_key_blocks : {", ".join(types[n] for n in lists)}) of {op["block_size"]}"""
    if "q_scale" in types:
        blocks += f"\n       q_scale(%q_scale : {types['q_scale']})"
    name = "mqa.paged_logits" if "next_n" in op else "mqa.logits"
    return f"""{name} ins({", ".join(f"%{n}" if n in types else "none" for n in names)} :
         {", ".join(types[n] for n in names if n in types)}){sequence}{blocks}
       outs(%out : {types["out"]}){dictionary}"""


def to_mlir(op):
    types = {name: to_type(op, name, shape, element) for name, shape, element in to_shapes(op) if element}
    out, call = types["out"], to_call(op, types)
    signature = f"func.func @logits({', '.join(f'%{n}: {t}' for n, t in types.items())})"
    if op["memrefs"]:
        return f"{signature} {{\n  {call}\n  return\n}}\n"
    return f"""{signature} -> {out} {{
  %0 = {call} -> {out}
  return %0 : {out}
}}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--edges", action="store_true")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--paged", action="store_true")
    kind.add_argument("--blocks", action="store_true")
    kind.add_argument("--topk", action="store_true")
    kind.add_argument("--merge", action="store_true")
    kind.add_argument("--fused", action="store_true")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    prefix, draw_one, make_one, forms = "", draw, make_edge, EDGES
    if options.paged:
        prefix, draw_one, make_one, forms = "paged_", draw_paged, make_paged_edge, PAGED_EDGES
    if options.blocks:
        prefix, draw_one, make_one, forms = "blocks_", draw_key_blocks, make_block_edge, BLOCK_EDGES
    if options.topk:
        prefix, draw_one, make_one, forms = "topk_", draw_topk.draw, draw_topk.make_edge, draw_topk.EDGES
    if options.merge:
        prefix, draw_one, make_one, forms = "merge_", draw_merge.draw, draw_merge.make_edge, draw_merge.EDGES
    if options.fused:
        prefix, forms = "fused_", draw_fused.EDGES
        draw_one = lambda rng: draw_fused.draw(rng, globals())  # noqa: E731
        make_one = lambda form: draw_fused.make_edge(form, globals())  # noqa: E731
    ops = [(f"{prefix}op{i:04}.mlir", draw_one(rng)) for i in range(options.count)]
    # By generators of their own: so the ops are the same but for that.
    for name, op in ops:
        draw_head_reduction(random.Random(f"{options.seed} heads of {name}"), op)
    if options.edges:
        ops = [(f"{prefix}edge{i:02}.mlir", make_one(form)) for i, form in enumerate(forms)] + ops
    lines = []
    for name, op in ops:
        if options.topk or options.merge:
            text = (draw_topk if options.topk else draw_merge).to_mlir(op, to_type)
        elif options.fused:
            text = draw_fused.to_mlir(op, globals())
        else:
            text = to_mlir(op)
        (options.dir / name).write_text(text)
        print(options.dir / name)
        schedule = None
        if name.startswith(f"{prefix}op") and not (options.topk or options.merge or options.fused):
            # By a generator of its own: so the ops are the same without schedules. Edges keep those of the compiler.
            schedule = draw_schedules.draw(random.Random(f"{options.seed} {name}"), op)
        if schedule:
            (options.dir / name).with_suffix(".schedule").write_text(schedule)
        lines.append(f"{name} " + " ".join(f"{k}={v}" for k, v in op.items()) + (f" schedule={schedule}" if schedule else ""))
    (options.dir / f"{prefix}ops.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
