# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What importing mqa does, with and without PyTorch, before and after it. Skipped where there is no PyTorch."""
import pydoc
import unittest

from processes import run_python
from torch_cases import torch  # noqa: F401  Exits where there is none.

import mqa

PUBLIC = ["Error", "InvalidArgument", "get_launch_overlap", "key_block_logits", "key_block_logits_out",
          "key_block_logits_topk", "key_block_logits_topk_out", "logits", "logits_out", "logits_topk",
          "logits_topk_out", "merge_topk", "merge_topk_out", "paged_key_block_logits", "paged_key_block_logits_out",
          "paged_key_block_logits_topk", "paged_key_block_logits_topk_out", "paged_logits", "paged_logits_out",
          "paged_logits_topk", "paged_logits_topk_out", "prepare_key_block_logits", "prepare_key_block_logits_topk",
          "prepare_logits", "prepare_logits_topk", "prepare_merge_topk", "prepare_paged_key_block_logits",
          "prepare_paged_key_block_logits_topk", "prepare_paged_logits", "prepare_paged_logits_topk", "prepare_topk",
          "set_launch_overlap", "split_cache", "topk", "topk_out", "unpack_mx_queries"]  # fmt: skip


class PackageTest(unittest.TestCase):
    def test_ops_are_registered(self):
        show = "print([hasattr(torch.ops.mqa, name) for name in ('logits', 'paged_logits_out', 'topk', 'merge_topk_out')])"
        for program in (f"import mqa, torch; {show}", f"import torch, mqa; {show}", f"import mqa.runtime, torch; {show}"):
            self.assertEqual(run_python(program), "[True, True, True, True]\n", program)

    def test_pytorch_is_not_imported(self):
        program = "import sys, mqa.library; print('torch' in sys.modules); mqa.logits; print('torch' in sys.modules)"
        self.assertEqual(run_python(program), "False\nTrue\n")

    def test_pytorch_is_as_it_was(self):
        """Whoever imports it after us finds nothing of ours in it."""
        program = (
            "import sys; before = list(sys.meta_path)\n"
            "import mqa, torch, importlib.util\n"
            "loader = importlib.util.find_spec('torch').loader\n"
            "print(type(torch.__loader__) is type(loader) is type(torch.__spec__.loader), torch.__spec__._initializing)\n"
            "print([f for f in sys.meta_path if f.__class__.__module__.startswith('mqa')])\n"
        )
        self.assertEqual(run_python(program), "True False\n[]\n")

    def test_without_pytorch(self):
        program = "import sys; sys.modules['torch'] = None\nimport mqa, mqa.library\nprint('logits' in dir(mqa), 'Error' in dir(mqa))"
        self.assertEqual(run_python(program), "False True\n")

    def test_dir_and_help(self):
        self.assertEqual(sorted(mqa.__all__), PUBLIC)
        self.assertLessEqual(set(PUBLIC), set(dir(mqa)))
        text = pydoc.plain(pydoc.render_doc(mqa))
        for name in PUBLIC:
            self.assertIn(name, text)
        self.assertIn("Logits of M queries against N keys", text)
        program = "import mqa; print(set(mqa.__all__) <= set(dir(mqa))); help(mqa)"
        self.assertRegex(run_python(program), "True\n(.*\n)*.*paged_logits_out")

    def test_data_loader(self):
        """A worker is a fork of a process whose threads have launched."""
        program = (
            "import torch, mqa\n"
            "from torch.utils.data import DataLoader, Dataset\n"
            "torch.set_num_threads(2)\n"
            "def call():\n"
            "    torch.manual_seed(0)\n"
            "    q, k = torch.randn(64, 4, 32).bfloat16(), torch.randn(300, 32).bfloat16()\n"
            "    ks = torch.zeros(64, dtype=torch.int32)\n"
            "    return mqa.logits(q, k, torch.rand(300), torch.randn(64, 4), ks, ks + 300)\n"
            "class Data(Dataset):\n"
            "    def __len__(self): return 3\n"
            "    def __getitem__(self, index):\n"
            "        torch.set_num_threads(2)\n"
            "        return call()\n"
            "expected = call()\n"
            "for batch in DataLoader(Data(), num_workers=1, timeout=20, multiprocessing_context='fork'):\n"
            "    print(torch.equal(batch[0], expected))\n"
        )
        self.assertEqual(run_python(program, timeout=60), "True\nTrue\nTrue\n")


if __name__ == "__main__":
    unittest.main()
