"""Draws random pairs of logits and top-k for draw_ops.py: the function `topk`, which is to become one kernel of both ops, and
`logits`, which stores the logits that it selects by."""

# What edge cases run on; those of `logits` and of `paged` are forms of draw_ops.py.
EDGES = [
    {"k": 2048, "logits": {"heads": 64, "head_dim": 128}},
    {"k": 512, "logits": {"heads": 1, "head_dim": 16}, "values": True, "order": "score"},
    {"k": 1, "logits": {"heads": 33, "head_dim": 80, "input": "bf16", "out": "bf16", "weights": "bf16"}, "values": True},
    {"k": 4096, "logits": {"heads": 4, "head_dim": 32}, "tie_break": "greatest", "order": "any"},
    {"k": 100, "logits": {"heads": 8, "head_dim": 64}, "base": "slot", "block_kv": 32, "sequence": True, "offset": True},
    {"k": 17, "logits": {"heads": 12, "head_dim": 64, "groups": 4}, "force_first": 3, "force_last": 5, "values": True},
    {"k": 2048, "paged": {"heads": 64, "head_dim": 128, "next_n": 1, "block_kv": 64}, "base": "slot"},
    {"k": 512, "paged": {"heads": 16, "head_dim": 64, "next_n": 2, "block_kv": 32, "lens_per_query": True}, "values": True},
    {"k": 64, "paged": {"heads": 5, "head_dim": 48, "next_n": 3, "block_kv": 16, "out": "f16"}, "base": "absolute"},
    {"k": 17, "paged": {"heads": 8, "head_dim": 32, "block_kv": 16, "columns": 700}, "force_last": 3, "values": True},
    {"k": 64, "paged": {"heads": 8, "head_dim": 64, "rows": "?", "block_kv": 32}, "base": "slot", "order": "score"},
    {"k": 512, "paged": {"heads": 16, "head_dim": 64, "rows": "?", "block_kv": 16, "rows_per_sequence": 2}, "values": True},
    {"k": 512, "logits": {"heads": 32, "head_dim": 128, "block_size": 8}, "base": "absolute", "values": True},
    {"k": 17, "logits": {"heads": 3, "head_dim": 32, "block_size": 16}, "force_first": 3, "force_last": 5, "order": "score"},
    {"k": 64, "paged": {"heads": 8, "head_dim": 64, "block_size": 8, "next_n": 2, "block_kv": 64}, "base": "slot"},
    {"k": 100, "paged": {"heads": 4, "head_dim": 32, "block_size": 16, "rows": "?", "block_kv": 16}, "tie_break": "greatest"},
    {"k": 512, "logits": {"heads": 16, "head_dim": 128, "head_reduction": "max"}, "values": True},
    {"k": 64, "paged": {"heads": 33, "head_dim": 128, "next_n": 2, "block_kv": 64, "head_reduction": "max"}},
]


def make_edge(form, draw_ops):
    op = {"tie_break": "smallest", "order": "key", "base": "relative", "force_first": 0, "force_last": 0}
    op |= {"block_kv": 0, "next_n": 0, "sequence": False, "offset": False, "values": False}
    make = {"logits": draw_ops["make_edge"], "paged": draw_ops["make_paged_edge"]}
    kind = "paged" if "paged" in form else "logits"
    if "block_size" in form[kind]:
        make[kind] = draw_ops["make_block_edge"]
    return op | form | {kind: make[kind](form[kind])}


def draw(rng, draw_ops):
    k = rng.choice([1, 2, 3, 17, 64, 512, 1024, 2048, 4096, rng.randint(1, 4096)])
    if rng.random() < 0.3:
        logits = draw_ops["draw_key_blocks"](rng)
        kind = "paged" if "next_n" in logits else "logits"
    else:
        kind = rng.choice(["logits", "paged"])
        logits = draw_ops["draw" if kind == "logits" else "draw_paged"](rng)
    logits["clean"] = False
    # Those are stored.
    logits.pop("block_max", None)
    if kind == "logits" and "block_size" not in logits:
        logits |= {"compressed": False, "columns": logits["keys"]}
    op = make_edge({"k": k, kind: {}}, draw_ops) | {kind: logits}
    op["order"] = rng.choice(["key", "score", "any"])
    op["tie_break"] = rng.choice(["smallest", "greatest"])
    op["base"] = rng.choice(["relative", "absolute", "slot"])
    op["values"] = rng.random() < 0.5
    op["offset"] = rng.random() < 0.3
    if rng.random() < 0.3:
        op["force_first"] = rng.randint(0, k)
        op["force_last"] = rng.randint(0, min(k - op["force_first"], 200))
    # Two kernels, of which the second one must know where rows end; with any number of columns go any number of rows.
    if logits.get("rows") and "block_size" not in logits and op["base"] != "slot":
        logits |= {"columns": "?", "rows": "?"}
    if kind == "logits" and op["base"] == "slot":
        op["block_kv"] = rng.choice([1, 16, 32, 64, 256])
        op["sequence"] = rng.random() < 0.5
        op["next_n"] = 0 if op["sequence"] else rng.choice([1, 1, 2, 3, 8])
        if op["next_n"] and logits["queries"] != "?":
            logits["queries"] = op["next_n"] * rng.randint(1, 20)
    return op


def to_mlir(op, draw_ops):
    """Both functions."""
    paged = "paged" in op
    logits = op["paged" if paged else "logits"]
    to_type = draw_ops["to_type"]
    shapes = {name: (shape, element) for name, shape, element in draw_ops["to_shapes"](logits) if element}
    rows, columns = shapes["out"][0]
    blocks = "block_size" in logits
    own_table = op["base"] == "slot" and not paged
    others = {
        "block_table": (["?", "?"], "i32" if own_table else None),
        "sequence": ([rows], "i32" if op["sequence"] else None),
        "offset": ([rows], "i32" if op["offset"] else None),
        "indices": ([rows, op["k"]], "i32"),
        "values": ([rows, op["k"]], "f32" if op["values"] else None),
    }
    types = {name: to_type(logits, name, *own) for name, own in shapes.items() if name != "out"}
    more = {name: to_type(logits, name, *own) for name, own in others.items() if own[1]}
    memrefs = logits["memrefs"]
    kind = "memref" if memrefs else "tensor"
    out = f"{kind}<{rows}x{columns}x{logits['out']}>"
    lines, sizes = [], []
    if rows == "?":
        lines += ["%c0 = arith.constant 0 : index", f"%rows = {kind}.dim %q, %c0 : {types['q']}"]
        in_order = paged and not logits.get("rows")
        if in_order:
            lines += [f"%next_n = arith.constant {logits['next_n']} : index", "%all = arith.muli %rows, %next_n : index"]
        sizes.append("%all" if in_order else "%rows")
    if not paged and (columns == "?" or blocks):
        lines += ["%first = arith.constant 0 : index", f"%keys = {kind}.dim %k, %first : {types['k']}"]
    if columns == "?" and blocks:
        lines += ["%c1 = arith.constant 1 : index", f"%size = arith.constant {logits['block_size']} : index"]
        lines.append(f"%list = {kind}.dim %key_blocks, %c1 : {types['key_blocks']}")
        lines.append("%columns = arith.muli %list, %size : index")
    if columns == "?":
        sizes.append("%columns" if blocks else "%num_keys" if paged else "%keys")
    lines.append(f"%out = {'memref.alloc' if memrefs else 'tensor.empty'}({', '.join(sizes)}) : {out}")
    call = draw_ops["to_call"](logits, {**types, "out": out})
    lines.append(call if memrefs else f"%logits = {call} -> {out}")
    lines.append(select(op, paged, logits, "%out" if memrefs else "%logits", out, {**types, **more}))
    outputs = [name for name in ("indices", "values") if name in more]
    results = ", ".join(more[name] for name in outputs)
    arguments = [f"%{name}: {type}" for name, type in {**types, **more}.items()]
    arguments += ["%num_keys: index"] * (paged and columns == "?" and not blocks)
    signature = f"func.func @topk({', '.join(arguments)})"
    if memrefs:
        lines.append("return")
    else:
        value, returned = ("%0", "%0") if len(outputs) == 1 else ("%0:2", "%0#0, %0#1")
        signature += f" -> ({results})"
        lines[-1] = f"{value} = {lines[-1]} -> {results}"
        lines.append(f"return {returned} : {results}")
    body = "\n".join(f"  {line}" for line in lines)
    return f"{signature} {{\n{body}\n}}\n" + draw_ops["to_mlir"](logits)


def select(op, paged, logits, value, out, types):
    """The mqa.topk, without its results."""
    if paged:
        clauses = [f"ins({value}, none, none : {out})", f"context_lens(%context_lens : {types['context_lens']})"]
    else:
        clauses = [f"ins({value}, %ks, %ke : {out}, {types['ks']}, {types['ke']})"]
    blocks = "block_size" in logits
    has_table = op["base"] == "slot" or (paged and blocks)
    # Without a table, nothing asks which sequence a row is of.
    used = ["block_table", "sequence"] * has_table + ["offset"]
    clauses += [f"{name}(%{name} : {types[name]})" for name in used if name in types]
    if blocks:
        clauses += ["num_keys(%keys)"] * (not paged)
        lists = f"{types['key_blocks']}, {types['num_key_blocks']}"
        clauses.append(f"blocks(%key_blocks, %num_key_blocks : {lists}) of {logits['block_size']}")
    outputs = [name for name in ("indices", "values") if name in types]
    clauses.append(f"outs({', '.join(f'%{n}' for n in outputs)} : {', '.join(types[n] for n in outputs)})")
    attributes = [f"{name} = #mqa.{name}<{op[name]}>" for name in ("tie_break", "order", "base")]
    attributes += [f"{name} = {op[name]}" for name in ("force_first", "force_last") if op[name]]
    next_n, block_kv = (logits["next_n"], logits["block_kv"]) if paged else (op["next_n"], op["block_kv"])
    # A row that names its sequence has a length of its own.
    next_n = 1 if paged and logits.get("rows") else next_n
    if has_table:
        attributes.append(f"block_kv = {block_kv}")
    in_order = not (has_table and "sequence" in types)
    if next_n and in_order and not (paged and logits["lens_per_query"] and not logits.get("rows")):
        attributes.append(f"next_n = {next_n}")
    return f"mqa.topk {' '.join(clauses)} {{{', '.join(attributes)}}}"
