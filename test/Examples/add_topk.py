# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Puts a selection of the best keys behind a program of logits: python add_topk.py IN.mlir FUNCTION K > OUT.mlir

IN.mlir has a function FUNCTION from tensors to M x N logits; its last two arguments are ks and ke, the range of keys of
each query. OUT.mlir has the same, and a function FUNCTION_best with the same arguments, which gives the K best keys of
each query (M x K, i32; -1 where there are fewer). docs/frontends.md says what comes next.
"""
import re
import sys

SIGNATURE = r"func\.func (?:public )?@%s\((.*?)\)\s*->\s*\(?(tensor<([?\w]+)x[?\w]+x(?:f32|f16|bf16)>)"


def add_topk(text, function, k):
    if not k.isdigit() or int(k) < 1:
        raise ValueError(f"K must be a number from 1 on, found '{k}'")
    found = re.search(SIGNATURE % re.escape(function), text, re.DOTALL)
    if not found:
        raise ValueError(f"no function @{function} from tensors to M x N logits")
    arguments = re.findall(r"(%\w+): (tensor<[^>]*>)", found[1])
    bounds = [type for _, type in arguments[-2:]]
    if len(arguments) < 4 or not all(re.fullmatch(r"tensor<[?\w]+xi32>", type) for type in bounds):
        raise ValueError(f"the last two arguments of @{function} must be ks and ke, of i32")
    names = ", ".join(name for name, _ in arguments)
    types = ", ".join(type for _, type in arguments)
    logits, rows = found[2], found[3]
    best = f"tensor<{rows}x{k}xi32>"
    ks, ke = (name for name, _ in arguments[-2:])
    size = "" if rows != "?" else "%m"
    body = [
        f"func.func @{function}_best({', '.join(f'{name}: {type}' for name, type in arguments)}) -> {best} {{",
        f"  %logits = call @{function}({names}) : ({types}) -> {logits}",
        "  %c0 = arith.constant 0 : index",
        f"  %m = tensor.dim %logits, %c0 : {logits}",
        f"  %init = tensor.empty({size}) : {best}",
        f"  %best = mqa.topk ins(%logits, {ks}, {ke} : {logits}, {', '.join(bounds)}) outs(%init : {best}) -> {best}",
        f"  return %best : {best}",
        "}",
    ]
    # Into the module, if the text has one.
    end = text.rstrip().rfind("}") if re.search(r"^\s*(builtin\.)?module\b", text, re.MULTILINE) else len(text)
    return text[:end] + "\n".join(body) + "\n" + text[end:]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1]) as file:
            sys.stdout.write(add_topk(file.read(), sys.argv[2], sys.argv[3]))
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
