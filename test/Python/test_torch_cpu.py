# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tools/torch_cpu.py: its options and arithmetic, and where PyTorch is, what it measures beside mqa-bench cpu."""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "torch_cpu.py"
HAS_TORCH = importlib.util.find_spec("torch") is not None

spec = importlib.util.spec_from_file_location("torch_cpu", SCRIPT)
torch_cpu = importlib.util.module_from_spec(spec)
spec.loader.exec_module(torch_cpu)


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )


def find_bench():
    return pathlib.Path(os.environ["MQA_COMPILE"]).parent / "mqa-bench"


def make_beside(folder, *rows):
    path = pathlib.Path(folder) / "beside.json"
    path.write_text(json.dumps({"device": "a CPU", "threads": 3, "rows": rows}))
    return path


def make_row(kernel="ours", **fields):
    row = {"kernel": kernel, "seq_len": 9, "seq_len_kv": 20, "mask": "causal", "num_heads": 4, "head_dim": 16}
    return {**row, "relative_error": 1e-7, "time_us": 50.0, "gflops": 2.0, "pass": True, **fields}


class OptionsTest(unittest.TestCase):
    def test_shapes_are_those_of_mqa_bench(self):
        help_text = subprocess.run([find_bench(), "cpu", "--help"], capture_output=True, text=True, check=True).stdout
        self.assertIn(torch_cpu.SHAPES, "".join(help_text.split()))

    def test_masks(self):
        cells = torch_cpu.make_cells([(9, 20), (8, 30)], None, 4, 16)
        self.assertEqual(cells, [(9, 20, "full", 4, 16), (9, 20, "causal", 4, 16), (8, 30, "full", 4, 16)])
        cells = torch_cpu.make_cells([(9, 20), (8, 30)], "causal", 4, 16)
        self.assertEqual(cells, [(9, 20, "causal", 4, 16), (8, 30, "causal", 4, 16)])

    def test_ranges(self):
        self.assertEqual(torch_cpu.count_keys((3, 5, "full", 1, 1)), [5, 5, 5])
        self.assertEqual(torch_cpu.count_keys((3, 5, "causal", 1, 1)), [3, 4, 5])
        self.assertEqual(torch_cpu.count_keys((3, 2, "causal", 1, 1)), [0, 1, 2])

    def test_wrong_options(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = pathlib.Path(folder) / "broken.json"
            broken.write_text('{"rows": [{"time_us": 5}]}')
            for option, words in [
                ("--shapes=3x", "found '3x'"),
                ("--shapes=3x4,0x5", "found '0x5'"),
                ("--shapes=3x2147483648", "from 1 to 2147483647, found '3x2147483648'"),
                ("--shapes=", "found ''"),
                ("--types=f16", "types must be of f32, bf16, separated by ',', found 'f16'"),
                ("--mask=random", "invalid choice"),
                ("--threads=0", "must be from 1 to 1000000, found '0'"),
                ("--repeat=-1", "found '-1'"),
                (f"--beside={folder}/absent", "cannot read"),
                (f"--beside={broken}", "as mqa-bench cpu --json writes it"),
            ]:
                with self.subTest(option=option):
                    result = run(option)
                    self.assertEqual(result.returncode, 2)
                    self.assertIn(words, " ".join(result.stderr.split()))

    def test_without_torch(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "torch.py").write_text("raise ImportError")
            result = run("--shapes=1x1", PYTHONPATH=folder)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "error: torch_cpu.py needs PyTorch, which this Python does not have\n")


class RowsTest(unittest.TestCase):
    def test_beside(self):
        with tempfile.TemporaryDirectory() as folder:
            document, rows = torch_cpu.read_beside(make_beside(folder, make_row(), make_row("loop nest", time_us=0)))
        self.assertEqual(document["threads"], 3)
        # The loop nest has one thread.
        self.assertEqual([row["kernel"] for row in rows], ["ours"])

    def test_ratios(self):
        cell = torch_cpu.get_cell(make_row())
        runs = [types.SimpleNamespace(name=name, block=2) for name in ("f32", "bf16")]
        beside = [make_row(), make_row("elsewhere", seq_len=8), make_row("full", mask="full")]
        times = {"f32": 200.0, "bf16": 100.0}
        rows = torch_cpu.make_rows(cell, runs, times, {"f32": 1e-7, "bf16": 1e-3}, beside)
        self.assertEqual([row["kernel"] for row in rows], ["torch f32", "torch bf16", "ours"])
        self.assertEqual([row["ratios"] for row in rows], [{"f32": 200 / t, "bf16": 100 / t} for t in (200, 100, 50)])
        self.assertEqual([row["relative_error"] for row in rows], [1e-7, 1e-3, 1e-7])
        # 12 + ... + 20 pairs.
        self.assertAlmostEqual(rows[0]["gflops"], 2 * 4 * 16 * 144 / 200 * 1e-3)


@unittest.skipUnless(HAS_TORCH, "no PyTorch here")
class TorchTest(unittest.TestCase):
    def test_blocks_give_what_the_formula_gives(self):
        import torch

        for mask in ("full", "causal"):
            problem = torch_cpu.Problem(torch, (5, 9, mask, 4, 16))
            scores = torch.einsum("mhd,nd->mhn", problem.q.double(), problem.k.double()).relu()
            expected = torch.einsum("mhn,mh->mn", scores, problem.weights.double()) * problem.scale
            for m, end in enumerate(problem.ends):
                expected[m, end:] = -torch.inf
            for name, tolerance in (("f32", 1e-6), ("bf16", 2e-2)):
                own = torch_cpu.Run(problem, name)
                for own.block in (1, 2, 4, 8):
                    own.out.fill_(torch.nan)
                    own.compute()
                    inside = expected.isfinite()
                    # Behind the last range of a block nothing is written.
                    written = ~own.out.isnan()
                    self.assertTrue(written[inside].all())
                    self.assertTrue((own.out[written & ~inside] == -torch.inf).all())
                    error = (own.out.double() - expected)[inside].norm() / expected[inside].norm()
                    self.assertLess(error, tolerance)
                    self.assertAlmostEqual(problem.check(own.out), float(error), delta=1e-9)
                own.out[4, 8] += 100
                self.assertGreater(problem.check(own.out), 0.1)

    def test_beside_mqa_bench(self):
        with tempfile.TemporaryDirectory() as folder:
            bundle, ours, theirs = (f"{folder}/{name}" for name in ("logits.mqa", "ours.json", "theirs.json"))
            source = ROOT / "test" / "Examples" / "logits.mlir"
            subprocess.run([os.environ["MQA_COMPILE"], source, "--target=cpu", "-o", bundle], check=True)
            subprocess.run(
                [find_bench(), "cpu", bundle, "--shapes=9x100", "--repeat=1", f"--json={ours}"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            result = run(f"--beside={ours}", f"--json={theirs}", "--repeat=1", "--threads=1")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("f32: products by ", result.stdout)
            rows = json.loads(pathlib.Path(theirs).read_text())["rows"]
        kernels = ["torch f32", "torch bf16", "logits"]
        self.assertEqual([row["kernel"] for row in rows], 2 * kernels)
        self.assertEqual([row["mask"] for row in rows], 3 * ["full"] + 3 * ["causal"])
        for row in rows:
            self.assertLess(row["relative_error"], 1e-2 if "bf16" in row["kernel"] else 1e-6)
            self.assertGreater(row["gflops"], 0)


if __name__ == "__main__":
    unittest.main()
