"""Draws random mqa.topk ops for draw_ops.py: types, k, order, base, tie_break, forms of ranges, layouts, columns of key
blocks."""
import random

# What edge cases run on: each k of the planted logits, in some form each.
EDGES = [
    {"k": 1},
    {"k": 512, "values": True, "order": "score"},
    {"k": 2048, "ks": True, "values": True},
    {"k": 4096, "tie_break": "greatest", "order": "any"},
    {"k": 2048, "input": "bf16", "ks": True, "compressed": True, "num_keys": True, "base": "absolute", "values": True},
    {"k": 17, "input": "f16", "force_first": 3, "force_last": 5, "order": "score", "values": True, "offset": True},
    {"k": 512, "ranges": "lens", "next_n": 2, "base": "slot", "block_kv": 64},
    {"k": 64, "ranges": "lens_per_query", "next_n": 3, "base": "slot", "block_kv": 16, "order": "any", "values": True},
    {"k": 100, "base": "slot", "block_kv": 32, "sequence": True, "memrefs": True, "tie_break": "greatest"},
    {"k": 33, "ranges": "lens", "base": "slot", "block_kv": 16, "sequence": True, "values": True},
    {"k": 512, "block_size": 8, "blocks": "?", "ks": True, "num_keys": True, "base": "absolute", "values": True},
    {"k": 64, "block_size": 16, "blocks": "?", "ranges": "lens_per_query", "next_n": 2, "base": "slot", "block_kv": 64},
]


def make_edge(form):
    op = {"k": 2048, "input": "f32", "ranges": "ke", "ks": False, "compressed": False, "num_keys": False}
    op |= {"tie_break": "smallest", "order": "key", "base": "relative", "force_first": 0, "force_last": 0}
    op |= {"block_kv": 0, "next_n": 0, "sequence": False, "offset": False, "values": False, "memrefs": False}
    op |= {"queries": "?", "columns": "?", "batch": "?", "table": "?"}
    return op | form


def draw_blocks(op):
    """Makes the columns of some ops those of key blocks. By a generator of its own: so other ops stay as they are."""
    rng = random.Random(repr(op))
    if op["compressed"] or rng.random() < 0.5:
        return op
    op |= {"block_size": rng.choice([8, 16]), "blocks": "?", "num_keys": op["base"] != "slot" and rng.random() < 0.6}
    if op["columns"] != "?":
        op["blocks"] = rng.randint(1, 600)
        op["columns"] = op["blocks"] * op["block_size"]
    # Lengths may go with a table, whatever an index counts from.
    if op["ranges"] != "ke" and not op["block_kv"] and rng.random() < 0.5:
        op["block_kv"] = rng.choice([16, 64])
        op["table"] = "?" if op["batch"] == "?" else rng.randint(1, 600)
    return op


def draw(rng):
    k = rng.choice([1, 2, 3, 17, 64, 512, 1024, 2048, 4096, rng.randint(1, 4096)])
    op = make_edge({"k": k, "input": rng.choice(["f32", "f32", "bf16", "f16"])})
    op["order"] = rng.choice(["key", "score", "any"])
    op["tie_break"] = rng.choice(["smallest", "greatest"])
    op["values"] = rng.random() < 0.5
    op["offset"] = rng.random() < 0.3
    op["memrefs"] = rng.random() < 0.2
    if rng.random() < 0.3:
        op["force_first"] = rng.randint(0, k)
        op["force_last"] = rng.randint(0, min(k - op["force_first"], 200))
    op["ranges"] = rng.choice(["ke", "ke", "lens", "lens_per_query"])
    op["base"] = rng.choice(["relative", "absolute", "slot"])
    if op["ranges"] == "ke":
        op["ks"] = op["base"] != "slot" and rng.random() < 0.7
        op["compressed"] = rng.random() < 0.3
        op["num_keys"] = op["compressed"] and rng.random() < 0.5
    if op["base"] == "slot":
        op["block_kv"] = rng.choice([1, 16, 32, 64, 256])
        op["sequence"] = op["ranges"] != "lens_per_query" and rng.random() < 0.5
    if not op["sequence"] and (op["ranges"] != "ke" or op["base"] == "slot"):
        op["next_n"] = rng.choice([1, 1, 2, 3, 8])
    if rng.random() < 0.15:
        op["columns"] = rng.randint(1, 9000)
        op["batch"] = rng.randint(1, 20)
        op["queries"] = op["batch"] * op["next_n"] if op["next_n"] else rng.randint(1, 60)
        if op["base"] == "slot":
            op["table"] = rng.randint(1, 9000)
    return draw_blocks(op)


def to_shapes(op):
    """Name, shape and element type of each operand; no type where it is left out."""
    m, b, per_query = op["queries"], op["batch"], op["ranges"] == "lens_per_query"
    has_lens = op["ranges"] != "ke"
    return [
        ("logits", [m, op["columns"]], op["input"]),
        ("ks", [m], "i32" if op["ks"] else None),
        ("ke", [m], None if has_lens else "i32"),
        ("context_lens", [b, op["next_n"]] if per_query else [m if op["sequence"] else b], "i32" if has_lens else None),
        ("block_table", [b, op["table"]], "i32" if op["block_kv"] else None),
        ("sequence", [m], "i32" if op["sequence"] else None),
        ("offset", [m], "i32" if op["offset"] else None),
        ("key_blocks", [m, op.get("blocks")], "i32" if "block_size" in op else None),
        ("num_key_blocks", [m], "i32" if "block_size" in op else None),
        ("indices", [m, op["k"]], "i32"),
        ("values", [m, op["k"]], "f32" if op["values"] else None),
    ]


def to_mlir(op, to_type):
    """`to_type` is that of draw_ops.py."""
    types = {name: to_type(op, name, shape, element) if element else None for name, shape, element in to_shapes(op)}
    inputs, outputs = ("logits", "ks", "ke"), [name for name in ("indices", "values") if types[name]]
    lists = ("key_blocks", "num_key_blocks")
    names = [name for name, type in types.items() if type and name not in outputs]
    arguments = [f"%{n}: {types[n]}" for n in names] + ["%num_keys: index"] * op["num_keys"]
    arguments += [f"%{n}: {types[n]}" for n in outputs]
    clauses = [
        f"ins({', '.join(f'%{n}' if types[n] else 'none' for n in inputs)} :"
        f" {', '.join(types[n] for n in inputs if types[n])})"
    ]
    clauses += [f"{n}(%{n} : {types[n]})" for n in names if n not in (*inputs, *lists)]
    clauses += ["num_keys(%num_keys)"] * op["num_keys"]
    if "block_size" in op:
        operands = f"{', '.join(f'%{n}' for n in lists)} : {', '.join(types[n] for n in lists)}"
        clauses.append(f"blocks({operands}) of {op['block_size']}")
    results = ", ".join(types[n] for n in outputs)
    clauses.append(f"outs({', '.join(f'%{n}' for n in outputs)} : {results})")
    attributes = ["compressed"] * op["compressed"]
    attributes += [f"{n} = #mqa.{n}<{op[n]}>" for n in ("tie_break", "order", "base")]
    attributes += [f"{n} = {op[n]}" for n in ("force_first", "force_last", "block_kv") if op[n]]
    if op["next_n"] and op["ranges"] != "lens_per_query":
        attributes.append(f"next_n = {op['next_n']}")
    call = "mqa.topk " + "\n       ".join(clauses) + f"\n       {{{', '.join(attributes)}}}"
    signature = f"func.func @topk({', '.join(arguments)})"
    if op["memrefs"]:
        return f"{signature} {{\n  {call}\n  return\n}}\n"
    value, returned = ("%0", "%0") if len(outputs) == 1 else ("%0:2", "%0#0, %0#1")
    return f"{signature} -> ({results}) {{\n  {value} = {call} -> {results}\n  return {returned} : {results}\n}}\n"
