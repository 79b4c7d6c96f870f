# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many ways to write the logits in linalg, for test/Conversion/raise-styles.test.

usage: raise_styles.py functions OPTION   the functions that want this option of mqa-raise ("none": no option)
       raise_styles.py heads NUMBER       a function that adds as many heads, one after the other
       raise_styles.py check OPTION FILE  compares what mqa-raise made of them with the table of style_table.py
       raise_styles.py main               a main that calls each function and what was raised of it, `<name>_raised`, and prints
                                          how many logits differ

All numbers are small integers, so all sums are exact in any order.
"""

import re
import sys

import logits_styles  # noqa: F401 (fills the table)
import mask_styles  # noqa: F401
from logits_body import ARGUMENTS, MAXIMUM, SIZES, Body, tensor
from style_table import STYLES


def print_functions(option):
    for name, (function, _, wanted) in STYLES.items():
        if wanted != option:
            continue
        b = Body()
        result = function(b)
        arguments = ", ".join(f"%{n}: {tensor(*t)}" for n, t in ARGUMENTS.items())
        print(f"func.func @{name}({arguments}) -> {tensor('m n', 'f32')} attributes {{no_inline}} {{")
        print("  %zero = arith.constant 0.0 : f32\n  %ninf = arith.constant 0xFF800000 : f32")
        print("  " + "\n  ".join(b.lines) + f"\n  return {result} : {tensor('m n', 'f32')}\n}}")


def print_heads(number):
    SIZES["h"] = number
    b = Body()
    b.lines += ["%zero = arith.constant 0.0 : f32"]
    total = b.zeros("m n")
    for head in range(number):
        wide = b.add(
            f"tensor.extract_slice %q[0, {head}, 0] [4, 1, 16] [1, 1, 1] : {tensor('m h d', 'bf16')} to tensor<4x1x16xbf16>"
        )
        q = b.add(f"tensor.collapse_shape {wide} [[0, 1], [2]] : tensor<4x1x16xbf16> into tensor<4x16xbf16>")
        score = b.generic(
            "m n d",
            [(q, "m d", "bf16"), ("%k", "n d", "bf16")],
            ("m n", "f32"),
            [
                "%x = arith.extf %a : bf16 to f32",
                "%y = arith.extf %b : bf16 to f32",
                "%p = arith.mulf %x, %y : f32",
                "%t = arith.addf %o, %p : f32",
            ],
            b.zeros("m n"),
        )
        relu = b.generic("m n", [(score, "m n", "f32")], ("m n", "f32"), [MAXIMUM])
        total = b.generic(
            "m n", [(total, "m n", "f32"), (relu, "m n", "f32")], ("m n", "f32"), ["%r = arith.addf %a, %b : f32"]
        )
    print(f"func.func @heads(%q: {tensor('m h d', 'bf16')}, %k: {tensor('n d', 'bf16')}) -> {tensor('m n', 'f32')} {{")
    print("  " + "\n  ".join(b.lines) + f"\n  return {total} : {tensor('m n', 'f32')}\n}}")


def check(option, path):
    """What mqa-raise made of each function of the option; prints what differs from the table."""
    with open(path, encoding="utf-8") as file:
        bodies = dict(re.findall(r"func\.func @(\w+)\((.*?)\n  }", file.read(), re.S))
    wrong = 0
    for name, (_, expected, wanted) in STYLES.items():
        if wanted != option:
            continue
        first, *rest = bodies.pop(name).split("mqa.logits ")
        found = "alone" if not rest else "whole" if len(rest) == 1 and "linalg." not in rest[0] else "inner"
        if found != expected:
            print(f"{name}: expected {expected}, found {found}")
            wrong += 1
    print(f"{wrong} differ, {len(bodies)} unknown")


def dense(numbers, shape):
    """`numbers` (a function of the indices) as text of a constant."""

    def at(indices):
        if len(indices) == len(shape):
            return str(numbers(*indices))
        return "[" + ", ".join(at([*indices, i]) for i in range(shape[len(indices)])) + "]"

    return f"dense<{at([])}>"


def print_main():
    def number(modulus, half):
        return lambda i, j, k=0: float((5 * i + 3 * j + k * k) % modulus - half)

    values = {
        "q": number(7, 3),
        "k": number(11, 4),
        "s": lambda n: float(n % 4 + 1),
        "qs": lambda m, h: float(m + h + 1),
        "w": number(5, 1),
        "ks": lambda m: [0, 2, -3, 4][m],
        "ke": lambda m: [6, 5, 3, 4][m],
        "long": lambda m: [6, 5, 1 << 40, -(1 << 40)][m],
    }
    type_of = tensor("m n", "f32")
    print("func.func @main() {")
    for name, (dims, element) in ARGUMENTS.items():
        shape = [SIZES[d] for d in dims.split()]
        numbers = values.get(name) or values[name[0]]
        print(f"  %{name} = arith.constant {dense(numbers, shape)} : {tensor(dims, element)}")
    arguments = ", ".join(f"%{n}" for n in ARGUMENTS)
    types = ", ".join(tensor(*t) for t in ARGUMENTS.values())
    for name in STYLES:
        print(f"  %{name} = call @{name}({arguments}) : ({types}) -> {type_of}")
        print(f"  %{name}_raised = call @{name}_raised({arguments}) : ({types}) -> {type_of}")
        print(f'  vector.print str "{name}: "')
        print(f"  call @compare(%{name}, %{name}_raised) : ({type_of}, {type_of}) -> ()")
    print("  return\n}")
    b = Body()
    init = b.add("tensor.empty() : tensor<i32>")
    zero = b.add(f"linalg.fill ins(%none : i32) outs({init} : tensor<i32>) -> tensor<i32>")
    print(f"""func.func @compare(%x: {type_of}, %y: {type_of}) attributes {{no_inline}} {{
  %none = arith.constant 0 : i32
  {chr(10).join(b.lines)}
  %count = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> ()>],
                          iterator_types = ["reduction", "reduction"]}}
      ins(%x, %y : {type_of}, {type_of}) outs({zero} : tensor<i32>) {{
  ^bb0(%a: f32, %b: f32, %sum: i32):
    %differ = arith.cmpf une, %a, %b : f32
    %one = arith.extui %differ : i1 to i32
    %r = arith.addi %sum, %one : i32
    linalg.yield %r : i32
  }} -> tensor<i32>
  %n = tensor.extract %count[] : tensor<i32>
  vector.print %n : i32
  return
}}""")


def main():
    command, *rest = sys.argv[1:]
    if command == "functions":
        print_functions(rest[0])
    elif command == "heads":
        print_heads(int(rest[0]))
    elif command == "check":
        check(*rest)
    else:
        print_main()


if __name__ == "__main__":
    main()
