# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler's library, libmqa_compiler, for the package mqa, which finds it here. There is nothing to call."""
from ._version import __version__

__all__ = ["__version__"]
