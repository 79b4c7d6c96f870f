# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The documentation: links lead somewhere, and examples in Python run (those on PyTorch, where it is)."""
import importlib.util
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = ["README.md", "docs/embedding.md"]


def get_anchors(page):
    """The names by which headings can be linked, as GitHub makes them."""
    anchors, counts = set(), {}
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        count = counts[name] = counts.get(name, -1) + 1
        anchors.add(f"{name}-{count}" if count else name)
    return anchors


class DocsTest(unittest.TestCase):
    def test_links(self):
        self.assertGreater(len(PAGES), 10)
        for page in PAGES:
            text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
            for link in re.findall(r'(?:\]\(|src="|srcset=")([^)"\s]+)', text):
                if re.match(r"https?:", link):
                    continue
                with self.subTest(page=str(page.relative_to(ROOT)), link=link):
                    path, _, anchor = link.partition("#")
                    target = (page.parent / path).resolve() if path else page
                    self.assertTrue(target.exists(), "no such file")
                    if anchor and target.suffix == ".md":
                        self.assertIn(anchor, get_anchors(target))

    def test_pictures(self):
        """They are those that the script draws."""
        source = ROOT / "docs" / "images" / "draw.py"
        spec = importlib.util.spec_from_file_location("draw", source)
        draw = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(draw)
        for theme in draw.THEMES:
            for name, picture in (("overview", draw.draw_overview(theme)), ("kernel", draw.draw_kernel(theme))):
                self.assertEqual(picture.to_svg(), (source.parent / f"{name}-{theme}.svg").read_text())

    @unittest.skipUnless(importlib.util.find_spec("torch"), "no PyTorch here")
    def test_examples(self):
        for page in EXAMPLES:
            codes = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), flags=re.S | re.M)
            self.assertTrue(codes, page)
            for code in codes:
                with self.subTest(page=page, code=code[:60]):
                    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
                    self.assertEqual(run.returncode, 0, run.stderr)


if __name__ == "__main__":
    unittest.main()
