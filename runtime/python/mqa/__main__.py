# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python -m mqa: what this package found on this machine, and what is missing."""
import sys

from .report import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
