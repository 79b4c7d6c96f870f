# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The documentation: links lead somewhere, pictures are what the scripts draw, and each script of tools says what it does.

test_examples.py has the code blocks.
"""
import json
import pathlib
import re
import subprocess
import sys
import unittest

from pages import get_blocks

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


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

    def test_commands_name_what_there_is(self):
        """Files, tools and presets in blocks of the shell; test_examples.py runs those that can run anywhere."""
        presets = {
            preset["name"] for preset in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
        }
        checked = 0
        for page in PAGES:
            if page.parent.name == "notebook":
                continue
            for block in get_blocks(page.relative_to(ROOT)):
                if block.language != "sh":
                    continue
                for folder, name in re.findall(
                    r"(?<![\w/.])(?:\./)?(tools|test|docs|runtime|build/bin)/([\w./-]+)", block.text
                ):
                    with self.subTest(block=str(block), name=f"{folder}/{name}"):
                        # A program has the name of the folder of its sources.
                        self.assertTrue((ROOT / folder.replace("build/bin", "tools") / name).exists())
                        checked += 1
                for name in re.findall(r"--preset ([\w-]+)", block.text):
                    with self.subTest(block=str(block), preset=name):
                        self.assertIn(name, presets)
                        checked += 1
        self.assertGreater(checked, 30)

    def test_scripts_say_what_they_do(self):
        scripts = [path for path in (ROOT / "tools").glob("*.sh") if path.name != "lib.sh"]
        self.assertGreater(len(scripts), 7)
        for script in scripts:
            with self.subTest(script=script.name):
                run = subprocess.run([script, "--help"], capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                self.assertRegex(run.stdout, rf"(usage: |tools/){script.name}")

    def test_models(self):
        """Each file of a model has a row in README's table and a test, and there are no others."""
        section = (ROOT / "README.md").read_text().partition("\n## Models\n")[2].partition("\n## ")[0]
        rows = "\n".join(line for line in section.splitlines() if line.startswith("|"))
        models = {path.stem for path in (ROOT / "test" / "Examples" / "models").glob("*.mlir")}
        self.assertGreater(len(models), 5)
        self.assertEqual(set(re.findall(r"test/Examples/models/(\w+)\.mlir", rows)), models)
        self.assertEqual({path.stem for path in (ROOT / "test" / "Execution" / "models").glob("*.test")}, models)

    def test_pictures(self):
        """They are those that the scripts draw."""
        folder = ROOT / "docs" / "images"
        sys.path.insert(0, str(folder))
        self.addCleanup(sys.path.remove, str(folder))
        import draw
        import draw_lesson

        pictures = {**draw.PICTURES, **draw_lesson.PICTURES}
        for theme in draw.THEMES:
            for name, picture in pictures.items():
                self.assertEqual(picture(theme).to_svg(), (folder / f"{name}-{theme}.svg").read_text())


if __name__ == "__main__":
    unittest.main()
