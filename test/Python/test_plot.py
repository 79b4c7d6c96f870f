# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tools/plot.py, and the pictures of docs/performance.md: their figures are those of the notebook."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "plot.py"
IMAGES = ROOT / "docs" / "images"
BIN = pathlib.Path(os.environ["MQA_COMPILE"]).parent

spec = importlib.util.spec_from_file_location("plot", SCRIPT)
plot = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plot)


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def read_table(page, head):
    """Rows of cells of the table that begins with `head`."""
    lines = (ROOT / "docs" / "notebook" / page).read_text().split("\n")
    rows, first = [], next(i for i, line in enumerate(lines) if line.startswith(head)) + 2
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("*") for cell in line.strip("|").split("|")])
    return rows


def read_texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


class DocumentsTest(unittest.TestCase):
    """The JSON files beside the pictures."""

    def test_pictures(self):
        for name in ("prefill", "paged", "cpu"):
            document = plot.read([IMAGES / f"{name}.json"], {})
            for theme in plot.THEMES:
                self.assertEqual(plot.draw(document, theme), (IMAGES / f"{name}-{theme}.svg").read_text(), name)
            texts = read_texts((IMAGES / f"{name}-light.svg").read_text())
            note = texts[-1]
            for key in ("device", "date", "commit"):
                self.assertIn(document[key], note)

    def test_prefill(self):
        table = {(row[0], int(row[1]), int(row[2])): row for row in read_table("2026-11-26.md", "| mask | M | N |")}
        rows = json.loads((IMAGES / "prefill.json").read_text())["rows"]
        self.assertEqual(len(rows), 12)
        for row in rows:
            cells = table[row["mask"], row["m"], row["n"]]
            first = {"exact": 6, "fast": 12}[row["kernel"]]
            keys = ("relative_error", "time_us", "share", "peer_ratio")
            self.assertEqual([row[key] for key in keys], [float(cell) for cell in cells[first : first + 4]])
            self.assertEqual([row["ceiling_tflops"], row["peer_us"]], [float(cell) for cell in cells[3:5]])

    def test_paged(self):
        table = read_table("2026-11-25.md", "| batch | next_n | length | rel. error | after a read, µs | of copy |")
        rows = json.loads((IMAGES / "paged.json").read_text())["rows"]
        self.assertEqual(len(rows), len(table))
        columns = {
            "batch": 0,
            "next_n": 1,
            "context_len": 2,
            "relative_error": 3,
            "time_us": 4,
            "share": 5,
            "in_a_row_us": 9,
            "peer_in_a_row_us": 12,
            "peer_in_a_row_pdl_us": 13,
            "peer_in_a_row_ratio": 16,
        }
        for row, cells in zip(rows, table):
            self.assertEqual({key: row[key] for key in columns}, {key: float(cells[i]) for key, i in columns.items()})

    def test_cpu(self):
        columns = {"f32": 2, "AVX-512 BF16": 3, "AMX": 4, "PyTorch f32": 6, "PyTorch bf16 (AMX)": 7}
        table = {row[0]: row for row in read_table("2026-11-29.md", "| M x N, full | before |")}
        rows = json.loads((IMAGES / "cpu.json").read_text())["rows"]
        self.assertEqual(len(rows), len(table) * len(columns))
        for row in rows:
            cells = table[f"{row['seq_len']} x {row['seq_len_kv']}"]
            self.assertAlmostEqual(row["time_us"], float(cells[columns[row["kernel"]]]) * 1e3)


class PlotTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def write(self, name, document):
        (self.path / name).write_text(document if isinstance(document, str) else json.dumps(document))
        return self.path / name

    def test_what_mqa_bench_writes(self):
        """A CPU's table and a table of top-k, as this build measures them."""
        for name, command in (("logits", ["cpu", "--shapes=2x64,9x64"]), ("topk", ["topk", "--max-keys=4096"])):
            bundle, rows = self.path / f"{name}.mqa", self.path / f"{name}.json"
            source = ROOT / "test" / "Examples" / f"{name}.mlir"
            subprocess.run([BIN / "mqa-compile", source, "--target=cpu", "-o", bundle], check=True)
            command = [BIN / "mqa-bench", *command, bundle, "--repeat=1", f"--json={rows}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            result = run(rows)
            self.assertEqual(result.returncode, 0, result.stderr)
            for theme in ("light", "dark"):
                texts = read_texts((self.path / f"{name}-{theme}.svg").read_text())
                self.assertIn({"logits": "9 × 64, causal", "topk": "128 × 2048"}[name], texts)
                self.assertIn({"logits": "logits", "topk": "std::nth_element"}[name], texts)

    def test_prefill_without_a_peer(self):
        row = {"kernel": "k", "mask": "cp", "m": 1, "n": 4096, "time_us": 5.0, "tflops": 3.0, "ceiling_tflops": 6.0}
        rows = [{**row, "pass": True, "peer_ratio": 0}, {**row, "n": 8192, "pass": True, "peer_ratio": 0}]
        path = self.write("a.json", {"rows": rows})
        self.assertEqual(run(path, "-o", self.path / "a.svg", "--theme=dark").returncode, 0)
        svg = (self.path / "a.svg").read_text()
        self.assertNotIn("peer", svg)
        self.assertIn(plot.THEMES["dark"]["back"], svg)
        # Half of the ceiling is in the middle of the right panel.
        y = plot.Scale(0, 1, 332, 102, False)(0.5)
        self.assertEqual(len(re.findall(rf'cx="5\d\d\.\d" cy="{y:.1f}"', svg)), 1)

    def test_paged_as_mqa_bench_has_it(self):
        row = {"batch": 4, "next_n": 1, "context_len": 99, "time_us": 5.0, "peer_ratio": 1.5}
        path = self.write("p.json", {"rows": [{**row, "gb_per_s": 1.0, "copy_gb_per_s": 2.0, "pass": True}]})
        self.assertEqual(run(path).returncode, 0)
        self.assertIn("5.0 of 7.5 µs: 1.50×", read_texts((self.path / "p-light.svg").read_text()))
        # Slower than the peer, and two kernels: nothing leaves its panel, and each has its name.
        row = {**row, "gb_per_s": 1.0, "copy_gb_per_s": 2.0, "peer_ratio": 0.25, "pass": True}
        path = self.write("q.json", {"rows": [{**row, "kernel": "a"}, {**row, "kernel": "b"}]})
        self.assertEqual(run(path).returncode, 0)
        svg = (self.path / "q-light.svg").read_text()
        self.assertTrue({"a", "b"} < set(read_texts(svg)))
        for rect in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"):
            if rect.get("x") == "200.0":
                self.assertLessEqual(float(rect.get("width")), 310.0)

    def test_a_wrong_result_is_not_drawn(self):
        row = {"kernel": "right", "seq_len": 1, "seq_len_kv": 2, "time_us": 5.0, "pass": True}
        path = self.write("a.json", {"rows": [row, {**row, "kernel": "wrong", "pass": False}]})
        self.assertEqual(run(path).returncode, 0)
        texts = read_texts((self.path / "a-light.svg").read_text())
        self.assertIn("right", texts)
        self.assertNotIn("wrong", texts)

    def test_rows_of_several_files(self):
        row = {"kernel": "a", "seq_len": 1, "seq_len_kv": 2, "time_us": 5.0, "pass": True}
        paths = [self.write(f"{name}.json", {"rows": [{**row, "kernel": name}]}) for name in "ab"]
        document = plot.read(paths, {})
        self.assertEqual([row["kernel"] for row in document["rows"]], ["a", "b"])
        self.assertEqual(len(plot.read(paths, {"kernel": "b"})["rows"]), 1)

    def test_errors(self):
        good = self.write(
            "good.json", {"rows": [{"kernel": "k", "seq_len": 1, "seq_len_kv": 2, "time_us": 5.0, "pass": True}]}
        )
        cases = [
            ([self.path / "none.json"], 1, "No such file"),
            ([self.write("text.json", "no JSON")], 1, "cannot draw"),
            ([self.write("list.json", [])], 1, "cannot draw"),
            ([self.write("empty.json", {"rows": []})], 1, "no rows"),
            ([self.write("other.json", {"rows": [{"a": 1}]})], 1, "no field"),
            ([self.write("wrong.json", {"rows": [{"kernel": "k", "pass": False}]})], 1, "no kernel of it is right"),
            ([good, "--where=kernel=x"], 1, "no rows that --where leaves"),
            ([good, "--where=kernel"], 2, "must be FIELD=VALUE"),
            ([good, "-o", "/nowhere/a.svg"], 1, "cannot write '/nowhere/a.svg'"),
        ]
        for arguments, code, message in cases:
            with self.subTest(message=message):
                result = run(*arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(message, result.stderr)
                self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
