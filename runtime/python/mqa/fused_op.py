# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits and the best keys by them in one call, as MLIR text and as a kernel of a bundle describes itself. As ops.py."""
import dataclasses

from . import ops, runtime
from .ops import Op, TopkOp, make_function


@dataclasses.dataclass(frozen=True)
class FusedOp:
    """`logits` neither clean nor compressed, whose ranges are those of `selection`, and which it alone reads."""

    logits: Op
    selection: TopkOp

    @property
    def target(self):
        return self.logits.target

    @property
    def schedule(self):
        return self.logits.schedule

    def for_target(self, target):
        return FusedOp(self.logits.for_target(target), self.selection.for_target(target))

    def list_alternatives(self):
        return [FusedOp(logits, self.selection) for logits in self.logits.list_alternatives()]

    def to_mlir(self):
        """The function that consists of both ops. The number of keys is that of k; of a paged cache it is an argument."""
        logits, selection = self.logits, self.selection
        out = f"tensor<?x?x{logits.out_type}>"
        inputs = {name: type for name, type in logits.list_inputs().items() if type} | logits.list_key_blocks()
        _, others, outputs = selection.list_operands()
        more = {name: f"tensor<{type}>" for name, type in {**others, **outputs}.items() if type and name not in inputs}
        lines = ["%c0 = arith.constant 0 : index", f"%rows = tensor.dim %q, %c0 : {inputs['q']}"]
        rows, columns = "%rows", "%num_keys"
        if logits.next_n and not logits.has_sequence:
            lines += [f"%next_n = arith.constant {logits.next_n} : index", "%all = arith.muli %rows, %next_n : index"]
            rows = "%all"
        if not logits.next_n:
            lines.append(f"%num_keys = tensor.dim %k, %c0 : {inputs['k']}")
        if logits.key_block_size:
            # The columns of blocks do not say how many keys there are.
            selection = dataclasses.replace(selection, has_num_keys=not logits.next_n)
            lines += ["%c1 = arith.constant 1 : index", f"%size = arith.constant {logits.key_block_size} : index"]
            lines.append(f"%blocks = tensor.dim %key_blocks, %c1 : {inputs['key_blocks']}")
            lines.append("%columns = arith.muli %blocks, %size : index")
            columns = "%columns"
        lines += [f"%out = tensor.empty({rows}, {columns}) : {out}", f"%logits = {logits.to_mlir_op(out)}"]
        arguments = [f"%{name}: {type}" for name, type in {**inputs, **more}.items()]
        arguments += ["%num_keys: index"] * bool(logits.next_n and not logits.key_block_size)
        return make_function("topk", arguments, lines, *selection.to_mlir_op())


_FUSED = ("mqa.logits_topk", "mqa.paged_logits_topk")


def describe(info):
    """The op of a kernel; None if it knows sizes that are given at launch here."""
    if runtime.OPS[info.op] not in _FUSED:
        return ops.describe(info)
    logits, selection = ops.describe_logits(info), ops.describe_topk(info)
    return FusedOp(logits, selection) if logits and selection else None
