# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sphinx's configuration of the documentation site; tools/docs.sh runs it with the repository's root as the source folder.

The pages are the Markdown files that people read in the repository. What a site needs beyond them is added here: the table
of contents, and a lexer for MLIR.
"""
import pathlib
import posixpath
import re

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace

ROOT = pathlib.Path(__file__).resolve().parents[2]

project = "MQA"
author = "The MQA authors"
copyright = "the MQA authors"
extensions = ["myst_parser"]
myst_heading_anchors = 6
root_doc = "README"
source_suffix = {".md": "markdown"}
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/**.md"]
exclude_patterns = []
# The generated references skip levels of headings; a picture for dark mode is a <source> that is no image of MyST's.
suppress_warnings = ["myst.header"]
highlight_language = "text"

html_theme = "furo"
html_title = "MQA"
html_static_path = ["static"]
html_css_files = ["mqa.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}

# The table of contents. Pages that it does not name follow in a part of their own.
CONTENTS = {
    "Start": ["README", "docs/lesson"],
    "Use it": ["docs/embedding", "docs/programs", "docs/frontends", "docs/engines", "docs/distributed", "docs/bundle", "docs/process", "docs/compatibility", "SECURITY"],
    "Reference": ["docs/MQADialect", "docs/MQATransformsPasses", "docs/MQAConversionPasses", "docs/glossary"],
    "Performance": ["docs/performance", "docs/notebook/README"],
    "How it works": ["docs/design", "docs/explorer", "docs/matrix-units", "docs/testing"],
    "Take part": ["CONTRIBUTING", "docs/how-to-add", "CHANGELOG"],
}  # fmt: skip
NOTEBOOK = "docs/notebook/"
# TableGen writes these without one.
TITLES = {
    "docs/MQATransformsPasses": "Passes of the dialect",
    "docs/MQAConversionPasses": "Conversion passes",
}
REFERENCE = re.compile(r"docs/MQA\w+")


def add_contents(app, docname, source):
    """Makes a site of pages that are read without one, too: no file of the repository has the table of contents."""
    source[0] = re.sub(r"\[([^\]]*)\]\(([^)#:]+)\)", lambda link: unlink_folder(docname, link), source[0])
    if REFERENCE.fullmatch(docname):
        source[0] = tidy_reference(source[0])
    if docname in TITLES:
        source[0] = f"# {TITLES[docname]}\n\n{source[0]}"
    if docname == root_doc:
        found = app.env.found_docs
        named = {page for pages in CONTENTS.values() for page in pages}
        rest = sorted(page for page in found - named if not page.startswith(NOTEBOOK))
        for caption, pages in {**CONTENTS, "More": rest}.items():
            pages = [page for page in pages if page in found]
            if pages:
                source[0] += make_toctree(pages, f":caption: {caption}\n:hidden:")
    elif docname == f"{NOTEBOOK}README":
        days = sorted(page for page in app.env.found_docs if page.startswith(NOTEBOOK) and page != docname)
        source[0] += make_toctree(reversed(days), ":hidden:")


def tidy_reference(text):
    """TableGen writes a mark for another generator, tables in HTML, centred columns, and a heading for each table."""
    text = text.replace("[TOC]\n", "").replace("<table>", '<table class="docutils">')
    text = re.sub(r"^\|( :-+: \|)+", lambda line: line[0].replace(":", "-"), text, flags=re.M)
    return re.sub(r"^#### ([\w ]+):?$", r"**\1**", text, flags=re.M)


def unlink_folder(docname, link):
    """A site has no folders of sources: a link to one is its text."""
    return link[1] if (ROOT / posixpath.dirname(docname) / link[2]).is_dir() else link[0]


def make_toctree(pages, options):
    entries = "\n".join("Overview <self>" if page == root_doc else f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n{options}\n\n{entries}\n```\n"


class MlirLexer(RegexLexer):
    """MLIR's text, in so far as its colours need it."""

    name = "MLIR"
    aliases = ["mlir"]
    tokens = {
        "root": [
            (r"//.*?$", Comment.Single),
            (r'"(\\.|[^"\\])*"', String),
            (r"%[\w$.-]+(:\d+)?(#\d+)?", Name.Variable),
            (r"@[\w$.-]+", Name.Function),
            (r"\^[\w$.-]+", Name.Label),
            (r"[#!][\w$.-]+", Name.Attribute),
            (r"\b[a-z_]\w*(\.[\w.]+)", Name.Builtin),
            (words(("module", "return", "ins", "outs", "attributes", "to", "step",
                    "else", "iter_args", "into", "keys", "ranges", "rows"), prefix=r"\b", suffix=r"\b(?!\.)"), Keyword),
            (r"(?<!\w)((\d+|\?)x)+(?=[a-z!])", Number),
            (r"(memref|tensor|vector|index|none|f\d+\w*|bf16|[su]?i\d+)\b", Keyword.Type),
            (r"-?\b\d+(\.\d*)?(e[+-]?\d+)?\b", Number),
            (r"[\w$]+", Name),
            (r"\s+", Whitespace),
            (r"[-=:><?*+/]+", Operator),
            (r"[()\[\]{},.]", Punctuation),
            (r".", Text),
        ]
    }  # fmt: skip


def setup(app):
    app.add_lexer("mlir", MlirLexer)
    app.connect("source-read", add_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
