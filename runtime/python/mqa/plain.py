# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which tensors a launch may read by their addresses, past PyTorch's dispatcher, and which it may not.

A launch on an address misses whatever PyTorch does before a kernel of its own: it records a graph or a derivative,
negates a lazy view, unwraps a subclass. `find_obstacle` says what that is; such calls go through torch.ops.mqa, where
PyTorch does it.
"""
import torch
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _disable_current_modes

# A constant for torch.compile, so it comes before what torch.compile cannot trace.
is_dynamo_compiling = torch.compiler.is_dynamo_compiling
# While one of these says something true, someone watches the calls of PyTorch: modes, torch.jit.trace.
WATCHERS = (torch._C._len_torch_dispatch_stack, torch._C._is_tracing)
# What the module of the launcher asks, likewise.
QUESTIONS = (*WATCHERS, torch.is_grad_enabled, forward_ad)

LOGITS = ("q", "k", "k_scale", "weights", "ks", "ke", "out")
PAGED = ("q", "k", "k_scale", "weights", "context_lens", "block_table", "out")
PAGED_ROWS = (*PAGED[:-1], "sequence", "out")
FUSED = ("q", "kv_cache", "k_scale", "weights", "context_lens", "block_table", "out")
# Of mqa.logits with lists of key blocks.
KEY_BLOCKS = (*LOGITS[:-1], "key_blocks", "num_key_blocks", "out")
# Of mqa.paged_logits with such lists; `sequence` is left out where each sequence has as many rows.
PAGED_KEY_BLOCKS = (*PAGED[:-1], "sequence", "key_blocks", "num_key_blocks", "out")
# Of queries with block scales.
MX_LOGITS, MX_PAGED, MX_PAGED_ROWS, MX_KEY_BLOCKS, MX_PAGED_KEY_BLOCKS = (
    (*names[:-1], "q_scale", "out") for names in (LOGITS, PAGED, PAGED_ROWS, KEY_BLOCKS, PAGED_KEY_BLOCKS)
)
OPTIONAL = ("k_scale", "weights")
# The operands of mqa.topk. Those that are not there are left out, not None.
TOPK = ("logits", "ks", "ke", "context_lens", "block_table", "sequence", "offset", "indices", "values")
# With the lists of key blocks whose columns the logits have. They are last: the module of the launcher knows those ahead.
TOPK_OF_BLOCKS = (*TOPK, "key_blocks", "num_key_blocks")
# Of logits and top-k in one call.
LOGITS_TOPK = (*LOGITS[:-1], "block_table", "sequence", "offset", "indices", "values")
PAGED_LOGITS_TOPK = (*PAGED[:-1], "offset", "indices", "values")
PAGED_ROW_LOGITS_TOPK = (*PAGED_ROWS[:-1], "offset", "indices", "values")
KEY_BLOCK_LOGITS_TOPK = (*KEY_BLOCKS[:-1], *LOGITS_TOPK[6:])
PAGED_KEY_BLOCK_LOGITS_TOPK = (*PAGED[:-1], "key_blocks", "num_key_blocks", "sequence", "offset", "indices", "values")
MX_LOGITS_TOPK = (*MX_LOGITS[:-1], *LOGITS_TOPK[6:])
MX_PAGED_LOGITS_TOPK = (*MX_PAGED[:-1], *PAGED_LOGITS_TOPK[6:])
MX_PAGED_ROW_LOGITS_TOPK = (*MX_PAGED_ROWS[:-1], *PAGED_ROW_LOGITS_TOPK[7:])
MX_KEY_BLOCK_LOGITS_TOPK = (*MX_KEY_BLOCKS[:-1], *KEY_BLOCK_LOGITS_TOPK[8:])
MX_PAGED_KEY_BLOCK_LOGITS_TOPK = (*PAGED_KEY_BLOCK_LOGITS_TOPK[:8], "q_scale", *PAGED_KEY_BLOCK_LOGITS_TOPK[8:])
# Likewise of mqa.merge_topk.
MERGE = ("list_indices", "list_values", "ks", "ke", "indices", "values")
OUTPUTS = ("out", "indices", "values")


def make_examples():
    """Tensors of which the module of the launcher must know how they differ."""
    with _disable_current_modes(), torch.inference_mode(False), torch.enable_grad():
        tensor = torch.zeros(1, device="cpu")
        return tensor, tensor.clone().requires_grad_(), torch._neg_view(tensor)


def check_tensors(names, tensors):
    """Each is a tensor, or what PyTorch takes for one, or None where that may be."""
    for name, tensor in zip(names, tensors):
        if isinstance(tensor, torch.Tensor) or hasattr(tensor, "__torch_function__"):
            continue
        if tensor is not None or name not in OPTIONAL:
            optional = " or None" if name in OPTIONAL else ""
            raise TypeError(f"{name} must be a torch.Tensor{optional}, found {describe(tensor)}")


def check_out(names, tensors):
    """PyTorch writes the result of an op through a lazy view, but ours return none."""
    for name, tensor in zip(names, tensors):
        if name in OUTPUTS and isinstance(tensor, torch.Tensor) and (
            tensor.is_neg() or tensor.is_conj() or tensor._is_zerotensor()
        ):
            raise ValueError(f"{name} is negated or conjugated lazily, or zeros without memory: it cannot be written to")


def describe(value):
    """For messages: None by its name, all else by its type."""
    return "None" if value is None else type(value).__name__


def find_derivative(names, tensors):
    """Why a derivative may be asked for, or None."""
    if torch.is_grad_enabled():
        for name, tensor in zip(names, tensors):
            if tensor is not None and tensor.requires_grad:
                return f"{name} requires grad"
    if forward_ad._current_level >= 0:
        for name, tensor in zip(names, tensors):
            if tensor is not None and forward_ad.unpack_dual(tensor).tangent is not None:
                return f"{name} has a tangent"
    return None


def check_derivative(function, names, tensors):
    reason = find_derivative(names, tensors)
    if reason:
        raise ValueError(f"{reason}, and {function} has no derivative: detach it, or call under torch.no_grad()")


def _describe_obstacle(tensor):
    if type(tensor) is not torch.Tensor or tensor.is_nested:
        return f"is a {'nested tensor' if type(tensor) is torch.Tensor else type(tensor).__name__}"
    if tensor.layout != torch.strided:
        return f"has layout {tensor.layout}"
    if tensor.is_meta:
        return "is on meta"
    if tensor.is_neg() or tensor.is_conj():
        return "is negated or conjugated lazily"
    if tensor._is_zerotensor():
        return "is a tensor of zeros without memory"
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor) or torch._is_functional_tensor(tensor):
        return "is wrapped by a transform"
    return None


def find_obstacle(names, tensors):
    """Why a launch on the tensors' addresses would be wrong, or None; what is wrong in any case is an exception."""
    check_tensors(names, tensors)
    check_out(names, tensors)
    if any(watches() for watches in WATCHERS):
        return "a mode or torch.jit.trace is active"
    for name, tensor in zip(names, tensors):
        obstacle = None if tensor is None else _describe_obstacle(tensor)
        if obstacle:
            return f"{name} {obstacle}"
    return find_derivative(names, tensors)


def is_plain(names, tensors):
    return find_obstacle(names, tensors) is None


def check_plain(function, names, tensors):
    """For what keeps addresses."""
    if is_dynamo_compiling():
        raise RuntimeError(f"{function} keeps addresses of tensors: torch.compile cannot trace it; prepare outside of it")
    check_tensors(names, tensors)
    check_derivative(function, names, tensors)
    obstacle = find_obstacle(names, tensors)
    if obstacle:
        raise ValueError(f"{function} keeps addresses of tensors, but {obstacle}")
