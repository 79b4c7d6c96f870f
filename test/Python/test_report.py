# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `python -m mqa` says of this machine, and of machines with other devices: a libcuda that a test compiles."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from processes import compile_bundle

from mqa import library, runtime
from mqa._version import __version__

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int index) { *device = index + 40; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Some GPU", size); return device < 40; }
int cuDeviceGetAttribute(int *value, int kind, int device) {
  *value = kind == 75 ? (device == 40 ? 9 : 7) : kind == 76 ? (device == 40 ? 0 : 5) : -1;
  return 0;
}
"""


class ReportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def report(self, *arguments, code=0, **environment):
        run = subprocess.run([sys.executable, "-m", "mqa", *arguments], env={**os.environ, "MQA_CACHE": self.folder, **environment},
                             capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
        self.assertEqual((run.returncode, run.stderr), (code, ""), run.stdout)
        return run.stdout

    def report_devices(self, *macros):
        source = pathlib.Path(self.folder, "driver.c")
        source.write_text(DRIVER)
        subprocess.run(["cc", "-shared", "-fPIC", *macros, "-o", f"{self.folder}/libcuda.so.1", source], check=True)
        return re.findall("device: +(.*)", self.report(LD_LIBRARY_PATH=self.folder))

    def test_what_is_there(self):
        text = self.report()
        self.assertRegex(text, rf"^mqa {re.escape(__version__)} in .*/mqa \(Python ")
        self.assertIn(f"library:  {runtime.get_library_file()} (ABI {runtime.ABI_VERSION})\n", text)
        self.assertRegex(text, rf"compiler: \S+libmqa_compiler.so\S* \({re.escape(__version__)}\)\n")
        self.assertIn(f"cache:    {self.folder}\n", text)
        self.assertRegex(text, rf"device:   CPU \({os.uname().machine}, \d+ cores\)\n")
        self.assertRegex(text, "PyTorch:  (missing: .*pip install mqa\\[torch\\]|\\d)")

    def test_what_is_missing(self):
        text = self.report(MQA_COMPILER_LIBRARY="/nonexistent/a.so", PATH="/nonexistent")
        self.assertIn("compiler: missing: '/nonexistent/a.so' cannot be loaded; pip install mqa_compiler, or set", text)
        self.assertNotIn("ld:", text)
        self.assertIn("ld:       missing: without it (binutils) nothing can be compiled", self.report(PATH="/nonexistent"))
        text = self.report(code=1, MQA_RUNTIME_LIBRARY="/nonexistent/b.so")
        self.assertIn("library:  missing: cannot load the MQA runtime: /nonexistent/b.so: cannot open", text)
        broken = pathlib.Path(self.folder, "c.so")
        broken.write_text("no library")
        run = subprocess.run([sys.executable, "-m", "mqa"], env={**os.environ, "MQA_COMPILER_LIBRARY": str(broken)},
                             capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
        self.assertIn(f"RuntimeWarning: the compiler cannot be loaded: {broken}: ", run.stderr)

    def test_json(self):
        report = json.loads(self.report("--json"))
        self.assertEqual((report["version"], report["found"]["cache"]), (__version__, [self.folder]))
        self.assertEqual(report["found"]["library"], [f"{runtime.get_library_file()} (ABI {runtime.ABI_VERSION})"])
        report = json.loads(self.report("--json", code=1, MQA_RUNTIME_LIBRARY="/nonexistent/b.so"))
        self.assertEqual(list(report["found"]), ["library"])
        self.assertIn("missing: cannot load the MQA runtime: /nonexistent/b.so", report["found"]["library"][0])

    def test_command_line(self):
        for command, code in ((["--help"], 0), (["--json", "x"], 2)):
            run = subprocess.run([sys.executable, "-m", "mqa", *command], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, code)
            self.assertIn("usage: python -m mqa [-h] [--json]", run.stdout + run.stderr)

    def test_other_programs(self):
        """Only `python -m mqa` ends; an import says what is wrong."""
        for command in (["-c", "import mqa"], ["-m", "mqa.library"]):
            run = subprocess.run([sys.executable, *command], env={**os.environ, "MQA_RUNTIME_LIBRARY": "/nonexistent/b.so"},
                                 capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
            self.assertEqual((run.returncode, run.stdout), (1, ""))
            self.assertIn("ImportError: cannot load the MQA runtime: /nonexistent/b.so", run.stderr)

    def test_devices(self):
        devices = self.report_devices("-DINIT=0", "-DCOUNT=2")
        self.assertEqual(devices[1:], ["Some GPU (cuda:0, capability 9.0; kernels for sm_90a)",
                                       "Some GPU (cuda:1, capability 7.5; too old: there are no kernels for it)"])  # fmt: skip
        self.assertEqual(self.report_devices("-DINIT=0", "-DCOUNT=0")[1:], ["no GPU: libcuda finds none"])
        self.assertEqual(self.report_devices("-DINIT=100", "-DCOUNT=0")[1:], ["no GPU: libcuda returns 100 from cuInit"])

    def test_bundles(self):
        path = pathlib.Path(self.folder, "a.mqa")
        compile_bundle(path, library.Op("cpu", 1, 16))
        text = self.report(MQA_BUNDLES=f"{self.folder}:/nonexistent")
        self.assertIn(f"kernels:  1 bundle in {self.folder}\n", text)
        path.write_text("")
        text = self.report(MQA_BUNDLES=f"{self.folder}:/nonexistent")
        self.assertIn(f"kernels:  1 bundle in {self.folder}; cannot be read: bundle '{path}': ", text)
        self.assertIn("kernels:  0 bundles in /nonexistent\n", text)


if __name__ == "__main__":
    unittest.main()
