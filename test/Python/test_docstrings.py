# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The docstrings of what `import mqa` offers: an example each, which runs; types for checkers that say what the functions take.

Examples on PyTorch's tensors run where it is. Checkers: mypy, where it is installed.
"""
import ast
import doctest
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import mqa
from mqa import library

PACKAGE = pathlib.Path(mqa.__file__).parent
STUB = ast.parse((PACKAGE / "__init__.pyi").read_text())
NEED_TORCH = mqa._NEED_TORCH
HAS_TORCH = importlib.util.find_spec("torch") is not None


def find_checker():
    """A Python that has mypy, this one or the system's, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import mypy"]
        if os.path.exists(python) and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    return None


CHECKER = find_checker()


def find_sources():
    """The functions of the package's modules by name."""
    found = {}
    for path in PACKAGE.glob("*.py"):
        # Its functions have the same names, and their own test.
        if path.name == "jax.py":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = node
    return found


SOURCES = find_sources()


def describe_parameters(function):
    """Names, which of them are for keywords alone, and defaults; those that a stub leaves out count as equal."""
    arguments = function.args
    positional = [argument.arg for argument in arguments.args]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults)))
    keywords = [argument.arg for argument in arguments.kwonlyargs]
    defaults.update((name, value) for name, value in zip(keywords, arguments.kw_defaults) if value is not None)
    return positional, keywords, {name: ast.unparse(value) for name, value in defaults.items()}


class ExamplesTest(unittest.TestCase):
    def run_examples(self, name, thing):
        finder = doctest.DocTestFinder(recurse=False)
        [test] = finder.find(thing, name)
        self.assertTrue(test.examples, f"{name} has no example")
        output = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        result = runner.run(test, out=output.append)
        self.assertEqual(result.failed, 0, "".join(output))

    def test_without_pytorch(self):
        others = sorted(set(mqa.__all__) - set(NEED_TORCH))
        self.assertEqual(others, ["Error", "InvalidArgument", "get_launch_overlap", "set_launch_overlap"])
        for name in others:
            self.run_examples(name, getattr(mqa, name))
        self.run_examples("library.find", library.find)

    @unittest.skipUnless(HAS_TORCH, "no PyTorch here")
    def test_on_tensors(self):
        for name in NEED_TORCH:
            with self.subTest(name):
                self.run_examples(name, getattr(mqa, name))

    def test_what_they_say(self):
        """Shapes or dtypes, and errors; here without PyTorch, in the source."""
        for name in NEED_TORCH:
            with self.subTest(name):
                text = ast.get_docstring(SOURCES[name])
                self.assertRegex(text, r"Raises")
                self.assertIn(f"mqa.{name}(", text)


class TypesTest(unittest.TestCase):
    def test_marker(self):
        self.assertTrue((PACKAGE / "py.typed").exists())

    def test_stub_names(self):
        """The stub has what the package has."""
        names = {node.name for node in STUB.body if isinstance(node, ast.FunctionDef)}
        for node in STUB.body:
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname for alias in node.names if alias.asname}
        self.assertEqual(names, {*NEED_TORCH, "Error", "InvalidArgument", "get_launch_overlap", "set_launch_overlap"})

    def test_stub_parameters(self):
        """Each function takes what it takes in the source, and annotates it."""
        functions = [node for node in STUB.body if isinstance(node, ast.FunctionDef)]
        self.assertGreater(len(functions), 15)
        for stub in functions:
            with self.subTest(stub.name):
                positional, keywords, defaults = describe_parameters(SOURCES[stub.name])
                told = describe_parameters(stub)
                self.assertEqual(told[:2], (positional, keywords))
                for name, value in told[2].items():
                    self.assertIn(name, defaults)
                    self.assertIn(value, (defaults[name], "..."))
                overloaded = any(ast.unparse(decorator) == "overload" for decorator in stub.decorator_list)
                missing = set(defaults) - set(told[2])
                self.assertLessEqual(missing, {"return_values"} if overloaded else set())
                for argument in stub.args.args + stub.args.kwonlyargs:
                    self.assertIsNotNone(argument.annotation, argument.arg)
                self.assertIsNotNone(stub.returns)

    def check(self, *arguments):
        """mypy's exit code and output; PyTorch is not looked into, so tensors are of any type."""
        with tempfile.TemporaryDirectory() as folder:
            command = [CHECKER, "-m", "mypy", f"--cache-dir={folder}", *arguments]
            result = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False, timeout=300)
        return result.returncode, result.stdout + result.stderr

    CONFIG = "[mypy]\npython_version = 3.10\n[mypy-torch.*,numpy.*,jax.*]\nfollow_imports = skip\nignore_missing_imports = True\n"

    @unittest.skipUnless(CHECKER, "no mypy here")
    def test_checker(self):
        """The package, a caller that is right, and callers that are wrong."""
        right = (
            "import mqa, torch\n"
            "from mqa import library, runtime\n"
            "def f(x: torch.Tensor) -> torch.Tensor:\n"
            "    indices, values = mqa.topk(x, x, 512, return_values=True)\n"
            "    mqa.prepare_logits(x, x, None, None, x, x, x, clean=True)()\n"
            "    kernel: runtime.Kernel = library.find(library.Op('cpu', 64, 128))\n"
            "    return mqa.logits(x, x, None, x, x, x, clean=True)\n"
        )
        wrong = ("mqa.logits(x, x, None, x, x, x, clean='yes')", "mqa.logits(x, x)", "mqa.topk(x, x, 'all')",
                 "mqa.topk(x, x, 512, order='best')", "mqa.paged_logits(x, x, x, x, x, x, None)",
                 "library.find('logits')", "mqa.set_launch_overlap()", "mqa.nothing")  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder, "mypy.ini")
            config.write_text(self.CONFIG)
            program = pathlib.Path(folder, "caller.py")
            program.write_text(right)
            code, output = self.check(f"--config-file={config}", "-p", "mqa")
            self.assertEqual(code, 0, output)
            code, output = self.check(f"--config-file={config}", str(program))
            self.assertEqual(code, 0, output)
            program.write_text(right + "".join(f"def g{i}(x: torch.Tensor) -> None:\n    {call}\n" for i, call in enumerate(wrong)))
            code, output = self.check(f"--config-file={config}", str(program))
            lines = [line for line in output.splitlines() if ": error: " in line]
            first = right.count("\n") + 2
            for i, call in enumerate(wrong):
                self.assertTrue(any(f":{first + 2 * i}: " in line for line in lines), (call, output))


if __name__ == "__main__":
    unittest.main()
