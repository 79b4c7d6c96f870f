#!/usr/bin/env python3
"""Writes seeded random mqa.logits ops, one MLIR file each.

    draw_ops.py DIR --count=N --seed=S

The surface is that of the op: heads, head dim, element types of q and k and of
the logits, activation, clean or not, static or dynamic sizes. DIR/ops.txt lists
the files with what was drawn. The same seed gives the same files.
"""
import argparse
import pathlib
import random

INPUTS = ["f8E4M3FN", "f8E5M2", "bf16", "f16"]
OUTS = ["f32", "bf16", "f16"]


def draw(rng):
    op = {
        "heads": rng.choice([1, 2, 4, 8, 16, 32, 64, 128, rng.randint(1, 128)]),
        "head_dim": rng.choice([32, 64, 128, 16 * rng.randint(1, 16)]),
        "input": rng.choice(INPUTS),
        "out": rng.choice(OUTS),
        "activation": rng.choice(["relu", "relu", "none"]),
        "k_scale": rng.random() < 0.85,
        "weights": rng.choice(["f32", "f32", "f32", "bf16", "none"]),
        "clean": rng.random() < 0.5,
        "queries": "?",
        "keys": "?",
    }
    if rng.random() < 0.2:
        op["queries"] = rng.randint(1, 100)
        op["keys"] = rng.randint(1, 1000)
    return op


def to_mlir(op):
    m, n, h, d = op["queries"], op["keys"], op["heads"], op["head_dim"]
    operands = [
        ("q", f"tensor<{m}x{h}x{d}x{op['input']}>"),
        ("k", f"tensor<{n}x{d}x{op['input']}>"),
        ("k_scale", f"tensor<{n}xf32>" if op["k_scale"] else None),
        ("weights", f"tensor<{m}x{h}x{op['weights']}>" if op["weights"] != "none" else None),
        ("ks", f"tensor<{m}xi32>"),
        ("ke", f"tensor<{m}xi32>"),
        ("out", f"tensor<{m}x{n}x{op['out']}>"),
    ]
    out = operands[-1][1]
    inputs = operands[:-1]
    arguments = [(name, type) for name, type in operands if type]
    attributes = []
    if op["activation"] != "relu":
        attributes.append(f"activation = #mqa.activation<{op['activation']}>")
    if op["clean"]:
        attributes.append("clean")
    dictionary = " {" + ", ".join(attributes) + "}" if attributes else ""
    return f"""func.func @logits({", ".join(f"%{n}: {t}" for n, t in arguments)}) -> {out} {{
  %0 = mqa.logits ins({", ".join(f"%{n}" if t else "none" for n, t in inputs)} :
         {", ".join(t for _, t in inputs if t)})
       outs(%out : {out}){dictionary} -> {out}
  return %0 : {out}
}}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    lines = []
    for i in range(options.count):
        op = draw(rng)
        name = f"op{i:04}.mlir"
        (options.dir / name).write_text(to_mlir(op))
        lines.append(f"{name} " + " ".join(f"{k}={v}" for k, v in op.items()))
    (options.dir / "ops.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
