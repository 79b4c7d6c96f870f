# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The version of this project: CMake and the wheels read it from here."""
__version__ = "0.1.0"
