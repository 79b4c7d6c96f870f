# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the functions of torch_ops.py and fused_ops.py do with a `q_scale`: queries with block scales on PyTorch tensors."""
import torch

from . import checks, plain
from . import out_library as _  # Registers the ops.
from .mx_query_launches import LOGITS, PAGED, ROWS
from .out_launches import prepare, run  # noqa: F401 (for torch_ops.py)


def _choose(sequence):
    return PAGED if sequence is None else ROWS


def _get_rows(q, shapes):
    if q.dim() not in shapes:
        checks.fail(f"q must be {' or '.join(shapes.values())}, found {q.dim()} dimensions")
    return q.shape[0] * q.shape[1] if q.dim() == 4 else q.shape[0]


def _new_out(q, rows, columns, dtype):
    return torch.empty_strided((rows, columns), (columns or 1, 1), dtype=dtype, device=q.device)


def compute_logits(tensors, max_seqlen_k, dtype, **flags):
    """mqa.logits of (q, k, k_scale, weights, ks, ke, q_scale)."""
    plain.check_tensors(LOGITS.names[:-1], tensors)
    q, k = tensors[:2]
    columns = max_seqlen_k or checks.count_columns(k.shape[0], checks.check_block_max(flags["block_max"]))
    checks.require(columns >= 0, lambda: f"max_seqlen_k must be at least 0, found {columns}")
    out = _new_out(q, _get_rows(q, {3: "M x H x D"}), columns, dtype)
    run(LOGITS, (*tensors, out), {**flags, "compressed": max_seqlen_k != 0})
    return out


def compute_paged_logits(tensors, sequence, max_context_len, dtype, **flags):
    """mqa.paged_logits of (q, k, k_scale, weights, context_lens, block_table, [sequence,] q_scale)."""
    launch = _choose(sequence)
    plain.check_tensors(launch.names[:-1], tensors)
    checks.check_rows_per_sequence(flags["rows_per_sequence"], sequence)
    checks.require(max_context_len >= 0, lambda: f"max_context_len must be at least 0, found {max_context_len}")
    q = tensors[0]
    rows = _get_rows(q, {4: "B x T x H x D"} if sequence is None else {3: "M x H x D"})
    out = _new_out(q, rows, checks.count_columns(max_context_len, checks.check_block_max(flags["block_max"])), dtype)
    run(launch, (*tensors, out), flags)
    return out


def add_paged(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale, *out):
    """(launch, tensors) of a paged cache."""
    sequences = () if sequence is None else (sequence,)
    return _choose(sequence), (q, k, k_scale, weights, context_lens, block_table, *sequences, q_scale, *out)
