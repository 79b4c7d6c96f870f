# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches on PyTorch tensors that are what their memory holds (plain.py): checks and finds a kernel once, remembers it.

Below what callers use: torch_ops.py, torch_library.py and compat/deep_gemm.py.
"""
import ctypes

import torch

from . import checks, library, plain
from .runtime import LogitsArgs, PagedLogitsArgs, load_launcher


class _Plan:
    """What is the same for all launches on tensors of the same shapes, strides, dtypes and device."""

    def __init__(self, op, device, args):
        if device.type == "cuda":
            # Kernels are loaded into the context of the tensors' device.
            with torch.cuda.device(device):
                torch.cuda.current_stream()
                self.kernel = library.find(op, device.index)
            self.device_index = device.index
        else:
            self.kernel = library.find(op, torch.get_num_threads())
            self.device_index = None
        self.make_args = type(args).from_buffer_copy
        self.template = bytes(args)

    def get_stream(self):
        return None if self.device_index is None else torch._C._cuda_getCurrentRawStream(self.device_index)


# By what a plan is the same for.
_plans: dict = {}
_MAX_PLANS = 4096


def _describe(tensor):
    return None if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype, tensor.device)


def _get_plan(tensors, flags, make_plan):
    # A kernel of the CPU is loaded for a number of threads.
    threads = torch.get_num_threads() if tensors[0].device.type == "cpu" else 0
    key = (*map(_describe, tensors), *flags, threads)
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        plan = _plans[key] = make_plan(*tensors, *flags)
    return plan


# Tensors like those of a call before are launched by the runtime alone, where PyTorch (2.10 or later) has the interface
# and the module was built: this file then checks and finds kernels once. On a CPU nothing is won, and the interpreter's
# lock would be held; only tests do it there, with one number of threads.
def _make_launcher():
    module = load_launcher()
    if module is None or not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        return None
    if not hasattr(module.Launcher, "run_logits_topk"):
        return None  # A module of an earlier version of this package.
    api = torch.Tensor.__dlpack_c_exchange_api__
    try:
        return module.Launcher(torch.Tensor, api, plain.QUESTIONS, plain.make_examples())
    except TypeError:
        return None  # A module of another version of this package.


_launcher = _make_launcher()
_launches_on_cpu = False


def _is_watched(*tensors):
    return any(watches() for watches in plain.WATCHERS) or plain.find_derivative(plain.LOGITS, tensors) is not None


def _looks_plain(*tensors):
    for name, tensor in zip(plain.LOGITS, tensors):
        if type(tensor) is not torch.Tensor and not (tensor is None and name in plain.OPTIONAL):
            return False
    return not _is_watched(*tensors)


def _run(options, *tensors):
    return False


# run(options, *tensors): whether that was launched; `options` are a number for all that is not to be read off the tensors.
# run_plain: the same, of tensors that were found to be plain. looks_plain(*tensors): whether it may be asked, and memory
# be allocated for it. is_watched(*tensors): whether someone watches calls, or a derivative may be asked for.
if _launcher:
    run, run_plain = _launcher.run, _launcher.run_plain
    looks_plain, is_watched = _launcher.is_plain, _launcher.is_watched
else:
    run = run_plain = _run
    looks_plain, is_watched = _looks_plain, _is_watched


def _remember(options, tensors, plan, args, k_scale_offset):
    if not _launcher or not (tensors[0].is_cuda or _launches_on_cpu):
        return
    kernel, address = plan.kernel.address, ctypes.addressof(args)
    try:
        if isinstance(args, LogitsArgs):
            _launcher.add_logits(options, tensors, kernel, address)
        else:
            _launcher.add_paged_logits(options, tensors, kernel, address, k_scale_offset)
    except (BufferError, RuntimeError):
        pass  # What PyTorch cannot describe is launched from here each time.


def _address(tensor):
    return None if tensor is None else tensor.data_ptr()


def _make_op(q, k, k_scale, weights, out, **others):
    """The op on such tensors; `others` is what does not follow from these."""
    return library.Op(
        target=checks.get_target(q.device),
        num_heads=q.size(-2),
        head_dim=q.size(-1),
        input_type=checks.get_type("q", q.dtype),
        out_type=checks.get_type("out", out.dtype),
        weights_type="none" if weights is None else checks.get_type("weights", weights.dtype),
        has_k_scale=k_scale is not None,
        mx_keys=checks.find_mx_format(k, k_scale),
        **others,
    )


# What else a launch is known by, as bits of its options: all that is not to be read off the tensors.
NAN_AS_ZERO, _HEAD_MAX = 32, 1 << 24
_SHARE_SHIFT, _BLOCK_SHIFT = 8, 48


def get_more_options(nan_as_zero, max_multiprocessors, block_max=0, head_reduction="sum"):
    """The bits of what few launches ask for."""
    share = checks.check_share(max_multiprocessors) << _SHARE_SHIFT
    heads = 0 if library.check_head_reduction(head_reduction) == "sum" else _HEAD_MAX
    return (NAN_AS_ZERO if nan_as_zero else 0) | share | heads | checks.check_block_max(block_max) << _BLOCK_SHIFT


# The op and the arguments of a launch, but for addresses, of operands that are checked.
def describe_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast, nan_as_zero, max_multiprocessors,
                    block_max=0, head_reduction="sum"):  # fmt: skip
    checks.check_block_max(block_max, compressed)
    checks.check_logits(q, k, k_scale, weights, ks, ke, out, compressed, block_max)
    m, n, groups = q.size(0), k.size(0), k.size(1) if k.dim() == 3 else 0
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        num_groups=groups,
        clean=clean,
        compressed=compressed,
        activation=library.get_activation(relu, nan_as_zero),
        head_reduction=library.check_head_reduction(head_reduction),
        fast=fast,
        block_max=block_max,
    )
    args = LogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_stride(k_scale) if groups and k_scale is not None else 1,
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        out_stride=checks.get_stride(out),
        num_queries=m,
        num_keys=n,
        max_seqlen_k=out.size(1) if compressed else 0,
        max_multiprocessors=checks.check_share(max_multiprocessors),
    )
    return op, args


def _plan_logits(q, *others):
    op, args = describe_logits(q, *others)
    return _Plan(op, q.device, args)


def _fill_logits(tensors, flags):
    """The plan and the arguments of a launch; tensors like others before are not checked again."""
    plan = _get_plan(tensors, flags, _plan_logits)
    args = plan.make_args(plan.template)
    args.q, args.k, args.k_scale, args.weights, args.ks, args.ke, args.out = map(_address, tensors)
    return plan, args


def describe_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu, nan_as_zero, max_multiprocessors,
                   block_max=0, head_reduction="sum"):  # fmt: skip
    checks.check_block_max(block_max)
    checks.check_paged(q, k, k_scale, weights, context_lens, block_table, out)
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        clean=clean,
        activation=library.get_activation(relu, nan_as_zero),
        head_reduction=library.check_head_reduction(head_reduction),
        next_n=q.size(1),
        block_kv=k.size(1),
        lens_per_query=context_lens.dim() == 2,
        block_max=block_max,
    )
    args = PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_scale_stride(k_scale),
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        context_lens_stride=checks.get_stride(context_lens) if context_lens.dim() == 2 else 1,
        block_table_stride=checks.get_stride(block_table),
        out_stride=checks.get_stride(out),
        batch=q.size(0),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        max_context_len=out.size(1) * max(block_max, 1),
        max_multiprocessors=checks.check_share(max_multiprocessors),
    )
    return op, args


def _plan_paged(q, *others):
    op, args = describe_paged(q, *others)
    return _Plan(op, q.device, args)


def _fill_paged(tensors, flags):
    plan = _get_plan(tensors, flags, _plan_paged)
    args = plan.make_args(plan.template)
    (args.q, args.k, args.k_scale, args.weights, args.context_lens, args.block_table, args.out) = map(_address, tensors)
    return plan, args


def describe_rows(q, k, k_scale, weights, context_lens, block_table, sequence, out, clean, relu, nan_as_zero,
                  max_multiprocessors, block_max=0, head_reduction="sum", rows_per_sequence=0):  # fmt: skip
    checks.check_block_max(block_max)
    checks.check_rows_per_sequence(rows_per_sequence)
    checks.check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, out)
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        clean=clean,
        activation=library.get_activation(relu, nan_as_zero),
        head_reduction=library.check_head_reduction(head_reduction),
        next_n=1,
        block_kv=k.size(1),
        block_max=block_max,
        has_sequence=True,
        rows_per_sequence=rows_per_sequence,
    )
    args = PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_scale_stride(k_scale),
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        block_table_stride=checks.get_stride(block_table),
        out_stride=checks.get_stride(out),
        batch=block_table.size(0),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        max_context_len=out.size(1) * max(block_max, 1),
        max_multiprocessors=checks.check_share(max_multiprocessors),
        num_rows=q.size(0),
    )
    return op, args


def _plan_rows(q, *others):
    op, args = describe_rows(q, *others)
    return _Plan(op, q.device, args)


def _fill_rows(tensors, flags):
    plan = _get_plan(tensors, flags, _plan_rows)
    args = plan.make_args(plan.template)
    (args.q, args.k, args.k_scale, args.weights, args.context_lens, args.block_table, args.sequence, args.out) = map(
        _address, tensors
    )
    return plan, args


def launch_paged_rows(tensors, *flags):
    """mqa.paged_logits_out with `sequence` on plain tensors. Flags: clean, relu, nan_as_zero, max_multiprocessors,
    block_max, head_reduction, rows_per_sequence.
    """
    plan, args = _fill_rows(tensors, flags)
    plan.kernel.launch(args, plan.get_stream())


def _launch(options, tensors, plan, args, k_scale_offset=-1):
    """A launch that `run` knows from now on, by `options`."""
    plan.kernel.launch(args, plan.get_stream())
    _remember(options, tensors, plan, args, k_scale_offset)


def launch_logits(options, tensors, *flags):
    """mqa.logits_out on plain tensors unlike any before. Flags: clean, compressed, relu, fast, nan_as_zero,
    max_multiprocessors, block_max, head_reduction.
    """
    _launch(options, tensors, *_fill_logits(tensors, flags))


def launch_paged_logits(options, tensors, *flags):
    """Likewise mqa.paged_logits_out. Flags: clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction."""
    _launch(options, tensors, *_fill_paged(tensors, flags))


# Of launches on a fused cache, whose tensors mean something else than those of other launches.
FUSED_OPTION = 128


def launch_fused_paged_logits(options, tensors, *flags):
    """Likewise, with a fused cache of bytes (`split_cache`) as k and None as k_scale: `run` makes no views of it.

    Keys are float8_e4m3fn, or MXFP4 where a row of the cache has the bytes of that.
    """
    q, cache, _, *others = tensors
    k, k_scale = split_cache(cache, q.size(-1), checks.get_cache_dtype(cache, q.size(-1), torch.float8_e4m3fn))
    plan_and_args = _fill_paged((q, k, k_scale, *others), flags)
    # The scales of a block lie behind its keys.
    _launch(options, tensors, *plan_and_args, k_scale_offset=k.size(1) * k.size(2))


def split_cache(
    cache: torch.Tensor, head_dim: int, dtype: torch.dtype = torch.float8_e4m3fn, *, block_scales: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """k and k_scale as views of a fused cache of bytes, num_blocks x block_kv x (head_dim + 4), or with a 1 before the last.

    In each block the block_kv * head_dim key bytes come first, then block_kv float32 scales; blocks may be strided.
    Returns k, num_blocks x block_kv x head_dim of `dtype`, and k_scale, num_blocks x block_kv float32. With `dtype`
    uint8, int8 or float4_e2m1fn_x2, keys are MXFP4: a key has head_dim / 2 bytes, and k_scale is int32, a word of
    block scales for each key. With `block_scales` and float8_e4m3fn, keys are MXFP8, and k_scale is int32 too. Raises
    TypeError for what is no tensor, ValueError for a cache that is not uint8 or has another shape.

    >>> import mqa, torch
    >>> k, k_scale = mqa.split_cache(torch.zeros(8, 64, 1, 128 + 4, dtype=torch.uint8), head_dim=128)
    >>> k.shape, k_scale.shape
    (torch.Size([8, 64, 128]), torch.Size([8, 64]))
    >>> k, k_scale = mqa.split_cache(torch.zeros(8, 64, 1, 64 + 4, dtype=torch.uint8), head_dim=128, dtype=torch.uint8)
    >>> k.shape, k_scale.dtype
    (torch.Size([8, 64, 64]), torch.int32)
    >>> cache = torch.zeros(8, 64, 1, 128 + 4, dtype=torch.uint8)
    >>> mqa.split_cache(cache, head_dim=128, block_scales=True)[1].dtype
    torch.int32
    """
    checks.check_cache("cache", cache, head_dim, dtype)
    num_blocks, block_kv = cache.shape[:2]
    row = checks.get_key_bytes(dtype, head_dim)
    key_bytes, block_bytes = block_kv * row, block_kv * (row + 4)
    stride = cache.stride(0) if num_blocks > 1 else block_bytes
    bytes_ = cache.as_strided((num_blocks, block_bytes), (stride, 1))
    k = bytes_[:, :key_bytes].view(dtype).as_strided((num_blocks, block_kv, row), (stride, row, 1))
    has_words = block_scales or row != head_dim
    return k, bytes_[:, key_bytes:].view(torch.int32 if has_words else torch.float32)


class PreparedLaunch:
    """A launch on tensors that stay where they are, whatever they hold; called, it enqueues one.

    It keeps the tensors. Checked and encoded once, a call is little more than the driver's.
    """

    def __init__(self, op, fill, tensors, flags):
        self._op, self._fill, self._tensors, self._flags = op, fill, tensors, flags
        self._prepare()

    def _prepare(self):
        plan, args = self._fill(self._tensors, tuple(self._flags.values()))
        self._launch, self._index = plan.kernel.prepare(args), plan.device_index
        self._threads = torch.get_num_threads()

    def _is_watched(self):
        return is_watched(*self._tensors)

    def _call_op(self):
        return self._op(*self._tensors, **self._flags)

    def __call__(self) -> None:
        if plain.is_dynamo_compiling() or self._is_watched():
            return self._call_op()
        if self._index is not None:
            return self._launch.run(torch._C._cuda_getCurrentRawStream(self._index))
        if torch.get_num_threads() != self._threads:
            self._prepare()
        return self._launch.run(None)


class PreparedRows(PreparedLaunch):
    """As PreparedLaunch, of rows that name their sequences."""

    def _is_watched(self):
        # Without `sequence`, which are integers: nobody asks for a derivative by them, and `is_watched` takes 7 tensors.
        *inputs, _, out = self._tensors
        return is_watched(*inputs, out)


def prepare(name, op, names, tensors, flags):
    """`op`, mqa.logits_out or mqa.paged_logits_out, on `tensors`; `name` is the caller's."""
    plain.check_plain(name, names, tensors)
    fill = {plain.LOGITS: _fill_logits, plain.PAGED: _fill_paged, plain.PAGED_ROWS: _fill_rows}[names]
    return (PreparedRows if names is plain.PAGED_ROWS else PreparedLaunch)(op, fill, tensors, flags)
