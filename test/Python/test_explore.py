# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tools/explore.sh: what is in the page, and in a browser, where there is one, what a reader sees of it."""

import base64
import gzip
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["MQA_COMPILE"]).parent
EXAMPLES = ROOT / "test" / "Examples"
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"))), None
)
HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000"]

sys.path.insert(0, str(ROOT / "tools" / "explore"))
import resources  # noqa: E402
import rings  # noqa: E402
import stages  # noqa: E402


def explore(*arguments, **environment):
    return subprocess.run(
        [ROOT / "tools" / "explore.sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "MQA_BUILD_DIR": str(BIN.parent), **environment},
    )


def get_anchors(page):
    """The names by which headings can be linked."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def read_page(path):
    """The data of a page, and the payload of each text."""
    page = path.read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    packed = re.findall(r'<script type="text/plain" id="text\d+">(.*?)</script>', page)
    return data, [json.loads(gzip.decompress(base64.b64decode(text))) for text in packed]


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name) / "page.html"
        result = explore(EXAMPLES / "logits.mlir", cls.path)
        assert result.returncode == 0, result.stderr
        cls.data, cls.texts = read_page(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def get_payload(self, kernel, index):
        while kernel["stages"][index].get("same"):
            index -= 1
        return self.texts[kernel["stages"][index]["text"]]

    def test_levels_are_those_of_mqa_opt(self):
        """The last stage of each level is the file that --mqa-print-levels writes."""
        levels = pathlib.Path(self.folder.name) / "levels"
        command = [BIN / "mqa-opt", EXAMPLES / "logits.mlir", "--mqa-to-nvvm", f"--mqa-print-levels={levels}"]
        subprocess.run([*command, "-o", os.devnull], check=True)
        self.assertEqual([kernel["name"] for kernel in self.data["kernels"]], ["logits", "logits_clean"])
        for kernel in self.data["kernels"]:
            names = list(dict.fromkeys(stage["level"] for stage in kernel["stages"]))
            files = sorted(levels.glob(f"{kernel['name']}.*.mlir"))
            self.assertEqual(names, [path.name.split(".")[1] for path in files] + ["PTX"])
            for path in files:
                last = max(i for i, stage in enumerate(kernel["stages"]) if stage["level"] == path.name.split(".")[1])
                shown = stages.Stage("", "\n".join(self.get_payload(kernel, last)["lines"]))
                expected = stages.Stage("", path.read_text())
                self.assertEqual(
                    stages.get_body(shown, kernel["name"]), stages.get_body(expected, kernel["name"]), path.name
                )

    def test_blocks_are_lines_that_both_stages_have(self):
        compared = changed = 0
        for kernel in self.data["kernels"]:
            for i, stage in enumerate(kernel["stages"]):
                if i == 0 or stage.get("same") or stage["level"] == "PTX":
                    continue
                before = stages.normalize(self.get_payload(kernel, i - 1)["lines"])
                payload = self.get_payload(kernel, i)
                after = stages.normalize(payload["lines"])
                ends = (0, 0)
                for first, second, size in payload["blocks"]:
                    self.assertTrue(first >= ends[0] and second >= ends[1])
                    self.assertEqual(before[first : first + size], after[second : second + size], stage["name"])
                    ends = (first + size, second + size)
                compared += 1
                changed += stage["added"] + stage["removed"] > 0
        self.assertGreater(compared, 30)
        self.assertGreater(changed, 30)

    def test_it_needs_nothing_else(self):
        page = self.path.read_text()
        self.assertIsNone(re.search(r"<(?:script|img|iframe)[^>]* src=|<link|@import|url\(", page))
        # Large IR: packed, and smaller than the text by far.
        lines = sum(len(text["lines"]) for text in self.texts)
        self.assertGreater(lines, 50000)
        self.assertLess(len(page), 3_000_000)

    def test_ops_lead_to_their_reference(self):
        used = {op for text in self.texts for line in text["lines"] for op in re.findall(r"\bmqa\.[a-z_0-9]+", line)}
        ops = {op for op in used if f"`{op}`" in (ROOT / "docs" / "MQADialect.md").read_text()}
        self.assertIn("mqa.ring_put", ops)
        self.assertLessEqual(
            ops - {"mqa.kernel", "mqa.target", "mqa.operand", "mqa.ranges"}, self.data["reference"].keys()
        )
        self.assertIn("mqa-stage-tiles", self.data["reference"])
        for name, entry in self.data["reference"].items():
            path, anchor = entry["link"].split("#")
            page = (self.path.parent / path).resolve()
            self.assertTrue(page.exists(), path)
            self.assertIn(anchor, get_anchors(page), name)
            self.assertIn("<p>", entry["html"])

    def test_gpu_code_and_resources(self):
        ptx = subprocess.run(
            [BIN / "mqa-compile", EXAMPLES / "logits.mlir", "--emit=ptx", "-o", "-"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for kernel in self.data["kernels"]:
            shown = "\n".join(self.get_payload(kernel, -1 + len(kernel["stages"]))["lines"])
            entry = shown[shown.index(".visible .entry") :]
            self.assertIn(entry, ptx)
            self.assertTrue(entry.startswith(f".visible .entry {kernel['name']}("))
            figures = {name: value for name, value, _ in kernel["gpu"]}
            self.assertRegex(figures["schedule"], "stages = 5")
            self.assertRegex(figures["dynamic shared memory"], r"^\d{3},\d{3} bytes$")
            if resources.find_ptxas():
                self.assertTrue(figures["registers of a thread"].isdigit())
            else:
                self.assertEqual(figures["registers, spills"], "not known")
            titles = [drawing["title"] for drawing in kernel["drawings"]]
            self.assertEqual(
                titles, ["Shared memory", "Ring of queries and weights", "Ring of keys", "Ring of key scales"]
            )
            self.assertIn("slot 4", kernel["drawings"][2]["svg"])
            self.assertNotIn("slot 5", kernel["drawings"][2]["svg"])

    @unittest.skipUnless(BROWSER, "no Chromium here")
    def test_in_a_browser(self):
        kernel = self.data["kernels"][0]
        after = max(i for i, stage in enumerate(kernel["stages"]) if stage["level"] == "6-registers")
        before = min(i for i, stage in enumerate(kernel["stages"]) if stage["level"] == "6-registers") - 1
        dom = self.look(f"kernel=logits&before={before}&after={after}")
        self.assertIn('data-ready="yes"', dom)
        for side in ("left", "right"):
            pane = re.search(rf'<pre class="pane" id="{side}">(.*?)</pre>', dom, re.S)[1]
            self.assertIn("gpu.func", re.sub(r"<[^>]*>", "", pane))
            # 3000 lines, of which those in sight are drawn.
            self.assertLess(pane.count("<div"), 150)
            self.assertGreater(pane.count("<div"), 10)
        self.assertRegex(dom, r'class="(added|removed)"')
        self.assertRegex(re.sub(r"<[^>]*>", "", dom), r"6-registers: mqa-distribute-vectors")
        dom = self.look(f"kernel=logits_clean&before=-1&after={after}&view=gpu")
        section = re.search(r'<section id="gpu">(.*?)</section>', dom, re.S)[1]
        self.assertEqual(section.count("<svg"), len(self.data["kernels"][1]["drawings"]))
        self.assertIn("dynamic shared memory", section)

    def look(self, fragment):
        command = [BROWSER, *ARGUMENTS, "--dump-dom", f"{self.path.as_uri()}#{fragment}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    @unittest.skipUnless(BROWSER and HAS_PLAYWRIGHT, "no Chromium or no playwright here")
    def test_what_clicks_do(self):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 860})
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(self.path.as_uri())
            page.wait_for_selector("body[data-ready]")
            # A level, then one of its passes.
            page.click("#stages h2 >> text=6-registers")
            page.click("#stages .stage >> text=mqa-expand-row-ops")
            page.wait_for_selector("#about >> text=mqa-expand-row-ops")
            self.assertIn("Expands", page.inner_text("#about"))
            # Few lines changed: the others are in gaps, which open.
            self.assertTrue(page.is_checked("#changes"))
            gaps = page.locator("#right .gap").count()
            self.assertGreater(gaps, 0)
            count = page.evaluate("state.view.visible.length")
            page.locator("#right .gap").first.click()
            self.assertGreater(page.evaluate("state.view.visible.length"), count)
            # Regions fold.
            page.click("#stages h2 >> text=6-registers")
            page.wait_for_function("state.view.rows.length > 3000 && !state.view.folded.size")
            page.uncheck("#changes")
            count = page.evaluate("state.view.visible.length")
            page.click("#fold")
            self.assertLess(page.evaluate("state.view.visible.length"), count / 2)
            page.click("#unfold")
            self.assertEqual(page.evaluate("state.view.visible.length"), count)
            # The end of a long stage is a scroll away.
            page.evaluate("get('scroller').scrollTop = 1e9")
            page.wait_for_function("get('right').textContent.includes('gpu.return')")
            # Words are found, and lead to the reference.
            page.fill("#search", "mqa.wgmma")
            page.wait_for_selector("#right .hit")
            page.locator("#right .hit .op.known").first.click()
            page.wait_for_selector("#reference h3")
            self.assertIn("mqa.wgmma", page.inner_text("#reference h3"))
            self.assertEqual(errors, [])
            browser.close()


class PartsTest(unittest.TestCase):
    def test_cpu(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "cpu.html"
            result = explore(EXAMPLES / "logits.mlir", path, "--target=cpu", "--features=amx-bf16,avx512f")
            self.assertEqual(result.returncode, 0, result.stderr)
            data, texts = read_page(path)
            levels = list(dict.fromkeys(stage["level"] for stage in data["kernels"][0]["stages"]))
            self.assertEqual(levels, ["1-op", "2-tasks", "3-linalg", "4-vectors", "5-llvm"])
            self.assertNotIn("gpu", data["kernels"][0])
            self.assertIn("amx.tile_mul", "\n".join(line for text in texts for line in text["lines"]))

    def test_log_of_ptxas(self):
        log = """ptxas info    : Compiling entry function 'one' for 'sm_90a'
ptxas info    : Function properties for one
    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
ptxas info    : Used 168 registers, used 2 barriers, 16 bytes cumulative stack size, 1024 bytes smem
ptxas info    : Compiling entry function 'two' for 'sm_90a'
ptxas info    : Used 96 registers, used 1 barriers"""
        found = resources.parse_log(log)
        self.assertEqual(found["two"], {"registers": 96, "barriers": 1})
        self.assertEqual(found["one"]["registers"], 168)
        self.assertEqual((found["one"]["spill_stores"], found["one"]["spill_loads"]), (12, 20))
        self.assertEqual((found["one"]["stack"], found["one"]["static_shared"]), (16, 1024))

    def test_without_ptxas(self):
        kernel = stages.Kernel("logits")
        kernel.stages = [stages.Stage("input", "nothing"), stages.Stage("ptx", "nothing")]
        rows = {name: (value, note) for name, value, note in resources.describe(kernel, None)}
        self.assertEqual(rows["registers, spills"], ("not known", "this machine has no ptxas, which would say"))

    def test_slots_have_one_tile_at_a_time(self):
        for slots, turns in ((1, 1), (2, 1), (3, 2), (5, 4), (8, 4)):
            ring = rings.Ring("%0", f"turns = {turns}", slots, "memref<128x64xf16, #gpu>")
            self.assertEqual(ring.slot_bytes, 128 * 64 * 2)
            events = rings.simulate(ring, 40)
            for tile, (slot, start, full, use, end, _) in enumerate(events):
                self.assertTrue(start < full <= use < end)
                if tile >= slots:
                    self.assertEqual(slot, events[tile - slots][0])
                    self.assertGreaterEqual(start, events[tile - slots][4])
                if tile >= turns:
                    self.assertGreaterEqual(use, events[tile - turns][4])

    def test_errors(self):
        cases = [
            (["nothing.mlir", "out.html"], 1, "could not compile the input"),
            ([EXAMPLES / "logits.mlir", "/nowhere/out.html", "--target=cpu"], 1, "cannot write '/nowhere/out.html'"),
            ([EXAMPLES / "logits.mlir", "out.html", "--target=cpu", "--schedule=fast"], 2, "--schedule is for a GPU"),
            ([EXAMPLES / "logits.mlir", "out.html", "--features=avx2"], 2, "--features is for --target=cpu"),
            ([EXAMPLES / "logits.mlir", "out.html", "--docs=docs/"], 2, "--docs must have {page}"),
        ]
        for arguments, code, message in cases:
            with self.subTest(message=message):
                result = explore(*arguments)
                self.assertEqual(result.returncode, code)
                self.assertIn(message, result.stderr)
        result = explore("a.mlir", "b.html", MQA_BUILD_DIR="/nowhere")
        self.assertEqual(result.returncode, 1)
        self.assertIn("build the tools first", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
