#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs DeepGEMM's own tests of attention logits, unmodified, on mqa.compat.deep_gemm (needs a Hopper GPU and mqa installed).

    git clone https://github.com/deepseek-ai/DeepGEMM
    tools/deep_gemm_test.py DeepGEMM [--test=NAME] [--cases=N]

`import deep_gemm` gives the module mqa.compat.deep_gemm with DeepGEMM's own subpackages `testing` and `utils`; nothing of
DeepGEMM is built. Of tests/test_attention.py, test_mqa_logits and test_paged_mqa_logits are run; the third test is of a
matrix product. They time kernels by DeepGEMM's names, which is switched off.
"""
import argparse
import importlib
import os
import pathlib
import random
import sys
import time
import types

import torch

import mqa
from mqa.compat import deep_gemm as compat

TESTS = ("test_mqa_logits", "test_paged_mqa_logits")


def refuse(*arguments, **options):
    raise NotImplementedError("this function of DeepGEMM is no function of mqa.compat.deep_gemm")


def make_package(folder):
    """The package deep_gemm: our functions, and DeepGEMM's modules in Python."""
    package = types.ModuleType("deep_gemm")
    package.__path__ = [str(folder / "deep_gemm")]
    package.__dict__.update({name: value for name, value in vars(compat).items() if not name.startswith("_")})
    # DeepGEMM's modules import functions of matrix products from its library.
    library = types.ModuleType("deep_gemm._C")
    library.__getattr__ = lambda name: refuse
    sys.modules.update({"deep_gemm": package, "deep_gemm._C": library})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path, help="a checkout of DeepGEMM")
    parser.add_argument("--test", choices=TESTS, help="only this one")
    parser.add_argument("--cases", type=int, help="how many random cases of each test [all]")
    options = parser.parse_args()
    tests = options.folder / "tests"
    if not (tests / "test_attention.py").is_file():
        parser.error(f"{tests} has no test_attention.py")
    os.environ["DG_USE_NVIDIA_TOOLS"] = "1"
    if options.cases is not None:
        os.environ["DG_MQA_NUM_CASES"] = str(options.cases)
    make_package(options.folder)
    sys.path.insert(0, str(tests))
    module = importlib.import_module("test_attention")
    print(f"mqa {mqa.__version__}, PyTorch {torch.__version__}, {torch.cuda.get_device_name()}", flush=True)
    torch.manual_seed(0)
    random.seed(0)
    for name in [options.test] if options.test else TESTS:
        begin = time.monotonic()
        getattr(module, name)()
        print(f"PASS {name} ({time.monotonic() - begin:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
