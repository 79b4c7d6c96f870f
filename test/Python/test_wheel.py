# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The wheels of tools/wheel.sh: what is in them, that their tag is true, and what they do in an environment that has nothing else.

Skipped where pip, setuptools or wheel is missing. Needs neither PyTorch nor a GPU.
"""
import concurrent.futures
import dataclasses
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

from mqa import fused_op, library, prebuilt, runtime
from mqa._version import __version__

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["MQA_COMPILE"]).resolve().parents[1]
LARGEST = 60e6


def find_python():
    """A Python that can make wheels."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import setuptools, wheel, pip"]
        if os.path.exists(python) and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    return None


def find_missing():
    """Why no wheel can be made here, or None."""
    if find_python() is None:
        return "no Python with pip, setuptools and wheel here"
    if "MQA_ZSTD_ARCHIVE:FILEPATH=MQA_ZSTD_ARCHIVE-NOTFOUND" in (BUILD / "CMakeCache.txt").read_text():
        return "no libzstd.a here"
    return None


def run(*command, **environment):
    """Without what leads to this repository."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MQA_", "PYTHON"))}
    clean.update(environment, PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=False, timeout=300)


# Logits of ones: 64 heads, D of 128.
LAUNCH = """
import array, sys
import mqa
from mqa import library, runtime
kernel = library.find(library.Op("cpu", 64, 128, clean=True), 1)
def hold(code, values, keep=[]):
    keep.append(array.array(code, values))
    return keep[-1].buffer_info()[0], keep[-1]
ones = [0x38]  # 1.0 in f8E4M3FN
q, k = hold("B", ones * 64 * 128)[0], hold("B", ones * 3 * 128)[0]
scale, weights, ks, ke = (hold(*v)[0] for v in (("f", [1, 2, 3]), ("f", [1] * 64), ("i", [0]), ("i", [2])))
out, logits = hold("f", [5] * 3)
args = runtime.LogitsArgs(q, 64 * 128, k, 128, scale, 1, weights, 64, ks, ke, out, 3, 1, 3, 0)
kernel.launch(args)
print(list(logits), "torch" in sys.modules, mqa.__version__)
try:
    runtime.Bundle(b"MQABNDL1")  # An exception inside of the library.
except mqa.Error as error:
    print(error)
"""
FIND = "from mqa import library; print(library.find(library.Op('cpu', 5, 32), 1).info.num_heads)"


@unittest.skipIf(find_missing(), find_missing())
class WheelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        made = run(str(ROOT / "tools" / "wheel.sh"), str(cls.folder), MQA_WHEEL_KERNELS="example", MQA_NO_INSTALL="1",
                   MQA_BUILD_DIR=str(BUILD), MQA_PYTHON=find_python())  # fmt: skip
        if made.returncode:
            raise AssertionError(made.stdout + made.stderr)
        cls.wheels = {path.name.split("-")[0]: path for path in cls.folder.glob("*.whl")}
        cls.python = cls.folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", cls.folder / "venv"], check=True)
        made = run(find_python(), "-m", "pip", "--python", str(cls.python), "install", "--quiet", "--no-index", "--no-deps",
                   *map(str, cls.wheels.values()))  # fmt: skip
        if made.returncode:
            raise AssertionError(made.stdout + made.stderr)

    def read(self, package, pattern):
        with zipfile.ZipFile(self.wheels[package]) as wheel:
            [name] = [name for name in wheel.namelist() if re.fullmatch(pattern, name)]
            return wheel.read(name).decode()

    def test_names(self):
        self.assertEqual(sorted(self.wheels), ["mqa", "mqa_compiler"])
        machine = os.uname().machine
        for package, abi in (("mqa", "cp310-abi3"), ("mqa_compiler", "py3-none")):
            path = self.wheels[package]
            match = re.fullmatch(rf"{package}-{re.escape(__version__)}-{abi}-manylinux_2_(\d+)_{machine}.whl", path.name)
            self.assertTrue(match, path.name)
            self.assertLessEqual(int(match[1]), 34)
            text = self.read(package, r".*\.dist-info/WHEEL")
            self.assertIn("Root-Is-Purelib: false\n", text)
            self.assertIn(f"Tag: {abi}-manylinux_2_{match[1]}_{machine}\n", text)
            text = self.read(package, r".*\.dist-info/METADATA")
            self.assertIn(f"Version: {__version__}\n", text)
            self.assertIn("Requires-Python: >=3.10\n", text)
            self.assertLess(path.stat().st_size, LARGEST)
        for extra in ("torch", "jax", "compiler"):
            self.assertIn(f"Provides-Extra: {extra}\n", self.read("mqa", r".*\.dist-info/METADATA"))

    def test_files(self):
        """All modules of the source, the libraries, the kernel; the notices; nothing of a build."""
        with zipfile.ZipFile(self.wheels["mqa"]) as wheel:
            names = {name for name in wheel.namelist() if name.startswith("mqa/")}
        source = ROOT / "runtime" / "python"
        modules = {str(p.relative_to(source)) for p in (source / "mqa").rglob("*.py*") if p.suffix in (".py", ".pyi")}
        targets = ("sm_90a", "sm_80", "sm_86", "sm_89", "sm_120", "cpu")
        kernels = {f"mqa/kernels/{prebuilt.name_file(library.Op(target, 64, 128, clean=True))}" for target in targets}
        others = {"mqa/py.typed", "mqa/lib/libmqa_runtime.so.0", "mqa/lib/_mqa_launcher.abi3.so", "mqa/kernels/index.txt"}
        self.assertEqual(names, modules | others | kernels)
        for package in self.wheels:
            with zipfile.ZipFile(self.wheels[package]) as wheel:
                notices = {name.rsplit("/")[-1] for name in wheel.namelist() if ".dist-info/" in name}
            self.assertLessEqual({"LICENSE", "THIRD_PARTY"}, notices)

    def test_tag_is_true(self):
        """The libraries ask for no newer glibc, for no C++ library, and show nothing but the C API."""
        for package, path in self.wheels.items():
            newest = int(re.search(r"manylinux_2_(\d+)_", path.name)[1])
            folder = self.folder / "unpacked" / package
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(folder)
            libraries = sorted(folder.rglob("*.so*"))
            self.assertEqual(len(libraries), {"mqa": 2, "mqa_compiler": 1}[package])
            for file in libraries:
                symbols = subprocess.run(["objdump", "-T", file], capture_output=True, text=True, check=True).stdout
                asked = {int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", symbols)}
                self.assertLessEqual(max(asked), newest, file)
                self.assertNotRegex(symbols, "GLIBCXX|CXXABI|LLVM_")
                lines = [line.split() for line in symbols.splitlines() if re.match("[0-9a-f]{16} ", line)]
                shown = {line[-1] for line in lines if "*UND*" not in line}
                self.assertRegex(" ".join(sorted(shown)), r"^((mqa_\w+|PyInit__mqa_launcher) ?)+$")
            if importlib.util.find_spec("auditwheel"):
                show = run(sys.executable, "-m", "auditwheel", "show", str(path))
                self.assertIn(f'"manylinux_2_{newest}_', show.stdout, show.stderr)

    def test_tag_refuses(self):
        """A library that needs more than the systems of a tag have."""
        source = self.folder / "other.c"
        source.write_text("int deflate(void *, int); int f(void) { return deflate(0, 0); }")
        for name, flags in (("libother.so", []), ("libneeds.so", ["-L", self.folder, "-Wl,--no-as-needed", "-lother"])):
            subprocess.run(["cc", "-shared", "-o", self.folder / name, source, *flags], check=True)
        needs = str(self.folder / "libneeds.so")
        refused = run(sys.executable, str(ROOT / "tools" / "wheel_tag.py"), needs)
        self.assertEqual((refused.returncode, refused.stderr),
                         (1, f"error: {needs} needs libother.so, which a wheel may not leave to the system\n"))  # fmt: skip

    def test_installed(self):
        """At once, without a home, tools, variables or the repository."""
        result = run(str(self.python), "-c", LAUNCH, PATH="/nonexistent", HOME="/nonexistent")
        self.assertEqual(result.stdout, f"[8192.0, 16384.0, -inf] False {__version__}\n"
                         "bundle: not an MQA bundle: it has 8 bytes, fewer than a header\n", result.stderr)  # fmt: skip

    def test_report(self):
        result = run(str(self.python), "-m", "mqa")
        self.assertEqual(result.returncode, 0, result.stderr)
        packages = next((self.folder / "venv" / "lib").glob("python*/site-packages"))
        for pattern in (rf"mqa {re.escape(__version__)} in {packages}/mqa ", rf"library: +{packages}/mqa/lib/libmqa_runtime.so.0 ",
                        rf"kernels: +6 bundles in {packages}/mqa/kernels\n", "device: +CPU ", "launcher: +there",
                        rf"compiler: +{packages}/mqa_compiler/lib/libmqa_compiler.so.0 \({__version__}\)\n"):  # fmt: skip
            self.assertRegex(result.stdout, pattern)
        result = run(str(self.python), "-m", "mqa", MQA_RUNTIME_LIBRARY="/nonexistent/x.so", PATH="/nonexistent")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, "library: +missing: cannot load the MQA runtime: /nonexistent/x.so")
        result = run(str(self.python), "-m", "mqa", MQA_COMPILER_LIBRARY="/nonexistent/x.so", MQA_BUNDLES="/nonexistent")
        self.assertRegex(result.stdout, "compiler: +missing: '/nonexistent/x.so' cannot be loaded; pip install mqa_compiler")
        self.assertRegex(result.stdout, "kernels: +0 bundles in /nonexistent\n")

    @unittest.skipUnless(shutil.which("ld"), "no ld here")
    def test_compiler(self):
        """Other kernels come from the other wheel; the variables go first."""
        with tempfile.TemporaryDirectory() as cache:
            result = run(str(self.python), "-c", FIND, MQA_CACHE=cache)
            self.assertEqual(result.stdout, "5\n", result.stderr)
            self.assertTrue(os.listdir(cache))
            result = run(str(self.python), "-c", FIND, MQA_CACHE=cache, MQA_COMPILER_LIBRARY="/nonexistent")
            self.assertRegex(result.stderr, "LookupError: no prebuilt bundle.*install mqa_compiler, or set MQA_BUNDLES")


class PrebuiltTest(unittest.TestCase):
    OPS = (library.Op("cpu", 2, 32, weights_type="none"), library.Op("cpu", 2, 32, next_n=2, block_kv=16),
           library.TopkOp("cpu", 3, has_ks=False), library.MergeTopkOp("cpu", 3),
           library.FusedOp(library.Op("cpu", 2, 32), library.TopkOp("cpu", 3)))  # fmt: skip

    def test_found_by_name(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(prebuilt, "KERNELS", pathlib.Path(folder)):
            for op in self.OPS:
                self.assertEqual(list(prebuilt.find(op)), [])
                command = [os.environ["MQA_COMPILE"], "-", "--target=cpu", "-o", f"{folder}/{prebuilt.name_file(op)}"]
                subprocess.run(command, input=op.to_mlir(), text=True, check=True)
            prebuilt._read_own.cache_clear()
            self.addCleanup(prebuilt._read_own.cache_clear)
            for op in self.OPS:
                [(bundle, info)] = prebuilt.find(op)
                self.assertIsInstance(bundle.load(info, 1), runtime.Kernel)

    def load_tool(self):
        path = ROOT / "tools" / "wheel_kernels.py"
        spec = importlib.util.spec_from_file_location("wheel_kernels", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_without_ptx(self):
        """Where there is machine code, a bundle has nothing else, and is one that the runtime takes."""
        module, op = self.load_tool(), library.Op("sm_90a", 32, 32)
        ptx = module.run_compiler(os.environ["MQA_COMPILE"], op, ["sm_90a"], "--mqa-no-cubin")
        self.assertEqual(module.drop_ptx(ptx), ptx)
        both = module.run_compiler(os.environ["MQA_COMPILE"], op, ["sm_90a"])
        if both == ptx:
            self.skipTest("no ptxas here")
        cubin = module.drop_ptx(both)
        self.assertLess(len(cubin), len(both) - len(ptx) // 2)
        self.assertNotIn(b".visible .entry", cubin)
        self.assertIn(b"\x7fELF", cubin)
        [info], [same] = runtime.Bundle(cubin).kernels, runtime.Bundle(both).kernels
        self.assertEqual(fused_op.describe(info), fused_op.describe(same))

    def test_names(self):
        """No two ops of the wheel have the same, and each fits a file system."""
        module = self.load_tool()
        ops = module.list_ops("models")
        self.assertGreater(len(ops), 100)
        self.assertEqual(len({prebuilt.name_file(op) for op in ops}), len(set(ops)))
        self.assertEqual(len(set(ops)), len(ops))
        self.assertLess(max(len(prebuilt.name_file(op)) for op in ops), 250)
        self.assertLessEqual(set(module.list_ops("example")), set(ops))
        # With NaN as 0: what DeepGEMM's names give, and with `fast`.
        for changes in ({"clean": True}, {"compressed": True}, {"clean": True, "fast": True}, {"out_type": "bf16"},
                        {"next_n": 2, "block_kv": 64, "lens_per_query": True}):  # fmt: skip
            self.assertIn(library.Op("", 32, 128, activation="relu_nan_as_zero", **changes), ops)
        # What `indices` of these names give, too.
        rows = library.Op("", 64, 128, next_n=1, block_kv=64, has_sequence=True, rows_per_sequence=2)
        self.assertIn(dataclasses.replace(rows, activation="relu_nan_as_zero"), ops)
        self.assertIn(dataclasses.replace(rows, rows_per_sequence=0, clean=True), ops)

    def test_models(self):
        """Each kernel of test/Examples/models, but for sizes that these files fix and ranges that they leave out."""
        ops = {op.for_target("cpu") for op in self.load_tool().list_ops("models")}
        models = sorted((ROOT / "test" / "Examples" / "models").glob("*.mlir"))
        self.assertGreaterEqual(len(models), 11)
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor() as executor:
            outputs = [pathlib.Path(folder) / f"{model.stem}.mqa" for model in models]
            commands = [[os.environ["MQA_COMPILE"], m, "--target=cpu:x86-64", "-o", o] for m, o in zip(models, outputs)]
            list(executor.map(lambda command: subprocess.run(command, check=True), commands))
            for path in outputs:
                for info in runtime.Bundle(path).kernels:
                    info.num_keys = info.max_key_blocks = -1
                    if runtime.OPS[info.op] == "mqa.logits":
                        info.has_ks = 1
                    with self.subTest(model=path.stem, kernel=info.name):
                        self.assertIn(fused_op.describe(info), ops)


if __name__ == "__main__":
    unittest.main()
