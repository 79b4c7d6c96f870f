# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which kernel each device gets: from bundles for several targets, or compiled for it. Needs neither PyTorch nor a GPU:
MQA_FAKE_CUDA is a libcuda that takes any code and says that its device is what it is told.
"""
import dataclasses
import os
import subprocess
import sys
import tempfile
import unittest

from mqa import library

OP = library.Op("cpu", 4, 32, clean=True)
SHARED_MEMORY = {75: 65536, 80: 166912, 87: 166912, 90: 232448, 100: 232448, 103: 232448}  # Of others: 99 KiB.


def compile_bundle(path, targets, op=OP):
    command = [os.environ["MQA_COMPILE"], "-", f"--target={targets}", "-o", path]
    subprocess.run(command, input=op.to_mlir(), text=True, check=True)


def find(capability, bundles="", compiler="/nonexistent", op=OP, shared_memory=None):
    """The target of the kernel that a device of this capability gets, or the error."""
    target = f"sm_{capability}" if capability else "cpu"
    program = (
        "import ctypes, dataclasses\n"
        "from mqa import library, runtime\n"
        f"ctypes.CDLL('libcuda.so.1').fakeCudaSetDevice(*divmod({capability}, 10),"
        f" {shared_memory or SHARED_MEMORY.get(capability, 101376)})\n"
        "from mqa.library import Op\n"
        f"op = dataclasses.replace({op!r}, target={target!r})\n"
        "try:\n"
        "    kernel = library.find(op, 1)\n"
        "    print(kernel.info.target.decode(), kernel.info.name.decode(), kernel.info.num_heads, kernel.info.fast)\n"
        "except (LookupError, runtime.Error) as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    environment = dict(os.environ, MQA_BUNDLES=bundles, LD_LIBRARY_PATH=os.path.dirname(os.environ["MQA_FAKE_CUDA"]))
    if compiler:
        environment["MQA_COMPILER_LIBRARY"] = compiler
    result = subprocess.run([sys.executable, "-c", program], env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=300)  # fmt: skip
    return result.stdout.strip()


class TargetsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_order(self):
        for target, expected in {
            "cpu": "cpu",
            "sm_75": "",
            "sm_80": "sm_80",
            "sm_86": "sm_86 sm_80",
            "sm_87": "sm_86 sm_80",
            "sm_89": "sm_89 sm_86 sm_80",
            "sm_90": "sm_90a sm_89 sm_86 sm_80",
            "sm_90a": "sm_90a sm_89 sm_86 sm_80",
            "sm_100": "sm_89 sm_86 sm_80",
            "sm_103": "sm_89 sm_86 sm_80",
            "sm_120": "sm_120 sm_89 sm_86 sm_80",
            "sm_121": "sm_120 sm_89 sm_86 sm_80",
        }.items():
            self.assertEqual(" ".join(library.list_targets(target)), expected, target)

    def test_bundle_of_several_targets(self):
        compile_bundle(f"{self.folder}/a.mqa", "sm_80,sm_90a,cpu")
        for capability, target in {0: "cpu", 80: "sm_80", 86: "sm_80", 89: "sm_80", 90: "sm_90a", 103: "sm_80"}.items():
            self.assertEqual(find(capability, self.folder), f"{target} logits 4 0", capability)
        self.assertEqual(find(75, self.folder),
                         "LookupError there are no kernels for sm_75: the oldest GPU that they are for is sm_80")  # fmt: skip
        # The compiler makes what is better than the bundle's, and is not asked for what is not.
        compiler = os.environ["MQA_COMPILER_LIBRARY"]
        self.assertEqual(find(89, self.folder, compiler), "sm_89 logits 4 0")
        self.assertEqual(find(80, self.folder, compiler), "sm_80 logits 4 0")

    @unittest.skipUnless(os.uname().machine == "x86_64", "the processors are x86-64's")
    def test_bundle_for_several_processors(self):
        """The best that this machine can run, wherever it stands. No processor has all that both have that the first two are."""
        for name, processors in {"a": ("sierraforest", "sapphirerapids", "x86-64"), "b": ("x86-64", "sierraforest")}.items():
            folder = f"{self.folder}/{name}"
            os.mkdir(folder)
            compile_bundle(f"{folder}/a.mqa", ",".join(f"cpu:{processor}" for processor in processors))
            self.assertEqual(find(0, folder), "cpu logits 4 0")
        # One file after the other, too.
        for i, processor in enumerate(("sierraforest", "sapphirerapids", "x86-64")):
            compile_bundle(f"{self.folder}/{i}.mqa", f"cpu:{processor}")
        self.assertEqual(find(0, self.folder), "cpu logits 4 0")

    def test_bundles_of_one_target(self):
        for target in ("sm_86", "sm_120"):
            compile_bundle(f"{self.folder}/{target}.mqa", target)
        for capability, target in {86: "sm_86", 90: "sm_86", 100: "sm_86", 120: "sm_120", 121: "sm_120"}.items():
            self.assertEqual(find(capability, self.folder), f"{target} logits 4 0", capability)
        for capability in (0, 80):
            self.assertRegex(find(capability, self.folder), "^LookupError no prebuilt bundle holds a kernel for Op")

    def test_shared_memory(self):
        compile_bundle(f"{self.folder}/a.mqa", "sm_90a")
        self.assertRegex(find(90, self.folder, shared_memory=1000),
                         "^Unsupported kernel 'logits' needs [0-9]+ bytes of shared memory for sm_90a, the device .sm_90. has 1000$")  # fmt: skip

    def test_compiled_for_the_device(self):
        compiler = os.environ["MQA_COMPILER_LIBRARY"]
        for capability, target in {80: "sm_80", 86: "sm_86", 89: "sm_89", 90: "sm_90a", 100: "sm_89", 121: "sm_120"}.items():
            self.assertEqual(find(capability, compiler=compiler), f"{target} logits 4 0", capability)

    def test_fast(self):
        """What has no sum in half precision sums as ever."""
        compile_bundle(f"{self.folder}/a.mqa", "sm_86,cpu")
        op = dataclasses.replace(OP, fast=True)
        for capability, target in {0: "cpu", 86: "sm_86", 90: "sm_86"}.items():
            self.assertEqual(find(capability, self.folder, op=op), f"{target} logits 4 0", capability)


if __name__ == "__main__":
    unittest.main()
