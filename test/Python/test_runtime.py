# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python package below PyTorch: kernels found and compiled, launches on raw memory, errors.

Kernels are those of the CPU; MQA_RUNTIME_LIBRARY and MQA_COMPILER_LIBRARY say where the libraries are.
"""
import array
import ctypes
import pathlib
import random
import tempfile
import unittest

from processes import compile_bundle, run_python

from mqa import library, runtime
from mqa.ops import TopkOp


def decode_f8(byte):
    """f8E4M3FN."""
    sign, exponent, mantissa = byte >> 7, byte >> 3 & 15, byte & 7
    if exponent == 15 and mantissa == 7:
        return float("nan")
    value = mantissa / 8 * 2.0**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    return -value if sign else value


class Memory:
    """Values in memory of C, with the address that a launch takes."""

    def __init__(self, code, values):
        self.data = array.array(code, values)
        self.address = self.data.buffer_info()[0]

    def __getitem__(self, i):
        return self.data[i]


def random_f8(rng, count):
    # No NaN: those have a test of their own, of the compiler.
    return Memory("B", [rng.randrange(256) & 0xF7 for _ in range(count)])


def score(q, k, scale, weights, first_q, first_w, first_k, heads, dim):
    total = 0.0
    for h in range(heads):
        dot = sum(decode_f8(q[first_q + h * dim + i]) * decode_f8(k[first_k + i]) for i in range(dim))
        total += weights[first_w + h] * max(dot, 0.0)
    return scale * total


H, D = 3, 16


class RuntimeTest(unittest.TestCase):
    def check(self, out, index, expected):
        self.assertLess(abs(out[index] - expected), 1e-4 * (1 + abs(expected)))

    def test_logits(self):
        kernel = library.find(library.Op("cpu", H, D, clean=True), 1)
        self.assertEqual(kernel.info.target, b"cpu")
        rng = random.Random(1)
        m, n = 3, 20
        q, k = random_f8(rng, m * H * D), random_f8(rng, n * D)
        scale = Memory("f", [rng.random() for _ in range(n)])
        weights = Memory("f", [rng.gauss(0, 1) for _ in range(m * H)])
        ks, ke = Memory("i", [0, 5, 7]), Memory("i", [20, 9, 7])
        out = Memory("f", [123.0] * (m * n))
        args = runtime.LogitsArgs(q.address, H * D, k.address, D, scale.address, 1, weights.address, H, ks.address,
                                  ke.address, out.address, n, m, n, 0)  # fmt: skip
        kernel.launch(args)
        for row in range(m):
            for key in range(n):
                if ks[row] <= key < ke[row]:
                    expected = score(q, k, scale[key], weights, row * H * D, row * H, key * D, H, D)
                    self.check(out, row * n + key, expected)
                else:
                    self.assertEqual(out[row * n + key], float("-inf"))

    def test_paged_logits(self):
        kernel = library.find(library.Op("cpu", H, D, next_n=2, block_kv=16, lens_per_query=True), 1)
        self.assertEqual((kernel.info.next_n, kernel.info.block_kv, kernel.info.op), (2, 16, 1))
        rng = random.Random(2)
        batch, blocks, columns = 2, 5, 40
        q = random_f8(rng, batch * 2 * H * D)
        k = random_f8(rng, blocks * 16 * D)
        scale = Memory("f", [rng.random() for _ in range(blocks * 16)])
        weights = Memory("f", [rng.gauss(0, 1) for _ in range(batch * 2 * H)])
        lens, table = Memory("i", [30, 17, 0, 40]), Memory("i", [3, 1, -7, 0, 4, 2])
        out = Memory("f", [123.0] * (batch * 2 * columns))
        args = runtime.PagedLogitsArgs(q.address, 2 * H * D, k.address, 16 * D, scale.address, 16, weights.address, H,
                                       lens.address, 2, table.address, 3, out.address, columns, batch, blocks, 3,
                                       columns)  # fmt: skip
        kernel.prepare(args).run()
        for row in range(batch * 2):
            for key in range(columns):
                if key < lens[row]:
                    slot = table[row // 2 * 3 + key // 16] * 16 + key % 16
                    expected = score(q, k, scale[slot], weights, row * H * D, row * H, slot * D, H, D)
                    self.check(out, row * columns + key, expected)
                else:
                    self.assertEqual(out[row * columns + key], 123.0)

    def test_errors(self):
        kernel = library.find(library.Op("cpu", H, D, clean=True), 1)
        args = runtime.LogitsArgs(num_queries=1, num_keys=1)
        with self.assertRaisesRegex(runtime.InvalidArgument, "q is null"):
            kernel.launch(args)
        with self.assertRaisesRegex(runtime.Error, "No such file"):
            runtime.Bundle("/nonexistent/bundle.mqa")
        with self.assertRaisesRegex(runtime.Error, "not an MQA bundle"):
            runtime.Bundle(b"x" * 100)
        with self.assertRaisesRegex(ValueError, "number of heads H"):
            library.find(library.Op("cpu", 500, D), 1)

    def test_infos_outlive_bundles(self):
        with tempfile.TemporaryDirectory() as folder:
            codes = {}
            for op in (library.Op("cpu", H, D), TopkOp("cpu", 4)):
                path = pathlib.Path(folder) / "kernel.mqa"
                compile_bundle(path, op)
                [info] = runtime.Bundle(path).kernels
                codes[info.name] = path.read_bytes()
        self.assertEqual(set(codes), {b"logits", b"topk"})
        # Each bundle is destroyed before the next one is read, into the same memory.
        infos = [(name, info) for name, code in [*codes.items()] * 20 for info in runtime.Bundle(code).kernels]
        for name, info in infos:
            self.assertEqual((info.name, info.target), (name, b"cpu"))

    def test_launch_overlap(self):
        self.assertTrue(runtime.get_launch_overlap())
        runtime.set_launch_overlap(False)
        self.addCleanup(runtime.set_launch_overlap, True)
        self.assertFalse(runtime.get_launch_overlap())

    def test_max_multiprocessors(self):
        self.assertEqual(runtime.get_max_multiprocessors(), 0)
        self.addCleanup(runtime.set_max_multiprocessors, 0)
        runtime.set_max_multiprocessors(7)
        self.assertEqual(runtime.get_max_multiprocessors(), 7)

    def test_loads_once(self):
        op = library.Op("cpu", H, D, clean=True)
        self.assertIs(library.find(op, 1), library.find(op, 1))

    def test_prebuilt_without_compiler(self):
        """A folder of bundles is enough; what it does not have is an error that says so."""
        with tempfile.TemporaryDirectory() as folder:
            compile_bundle(f"{folder}/a.mqa", library.Op("cpu", 2, 32))
            program = (
                "from mqa import library\n"
                "print(library.find(library.Op('cpu', 2, 32), 1).info.name)\n"
                "try: library.find(library.Op('cpu', 4, 32), 1)\n"
                "except LookupError as error: print(error)\n"
            )
            output = run_python(program, MQA_BUNDLES=folder, MQA_COMPILER_LIBRARY="/nonexistent/libmqa_compiler.so")
        self.assertIn("b'logits'", output)
        self.assertIn("set MQA_BUNDLES or MQA_COMPILER_LIBRARY", output)

    def test_structures_match_the_header(self):
        """Fields in the order of mqa/LaunchArgs.h and mqa/KernelInfo.h."""
        folder = pathlib.Path(__file__).parents[2] / "runtime/include/mqa"
        header = "".join((folder / name).read_text() for name in ("KernelInfo.h", "LaunchArgs.h"))
        for structure, name in (
            (runtime.KernelInfo, "mqa_kernel_info"),
            (runtime.LogitsArgs, "mqa_logits_args"),
            (runtime.PagedLogitsArgs, "mqa_paged_logits_args"),
            (runtime.TopkArgs, "mqa_topk_args"),
        ):
            body = header[header.index(f"struct {name} {{") : header.index(f"}} {name};")]
            position = 0
            for field, _ in structure._fields_:
                position = body.index(field, position)
            self.assertEqual(ctypes.sizeof(structure) % 8, 0)


if __name__ == "__main__":
    unittest.main()
