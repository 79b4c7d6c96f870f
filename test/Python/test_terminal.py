# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tools show at a terminal, and nowhere else: progress on standard error, colour; and files of --json."""

import json
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["MQA_COMPILE"]).parent
EXAMPLES = ROOT / "test" / "Examples"
CLEAR = "\r\x1b[K"


def run(command, terminal=None, until=None, **environment):
    """(exit status, standard output, standard error); `terminal` names the one of both that is a terminal. Ends the program
    when it has written `until` there."""
    variables = {**os.environ, "TERM": "xterm", "MQA_BUILD_DIR": str(BIN.parent), **environment}
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    chunks = []
    main, reader = None, None
    if terminal:
        main, own = pty.openpty()
        streams[terminal] = own

        def read():
            # The end of a terminal is an error.
            try:
                while chunk := os.read(main, 65536):
                    chunks.append(chunk)
                    if until and until in b"".join(chunks):
                        process.terminate()
            except OSError:
                pass

        reader = threading.Thread(target=read)
    with subprocess.Popen([str(part) for part in command], env=variables, text=True, **streams) as process:
        if terminal:
            os.close(own)
            reader.start()
        output, error = process.communicate(timeout=120)
    if terminal:
        reader.join(10)
        os.close(main)
        text = b"".join(chunks).decode().replace("\r\n", "\n")
        output, error = (text, error) if terminal == "stdout" else (output, text)
    return process.returncode, output, error


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.bundle = cls.folder / "a_bundle_with_a_long_name_of_which_the_end_matters.mqa"
        cls.topk = cls.folder / "topk_of_a_bundle_with_a_long_name.mqa"
        for source, bundle in (("logits.mlir", cls.bundle), ("topk_of_logits.mlir", cls.topk)):
            subprocess.run([BIN / "mqa-compile", EXAMPLES / source, "--target=cpu", "-o", bundle], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def check_progress(self, command, pattern, is_quick=True, **environment):
        code, output, error = run(command, terminal="stderr", **environment)
        self.assertEqual(code, 0, output + error)
        self.assertRegex(error, re.escape(CLEAR) + pattern)
        # Nothing is left of it, and nothing of it is in the output.
        self.assertTrue(error.endswith(CLEAR) or error.endswith(CLEAR + "\r"), repr(error[-80:]))
        self.assertNotIn("\x1b", output)
        if is_quick:
            code, _, error = run(command, **environment)
            self.assertEqual(code, 0)
            self.assertNotIn("\x1b", error)
        return output

    def test_progress_of_cases(self):
        command = [BIN / "mqa-bench", "random", self.bundle, "--cases=2", "--reruns=0"]
        self.check_progress(command, "bundle 1 of 1: logits of ")
        self.assertEqual(run(command)[2], "")
        self.assertEqual(run(command, terminal="stderr", TERM="dumb")[2], "")

    def test_progress_of_tables(self):
        command = [BIN / "mqa-bench", "cpu", self.bundle, "--shapes=9x20,2x30", "--mask=full", "--repeat=1"]
        self.check_progress(command, "cell 1 of 2: 9 x 20, 1 kernels")
        command = [BIN / "mqa-bench", "topk", self.topk, "--max-keys=2048", "--repeat=1"]
        self.check_progress(command, "topk_of_a_.*: 128 x 2048")

    def test_progress_of_a_library(self):
        command = [ROOT / "tools" / "prebuild.sh", self.folder / "library", "4"]
        sizes = {"MQA_TARGET": "cpu", "MQA_HEAD_DIMS": "", "MQA_TOPK_HEAD_DIMS": "16", "MQA_TOPK_K": "1"}
        output = self.check_progress(command, "bundle 3 of 3: paged_topk_h4_d16_k1_t2", is_quick=False, **sizes)
        self.assertIn("3 bundles in ", output)
        self.assertEqual(len((self.folder / "library" / "index.txt").read_text().splitlines()), 3)

    def test_progress_of_the_battery(self):
        command = [ROOT / "test" / "Battery" / "compile.sh", BIN, self.folder / "ops", "cpu", "--count=2"]
        output = self.check_progress(command, "compiled for cpu: 2 of 2 ops")
        self.assertEqual(output, "compiled for cpu: 2 ops\n")

    def test_progress_of_a_page(self):
        command = [ROOT / "tools" / "explore.sh", EXAMPLES / "logits.mlir", self.folder / "page.html", "--target=cpu"]
        output = self.check_progress(command, "comparing the stages of 'logits_clean', kernel 2 of 2", is_quick=False)
        self.assertEqual(output, "")

    def test_progress_of_a_search(self):
        text = (EXAMPLES / "logits.mlir").read_text().split("func.func @logits_clean")[0]
        text = (
            text.replace("x64x128xf8", "x32x32xf8").replace("<?x128xf8", "<?x32xf8").replace("<?x64xf32", "<?x32xf32")
        )
        source = self.folder / "small.mlir"
        source.write_text(text)
        command = [BIN / "mqa-compile", source, "--mqa-search", "-o", self.folder / "found"]
        # All schedules would take a minute.
        error = run(command, terminal="stderr", until=b"schedule 2 of ")[2]
        self.assertRegex(error, re.escape(CLEAR) + r"schedule 1 of \d+\r")

    def test_colour(self):
        command = [BIN / "mqa-run", self.bundle, "--seq-len=3", "--seq-len-kv=40", "--verify"]
        self.assertIn("result:          \x1b[32mpass\x1b[0m\n", run(command, terminal="stdout")[1])
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertIn("result:          pass\n", run(command, terminal="stdout", **environment)[1])
        self.assertIn("result:          pass\n", run(command)[1])

    def test_lines_fit(self):
        for command in (
            ["mqa-bench", "cpu", self.bundle, "--shapes=9x20,2x30", "--repeat=1"],
            ["mqa-bench", "topk", self.topk, "--max-keys=2048", "--repeat=1"],
            ["mqa-run", "--list", self.topk],
        ):
            code, output, _ = run([BIN / command[0], *command[1:]])
            self.assertEqual(code, 0)
            for line in output.splitlines():
                if line.startswith(("|", "  ")):
                    self.assertLessEqual(len(line), 100, line)
        _, output, _ = run([BIN / "mqa-bench", "topk", self.topk, "--max-keys=2048", "--repeat=1", "--wide"])
        self.assertIn(f"| {self.topk.stem} topk ", output)

    def test_units(self):
        _, output, _ = run([BIN / "mqa-run", self.bundle, "--seq-len=1", "--seq-len-kv=2"])
        line = next(line for line in output.splitlines() if line.startswith("time:"))
        self.assertRegex(line, r" [\d.]+ [um]?s \(median of 1\), [\d.]+ [MGT]FLOP/s, [\d.]+ [MG]B/s$")
        self.assertNotRegex(line, r" 0(\.0*)? ")

    def test_counts_as_json(self):
        for name, command in (
            ("random", ["random", "--cases=3", "--reruns=1", "--seed=7"]),
            ("edges", ["edges", "--reruns=1"]),
        ):
            path = self.folder / f"{name}.json"
            code, output, _ = run([BIN / "mqa-bench", *command, self.bundle, f"--json={path}"])
            self.assertEqual(code, 0, output)
            counts = json.loads(path.read_text())
            self.assertGreater(counts["cases"], 5)
            self.assertIn(f"{counts['cases']}", output)
            self.assertEqual((counts["wrong"], counts["pass"], counts["reruns"]), (0, True, 1))
        self.assertEqual(json.loads((self.folder / "random.json").read_text())["seed"], 7)

    def test_tables_say_when(self):
        path = self.folder / "table.json"
        run([BIN / "mqa-bench", "cpu", self.bundle, "--shapes=2x30", "--repeat=1", f"--json={path}"])
        document = json.loads(path.read_text())
        self.assertRegex(document["date"], r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(document["repeat"], 1)
        self.assertRegex(document["version"], r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
