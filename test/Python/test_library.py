# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where kernels and the runtime come from: folders of bundles, the cache, versions. Needs no PyTorch.

Most run in a process of their own, since the environment is what they are about.
"""
import contextlib
import os
import pathlib
import signal
import tempfile
import threading
import unittest
import unittest.mock

from processes import compile_bundle, run_python

from mqa import library, prebuilt, runtime


class BundlesTest(unittest.TestCase):
    FIND = "from mqa import library; print('found', library.find(library.Op('cpu', 2, 32), 1).info.name)"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.good = f"{self.folder}/good.mqa"
        compile_bundle(self.good, library.Op("cpu", 2, 32))

    def find(self, **environment):
        return run_python(self.FIND, MQA_BUNDLES=self.folder, MQA_COMPILER_LIBRARY="/nonexistent", **environment)

    def test_bad_files(self):
        """Each is a warning that names it; all others are used."""
        data = pathlib.Path(self.good).read_bytes()
        bad = {}

        def write(name, content, message):
            pathlib.Path(self.folder, name).write_bytes(content)
            bad[name] = message

        write("a_empty.mqa", b"", "not an MQA bundle")
        write("a_text.mqa", b"x" * 100, "not an MQA bundle")
        write("a_version.mqa", b"MQABNDL0" + data[8:], "MQABNDL1")
        write("a_cut.mqa", data[:100], "truncated")
        write("a_altered.mqa", data[:40] + bytes([data[40] ^ 1]) + data[41:], "checksum")
        os.symlink("/nonexistent/file", f"{self.folder}/a_dangling.mqa")
        os.symlink("a_loop.mqa", f"{self.folder}/a_loop.mqa")
        os.mkdir(f"{self.folder}/a_folder.mqa")
        os.mkfifo(f"{self.folder}/a_fifo.mqa")
        os.symlink("/dev/zero", f"{self.folder}/a_device.mqa")
        bad.update({"a_dangling.mqa": "No such file", "a_loop.mqa": "levels of symbolic links"})
        bad.update({f"a_{name}.mqa": "is no regular file" for name in ("folder", "fifo", "device")})
        output = self.find()
        self.assertIn("found b'logits'", output)
        lines = [line for line in output.splitlines() if "RuntimeWarning: left out of the bundles" in line]
        self.assertEqual(len(lines), len(bad), output)
        for name, message in bad.items():
            self.assertEqual([message in line for line in lines if name in line], [True], (name, output))

    def test_missing_folder(self):
        output = run_python(self.FIND, MQA_BUNDLES=f"/nonexistent/folder:{self.good}:{self.folder}",
                            MQA_COMPILER_LIBRARY="/nonexistent")  # fmt: skip
        self.assertIn("found b'logits'", output)
        self.assertIn("cannot read the folder '/nonexistent/folder': No such file or directory", output)
        self.assertIn(f"cannot read the folder '{self.good}': Not a directory", output)

    def test_message_names_the_file(self):
        cut = f"{self.folder}/cut.mqa"
        pathlib.Path(cut).write_bytes(pathlib.Path(self.good).read_bytes()[:100])
        with self.assertRaisesRegex(runtime.Error, f"{cut}.*truncated"):
            runtime.Bundle(cut)

    def test_folders_that_change(self):
        """A kernel that was not found is sought again where MQA_BUNDLES then says."""
        with tempfile.TemporaryDirectory() as other:
            compile_bundle(f"{other}/a.mqa", library.Op("cpu", 5, 32))
            program = (
                f"{self.FIND}\nimport os\nos.environ['MQA_BUNDLES'] = {other!r}\n"
                "print('found', library.find(library.Op('cpu', 5, 32), 1).info.num_heads)\n"
                "print('kept', library.find(library.Op('cpu', 2, 32), 1).info.num_heads)\n"
            )
            output = run_python(program, MQA_BUNDLES=self.folder, MQA_COMPILER_LIBRARY="/nonexistent")
        self.assertEqual(output, "found b'logits'\nfound 5\nkept 2\n")


    def test_head_reductions(self):
        """A kernel that takes the maximum over the heads is none for their sum, and the other way round; with names as those
        of a wheel have, too.
        """
        kinds = [library.Op("cpu", 2, 32, head_reduction=kind) for kind in runtime.HEAD_REDUCTIONS]
        pairs = [library.FusedOp(op, library.TopkOp("cpu", 16)) for op in kinds]
        program = (
            "import sys; from mqa import library\n"
            "of = lambda op: library.FusedOp(op, library.TopkOp('cpu', 16)) if 'pair' in {what!r} else op\n"
            "for kind in ('max', 'sum'):\n"
            "    try: print(kind, library.find(of(library.Op('cpu', 2, 32, head_reduction=kind)), 1).info.head_reduction)\n"
            "    except LookupError as error: print(kind, 'none', 'no prebuilt bundle' in str(error))\n"
        )
        for what, ops in (("op", kinds), ("pair", pairs)):
            self.assertEqual(len({prebuilt.name_file(op) for op in ops}), 2)
            for present, expected in (((0,), "max none True\nsum 0\n"), ((1,), "max 1\nsum none True\n"),
                                      ((0, 1), "max 1\nsum 0\n"), ((1, 0), "max 1\nsum 0\n")):  # fmt: skip
                with self.subTest(what=what, present=present), tempfile.TemporaryDirectory() as folder:
                    for place, i in enumerate(present):
                        compile_bundle(f"{folder}/{place}.mqa", ops[i])
                    output = run_python(program.format(what=what), MQA_BUNDLES=folder, MQA_COMPILER_LIBRARY="/nonexistent")
                    self.assertEqual(output, expected)
        fast = library.Op("sm_90a", 64, 128, fast=True, head_reduction="max").for_target("sm_90a")
        self.assertEqual((fast.fast, fast.schedule), (False, b"exact"))
        half = library.Op("sm_90a", 64, 128, out_type="bf16", head_reduction="max")
        self.assertEqual(half.list_alternatives(), [])


class CacheTest(unittest.TestCase):
    def find(self, home="/home/somebody", passwd=None, **variables):
        """The folder, of a caller whose home is `passwd` in the system's table."""
        environment = {"HOME": home, **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        entry = unittest.mock.Mock(pw_dir=passwd) if passwd else None
        table = unittest.mock.Mock(return_value=entry, side_effect=None if passwd else KeyError)
        with unittest.mock.patch.dict(os.environ, environment, clear=True):
            with unittest.mock.patch.object(library.pwd, "getpwuid", table):
                return library.find_cache()

    def test_folder(self):
        self.assertEqual(self.find(), "/home/somebody/.cache/mqa")
        self.assertEqual(self.find(XDG_CACHE_HOME="/var/x"), "/var/x/mqa")
        self.assertEqual(self.find(XDG_CACHE_HOME=""), "/home/somebody/.cache/mqa")
        # The specification of the variable says to ignore it then.
        self.assertEqual(self.find(XDG_CACHE_HOME="relative"), "/home/somebody/.cache/mqa")
        self.assertEqual(self.find(XDG_CACHE_HOME="/var/x", MQA_CACHE="mine"), "mine")
        for home in (None, ""):
            self.assertEqual(self.find(home, passwd="/home/entry"), "/home/entry/.cache/mqa")

    def test_no_home(self):
        for home in (None, "", "relative"):
            with self.assertWarnsRegex(RuntimeWarning, "there is no home folder.*set MQA_CACHE"):
                self.assertIsNone(self.find(home))
        self.assertEqual(self.find(None, XDG_CACHE_HOME="/var/x"), "/var/x/mqa")

    def test_nothing_in_the_current_folder(self):
        program = (
            "import os, pwd\n"
            "def nobody(uid): raise KeyError\n"
            "pwd.getpwuid = nobody\n"
            "from mqa import library\n"
            "print(library.find(library.Op('cpu', 2, 32), 1).info.name, os.listdir('.'))\n"
        )
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            stack.callback(os.chdir, os.getcwd())
            # The path of the package may be relative to here.
            path = os.pathsep.join(map(os.path.abspath, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
            os.chdir(folder)
            output = run_python(program, MQA_CACHE=None, HOME=None, XDG_CACHE_HOME=None, PYTHONPATH=path)
        self.assertIn("b'logits' []", output)

    def test_warnings_of_the_compiler(self):
        """What was compiled is used; that it could not be kept is said."""
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "file").write_text("")
            program = "from mqa import library; print(library.find(library.Op('cpu', 2, 32), 1).info.name)"
            output = run_python(program, MQA_CACHE=f"{folder}/file")
        self.assertIn("b'logits'", output)
        self.assertIn("RuntimeWarning", output)
        self.assertIn(f"{folder}/file", output)


class VersionTest(unittest.TestCase):
    def test_other_version(self):
        with self.assertRaisesRegex(ImportError, f"the MQA runtime 'x.so' has ABI version 99, but this package needs {runtime.ABI_VERSION}"):
            runtime._check_abi(unittest.mock.Mock(mqa_runtime_abi_version=lambda: 99), "x.so")

    def test_version_of_the_header(self):
        header = (pathlib.Path(__file__).parents[2] / "runtime/include/mqa/Runtime.h").read_text()
        self.assertTrue(f"#define MQA_RUNTIME_ABI_VERSION {runtime.ABI_VERSION}\n" in header)

    def test_library_without_a_version(self):
        """As the first ones were: any library that has no such function."""
        output = run_python("import mqa", MQA_RUNTIME_LIBRARY="libz.so.1")
        self.assertIn("ImportError: the MQA runtime 'libz.so.1' is too old for this package", output)


class ForkTest(unittest.TestCase):
    def test_lock_held_at_a_fork(self):
        """A thread of the parent that looks for a kernel does not stop the child."""
        library.find(library.Op("cpu", 2, 32), 1)
        held, done = threading.Event(), threading.Event()

        def hold():
            with library._lock:
                held.set()
                done.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(60)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            library._loaded.clear()
            library.find(library.Op("cpu", 2, 32), 1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        done.set()
        thread.join()
        self.assertEqual(status, 0)


if __name__ == "__main__":
    unittest.main()
