"""Draws random mqa.merge_topk ops for draw_ops.py: k, order, base, tie_break, static sizes, layouts."""

# What edge cases run on: each k of the planted logits, in some form each.
EDGES = [
    {"k": 1, "order": "score", "values": True},
    {"k": 512, "values": True, "order": "score", "tie_break": "greatest", "base": "absolute"},
    {"k": 2048, "ks": True, "values": True},
    {"k": 4096, "tie_break": "greatest", "order": "any"},
    {"k": 4096, "ks": True, "order": "score", "values": True, "lists": 3},
    {"k": 100, "ks": True, "values": True, "memrefs": True, "tie_break": "greatest", "base": "absolute"},
]


def make_edge(form):
    op = {"k": 2048, "ks": False, "values": False, "tie_break": "smallest", "order": "key", "base": "relative"}
    op |= {"memrefs": False, "lists": "?", "queries": "?"}
    return op | form


def draw(rng):
    op = make_edge({"k": rng.choice([1, 2, 3, 17, 64, 512, 1024, 2048, 4096, rng.randint(1, 4096)])})
    op["order"] = rng.choice(["key", "score", "any"])
    op["tie_break"] = rng.choice(["smallest", "greatest"])
    op["base"] = rng.choice(["relative", "absolute"])
    op["ks"] = rng.random() < 0.6
    op["values"] = rng.random() < 0.7
    op["memrefs"] = rng.random() < 0.2
    if rng.random() < 0.3:
        op["lists"] = rng.choice([1, 2, 4, 8, rng.randint(1, 20)])
    if rng.random() < 0.1:
        op["queries"] = rng.randint(1, 60)
    return op


def to_mlir(op, to_type):
    """`to_type` is that of draw_ops.py."""
    m, k = op["queries"], op["k"]
    lists = [("list_indices", [op["lists"], m, k], "i32"), ("list_values", [op["lists"], m, k], "f32")]
    ranges = [("ks", [m], "i32" if op["ks"] else None), ("ke", [m], "i32")]
    results = [("indices", [m, k], "i32"), ("values", [m, k], "f32" if op["values"] else None)]
    types = {n: to_type(op, n, shape, element) for n, shape, element in lists + ranges + results if element}
    inputs, outputs = [n for n, _, _ in lists + ranges], [n for n, _, _ in results if n in types]
    returned = ", ".join(types[n] for n in outputs)
    attributes = ", ".join(f"{n} = #mqa.{n}<{op[n]}>" for n in ("tie_break", "order", "base"))
    call = (
        f"mqa.merge_topk ins({', '.join(f'%{n}' if n in types else 'none' for n in inputs)} :\n"
        f"         {', '.join(types[n] for n in inputs if n in types)})\n"
        f"       outs({', '.join(f'%{n}' for n in outputs)} : {returned})\n       {{{attributes}}}"
    )
    signature = f"func.func @merge({', '.join(f'%{n}: {type}' for n, type in types.items())})"
    if op["memrefs"]:
        return f"{signature} {{\n  {call}\n  return\n}}\n"
    value, named = ("%0", "%0") if len(outputs) == 1 else ("%0:2", "%0#0, %0#1")
    return f"{signature} -> ({returned}) {{\n  {value} = {call} -> {returned}\n  return {named} : {returned}\n}}\n"
