# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.logits_backward, and how torch.ops.mqa.logits is differentiated by it; gradients.py computes."""
import torch
from torch.autograd import forward_ad

from . import checks, gradients
from .plain import check_derivative

_DIFFERENTIABLE = (torch.bfloat16, torch.float16)
_OPERANDS = ("q", "k", "k_scale", "weights")


def define(definitions):
    definitions.define(
        "logits_backward(Tensor grad, Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor ks, Tensor ke, *,"
        " bool compressed=False, bool relu=True, bool[4] needs=[True, True, True, True]) -> (Tensor, Tensor, Tensor, Tensor)"
    )
    for key in ("CUDA", "CPU"):
        definitions.impl("logits_backward", _logits_backward, key)
    torch.library.register_fake("mqa::logits_backward", _fake_logits_backward, lib=definitions)
    definitions.impl("logits_backward", _differentiate_backward, "Autograd")


def _check(grad, q, k, k_scale, weights, ks, ke, compressed, needs):
    checks.check_logits(q, k, k_scale, weights, ks, ke, grad, compressed)
    for name, operand, need in zip(_OPERANDS, (q, k, k_scale, weights), needs):
        if need and operand is None:
            checks.fail(f"{name} is absent, so it has no gradient")


def _logits_backward(grad, q, k, k_scale, weights, ks, ke, *, compressed=False, relu=True, needs=(True,) * 4):
    """The gradients of q, k, k_scale and weights; empty tensors in the places of those that `needs` leaves out."""
    # A gradient may be expanded: one number for all logits.
    grad = grad.contiguous()
    _check(grad, q, k, k_scale, weights, ks, ke, compressed, needs)
    found = gradients.compute(grad, q, k, k_scale, weights, ks, ke, compressed=compressed, relu=relu, needs=needs)
    return tuple(grad.new_empty(0) if gradient is None else gradient for gradient in found)


def _fake_logits_backward(grad, q, k, k_scale, weights, ks, ke, *, compressed=False, relu=True, needs=(True,) * 4):
    _check(grad, q, k, k_scale, weights, ks, ke, compressed, needs)
    pairs = zip((q, k, k_scale, weights), needs)
    return tuple(
        torch.empty_like(t, memory_format=torch.contiguous_format) if need else grad.new_empty(0) for t, need in pairs
    )


class _Backward(torch.autograd.Function):
    """Gradients that may be asked for theirs: which is refused then, as most who keep a graph never ask."""

    @staticmethod
    def forward(options, *tensors):
        return torch.ops.mqa.logits_backward.default(*tensors, **options)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError("mqa.logits has no second derivative")


def _differentiate_backward(*tensors, **options):
    if is_asked_for(tensors):
        return _Backward.apply(options, *tensors)
    check_derivative("mqa.logits_backward", ("grad", *_OPERANDS, "ks", "ke"), tensors)
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.mqa.logits_backward.default(*tensors, **options)


class _Logits(torch.autograd.Function):
    @staticmethod
    def forward(q, k, k_scale, weights, ks, ke, options):
        return torch.ops.mqa.logits.default(q, k, k_scale, weights, ks, ke, **options)

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, options = inputs
        ctx.save_for_backward(*tensors)
        length = options.get("max_seqlen_k", 0)
        # A symbol stands for a size of compressed rows.
        compressed = not (isinstance(length, int) and length == 0)
        ctx.options = {"compressed": compressed, "relu": options.get("relu", True)}

    @staticmethod
    def backward(ctx, grad):
        needs = list(ctx.needs_input_grad[:4])
        found = torch.ops.mqa.logits_backward.default(grad, *ctx.saved_tensors, needs=needs, **ctx.options)
        return (*(gradient if need else None for gradient, need in zip(found, needs)), None, None, None)


def is_asked_for(tensors):
    """Whether backward may be called behind an op on these. Tangents are refused elsewhere."""
    if not torch.is_grad_enabled() or not any(tensor is not None and tensor.requires_grad for tensor in tensors):
        return False
    if forward_ad._current_level < 0:
        return True
    return all(tensor is None or forward_ad.unpack_dual(tensor).tangent is None for tensor in tensors)


def differentiate(q, k, k_scale, weights, ks, ke, **options):
    """mqa.logits, recorded for backward."""
    if torch._C._are_functorch_transforms_active():
        names = [n for n, t in zip(_OPERANDS, (q, k, k_scale, weights)) if t is not None and t.requires_grad]
        raise ValueError(
            f"{names[0]} requires grad, and mqa.logits has no derivative under torch.func: differentiate with torch.autograd"
        )
    for name, tensor in (("q", q), ("k", k)):
        if tensor.requires_grad and tensor.dtype not in _DIFFERENTIABLE:
            raise ValueError(
                f"{name} requires grad, but mqa.logits has a derivative with respect to a {name} of bfloat16 or float16 alone, "
                f"found {tensor.dtype}: detach it, or call under torch.no_grad()"
            )
    return _Logits.apply(q, k, k_scale, weights, ks, ke, options)
