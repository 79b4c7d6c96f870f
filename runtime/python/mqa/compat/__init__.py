# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules with the names of others, for callers that switch by an import."""
