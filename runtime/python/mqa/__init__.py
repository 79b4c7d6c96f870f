# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention logits, and the best keys by them, compiled by MQA.

`mqa.logits`, `mqa.key_block_logits`, `mqa.paged_logits`, `mqa.topk`, `mqa.merge_topk`, `mqa.logits_topk` and `mqa.paged_logits_topk` take PyTorch tensors, and torch.ops.mqa has them as ops; `mqa.runtime` and
`mqa.library` are what is below them, without PyTorch. `mqa.select` has the steps of an indexer; the modules of `mqa.compat`
have the names and arguments of DeepGEMM, vLLM, SGLang and FlashInfer.
`python -m mqa` says what was found on this machine, and what is missing.
"""
import importlib.util

from ._version import __version__
from .registration import register_with_torch

try:
    from .runtime import Error, InvalidArgument, get_launch_overlap, set_launch_overlap
except ImportError as error:
    from . import report

    # `python -m mqa` says what is missing, and imports this first.
    report.exit_if_asked_for(error)
    raise

_NEED_TORCH = ["logits", "logits_out", "paged_logits", "paged_logits_out"]
_NEED_TORCH += ["prepare_logits", "prepare_paged_logits", "split_cache"]
_KEY_BLOCKS = ["key_block_logits", "key_block_logits_out", "prepare_key_block_logits"]
_PAGED_KEY_BLOCKS = ["paged_key_block_logits", "paged_key_block_logits_out", "prepare_paged_key_block_logits"]
_TOPK = ["topk", "topk_out", "prepare_topk"]
_MERGE = ["merge_topk", "merge_topk_out", "prepare_merge_topk"]
_FUSED = ["logits_topk", "logits_topk_out", "prepare_logits_topk"]
_FUSED += ["paged_logits_topk", "paged_logits_topk_out", "prepare_paged_logits_topk"]
_FUSED_KEY_BLOCKS = ["key_block_logits_topk", "key_block_logits_topk_out", "prepare_key_block_logits_topk"]
_FUSED_KEY_BLOCKS += ["paged_key_block_logits_topk", "paged_key_block_logits_topk_out"]
_FUSED_KEY_BLOCKS += ["prepare_paged_key_block_logits_topk"]
_MX_QUERIES = ["unpack_mx_queries"]
_NEED_TORCH += _MX_QUERIES + _KEY_BLOCKS + _PAGED_KEY_BLOCKS + _TOPK + _MERGE + _FUSED + _FUSED_KEY_BLOCKS
__all__ = ["Error", "InvalidArgument", "get_launch_overlap", "set_launch_overlap"]
if importlib.util.find_spec("torch"):
    __all__ += _NEED_TORCH
    register_with_torch()


def __getattr__(name):
    # PyTorch is imported when it is needed; the next time, nobody asks here.
    if name in _NEED_TORCH:
        from . import (fused_key_block_ops, fused_ops, key_block_ops, merge_ops, mx_queries, paged_key_block_ops, topk_ops,
                       torch_ops)  # fmt: skip

        modules = {**dict.fromkeys(_TOPK, topk_ops), **dict.fromkeys(_MERGE, merge_ops), **dict.fromkeys(_FUSED, fused_ops)}
        modules.update(dict.fromkeys(_KEY_BLOCKS, key_block_ops))
        modules.update(dict.fromkeys(_PAGED_KEY_BLOCKS, paged_key_block_ops))
        modules.update(dict.fromkeys(_FUSED_KEY_BLOCKS, fused_key_block_ops))
        modules.update(dict.fromkeys(_MX_QUERIES, mx_queries))
        module = modules.get(name, torch_ops)
        return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'mqa' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *__all__} - {"importlib", "register_with_torch"})
