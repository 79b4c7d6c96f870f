# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each way to logits under torch.compile(fullgraph=True), and what fake kernels check. Skipped without PyTorch."""
import unittest

from torch_cases import DEVICES, FP8, TorchCase, make_calls, make_logits, make_paged

import mqa
import torch
from mqa.compat import deep_gemm


def compile_(function, **options):
    # What Inductor would make of the rest of a graph is not ours.
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager", **options)


class CompileTest(TorchCase):
    def test_full_graph(self):
        for device in DEVICES:
            for name, names, tensors, call in make_calls(device, m=28):
                expected = call(*tensors)
                out = compile_(lambda *t, call=call: call(*t) + 1)(*tensors)
                self.assertTrue(torch.equal(out, expected + 1), name)
                self.assertEqual(out.stride()[1], 1)

    def test_symbolic_sizes(self):
        for device in DEVICES:
            sizes = [(name, call, tensors) for m in (29, 31, 40) for name, _, tensors, call in make_calls(device, m=m)]
            for name in dict.fromkeys(name for name, *_ in sizes):
                compiled = None
                for other, call, tensors in sizes:
                    if other == name:
                        compiled = compiled or compile_(call, dynamic=True)
                        self.assertTrue(torch.equal(compiled(*tensors), call(*tensors)), name)

    def test_prepared(self):
        for device in DEVICES:
            tensors = make_logits(device, m=30)
            out = torch.zeros(30, 300, device=device)
            launch = mqa.prepare_logits(*tensors, out, clean=True)
            with self.assertRaisesRegex(Exception, "prepare_logits keeps addresses of tensors: torch.compile cannot"):
                compile_(lambda *t: mqa.prepare_logits(*t, torch.zeros(30, 300)))(*tensors)

            def run(x):
                launch()
                return x + 1

            compile_(run)(torch.zeros(1, device=device))
            self.assertTrue(torch.equal(out, mqa.logits(*tensors, clean=True)))

    def test_requires_grad(self):
        for name, names, tensors, call in make_calls("cpu", m=32):
            i = names.index("weights")
            asking = tensors[:i] + [tensors[i].clone().requires_grad_()] + tensors[i + 1 :]
            if name in ("logits", "ops.logits"):
                # test_gradients.py compares gradients.
                self.assertTrue(compile_(call)(*asking).requires_grad)
                continue
            with self.assertRaisesRegex(Exception, "weights requires grad, and mqa"):
                compile_(call)(*asking)


def to_meta(value):
    if not isinstance(value, torch.Tensor):
        return value
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")


class FakeKernelTest(unittest.TestCase):
    """What a kernel refuses, its fake refuses in the same words."""

    def refuse(self, message, op, tensors, **options):
        for arguments in (tensors, list(map(to_meta, tensors))):
            with self.assertRaisesRegex(ValueError, message):
                op(*arguments, **options)

    def test_logits(self):
        q, k, scale, weights, ks, ke = make_logits("cpu", m=33)
        out = torch.zeros(33, 300)
        for message, change in (
            ("q must be M x H x D, found 2 dimensions", {"q": q[0]}),
            ("q must have a dtype of f8E4M3FN", {"q": q.float(), "k": k.float()}),
            ("k must be \\* x 64, found 300 x 32", {"k": k[:, :32]}),
            ("k must have the dtype of q", {"k": k.float()}),
            ("k must be contiguous from dimension 1 on", {"k": k.t().contiguous().t()}),
            ("k_scale must be 300, found 299", {"k_scale": scale[:299]}),
            ("k_scale must have a dtype of f32", {"k_scale": scale.half()}),
            ("k_scale must be contiguous", {"k_scale": torch.zeros(600)[::2]}),
            ("weights must be 33 x 32, found 33 x 16", {"weights": weights[:, :16]}),
            ("weights must have a dtype of f32, bf16", {"weights": weights.half()}),
            ("ks must have dtype torch.int32, found torch.int64", {"ks": ks.long()}),
            ("ke must be 33, found 32", {"ke": ke[:32]}),
        ):
            tensors = list({"q": q, "k": k, "k_scale": scale, "weights": weights, "ks": ks, "ke": ke, **change}.values())
            self.refuse(message, torch.ops.mqa.logits, tensors)
            self.refuse(message, torch.ops.mqa.logits_out, [*tensors, out])
        tensors = [q, k, scale, weights, ks, ke]
        self.refuse("max_seqlen_k must be at least 0, found -1", torch.ops.mqa.logits, tensors, max_seqlen_k=-1)
        self.refuse("out must have a dtype of f32", torch.ops.mqa.logits, tensors, dtype=torch.float64)
        for message, other in (
            ("out must be 33 x 300, found 33 x 299", out[:, :299]),
            ("out must have a dtype of f32, bf16, f16", out.double()),
            ("out must be contiguous from dimension 1 on", torch.zeros(300, 33).t()),
        ):
            self.refuse(message, torch.ops.mqa.logits_out, [*tensors, other])
        for op, others in ((torch.ops.mqa.logits, []), (torch.ops.mqa.logits_out, [out])):
            with self.assertRaisesRegex(ValueError, "weights is on meta, but q on cpu"):
                op(q, k, scale, weights.to("meta"), ks, ke, *others)

    def test_paged_logits(self):
        q, cache, weights, lens, table = make_paged("cpu", batch=8)
        k, scale = mqa.split_cache(cache, 64)
        out = torch.zeros(16, 300)
        for message, change in (
            ("q must be B x T x H x D, found 3 dimensions", {"q": q[0]}),
            ("k must be \\* x \\* x 64", {"k": k[:, :, :32]}),
            ("k_scale must be 40 x 64", {"k_scale": scale[:, :3]}),
            ("weights must be 16 x 32, found 15 x 32", {"weights": weights[:15]}),
            ("context_lens must have dtype torch.int32", {"context_lens": lens.long()}),
            ("context_lens must be 8 x 2, found 7 x 2", {"context_lens": lens[:7]}),
            ("block_table must be 8 x \\*, found 7 x 5", {"block_table": table[:7]}),
            ("block_table must have dtype torch.int32", {"block_table": table.long()}),
            ("block_table must be contiguous", {"block_table": table.t().contiguous().t()}),
        ):
            tensors = {"q": q, "k": k, "k_scale": scale, "weights": weights, "context_lens": lens, "block_table": table}
            tensors = list({**tensors, **change}.values())
            self.refuse(message, torch.ops.mqa.paged_logits, [*tensors, 300])
            self.refuse(message, torch.ops.mqa.paged_logits_out, [*tensors, out])
        tensors = [q, k, scale, weights, lens, table]
        self.refuse("max_context_len must be at least 0, found -1", torch.ops.mqa.paged_logits, [*tensors, -1])
        self.refuse("out must be 16 x \\*, found 15 x 300", torch.ops.mqa.paged_logits_out, [*tensors, out[:15]])
        self.refuse("kv_cache|cache must be torch.uint8", torch.ops.mqa.fused_paged_logits_out,
                    [q, cache.view(torch.int8), weights, lens, table, out])  # fmt: skip

    def test_export(self):
        """Sizes that only data would tell."""

        class Model(torch.nn.Module):
            def forward(self, q, k, scale, weights, ks, ke, width):
                columns = width.item()
                torch._check(columns >= 2)
                return mqa.logits(q, k, scale, weights, ks, ke, clean=True, max_seqlen_k=columns)

        arguments = (*make_logits("cpu", m=34), torch.tensor(100))
        program = torch.export.export(Model(), arguments, strict=True)
        expected = mqa.logits(*arguments[:-1], clean=True, max_seqlen_k=70)
        self.assertTrue(torch.equal(program.module()(*arguments[:-1], torch.tensor(70)), expected))


if __name__ == "__main__":
    unittest.main()
