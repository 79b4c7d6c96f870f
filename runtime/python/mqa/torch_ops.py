# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.logits and mqa.paged_logits on PyTorch tensors, and their registration with torch.library.

Tensors are used where they are, on the current stream, on CUDA devices and on the CPU.
"""
import ctypes

import torch

from . import checks, library
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
_plans = {}
_MAX_PLANS = 4096


def _describe(tensor):
    return None if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype, tensor.device)


def _get_plan(key, make_plan):
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        plan = _plans[key] = make_plan()
    return plan


# Tensors like those of a call before are launched by the runtime alone, where PyTorch (2.10 or later) has the interface
# and the module was built: this file then checks and finds kernels once. On a CPU nothing is won, and the interpreter's
# lock would be held.
def _make_launcher():
    module = load_launcher()
    if module is None or not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        return None
    return module.Launcher(torch.Tensor, torch.Tensor.__dlpack_c_exchange_api__)


_launcher = _make_launcher()
# run(options, *tensors): whether that was launched. `options` are a number for all that is not to be read off the tensors.
run = _launcher.run if _launcher else lambda *_: False
_launches_on_cpu = False


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


def _make_op(q, k_scale, weights, out, **others):
    """The op on such tensors; `others` is what does not follow from these."""
    return library.Op(
        target=checks.get_target(q.device),
        num_heads=q.size(-2),
        head_dim=q.size(-1),
        input_type=checks.get_type("q", q.dtype, ("f8E4M3FN", "f8E5M2", "bf16", "f16")),
        out_type=checks.get_type("out", out.dtype, ("f32", "bf16", "f16")),
        weights_type="none" if weights is None else checks.get_type("weights", weights.dtype, ("f32", "bf16")),
        has_k_scale=k_scale is not None,
        **others,
    )


def _plan_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast):
    checks.check_logits(q, k, k_scale, weights, ks, ke, out)
    m, n, groups = q.size(0), k.size(0), k.size(1) if k.dim() == 3 else 0
    checks.check_shape("out", out, (m, None) if compressed else (m, n))
    op = _make_op(
        q, k_scale, weights, out, num_groups=groups, clean=clean, compressed=compressed, relu=relu, fast=fast
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
    )
    return _Plan(op, q.device, args)


def _fill_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast):
    """The plan and the arguments of a launch; tensors like others before are not checked again."""
    tensors = (q, k, k_scale, weights, ks, ke, out)
    key = (*map(_describe, tensors), clean, compressed, relu, fast)
    plan = _get_plan(key, lambda: _plan_logits(*tensors, clean, compressed, relu, fast))
    args = plan.make_args(plan.template)
    args.q, args.k, args.k_scale, args.weights, args.ks, args.ke, args.out = map(_address, tensors)
    return plan, args


def logits_out(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False):
    """As `logits`, into `out` (M x N, or M x max_seqlen_k when compressed), whose rows may be strided.

    Without `clean`, elements outside of the ranges are not touched.
    """
    _enqueue_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast)


# Arguments by position and few calls inside each other: both are host time.
def _enqueue_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast):
    options = (1 if clean else 0) | (2 if compressed else 0) | (4 if relu else 0) | (8 if fast else 0)
    if not run(options, q, k, k_scale, weights, ks, ke, out):
        launch_logits(options, (q, k, k_scale, weights, ks, ke, out), clean, compressed, relu, fast)


def _launch(options, tensors, plan, args, k_scale_offset=-1):
    """A launch that `run` knows from now on, by `options`."""
    plan.kernel.launch(args, plan.get_stream())
    _remember(options, tensors, plan, args, k_scale_offset)


def launch_logits(options, tensors, *flags):
    """`logits_out` on tensors unlike any before."""
    _launch(options, tensors, *_fill_logits(*tensors, *flags))


class PreparedLaunch:
    """A launch on tensors that stay where they are, whatever they hold; called, it enqueues one.

    It keeps the tensors. Checked and encoded once, a call is little more than the driver's.
    """

    def __init__(self, plan, args, tensors):
        self._launch, self._tensors, self._index = plan.kernel.prepare(args), tensors, plan.device_index

    def __call__(self):
        self._launch.run(None if self._index is None else torch._C._cuda_getCurrentRawStream(self._index))


def prepare_logits(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False):
    """`logits_out` on these tensors, to be called as often as they are filled."""
    plan, args = _fill_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, fast)
    return PreparedLaunch(plan, args, (q, k, k_scale, weights, ks, ke, out))


def _plan_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu):
    checks.check_paged(q, k, k_scale, weights, context_lens, block_table, out)
    op = _make_op(
        q,
        k_scale,
        weights,
        out,
        clean=clean,
        relu=relu,
        next_n=q.size(1),
        block_kv=k.size(1),
        lens_per_query=context_lens.dim() == 2,
    )
    args = PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_stride(k_scale) if k_scale is not None else 0,
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        context_lens_stride=checks.get_stride(context_lens) if context_lens.dim() == 2 else 1,
        block_table_stride=checks.get_stride(block_table),
        out_stride=checks.get_stride(out),
        batch=q.size(0),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        max_context_len=out.size(1),
    )
    return _Plan(op, q.device, args)


def _fill_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu):
    tensors = (q, k, k_scale, weights, context_lens, block_table, out)
    key = (*map(_describe, tensors), clean, relu)
    plan = _get_plan(key, lambda: _plan_paged(*tensors, clean, relu))
    args = plan.make_args(plan.template)
    (args.q, args.k, args.k_scale, args.weights, args.context_lens, args.block_table, args.out) = map(_address, tensors)
    return plan, args


def paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, *, clean=False, relu=True):
    """As `paged_logits`, into `out` ((B * T) x max_context_len), whose rows may be strided."""
    _enqueue_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu)


def _enqueue_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu):
    options = 16 | (1 if clean else 0) | (4 if relu else 0)
    if not run(options, q, k, k_scale, weights, context_lens, block_table, out):
        launch_paged_logits(options, (q, k, k_scale, weights, context_lens, block_table, out), clean, relu)


def launch_paged_logits(options, tensors, *flags):
    """`paged_logits_out` on tensors unlike any before."""
    _launch(options, tensors, *_fill_paged(*tensors, *flags))


def launch_fused_paged_logits(options, tensors, *flags):
    """Likewise, with a fused cache of bytes (`split_cache`) as k and None as k_scale: `run` makes no views of it."""
    q, cache, _, *others = tensors
    plan_and_args = _fill_paged(q, *split_cache(cache, q.size(-1)), *others, *flags)
    # The scales of a block lie behind its keys.
    _launch(options, tensors, *plan_and_args, k_scale_offset=cache.size(1) * q.size(-1))


def prepare_paged_logits(q, k, k_scale, weights, context_lens, block_table, out, *, clean=False, relu=True):
    """`paged_logits_out` on these tensors, to be called as often as they are filled."""
    plan, args = _fill_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu)
    return PreparedLaunch(plan, args, (q, k, k_scale, weights, context_lens, block_table, out))


# torch.library: ops that write `out`, and ops that return a new tensor.
_definitions = torch.library.Library("mqa", "DEF")
_LOGITS = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor ks, Tensor ke"
_PAGED = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor context_lens, Tensor block_table"
_definitions.define(
    f"logits_out({_LOGITS}, Tensor(a!) out, *, bool clean=False, bool compressed=False, bool relu=True,"
    " bool fast=False) -> ()"
)
_definitions.define(f"paged_logits_out({_PAGED}, Tensor(a!) out, *, bool clean=False, bool relu=True) -> ()")
_definitions.define(
    f"logits({_LOGITS}, *, bool clean=False, SymInt max_seqlen_k=0, bool relu=True, bool fast=False,"
    " ScalarType dtype=float) -> Tensor"
)
_definitions.define(
    f"paged_logits({_PAGED}, SymInt max_context_len, *, bool clean=False, bool relu=True, ScalarType dtype=float)"
    " -> Tensor"
)


# Of the host's time empty_strided takes less than empty, and shape[0] less than size(0).
def _logits(q, k, k_scale, weights, ks, ke, clean=False, max_seqlen_k=0, relu=True, fast=False, dtype=torch.float32):
    columns = max_seqlen_k or k.shape[0]
    out = torch.empty_strided((q.shape[0], columns), (columns or 1, 1), dtype=dtype, device=q.device)
    _enqueue_logits(q, k, k_scale, weights, ks, ke, out, clean, max_seqlen_k != 0, relu, fast)
    return out


def _paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, clean=False, relu=True,
                  dtype=torch.float32):  # fmt: skip
    shape = q.shape
    stride = (max_context_len or 1, 1)
    out = torch.empty_strided((shape[0] * shape[1], max_context_len), stride, dtype=dtype, device=q.device)
    _enqueue_paged(q, k, k_scale, weights, context_lens, block_table, out, clean, relu)
    return out


for _key in ("CUDA", "CPU"):
    _definitions.impl("logits_out", logits_out, _key)
    _definitions.impl("paged_logits_out", paged_logits_out, _key)
    _definitions.impl("logits", _logits, _key)
    _definitions.impl("paged_logits", _paged_logits, _key)


@torch.library.register_fake("mqa::logits")
def _(q, k, k_scale, weights, ks, ke, *, clean=False, max_seqlen_k=0, relu=True, fast=False, dtype=torch.float32):
    return q.new_empty((q.size(0), k.size(0) if max_seqlen_k == 0 else max_seqlen_k), dtype=dtype)


@torch.library.register_fake("mqa::paged_logits")
def _(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, clean=False, relu=True,
      dtype=torch.float32):  # fmt: skip
    return q.new_empty((q.size(0) * q.size(1), max_context_len), dtype=dtype)


@torch.library.register_fake("mqa::logits_out")
def _(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False):
    return None


@torch.library.register_fake("mqa::paged_logits_out")
def _(q, k, k_scale, weights, context_lens, block_table, out, *, clean=False, relu=True):
    return None


_Tensor, _is_compiling, _count_modes = torch.Tensor, torch.compiler.is_compiling, torch._C._len_torch_dispatch_stack


def _goes_through_torch(tensor):
    """Whether someone looks on: a compiler that traces, or a mode or subclass that intercepts."""
    return type(tensor) is not _Tensor or _is_compiling() or _count_modes() > 0


def logits(q, k, k_scale, weights, ks, ke, *, clean=False, max_seqlen_k=0, relu=True, fast=False, dtype=torch.float32):
    """Logits of M queries against N keys: `mqa.logits` (docs/MQADialect.md).

    q is M x H x D, k N x D or N x G x D of the same dtype (float8_e4m3fn, float8_e5m2, bfloat16, float16), k_scale N
    or N x G float32 or None, weights M x H float32 or bfloat16 or None, ks and ke M int32: query m sees the
    keys ks[m] <= n < ke[m]. Returns M x N of `dtype` (float32, bfloat16, float16), with -inf outside of the ranges
    if `clean`, and unspecified values there otherwise. With `max_seqlen_k`, M x max_seqlen_k: a row begins with its range.
    `fast` sums over the heads in half precision (error at most 1e-3). Raises ValueError for tensors that do
    not fit, LookupError where no kernel can be had.
    """
    if _goes_through_torch(q):
        return torch.ops.mqa.logits(q, k, k_scale, weights, ks, ke, clean=clean, max_seqlen_k=max_seqlen_k, relu=relu,
                                    fast=fast, dtype=dtype)  # fmt: skip
    return _logits(q, k, k_scale, weights, ks, ke, clean, max_seqlen_k, relu, fast, dtype)


def paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, clean=False, relu=True,
                 dtype=torch.float32):  # fmt: skip
    """Logits of T new queries of each of B sequences against a paged cache: `mqa.paged_logits`.

    q is B x T x H x D, k num_blocks x block_kv x D, k_scale num_blocks x block_kv or None (`split_cache` gives both
    from one fused cache), weights (B * T) x H or None, context_lens B x T or B int32, block_table B x max_blocks int32.
    Returns (B * T) x max_context_len. Nothing is read on the host: a captured CUDA graph stays right when
    lengths, table and cache change.
    """
    if _goes_through_torch(q):
        return torch.ops.mqa.paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len,
                                          clean=clean, relu=relu, dtype=dtype)  # fmt: skip
    return _paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, clean, relu, dtype)


def split_cache(cache, head_dim, dtype=torch.float8_e4m3fn):
    """k and k_scale as views of a fused cache of bytes, num_blocks x block_kv x 1 x (head_dim + 4) or alike.

    In each block the block_kv * head_dim key bytes come first, then block_kv float32 scales; blocks may be strided.
    """
    num_blocks, block_kv = cache.shape[:2]
    key_bytes, stride = block_kv * head_dim, cache.stride(0)
    bytes_ = cache.as_strided((num_blocks, block_kv * (head_dim + 4)), (stride, 1))
    k = bytes_[:, :key_bytes].view(dtype).as_strided((num_blocks, block_kv, head_dim), (stride, head_dim, 1))
    # Four bytes to a scale: the offset of the first is a multiple of 4, and so must be the stride.
    if stride % 4:
        checks.fail(f"the stride of cache blocks must be a multiple of 4 bytes, found {stride}")
    k_scale = bytes_[:, key_bytes:].view(torch.float32)
    return k, k_scale
