# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.logits and mqa.paged_logits on PyTorch tensors; torch_library.py registers them as ops.

Tensors are used where they are, on the current stream, on CUDA devices and on the CPU. Where PyTorch must have a part in a
call (plain.py), it goes through torch.ops.mqa.
"""
import torch

from .checks import check_block_max, check_rows_per_sequence, count_columns, fail
from .launches import (get_more_options, launch_logits, launch_paged_logits, launch_paged_rows, looks_plain, prepare, run,
                       run_plain, split_cache)  # fmt: skip
from .plain import LOGITS, PAGED, PAGED_ROWS, check_tensors, is_dynamo_compiling, is_plain
from . import mx_query_ops
from . import torch_library as _  # Registers the ops.

# Below, arguments go by position and few calls are inside each other, since both are host time, of which empty_strided
# takes less than empty, and shape[0] less than size(0).


def logits(q, k, k_scale, weights, ks, ke, *, clean=False, max_seqlen_k=0, relu=True, fast=False, dtype=torch.float32,
           nan_as_zero=False, max_multiprocessors=0, block_max=0,
           q_scale=None, head_reduction="sum"):  # fmt: skip
    """Logits of M queries against N keys: `mqa.logits` (docs/MQADialect.md).

    q is M x H x D, k N x D or N x G x D of the same dtype (float8_e4m3fn, float8_e5m2, bfloat16, float16), k_scale N
    or N x G float32 or None, weights M x H float32 or bfloat16 or None, ks and ke M int32: query m sees the keys ks[m]
    <= n < ke[m]. Keys may have block scales instead: k_scale is N int32, whose byte g is the power of two (E8M0) of
    elements 32 g to 32 g + 31, or N x 4 uint8 or float8_e8m0fnu, these bytes. Such keys are MXFP4 (k N x D / 2 uint8,
    int8 or float4_e2m1fn_x2) or MXFP8 (k N x D float8_e4m3fn), and q is not float8_e5m2; D is at most 128 then. H is 1
    to 128, D a multiple of 16 up to 256. Returns M x N of `dtype` (float32, bfloat16, float16), with -inf outside of
    the ranges if `clean`, and unspecified values there otherwise. With `max_seqlen_k`, M x max_seqlen_k: a row begins
    with its range. Without `relu`, scores keep their sign. `fast` sums over the heads in half precision on a GPU of
    9.0 (error at most 1e-3). With `nan_as_zero`, a score q . k of NaN counts as 0, as in DeepGEMM; NaN in k_scale or
    weights reaches the logits in any case. The launch uses at most `max_multiprocessors` of a GPU; 0: as many as
    `mqa.runtime.set_max_multiprocessors` allows the process. With `block_max` (8, 64 or 128), returns M x J, J =
    ceil(N / block_max): column j is the greatest logit of the keys of block j that lie in the range, where blocks of
    so many keys are counted from key 0. NaN is the greatest; a block without a key of the range is outside of it.
    With `head_reduction` "max", a logit is k_scale times the greatest of the heads' weighted scores in the place of their
    sum ("sum"). NaN is the greatest, `fast` is ignored, and there is no derivative.

    With `q_scale`, M x H int32, queries have block scales: q is MXFP4 (M x H x D / 2 uint8, int8 or float4_e2m1fn_x2) or
    MXFP8 (M x H x D float8_e4m3fn), beside keys of any dtype or with block scales, but without groups. Byte g of a word is the
    power of two of elements 32 g to 32 g + 31 of a head; D is 32, 64, 96 or 128. In the place of words, `q_scale` may be
    their bytes, M x H x 4 uint8 or float8_e8m0fnu. `fast` is ignored then. (The ops are torch.ops.mqa.mx_logits_out and
    others that begin with mx_.)

    Raises TypeError for what is no tensor, ValueError for tensors that do not fit or require grad, LookupError where no
    kernel can be had, and mqa.Error where the runtime or the driver refuses.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 100]).int(), torch.tensor([300, 200]).int()
    >>> out = mqa.logits(q, k, k_scale, weights, ks, ke, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([2, 300]), tensor([  0, 200]))
    >>> blocks = mqa.logits(q, k, k_scale, weights, ks, ke, clean=True, block_max=128)
    >>> blocks.shape, bool((blocks[0, 1] == out[0, 128:256].max()).all())
    (torch.Size([2, 3]), True)
    >>> heads = [mqa.logits(q[:, h : h + 1], k, k_scale, weights[:, h : h + 1], ks, ke, clean=True) for h in range(64)]
    >>> greatest = mqa.logits(q, k, k_scale, weights, ks, ke, clean=True, head_reduction="max")
    >>> torch.allclose(greatest, torch.stack(heads).amax(0))
    True
    >>> fp4 = torch.full((2, 64, 64), 0x22, dtype=torch.uint8)  # two elements of 1 in a byte
    >>> scales = torch.tensor([127, 128, 127, 127], dtype=torch.uint8)  # 1, 2, 1, 1: of 32 elements each
    >>> q_scale = scales.view(torch.int32).expand(2, 64).contiguous()  # a word for each head
    >>> k, weights, ks, ke = torch.ones(3, 128).bfloat16(), torch.ones(2, 64), torch.zeros(2).int(), torch.tensor([3, 1]).int()
    >>> mqa.logits(fp4, k, None, weights, ks, ke, clean=True, q_scale=q_scale).tolist()
    [[10240.0, 10240.0, 10240.0], [10240.0, -inf, -inf]]
    """
    if q_scale is not None:
        mx_tensors = (q, k, k_scale, weights, ks, ke, q_scale)
        return mx_query_ops.compute_logits(mx_tensors, max_seqlen_k, dtype, clean=clean, relu=relu, nan_as_zero=nan_as_zero,
                                           max_multiprocessors=max_multiprocessors, block_max=block_max,
                                           head_reduction=head_reduction)  # fmt: skip
    if not is_dynamo_compiling() and looks_plain(q, k, k_scale, weights, ks, ke):
        columns = max_seqlen_k or (count_columns(k.shape[0], check_block_max(block_max)) if block_max else k.shape[0])
        if columns < 0:
            fail(f"max_seqlen_k must be at least 0, found {columns}")
        out = torch.empty_strided((q.shape[0], columns), (columns or 1, 1), dtype=dtype, device=q.device)
        options = (1 if clean else 0) | (2 if max_seqlen_k else 0) | (4 if relu else 0) | (8 if fast else 0)
        if nan_as_zero or max_multiprocessors or block_max or head_reduction != "sum":
            options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
        if run_plain(options, q, k, k_scale, weights, ks, ke, out):
            return out
        tensors = (q, k, k_scale, weights, ks, ke, out)
        if is_plain(LOGITS, tensors):
            launch_logits(options, tensors, clean, max_seqlen_k != 0, relu, fast, nan_as_zero, max_multiprocessors,
                          block_max, head_reduction)  # fmt: skip
            return out
    check_tensors(LOGITS, (q, k, k_scale, weights, ks, ke))
    return torch.ops.mqa.logits(q, k, k_scale, weights, ks, ke, clean=clean, max_seqlen_k=max_seqlen_k, relu=relu,
                                fast=fast, dtype=dtype, nan_as_zero=nan_as_zero,
                                max_multiprocessors=max_multiprocessors, block_max=block_max,
                                head_reduction=head_reduction)  # fmt: skip


def logits_out(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False,
               nan_as_zero=False, max_multiprocessors=0, block_max=0,
               q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `logits`, into `out` (M x N, M x max_seqlen_k when compressed, or M x J with `block_max`), whose rows may be strided.

    `out` is float32, bfloat16 or float16. Without `clean`, elements outside of the ranges are not touched. Raises as
    `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 100]).int(), torch.tensor([300, 200]).int()
    >>> out = torch.full((2, 300), -1.0)
    >>> mqa.logits_out(q, k, k_scale, weights, ks, ke, out)
    >>> (out == -1).sum(1)
    tensor([  0, 200])
    """
    if q_scale is not None:
        mx_flags = {"clean": clean, "compressed": compressed, "relu": relu, "nan_as_zero": nan_as_zero,
                    "max_multiprocessors": max_multiprocessors, "block_max": block_max,
                    "head_reduction": head_reduction}  # fmt: skip
        mx_tensors = (q, k, k_scale, weights, ks, ke, q_scale, out)
        mx_query_ops.run(mx_query_ops.LOGITS, mx_tensors, mx_flags)
        return
    if not is_dynamo_compiling():
        options = (1 if clean else 0) | (2 if compressed else 0) | (4 if relu else 0) | (8 if fast else 0)
        if nan_as_zero or max_multiprocessors or block_max or head_reduction != "sum":
            options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
        if run(options, q, k, k_scale, weights, ks, ke, out):
            return
        tensors = (q, k, k_scale, weights, ks, ke, out)
        if is_plain(LOGITS, tensors):
            launch_logits(options, tensors, clean, compressed, relu, fast, nan_as_zero, max_multiprocessors,
                          block_max, head_reduction)  # fmt: skip
            return
    check_tensors(LOGITS, (q, k, k_scale, weights, ks, ke, out))
    torch.ops.mqa.logits_out(q, k, k_scale, weights, ks, ke, out, clean=clean, compressed=compressed, relu=relu,
                             fast=fast, nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors,
                             block_max=block_max, head_reduction=head_reduction)  # fmt: skip


def prepare_logits(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False,
                   nan_as_zero=False, max_multiprocessors=0, block_max=0,
                   q_scale=None, head_reduction="sum"):  # fmt: skip
    """`logits_out` on these tensors, to be called as often as they are filled.

    The tensors stay where they are; all checks are made here. Raises as `logits` does, and ValueError for tensors without
    an address of their own.

    >>> import mqa, torch
    >>> q, weights = torch.zeros(2, 64, 128, dtype=torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.zeros(300, 128, dtype=torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke, out = torch.zeros(2).int(), torch.full((2,), 300).int(), torch.empty(2, 300)
    >>> launch = mqa.prepare_logits(q, k, k_scale, weights, ks, ke, out)
    >>> launch()
    >>> out.abs().max()
    tensor(0.)
    """
    if q_scale is not None:
        mx_flags = {"clean": clean, "compressed": compressed, "relu": relu, "nan_as_zero": nan_as_zero,
                    "max_multiprocessors": max_multiprocessors, "block_max": block_max,
                    "head_reduction": head_reduction}  # fmt: skip
        mx_tensors = (q, k, k_scale, weights, ks, ke, q_scale, out)
        return mx_query_ops.prepare("mqa.prepare_logits", mx_query_ops.LOGITS, mx_tensors, mx_flags)
    flags = {"clean": clean, "compressed": compressed, "relu": relu, "fast": fast, "nan_as_zero": nan_as_zero,
             "max_multiprocessors": max_multiprocessors, "block_max": block_max,
             "head_reduction": head_reduction}  # fmt: skip
    tensors = (q, k, k_scale, weights, ks, ke, out)
    return prepare("mqa.prepare_logits", torch.ops.mqa.logits_out, LOGITS, tensors, flags)


def _row_logits(tensors, max_context_len, clean, relu, dtype, nan_as_zero, max_multiprocessors, block_max, head_reduction,
                rows):  # fmt: skip
    """`paged_logits` with `sequence`, which is the last of the tensors."""
    if not is_dynamo_compiling() and is_plain(PAGED_ROWS[:-1], tensors):
        q = tensors[0]
        if max_context_len < 0:
            fail(f"max_context_len must be at least 0, found {max_context_len}")
        columns = count_columns(max_context_len, check_block_max(block_max))
        out = torch.empty_strided((q.shape[0], columns), (columns or 1, 1), dtype=dtype, device=q.device)
        launch_paged_rows((*tensors, out), clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction, rows)
        return out
    check_tensors(PAGED_ROWS, tensors)
    return torch.ops.mqa.paged_row_logits(*tensors, max_context_len, clean=clean, relu=relu, dtype=dtype,
                                          nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors,
                                          block_max=block_max, head_reduction=head_reduction,
                                          rows_per_sequence=rows)  # fmt: skip


def _row_logits_out(tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction, rows):
    if not is_dynamo_compiling() and is_plain(PAGED_ROWS, tensors):
        launch_paged_rows(tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction, rows)
        return
    check_tensors(PAGED_ROWS, tensors)
    torch.ops.mqa.paged_row_logits_out(*tensors, clean=clean, relu=relu, nan_as_zero=nan_as_zero,
                                       max_multiprocessors=max_multiprocessors, block_max=block_max,
                                       head_reduction=head_reduction, rows_per_sequence=rows)  # fmt: skip


def paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, sequence=None,
                 rows_per_sequence=0, clean=False, relu=True, dtype=torch.float32, nan_as_zero=False,
                 max_multiprocessors=0, block_max=0,
                 q_scale=None, head_reduction="sum"):  # fmt: skip
    """Logits of T new queries of each of B sequences against a paged cache: `mqa.paged_logits`.

    q is B x T x H x D, k num_blocks x block_kv x D, k_scale num_blocks x block_kv or None (`split_cache` gives both
    from one fused cache; keys may have block scales, as those of `logits`), weights (B * T) x H or None, context_lens
    B x T or B int32, block_table B x max_blocks int32. With `q_scale`, B x T x H int32 (M x H with `sequence`) or its bytes,
    queries have block scales, as those of `logits`. Dtypes, nan_as_zero, max_multiprocessors and head_reduction are those of
    `logits`; T is 1 to 8, block_kv a power of two from 16 to 256. Query (b, t) sees the first context_lens[b, t] keys
    of its sequence; of lengths B, query t sees context_lens[b] - T + t + 1. Returns (B * T) x max_context_len of
    `dtype`; with `block_max`, (B * T) x ceil(max_context_len / block_max) maxima as `logits` has them. Nothing is read
    on the host: a captured CUDA graph stays right when lengths, table and cache change. Raises as `logits` does.

    With `sequence`, M int32, rows name their sequences: row m has line sequence[m] of block_table, and sees the first
    context_lens[m] keys. q is M x H x D, weights M x H, context_lens M; the result is M x max_context_len. A sequence may
    have any number of rows, in any order; neighbouring rows of a sequence share the loads of its keys. So this is prefill
    against a paged cache, and decoding with other numbers of new queries in each sequence. A row of length 0 or less does
    not read its `sequence`; a row whose `sequence` is no line of the table sees no key. `rows_per_sequence`, from 1 to 8,
    says that sequences mostly have so many neighbouring rows. It changes no result: decoding gets a kernel of its own, which
    is faster there.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 1, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(8, 64, 128).to(torch.float8_e4m3fn), torch.rand(8, 64)
    >>> context_lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> out = mqa.paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len=256, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([2, 256]), tensor([156,   0]))
    >>> rows, lens, sequence = q[[0, 0, 1], 0], torch.tensor([99, 100, 7]).int(), torch.tensor([1, 1, 0]).int()
    >>> out = mqa.paged_logits(rows, k, k_scale, weights[[0, 0, 1]], lens, block_table, 256, sequence=sequence, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([3, 256]), tensor([157, 156, 249]))
    """
    if q_scale is not None:
        _, tensors = mx_query_ops.add_paged(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale)
        return mx_query_ops.compute_paged_logits(tensors, sequence, max_context_len, dtype, clean=clean, relu=relu,
                                                 nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors,
                                                 block_max=block_max, head_reduction=head_reduction,
                                                 rows_per_sequence=rows_per_sequence)  # fmt: skip
    if sequence is not None:
        tensors = (q, k, k_scale, weights, context_lens, block_table, sequence)
        return _row_logits(tensors, max_context_len, clean, relu, dtype, nan_as_zero, max_multiprocessors, block_max,
                           head_reduction, rows_per_sequence)  # fmt: skip
    if rows_per_sequence:
        check_rows_per_sequence(rows_per_sequence, sequence)
    if not is_dynamo_compiling() and looks_plain(q, k, k_scale, weights, context_lens, block_table):
        if max_context_len < 0:
            fail(f"max_context_len must be at least 0, found {max_context_len}")
        shape, columns = q.shape, max_context_len
        if block_max:
            columns = count_columns(columns, check_block_max(block_max))
        out = torch.empty_strided((shape[0] * shape[1], columns), (columns or 1, 1), dtype=dtype, device=q.device)
        options = 16 | (1 if clean else 0) | (4 if relu else 0)
        if nan_as_zero or max_multiprocessors or block_max or head_reduction != "sum":
            options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
        if run_plain(options, q, k, k_scale, weights, context_lens, block_table, out):
            return out
        tensors = (q, k, k_scale, weights, context_lens, block_table, out)
        if is_plain(PAGED, tensors):
            launch_paged_logits(options, tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max,
                                head_reduction)  # fmt: skip
            return out
    check_tensors(PAGED, (q, k, k_scale, weights, context_lens, block_table))
    return torch.ops.mqa.paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len,
                                      clean=clean, relu=relu, dtype=dtype, nan_as_zero=nan_as_zero,
                                      max_multiprocessors=max_multiprocessors, block_max=block_max,
                                      head_reduction=head_reduction)  # fmt: skip


def paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, *, sequence=None, rows_per_sequence=0,
                     clean=False, relu=True, nan_as_zero=False, max_multiprocessors=0, block_max=0,
                     q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `paged_logits`, into `out` ((B * T) x max_context_len, or R x max_context_len; x J with `block_max`), whose rows
    may be strided. Without `clean`, elements past the lengths are not touched. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 1, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(8, 64, 128).to(torch.float8_e4m3fn), torch.rand(8, 64)
    >>> context_lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> out = torch.full((2, 256), -1.0)
    >>> mqa.paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out)
    >>> (out == -1).sum(1)
    tensor([156,   0])
    """
    if q_scale is not None:
        check_rows_per_sequence(rows_per_sequence, sequence)
        mx_launch, mx_tensors = mx_query_ops.add_paged(q, k, k_scale, weights, context_lens, block_table, sequence,
                                                       q_scale, out)  # fmt: skip
        mx_flags = {"clean": clean, "relu": relu, "nan_as_zero": nan_as_zero, "max_multiprocessors": max_multiprocessors,
                    "block_max": block_max, "head_reduction": head_reduction,
                    "rows_per_sequence": rows_per_sequence}  # fmt: skip
        mx_query_ops.run(mx_launch, mx_tensors, mx_flags)
        return
    if sequence is not None:
        tensors = (q, k, k_scale, weights, context_lens, block_table, sequence, out)
        return _row_logits_out(tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction,
                               rows_per_sequence)  # fmt: skip
    if rows_per_sequence:
        check_rows_per_sequence(rows_per_sequence, sequence)
    if not is_dynamo_compiling():
        options = 16 | (1 if clean else 0) | (4 if relu else 0)
        if nan_as_zero or max_multiprocessors or block_max or head_reduction != "sum":
            options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
        if run(options, q, k, k_scale, weights, context_lens, block_table, out):
            return
        tensors = (q, k, k_scale, weights, context_lens, block_table, out)
        if is_plain(PAGED, tensors):
            launch_paged_logits(options, tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max,
                                head_reduction)  # fmt: skip
            return
    check_tensors(PAGED, (q, k, k_scale, weights, context_lens, block_table, out))
    torch.ops.mqa.paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, clean=clean, relu=relu,
                                   nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors,
                                   block_max=block_max, head_reduction=head_reduction)  # fmt: skip


def prepare_paged_logits(q, k, k_scale, weights, context_lens, block_table, out, *, sequence=None, rows_per_sequence=0,
                         clean=False, relu=True, nan_as_zero=False, max_multiprocessors=0, block_max=0,
                         q_scale=None, head_reduction="sum"):  # fmt: skip
    """`paged_logits_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.zeros(2, 1, 64, 128, dtype=torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.zeros(8, 64, 128, dtype=torch.float8_e4m3fn), torch.rand(8, 64)
    >>> context_lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> out = torch.full((2, 256), -1.0)
    >>> launch = mqa.prepare_paged_logits(q, k, k_scale, weights, context_lens, block_table, out)
    >>> launch()
    >>> (out == -1).sum(1)
    tensor([156,   0])
    """
    if q_scale is not None:
        check_rows_per_sequence(rows_per_sequence, sequence)
        mx_launch, mx_tensors = mx_query_ops.add_paged(q, k, k_scale, weights, context_lens, block_table, sequence,
                                                       q_scale, out)  # fmt: skip
        mx_flags = {"clean": clean, "relu": relu, "nan_as_zero": nan_as_zero, "max_multiprocessors": max_multiprocessors,
                    "block_max": block_max, "head_reduction": head_reduction,
                    "rows_per_sequence": rows_per_sequence}  # fmt: skip
        return mx_query_ops.prepare("mqa.prepare_paged_logits", mx_launch, mx_tensors, mx_flags)
    tensors = (q, k, k_scale, weights, context_lens, block_table, out)
    flags = {"clean": clean, "relu": relu, "nan_as_zero": nan_as_zero, "max_multiprocessors": max_multiprocessors,
             "block_max": block_max, "head_reduction": head_reduction}  # fmt: skip
    if sequence is not None:
        tensors = (q, k, k_scale, weights, context_lens, block_table, sequence, out)
        flags["rows_per_sequence"] = rows_per_sequence
        return prepare("mqa.prepare_paged_logits", torch.ops.mqa.paged_row_logits_out, PAGED_ROWS, tensors, flags)
    check_rows_per_sequence(rows_per_sequence, sequence)
    return prepare("mqa.prepare_paged_logits", torch.ops.mqa.paged_logits_out, PAGED, tensors, flags)
