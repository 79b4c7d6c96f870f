# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention logits compiled by MQA.

`mqa.logits` and `mqa.paged_logits` take PyTorch tensors; `mqa.runtime` and `mqa.library` are what is
below them, without PyTorch; `mqa.compat.deep_gemm` has the names and arguments of DeepGEMM.
"""
from .runtime import Error, InvalidArgument, get_launch_overlap, set_launch_overlap

__version__ = "0.1.0"
__all__ = ["Error", "InvalidArgument", "logits", "logits_out", "paged_logits", "paged_logits_out"]
__all__ += ["prepare_logits", "prepare_paged_logits", "split_cache"]


def __getattr__(name):
    # PyTorch is imported when it is needed; the next time, nobody asks here.
    if name in __all__:
        from . import torch_ops

        return globals().setdefault(name, getattr(torch_ops, name))
    raise AttributeError(f"module 'mqa' has no attribute '{name}'")
