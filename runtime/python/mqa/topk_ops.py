# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.topk on PyTorch tensors; topk_library.py registers it as ops. As torch_ops.py of the logits."""
import torch

from . import topk_library as _  # Registers the ops.
from .plain import check_plain, check_tensors, is_dynamo_compiling
from .topk_launches import (OPTIONS, PreparedTopk, get_options, is_plain, launch_topk, looks_plain, name_present,
                            run, run_plain)  # fmt: skip
from .topk_library import new_outputs


def topk(logits, ke, k, *, ks=None, context_lens=None, block_table=None, sequence=None, offset=None, key_blocks=None,
         num_key_blocks=None, block_size=8, block_kv=0, num_keys=None, compressed=False, tie_break="smallest", order="key",
         base="relative", force_first=0, force_last=0, return_values=False):  # fmt: skip
    """The k keys with the greatest logits of each row: `mqa.topk` (docs/MQADialect.md).

    logits is M x N float32, bfloat16 or float16; ks (None: 0) and ke M int32: row m selects of the keys
    ks[m] <= n < ke[m]. Instead of both, with ke=None, context_lens B x T or B int32 as in `paged_logits`, whose rows are
    (b, t). With `compressed`, column j of row m is key max(ks[m], 0) + j, and `num_keys` says where keys end.
    Returns indices, M x k int32, -1 behind the selected; with `return_values` also their logits, M x k float32, -inf there.

    tie_break is "smallest" or "greatest": which key is the better one of equal logits. order is "key", "score" or
    "any". base is "relative" (an index counts from the beginning of the row's range), "absolute" (it is the key) or
    "slot" (the key's place in a paged cache with blocks of `block_kv` keys, by block_table B x W int32; `sequence`, M int32,
    says which row of it is a row's, else they are in order; with `sequence`, context_lens is M int32). offset, M int32, is
    added to each index. The first `force_first` and the last `force_last` keys of a range are selected whatever their logits
    are. k is 1 to 4096. Raises as `logits` does.

    With key_blocks, M x B int32, and num_key_blocks, M int32, logits is M x (B * block_size), the columns that
    `key_block_logits` or `paged_key_block_logits` writes: column j * block_size + o of row m is key key_blocks[m, j] *
    block_size + o. The blocks of a row must ascend without repetition. A row selects from the columns whose keys are in
    its range; ranges end at `num_keys` if that is given, and with a block_table B x W at W * block_kv keys. An index is
    the column ("relative"), the key ("absolute") or the key's place in the cache ("slot").

    >>> import mqa, torch
    >>> logits, ke = torch.arange(4000.0).view(2, 2000), torch.tensor([2000, 3]).int()
    >>> indices, values = mqa.topk(logits, ke, 512, return_values=True)
    >>> indices[:, :4].tolist(), values[:, :4].tolist()
    ([[1488, 1489, 1490, 1491], [0, 1, 2, -1]], [[1488.0, 1489.0, 1490.0, 1491.0], [2000.0, 2001.0, 2002.0, -inf]])
    >>> columns, ke = torch.arange(16.0).view(1, 16), torch.tensor([19]).int()  # of keys 0 to 7 and 16 to 23
    >>> lists = {"key_blocks": torch.tensor([[0, 2]]).int(), "num_key_blocks": torch.tensor([2]).int()}
    >>> mqa.topk(columns, ke, 4, base="absolute", **lists)
    tensor([[ 7, 16, 17, 18]], dtype=torch.int32)
    """
    inputs = (logits, ks, ke, context_lens, block_table, sequence, offset)
    flags = (block_kv, compressed, tie_break, order, base, force_first, force_last, block_size)
    if not is_dynamo_compiling() and looks_plain(*inputs):
        outputs = new_outputs(logits, k, return_values)
        number = get_options(flags, num_keys)
        if key_blocks is None and num_key_blocks is None and run_plain(number, *inputs, *outputs):
            return outputs if return_values else outputs[0]
        tensors = (*inputs, *outputs, key_blocks, num_key_blocks)
        if is_plain(tensors):
            launch_topk(number, tensors, num_keys, flags)
            return outputs if return_values else outputs[0]
    check_tensors(*name_present((*inputs, None, None, key_blocks, num_key_blocks)))
    op = torch.ops.mqa.topk_values if return_values else torch.ops.mqa.topk
    return op(logits, ke, k, ks=ks, context_lens=context_lens, block_table=block_table, sequence=sequence, offset=offset,
              key_blocks=key_blocks, num_key_blocks=num_key_blocks, num_keys=num_keys,
              **dict(zip(OPTIONS, flags)))  # fmt: skip


def _run_op(tensors, num_keys, flags):
    """torch.ops.mqa.topk_out, by tensors in the order of plain.TOPK_OF_BLOCKS."""
    logits, ks, ke, context_lens, block_table, sequence, offset, indices, values, key_blocks, num_key_blocks = tensors
    torch.ops.mqa.topk_out(logits, ke, indices, values, ks=ks, context_lens=context_lens, block_table=block_table,
                           sequence=sequence, offset=offset, key_blocks=key_blocks, num_key_blocks=num_key_blocks,
                           num_keys=num_keys, **dict(zip(OPTIONS, flags)))  # fmt: skip


def topk_out(logits, ke, indices, values=None, *, ks=None, context_lens=None, block_table=None, sequence=None, offset=None,
             key_blocks=None, num_key_blocks=None, block_size=8, block_kv=0, num_keys=None, compressed=False,
             tie_break="smallest", order="key", base="relative", force_first=0, force_last=0):  # fmt: skip
    """As `topk`, into `indices` (M x k int32) and `values` (M x k float32, or None), whose rows may be strided.

    Raises as `logits` does.

    >>> import mqa, torch
    >>> logits, ke = torch.arange(2000.0).view(1, 2000), torch.tensor([2000]).int()
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> mqa.topk_out(logits, ke, indices)
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    own = (logits, ks, ke, context_lens, block_table, sequence, offset, indices, values)
    flags = (block_kv, compressed, tie_break, order, base, force_first, force_last, block_size)
    if not is_dynamo_compiling():
        number = get_options(flags, num_keys)
        if key_blocks is None and num_key_blocks is None and run(number, *own):
            return
    tensors = (*own, key_blocks, num_key_blocks)
    if not is_dynamo_compiling() and is_plain(tensors):
        launch_topk(number, tensors, num_keys, flags)
        return
    check_tensors(*name_present(tensors))
    _run_op(tensors, num_keys, flags)


def prepare_topk(logits, ke, indices, values=None, *, ks=None, context_lens=None, block_table=None, sequence=None,
                 offset=None, key_blocks=None, num_key_blocks=None, block_size=8, block_kv=0, num_keys=None,
                 compressed=False, tie_break="smallest", order="key", base="relative", force_first=0,
                 force_last=0):  # fmt: skip
    """`topk_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> logits, ke = torch.arange(2000.0).view(1, 2000), torch.tensor([2000]).int()
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> launch = mqa.prepare_topk(logits, ke, indices)
    >>> launch()
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    tensors = (logits, ks, ke, context_lens, block_table, sequence, offset, indices, values, key_blocks, num_key_blocks)
    check_plain("mqa.prepare_topk", *name_present(tensors))
    flags = (block_kv, compressed, tie_break, order, base, force_first, force_last, block_size)
    return PreparedTopk(_run_op, tensors, num_keys, flags)
