# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules with the names of others, for callers that switch by an import. All need PyTorch."""
# Ahead of what is in here: when PyTorch comes, our ops are registered, which takes modules that are whole.
import torch  # noqa: F401
