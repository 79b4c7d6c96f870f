# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What kernels compute: ops as MLIR text, and as a kernel of a bundle describes itself. Needs no PyTorch."""
import dataclasses

from . import runtime
from .selection_checks import check_choice


def get_activation(relu, nan_as_zero=False):
    """By the name that ops have for it."""
    if not nan_as_zero:
        return "relu" if relu else "none"
    if not relu:
        raise ValueError("nan_as_zero is for logits with relu, found relu=False")
    return "relu_nan_as_zero"


def check_head_reduction(head_reduction):
    """How the heads of a query become one logit, by the name that ops have for it."""
    check_choice("head_reduction", head_reduction, runtime.HEAD_REDUCTIONS)
    return head_reduction


@dataclasses.dataclass(frozen=True)
class Op:
    """What a kernel must compute, and where. `next_n` is 0 for mqa.logits; sizes are given at launch.

    `target` is "cpu", or the capability of a GPU, such as "sm_86"; of a kernel that is there, what it was compiled for.
    """

    target: str
    num_heads: int
    head_dim: int
    input_type: str = "f8E4M3FN"
    out_type: str = "f32"
    weights_type: str = "f32"  # or "none"
    has_k_scale: bool = True
    mx_keys: str = ""  # with block scales: MXFP4 (bytes of two elements) or MXFP8
    mx_queries: str = ""  # likewise; input_type is then that of keys without block scales, and else f8E4M3FN
    num_groups: int = 0  # 0: keys have no dimension of groups
    clean: bool = False
    compressed: bool = False
    activation: str = "relu"
    head_reduction: str = "sum"
    fast: bool = False
    next_n: int = 0
    block_kv: int = 0
    lens_per_query: bool = False
    block_max: int = 0  # a column is the maximum of a block of so many keys; 0: it is a key
    key_block_size: int = 0  # with lists of key blocks: keys of a block
    has_sequence: bool = False  # rows name their sequences; next_n is 1 then
    rows_per_sequence: int = 0  # neighbouring rows of a sequence that the kernel is made for then; 0: many

    def for_target(self, target):
        """`fast` allows a sum in half precision, which sm_90a alone has."""
        fast = self.fast and target == "sm_90a" and self.head_reduction == "sum"
        return dataclasses.replace(self, target=target, fast=fast)

    def list_alternatives(self):
        """Ops whose kernels are as good: 16-bit logits leave it free to reduce in half precision."""
        may_be_fast = self.out_type != "f32" and not self.fast and self.head_reduction == "sum"
        return [dataclasses.replace(self, fast=True)] if may_be_fast else []

    @property
    def schedule(self):
        """What the compiler is asked for; None: what it takes by itself."""
        return b"fast" if self.fast else None if self.out_type != "f32" or self.next_n or self.key_block_size else b"exact"

    def list_inputs(self):
        """The names of the operands but `out`, and their types; None: it is absent."""
        h, d = self.num_heads, self.head_dim
        formats = {"": f"{d}x{self.input_type}", "MXFP4": f"{d // 2}xi8", "MXFP8": f"{d}xf8E4M3FN"}
        key, query = formats[self.mx_keys], formats[self.mx_queries]
        scale = "i32" if self.mx_keys else "f32"
        if self.next_n:
            t, p = self.next_n, self.block_kv
            lens = f"?x{t}xi32" if self.lens_per_query else "?xi32"
            q = f"?x{h}x{query}" if self.has_sequence else f"?x{t}x{h}x{query}"
            operands = [("q", q), ("k", f"?x{p}x{key}"), ("k_scale", f"?x{p}x{scale}")]
            operands += [("weights", f"?x{h}x{self.weights_type}"), ("context_lens", lens), ("block_table", "?x?xi32")]
            operands += [("sequence", "?xi32")] * self.has_sequence
        else:
            g = f"{self.num_groups}x" if self.num_groups else ""
            operands = [("q", f"?x{h}x{query}"), ("k", f"?x{g}{key}"), ("k_scale", f"?x{g}{scale}")]
            operands += [("weights", f"?x{h}x{self.weights_type}"), ("ks", "?xi32"), ("ke", "?xi32")]
        operands += [("q_scale", f"?x{h}xi32")] * bool(self.mx_queries)
        absent = {"k_scale"} if not self.has_k_scale else set()
        if self.weights_type == "none":
            absent.add("weights")
        return {name: None if name in absent else f"tensor<{type}>" for name, type in operands}

    def list_key_blocks(self):
        """Likewise of the lists of key blocks; none without them."""
        return {"key_blocks": "tensor<?x?xi32>", "num_key_blocks": "tensor<?xi32>"} if self.key_block_size else {}

    def to_mlir_op(self, out):
        """The op on values that have the names of their operands, and on %out, with type `out`."""
        inputs = self.list_inputs()
        sequence, q_scale = inputs.pop("sequence", None), inputs.pop("q_scale", None)
        clause = f" sequence(%sequence : {sequence})" if sequence else ""
        attributes = [name for name in ("clean", "compressed") if getattr(self, name)]
        if self.activation != "relu":
            attributes.append(f"activation = #mqa.activation<{self.activation}>")
        if self.head_reduction != "sum":
            attributes.append(f"head_reduction = #mqa.head_reduction<{self.head_reduction}>")
        if self.block_max:
            attributes.append(f"block_max = {self.block_max} : i64")
        if self.rows_per_sequence:
            attributes.append(f"rows_per_sequence = {self.rows_per_sequence} : i64")
        name = "mqa.paged_logits" if self.next_n else "mqa.logits"
        names = ", ".join(f"%{n}" if type else "none" for n, type in inputs.items())
        types = ", ".join(type for type in inputs.values() if type)
        lists = self.list_key_blocks()
        blocks = f" blocks({', '.join(f'%{n}' for n in lists)} : {', '.join(lists.values())}) of {self.key_block_size}"
        scales = f" q_scale(%q_scale : {q_scale})" if q_scale else ""
        return (
            f"{name} ins({names} : {types}){clause}{blocks if lists else ''}{scales} outs(%out : {out})"
            f" {{{', '.join(attributes)}}} -> {out}"
        )

    def to_mlir(self):
        """The function that consists of the op, on tensors whose sizes are dynamic."""
        out = f"tensor<?x?x{self.out_type}>"
        inputs = {**self.list_inputs(), **self.list_key_blocks()}
        arguments = ", ".join(f"%{n}: {type}" for n, type in inputs.items() if type)
        return (
            f"func.func @logits({arguments}, %out: {out}) -> {out} {{\n"
            f"  %0 = {self.to_mlir_op(out)}\n  return %0 : {out}\n}}\n"
        )


def make_function(name, arguments, lines, op, results):
    """One that ends with `op`, whose results it returns."""
    names = "%0" if len(results) == 1 else f"%0:{len(results)}"
    returned = "%0" if len(results) == 1 else ", ".join(f"%0#{i}" for i in range(len(results)))
    body = "\n".join(f"  {line}" for line in [*lines, f"{names} = {op}", f"return {returned} : {', '.join(results)}"])
    return f"func.func @{name}({', '.join(arguments)}) -> ({', '.join(results)}) {{\n{body}\n}}\n"


def _find_mx_format(info):
    if runtime.ELEMENT_TYPES[info.k_scale_type] != "i32":
        return ""
    return "MXFP4" if runtime.ELEMENT_TYPES[info.key_type] == "i8" else "MXFP8"


def _find_input_type(info):
    if not info.has_q_scale:
        return runtime.ELEMENT_TYPES[info.input_type]
    return "f8E4M3FN" if _find_mx_format(info) else runtime.ELEMENT_TYPES[info.key_type]


def describe_logits(info):
    """The op of a kernel; null if it knows sizes that are given at launch here."""
    paged = "paged" in runtime.OPS[info.op]
    sizes = [info.batch, info.num_blocks, info.max_blocks, info.max_context_len] if paged else [info.num_keys]
    if info.compressed and not paged:
        sizes.append(info.max_seqlen_k)
    if info.key_block_size:
        sizes.append(info.max_key_blocks)
    if any(size >= 0 for size in sizes + [info.num_queries]) or not (paged or info.has_ks):
        return None
    return Op(
        target=info.target.decode(),
        num_heads=info.num_heads,
        head_dim=info.head_dim,
        input_type=_find_input_type(info),
        out_type=runtime.ELEMENT_TYPES[info.logits_type],
        weights_type=runtime.ELEMENT_TYPES[info.weights_type] if info.has_weights else "none",
        has_k_scale=bool(info.has_k_scale),
        mx_keys=_find_mx_format(info),
        mx_queries=("MXFP4" if runtime.ELEMENT_TYPES[info.input_type] == "i8" else "MXFP8") if info.has_q_scale else "",
        num_groups=info.num_groups if info.num_groups > 1 else 0,
        clean=bool(info.clean),
        compressed=bool(info.compressed),
        activation=runtime.ACTIVATIONS[info.activation],
        head_reduction=runtime.HEAD_REDUCTIONS[info.head_reduction],
        fast=bool(info.fast),
        next_n=info.next_n if paged else 0,
        block_kv=info.block_kv if paged else 0,
        lens_per_query=bool(info.lens_per_query),
        block_max=info.block_max,
        key_block_size=info.key_block_size,
        has_sequence=bool(paged and info.has_sequence),
        rows_per_sequence=info.rows_per_sequence,
    )


@dataclasses.dataclass(frozen=True)
class TopkOp:
    """mqa.topk; sizes but k are given at launch.

    `lens_rank` is that of context_lens, 0 without it. `next_n` rows in order belong to a sequence; 0 where there are none.
    """

    target: str
    k: int
    input_type: str = "f32"
    compressed: bool = False
    tie_break: str = "smallest"
    order: str = "key"
    base: str = "relative"
    force_first: int = 0
    force_last: int = 0
    has_ks: bool = True
    lens_rank: int = 0
    next_n: int = 0
    block_kv: int = 0
    has_sequence: bool = False
    has_offset: bool = False
    has_values: bool = False
    has_num_keys: bool = False
    key_block_size: int = 0  # columns are those of lists of key blocks: keys of a block
    schedule = None

    def for_target(self, target):
        return dataclasses.replace(self, target=target)

    def list_alternatives(self):
        return []

    @property
    def has_table(self):
        """Slots need a block table; where the keys of blocks are in a cache, it says how many there are."""
        return self.base == "slot" or bool(self.key_block_size and self.block_kv)

    def list_operands(self):
        """The names and types of the inputs, of the other operands, and of the outputs; None: it is absent."""
        lens = {0: None, 1: "?xi32", 2: f"?x{self.next_n}xi32"}[self.lens_rank]
        inputs = {"logits": f"?x?x{self.input_type}"}
        inputs["ks"] = "?xi32" if self.has_ks else None
        inputs["ke"] = None if lens else "?xi32"
        others = {"context_lens": lens, "block_table": "?x?xi32" if self.has_table else None}
        # Without a table, nothing asks which sequence a row is of.
        others["sequence"] = "?xi32" if self.has_sequence and self.has_table else None
        others["offset"] = "?xi32" if self.has_offset else None
        outputs = {"indices": f"?x{self.k}xi32"}
        if self.has_values:
            outputs["values"] = f"?x{self.k}xf32"
        return inputs, others, outputs

    def to_mlir_op(self):
        """The op on values that have the names of their operands, and the types of its results."""
        inputs, others, outputs = self.list_operands()

        def list_types(operands):
            return [f"tensor<{type}>" for type in operands.values() if type]

        results = list_types(outputs)
        clauses = [f"ins({', '.join(f'%{n}' if t else 'none' for n, t in inputs.items())} : {', '.join(list_types(inputs))})"]
        clauses += [f"{name}(%{name} : tensor<{type}>)" for name, type in others.items() if type]
        clauses += ["num_keys(%num_keys)"] * self.has_num_keys
        if self.key_block_size:
            types = "tensor<?x?xi32>, tensor<?xi32>"
            clauses.append(f"blocks(%key_blocks, %num_key_blocks : {types}) of {self.key_block_size}")
        clauses.append(f"outs({', '.join(f'%{n}' for n in outputs)} : {', '.join(results)})")
        attributes = ["compressed"] * self.compressed
        attributes += [f"{name} = #mqa.{name}<{getattr(self, name)}>" for name in ("tie_break", "order", "base")]
        attributes += [f"{name} = {getattr(self, name)}" for name in ("force_first", "force_last")]
        if self.has_table:
            attributes.append(f"block_kv = {self.block_kv}")
        if self.next_n and self.lens_rank != 2 and not others["sequence"]:
            attributes.append(f"next_n = {self.next_n}")
        return f"mqa.topk {' '.join(clauses)} {{{', '.join(attributes)}}} -> {', '.join(results)}", results

    def to_mlir(self):
        """The function that consists of the op, on tensors whose sizes are dynamic but for k."""
        inputs, others, outputs = self.list_operands()
        if self.key_block_size:
            others |= {"key_blocks": "?x?xi32", "num_key_blocks": "?xi32"}
        arguments = [f"%{n}: tensor<{t}>" for n, t in {**inputs, **others}.items() if t]
        arguments += ["%num_keys: index"] * self.has_num_keys + [f"%{n}: tensor<{t}>" for n, t in outputs.items()]
        return make_function("topk", arguments, [], *self.to_mlir_op())


def describe_topk(info):
    sizes = [info.num_queries, info.max_seqlen_k if info.compressed else info.num_keys]
    if info.next_n:
        sizes.append(info.batch)
    if info.block_kv:
        sizes += [info.num_sequences, info.max_blocks]
    if info.key_block_size:
        sizes.append(info.max_key_blocks)
    if any(size >= 0 for size in sizes):
        return None
    return TopkOp(
        target=info.target.decode(),
        k=info.k,
        input_type=runtime.ELEMENT_TYPES[info.logits_type],
        compressed=bool(info.compressed),
        tie_break=runtime.TIE_BREAKS[info.tie_break],
        order=runtime.ORDERS[info.order],
        base=runtime.BASES[info.base],
        force_first=info.force_first,
        force_last=info.force_last,
        has_ks=bool(info.has_ks),
        lens_rank=0 if not info.has_context_lens else 2 if info.lens_per_query else 1,
        next_n=info.next_n,
        block_kv=info.block_kv,
        has_sequence=bool(info.has_sequence),
        has_offset=bool(info.has_offset),
        has_values=bool(info.has_values),
        has_num_keys=bool(info.has_num_keys),
        key_block_size=info.key_block_size,
    )


@dataclasses.dataclass(frozen=True)
class MergeTopkOp:
    """mqa.merge_topk; sizes but k are given at launch."""

    target: str
    k: int
    tie_break: str = "smallest"
    order: str = "key"
    base: str = "relative"
    has_ks: bool = True
    has_values: bool = False
    schedule = None

    def for_target(self, target):
        return dataclasses.replace(self, target=target)

    def list_alternatives(self):
        return []

    def to_mlir(self):
        """The function that consists of the op, on tensors whose sizes are dynamic but for k."""
        k = self.k
        types = {"list_indices": f"tensor<?x?x{k}xi32>", "list_values": f"tensor<?x?x{k}xf32>"}
        if self.has_ks:
            types["ks"] = "tensor<?xi32>"
        types["ke"] = "tensor<?xi32>"
        outputs = {"indices": f"tensor<?x{k}xi32>"}
        if self.has_values:
            outputs["values"] = f"tensor<?x{k}xf32>"
        inputs = ", ".join(f"%{n}" if n in types else "none" for n in ("list_indices", "list_values", "ks", "ke"))
        results, size = ", ".join(outputs.values()), len(outputs)
        attributes = ", ".join(f"{name} = #mqa.{name}<{getattr(self, name)}>" for name in ("tie_break", "order", "base"))
        return (
            f"func.func @merge_topk({', '.join(f'%{n}: {t}' for n, t in {**types, **outputs}.items())}) -> ({results}) {{\n"
            f"  {'%0' if size == 1 else '%0:2'} = mqa.merge_topk ins({inputs} : {', '.join(types.values())})"
            f" outs({', '.join(f'%{n}' for n in outputs)} : {results}) {{{attributes}}} -> {results}\n"
            f"  return {'%0' if size == 1 else '%0#0, %0#1'} : {results}\n}}\n"
        )


def _describe_merge(info):
    if info.num_queries >= 0 or info.num_lists >= 0:
        return None
    return MergeTopkOp(
        target=info.target.decode(),
        k=info.k,
        tie_break=runtime.TIE_BREAKS[info.tie_break],
        order=runtime.ORDERS[info.order],
        base=runtime.BASES[info.base],
        has_ks=bool(info.has_ks),
        has_values=bool(info.has_values),
    )


_DESCRIBE = {"mqa.topk": describe_topk, "mqa.merge_topk": _describe_merge}


def describe(info):
    """The op of a kernel; None if it knows sizes that are given at launch here."""
    return _DESCRIBE.get(runtime.OPS[info.op], describe_logits)(info)
