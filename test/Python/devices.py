# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where tests on PyTorch tensors run: on the CPU, and on a GPU where there is one; MQA_TEST_DEVICES=cuda leaves the CPU out."""
import os
import sys

try:
    import torch
except ImportError:
    print("skipped: no PyTorch here")
    sys.exit(0)

_WANTED = os.environ.get("MQA_TEST_DEVICES", "cpu,cuda").split(",")
DEVICES = [d for d in ("cpu", "cuda") if d in _WANTED and (d == "cpu" or torch.cuda.is_available())]

if not DEVICES:
    print("skipped: no GPU here")
    sys.exit(0)


def get_target():
    """What the kernels of the last device are for, for library.Op."""
    if DEVICES[-1] == "cpu":
        return "cpu"
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"
