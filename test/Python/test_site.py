# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The documentation site: tools/docs.sh builds it without a warning, and in what it built each link leads somewhere.

Skipped where the generator is not installed: it comes from the network. tools/docs.sh installs it.
"""
import html.parser
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = ("sphinx", "myst_parser", "furo")


def find_generator():
    """A Python that has the generator: this one, or the one that tools/docs.sh made. None if there is none."""
    if all(importlib.util.find_spec(name) for name in MODULES):
        return sys.executable
    own = pathlib.Path(os.environ.get("MQA_BUILD_DIR", ROOT / "build")) / "site-env" / "bin" / "python"
    check = f"import {', '.join(MODULES)}"
    if own.exists() and subprocess.run([own, "-c", check], capture_output=True, check=False).returncode == 0:
        return str(own)
    return None


GENERATOR = find_generator()
if not GENERATOR:
    print("skipped: no generator of the site here")
    sys.exit(0)


class Page(html.parser.HTMLParser):
    """The links of a page, and what may be linked in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, _, attributes):
        for name, value in attributes:
            if name in ("href", "src", "srcset") and value:
                self.links.append(value)
            elif name == "id":
                self.anchors.add(value)


class SiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.site = pathlib.Path(folder.name)
        command = [ROOT / "tools" / "docs.sh", cls.site]
        environment = {**os.environ, "PYTHON": GENERATOR}
        cls.build = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        cls.pages = {path: Page(path) for path in sorted(cls.site.rglob("*.html"))}

    def test_builds(self):
        self.assertEqual(self.build.returncode, 0, self.build.stdout + self.build.stderr)

    def test_links(self):
        checked = 0
        for path, page in self.pages.items():
            for link in page.links:
                url = urllib.parse.urlparse(link)
                if url.scheme:
                    continue
                checked += 1
                target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
                with self.subTest(page=path.name, link=link):
                    self.assertTrue(target.is_file(), "no such file")
                    if url.fragment and target in self.pages:
                        self.assertIn(url.fragment, self.pages[target].anchors)
        self.assertGreater(checked, 1000)

    def test_every_page_is_in_the_contents(self):
        start = self.site / "index.html"
        linked = {(start.parent / link.partition("#")[0]).resolve() for link in self.pages[start].links}
        for page in [*ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]:
            self.assertIn((self.site / page.relative_to(ROOT)).with_suffix(".html").resolve(), linked)

    def test_a_link_that_leads_nowhere_is_an_error(self):
        """In a copy of what the site is made of."""
        with tempfile.TemporaryDirectory() as name:
            copy = pathlib.Path(name)
            for entry in ROOT.iterdir():
                if not entry.name.startswith((".", "build", "docs", "tools", "README")):
                    (copy / entry.name).symlink_to(entry)
            shutil.copytree(ROOT / "docs", copy / "docs")
            (copy / "tools").mkdir()
            shutil.copy(ROOT / "tools" / "docs.sh", copy / "tools")
            (copy / "README.md").write_text(
                (ROOT / "README.md").read_text() + "\n[gone](docs/design.md#no-such-part)\n"
            )
            environment = {**os.environ, "PYTHON": GENERATOR}
            command = [copy / "tools" / "docs.sh", copy / "site"]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("no-such-part", run.stderr)


if __name__ == "__main__":
    unittest.main()
