# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each block of code of docs/engines.md, executed on stand-ins of the engines' tensors and metadata. Skipped without
PyTorch.

What must come out is what the engines' own kernels are specified to give: scores by mqa.logits, which other tests
compare with float64, and rows that are sorted in Python.
"""
import pathlib
import re
import sys
import types
import unittest
import unittest.mock

from processes import run_python
from test_fused_topk import make, needs_fusion
from devices import DEVICES
from topk_cases import TopkCase, reference
from torch_cases import make_paged

import mqa
import torch
from mqa import runtime

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "engines.md"
TOPK = 20


def read_blocks():
    """Each block of code by the name in the comment ahead of it."""
    return dict(re.findall(r"^<!-- (\S+) -->\n```python\n(.*?)^```", PAGE.read_text(), flags=re.S | re.M))


BLOCKS = read_blocks()


class EnginesCase(TopkCase):
    def execute(self, name, /, **names):
        """The block in a function, as in the engines: what it returns, or the names that it leaves."""
        body = "".join(f"    {line}\n" for line in BLOCKS[name].splitlines())
        space = {"torch": torch, **names}
        exec(compile(f"def block({', '.join(names)}):\n{body}    return locals()\n", str(PAGE), "exec"), space)
        return space["block"](**names)

    def patch_modules(self, **modules):
        patch = unittest.mock.patch.dict(sys.modules, {n.replace("__", "."): m for n, m in modules.items()})
        patch.start()
        self.addCleanup(patch.stop)


def make_chunk(device):
    """A chunk of vLLM's prefill: queries of two requests against the keys of both, gathered one behind the other."""
    q, k, scale, weights, _, _ = make(device, m=60, n=300)
    token_start, token_end = 10, 40
    ends = torch.cat([torch.arange(101, 111), torch.arange(281, 301)])
    starts = torch.cat([torch.zeros(10), torch.full((20,), 110)])
    return types.SimpleNamespace(
        q=q, k=k, scale=scale, weights=weights, token_start=token_start, token_end=token_end,
        cu_seqlen_ks=starts.int().to(device), cu_seqlen_ke=ends.int().to(device))  # fmt: skip


class VllmTest(EnginesCase):
    def make_engine(self):
        """The functions of vllm/utils/deep_gemm.py, which call what was found."""
        engine = types.ModuleType("vllm.utils.deep_gemm")
        engine._lazy_init = unittest.mock.Mock()
        engine.call = lambda *arguments, **options: engine._fp8_fp4_mqa_logits_impl(*arguments, **options)
        engine.call_paged = lambda *arguments, **options: engine._fp8_fp4_paged_mqa_logits_impl(*arguments, **options)
        packages = {name: types.ModuleType(name) for name in ("vllm", "vllm.utils")}
        packages["vllm"].utils, packages["vllm.utils"].deep_gemm = packages["vllm.utils"], engine
        self.patch_modules(vllm=packages["vllm"], vllm__utils=packages["vllm.utils"], vllm__utils__deep_gemm=engine)
        return engine

    def test_scores(self):
        """In both forms that vLLM had: with max_seqlen_k since 0.33, with clean_logits before."""
        engine = self.make_engine()
        self.execute("vllm-scores")
        engine._lazy_init.assert_called_once()
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make(device)
            logits = mqa.logits(q, k, scale, weights, ks, ke)
            width = int((ke.clamp(max=300) - ks.clamp(min=0)).max())
            compressed = engine.call((q, None), (k, scale), weights, ks, ke, width)
            before = engine.call((q, None), (k, scale), weights, ks, ke, clean_logits=False)
            self.assertEqual((compressed.shape, before.shape), ((50, width), (50, 300)))
            for m in range(50):
                start, end = max(int(ks[m]), 0), min(int(ke[m]), 300)
                self.assertTrue(torch.equal(before[m, start:end], logits[m, start:end]))
                self.assertTrue(torch.equal(compressed[m, : max(end - start, 0)], logits[m, start:end]))
            q, cache, weights, lens, table = make_paged(device, h=4, d=32)
            metadata = engine._get_paged_mqa_logits_metadata_impl(lens, 64, 132)
            expected = mqa.paged_logits(q, *mqa.split_cache(cache, 32), weights, lens, table, 320)
            for options in ({}, {"indices": None}, {"clean_logits": False}):
                out = engine.call_paged((q, None), cache, weights, lens, table, metadata, 320, **options)
                for m, length in enumerate(lens.view(-1).tolist()):
                    self.assertTrue(torch.equal(out[m, :length], expected[m, :length]))

    def expect_chunk(self, chunk):
        rows = slice(chunk.token_start, chunk.token_end)
        ks, ke = chunk.cu_seqlen_ks, chunk.cu_seqlen_ke
        logits = mqa.logits(chunk.q[rows], chunk.k, chunk.scale, chunk.weights[rows], ks, ke)
        return logits, reference(logits.cpu(), ke.cpu(), TOPK, ks=ks.cpu())[0]

    def check_buffer(self, buffer, chunk, expected):
        """The tokens of the chunk were written, and nothing else."""
        self.check(buffer[chunk.token_start : chunk.token_end, :TOPK], expected)
        buffer[chunk.token_start : chunk.token_end, :TOPK] = 7
        self.assertTrue((buffer == 7).all().item())

    def test_selection(self):
        """Calls of both prefills, of whole and of compressed rows, and of the three ways to decode."""
        functions = types.SimpleNamespace(**self.execute("vllm-select"))
        for device in DEVICES:
            chunk = make_chunk(device)
            logits, expected = self.expect_chunk(chunk)
            ks, ke = chunk.cu_seqlen_ks, chunk.cu_seqlen_ke
            columns = (ks[:, None] + torch.arange(300, device=device)).clamp(max=299)
            compressed = logits.gather(1, columns)
            for rows, starts, ends in ((logits, ks, ke), (compressed, torch.zeros_like(ks), ke - ks)):
                buffer = torch.full((60, 32), 7, dtype=torch.int32, device=device)
                out = buffer[chunk.token_start : chunk.token_end, :TOPK]
                functions.top_k_per_row_prefill(rows, starts, ends, out, 30, rows.stride(0), rows.stride(1), TOPK)
                self.check_buffer(buffer, chunk, expected)
            *_, lens, _, logits, expected = self.make_decode(device, 2)
            workspace = torch.empty(64, dtype=torch.uint8, device=device)
            for call in (
                lambda out: functions.persistent_topk(logits, lens, out, workspace, TOPK, logits.shape[1]),
                lambda out: functions.cooperative_topk(logits, lens, out, workspace, TOPK, 300),
                lambda out: functions.top_k_per_row_decode(logits, 2, lens, out, 10, *logits.stride(), TOPK),
            ):
                buffer = torch.full((12, 32), 7, dtype=torch.int32, device=device)
                call(buffer[:10, :TOPK])
                self.check(buffer[:10, :TOPK], expected)

    @needs_fusion
    def test_prefill(self):
        for device in DEVICES:
            chunk = make_chunk(device)
            _, expected = self.expect_chunk(chunk)
            buffer = torch.full((60, 32), 7, dtype=torch.int32, device=device)
            # The workspace of gathered keys has scales as bytes.
            k_scale = chunk.scale.view(torch.uint8).view(300, 4)
            self.execute(
                "vllm-prefill", q_slice=chunk.q[chunk.token_start : chunk.token_end], k_quant=chunk.k, k_scale=k_scale,
                weights=chunk.weights, chunk=chunk, topk_tokens=TOPK,
                topk_indices=buffer[chunk.token_start : chunk.token_end, :TOPK])  # fmt: skip
            self.check_buffer(buffer, chunk, expected)

    def make_decode(self, device, next_n):
        q, cache, weights, lens, table = make_paged(device, h=4, d=32, next_n=next_n)
        logits = mqa.paged_logits(q, *mqa.split_cache(cache, 32), weights, lens, table, 320)
        return q, cache, weights, lens, table, logits, reference(logits.cpu(), lens.view(-1).cpu(), TOPK)[0]

    @needs_fusion
    def test_decode(self):
        for next_n in (1, 2):
            for device in DEVICES:
                q, cache, weights, lens, table, _, expected = self.make_decode(device, next_n)
                rows = 5 * next_n
                buffer = torch.full((12, 32), 7, dtype=torch.int32, device=device)
                more = torch.cat([weights, weights])
                self.execute(
                    "vllm-decode", padded_q_quant_decode_tokens=q, kv_cache=cache, weights=more, num_padded_tokens=rows,
                    seq_lens=lens, decode_metadata=types.SimpleNamespace(block_table=table), topk_tokens=TOPK,
                    max_model_len=310, topk_indices=buffer[:rows, :TOPK])  # fmt: skip
                self.check(buffer[:rows, :TOPK], expected)
                self.assertTrue((buffer[rows:] == 7).all().item() and (buffer[:, TOPK:] == 7).all().item())


class SglangTest(EnginesCase):
    INDEXER = types.SimpleNamespace(index_topk=TOPK, num_init_tokens=0, num_local_tokens=0)
    FORCING = types.SimpleNamespace(index_topk=TOPK, num_init_tokens=2, num_local_tokens=3)

    def test_scores(self):
        """Calls of dsa_indexer.py, and the share of the chip of the pipeline's stages."""
        engine = types.ModuleType("deep_gemm")
        engine.set_num_sms = unittest.mock.Mock()
        self.patch_modules(deep_gemm=engine)
        self.execute("sglang-scores")
        self.addCleanup(runtime.set_max_multiprocessors, 0)
        theirs = engine.set_num_sms.__closure__
        engine.set_num_sms(1)
        self.assertEqual(runtime.get_max_multiprocessors(), 1)
        self.assertIn(
            unittest.mock.call(1), [c for cell in theirs for c in getattr(cell.cell_contents, "mock_calls", [])]
        )
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make(device)
            logits = mqa.logits(q, k, scale, weights, ks, ke)
            out = engine.fp8_mqa_logits(q, (k, scale), weights, ks, ke, clean_logits=False)
            inside = torch.arange(300, device=device) >= ks[:, None]
            inside &= torch.arange(300, device=device) < ke[:, None]
            self.assertTrue(torch.equal(out[inside], logits[inside]))
            q, cache, weights, lens, table = make_paged(device, h=4, d=32, next_n=1)
            metadata = engine.get_paged_mqa_logits_metadata(lens, 64, 132)
            out = engine.fp8_paged_mqa_logits(q, cache, weights, lens, table, metadata, 320, clean_logits=False)
            expected = mqa.paged_logits(q, *mqa.split_cache(cache, 32), weights, lens, table, 320)
            for m, length in enumerate(lens.view(-1).tolist()):
                self.assertTrue(torch.equal(out[m, :length], expected[m, :length]))

    def test_selection(self):
        """Calls of dsa_topk_backend.py: those that sgl_kernel and top-k v2 get there, by name."""
        functions = types.SimpleNamespace(**self.execute("sglang-select"))
        for device in DEVICES:
            logits = torch.randn(12, 200, generator=torch.Generator().manual_seed(0))
            lengths = torch.tensor([0, 7, 20, 21, 100, 200] * 2, dtype=torch.int32)
            table = torch.randperm(12 * 200).to(torch.int32).view(12, 200)
            expected, _ = reference(logits, lengths, TOPK)
            slots = torch.where(expected < 0, -1, table.gather(1, expected.clamp(min=0).long()))
            logits, lengths, table = logits.to(device), lengths.to(device), table.to(device)
            self.check(functions.fast_topk_v2(logits, lengths, TOPK, row_starts=None), expected)
            cu_seqlens = torch.arange(13, dtype=torch.int32, device=device)
            out = functions.fast_topk_transform_fused(score=logits, lengths=lengths, page_table_size_1=table,
                                                      cu_seqlens_q=cu_seqlens, topk=TOPK, row_starts=None)  # fmt: skip
            self.check(out, slots)
            offset = torch.full((12,), 5, dtype=torch.int32, device=device)
            out = functions.fast_topk_transform_ragged_fused(score=logits, lengths=lengths, topk_indices_offset=offset, topk=TOPK,
                                                             row_starts=None)  # fmt: skip
            self.check(out, torch.where(expected < 0, -1, expected + 5))
            out = torch.empty(12, TOPK, dtype=torch.int32, device=device)
            functions.topk_transform_ragged_v2(logits, lengths, out_offsets=offset, out_indices=out, row_starts=None)
            self.check(out, torch.where(expected < 0, -1, expected + 5))
            plan = torch.zeros(13, 2, dtype=torch.int32, device=device)
            functions.topk_transform_paged_v2(logits, lengths, table, out, 1, plan)
            self.check(out, slots)

    def test_selection_of_flashinfer(self):
        functions = types.SimpleNamespace(**self.execute("sglang-select-flashinfer"))
        for device in DEVICES:
            logits = torch.randn(12, 200, generator=torch.Generator().manual_seed(0))
            lengths = torch.tensor([0, 7, 20, 21, 100, 150] * 2, dtype=torch.int32)
            starts, table = torch.arange(12, dtype=torch.int32) * 4, torch.randperm(600).to(torch.int32).view(3, 200)
            rows = torch.arange(12, dtype=torch.int32) // 4
            expected, _ = reference(logits, starts + lengths, TOPK, ks=starts)
            slots = torch.where(expected < 0, -1, table[rows.long()].gather(1, expected.clamp(min=0).long()))
            logits, lengths, table, rows, starts = (t.to(device) for t in (logits, lengths, table, rows, starts))
            out = functions.top_k_page_table_transform(
                logits.contiguous(), table.contiguous(), lengths.contiguous(), TOPK, row_to_batch=rows, deterministic=True,
                tie_break=1, dsa_graph_safe=True, row_starts=starts, page_table_row_starts=torch.zeros_like(starts))  # fmt: skip
            self.check(out, slots)
            out = functions.top_k_ragged_transform(logits, starts, lengths, TOPK, deterministic=True, tie_break=1,
                                                   dsa_graph_safe=True, row_starts=starts)  # fmt: skip
            self.check(out, torch.where(expected < 0, -1, expected + starts.cpu()[:, None]))

    @needs_fusion
    def test_decode(self):
        """One query of each request, and a verification's two, whose rows of the table are given twice."""
        for next_n, indexer in ((1, self.INDEXER), (2, self.INDEXER), (1, self.FORCING)):
            for device in DEVICES:
                q, cache, weights, lens, table = make_paged(device, h=4, d=32, next_n=next_n)
                rows = 5 * next_n
                logits = mqa.paged_logits(q, *mqa.split_cache(cache, 32), weights, lens, table, 320)
                forced = {"force_first": indexer.num_init_tokens, "force_last": indexer.num_local_tokens}
                expected, _ = reference(logits.cpu(), lens.view(-1).cpu(), TOPK, block_table=table.cpu(), block_kv=64, base="slot",
                                        **forced)  # fmt: skip
                # Hidden states may be padded.
                padded = torch.cat([q.view(rows, 4, 32), q.view(rows, 4, 32)])
                names = self.execute(
                    "sglang-decode", q_fp8=padded, q_offset=rows, kv_cache_fp8=cache, weights=torch.cat([weights] * 2),
                    seqlens_32_2d=lens, block_tables=table.repeat_interleave(next_n, 0), self=indexer)  # fmt: skip
                self.check(names["topk_result"], expected)

    @needs_fusion
    def test_prefill(self):
        """Two requests: by offset into gathered keys, and by slots of the cache that they were gathered from."""
        for device in DEVICES:
            chunk = make_chunk(device)
            ks, ke = chunk.cu_seqlen_ks, chunk.cu_seqlen_ke
            logits = mqa.logits(chunk.q[:30], chunk.k, chunk.scale, chunk.weights[:30], ks, ke)
            slots = torch.randperm(1000)[:300].to(torch.int32)
            for indexer in (self.INDEXER, self.FORCING):
                forced = {"force_first": indexer.num_init_tokens, "force_last": indexer.num_local_tokens}
                keys, _ = reference(logits.cpu(), ke.cpu(), TOPK, ks=ks.cpu(), base="absolute", **forced)
                of_cache = torch.where(keys < 0, -1, slots[keys.clamp(min=0).long()])
                # In production, offsets are where the keys of a request begin.
                for offset, flattened, expected in ((ks, None, keys), (None, slots.to(device), of_cache)):
                    metadata = types.SimpleNamespace(
                        attn_metadata=types.SimpleNamespace(
                            topk_indices_offset=offset, page_table_1_flattened=flattened
                        )
                    )
                    result = torch.full((60, TOPK), -1, dtype=torch.int32, device=device)
                    out = self.execute(
                        "sglang-prefill", q_fp8=chunk.q, k_fp8=chunk.k, k_scale=chunk.scale, weights=chunk.weights, ks=ks,
                        ke=ke, metadata=metadata, topk_result=result, self=indexer)  # fmt: skip
                    self.assertIs(out, result)
                    self.check(result[:30], expected)
                    self.assertTrue((result[30:] == -1).all().item())


class PageTest(unittest.TestCase):
    def test_each_block_is_run(self):
        self.assertEqual(PAGE.read_text().count("```python"), len(BLOCKS))
        source = pathlib.Path(__file__).read_text()
        for name in BLOCKS:
            self.assertRegex(source, rf'execute\(\s*"{name}"', name)

    def test_modules_come_first(self):
        """Each may be what a program imports first, with PyTorch behind it."""
        for name in ("compat.vllm", "select"):
            program = (
                f"import warnings; warnings.simplefilter('error'); import mqa.{name}, torch; print(torch.ops.mqa.topk)"
            )
            self.assertIn("mqa.topk", run_python(program), name)


if __name__ == "__main__":
    unittest.main()
