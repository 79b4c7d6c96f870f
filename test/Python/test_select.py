# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.select: steps of an indexer, against mqa.topk on logits in memory. Skipped without PyTorch.

What launches both at once, also where the compiler cannot make one kernel of both.
"""
import unittest
import unittest.mock

from test_fused_topk import make, make_cache, needs_fusion
from devices import DEVICES
from topk_cases import TopkCase
from torch_cases import make_paged

import mqa
import torch
from mqa import fused_launches, select



def move(value, device):
    if isinstance(value, (tuple, list)):
        return tuple(move(v, device) for v in value)
    return value.to(device) if isinstance(value, torch.Tensor) else value


class SelectCase(TopkCase):
    def call(self, function, *arguments, **options):
        """On each device the same; on the CPU."""
        results = []
        for device in DEVICES:
            moved = {name: move(value, device) for name, value in options.items()}
            results.append(function(*move(arguments, device), **moved).cpu())
            self.assertTrue(torch.equal(results[0], results[-1]))
        return results[0]

    def refuse(self, message, function, arguments, error=ValueError, **changes):
        with self.assertRaisesRegex(error, message):
            function(**{**arguments, **changes})


@needs_fusion
class PrefillTest(SelectCase):
    def expect(self, tensors, topk, **options):
        return mqa.topk(mqa.logits(*tensors), tensors[5], topk, ks=tensors[4], **options)

    def test_relative(self):
        """Counted from where the row begins, with and without an offset; into rows that lie apart."""
        tensors, offset = make(), torch.arange(50, dtype=torch.int32) * 1000
        q, k, scale, *others = tensors
        self.check(self.call(select.indexer_prefill, q, (k, scale), *others, 20), self.expect(tensors, 20))
        out = self.call(select.indexer_prefill, q, [k, scale], *others, 20, offset=offset)
        self.check(out, self.expect(tensors, 20, offset=offset))
        for device in DEVICES:
            buffer = torch.full((50, 30), 7, dtype=torch.int32, device=device)
            out = buffer[:, :20]
            q, k, scale, *others = move(tensors, device)
            self.assertIs(select.indexer_prefill(q, (k, scale), *others, 20, out=out), out)
            self.check(out, self.expect(tensors, 20))
            self.assertTrue((buffer[:, 20:] == 7).all().item())

    def test_slots(self):
        """Of the cache that keys were gathered from, wherever a row begins."""
        tensors, slots = make(), torch.randperm(5000)[:300].to(torch.int32)
        q, k, scale, weights, ks, ke = tensors
        keys = self.expect(tensors, 20, base="absolute")
        expected = torch.where(keys < 0, -1, slots[keys.clamp(min=0).long()])
        arguments = (q, (k, scale), weights, ks, ke, 20)
        self.check(self.call(select.indexer_prefill, *arguments, slots=slots), expected)
        offset = torch.arange(50, dtype=torch.int32) * 10000
        out = self.call(select.indexer_prefill, *arguments, slots=slots, offset=offset)
        self.check(out, torch.where(keys < 0, -1, expected + offset[:, None]))
        out = torch.zeros(50, 20, dtype=torch.int32)
        self.assertIs(select.indexer_prefill(*arguments, slots=slots, out=out), out)
        self.check(out, expected)

    def test_one_launch(self):
        """Of one kernel, which gives slots by itself."""
        tensors, slots = make(m=9), torch.arange(300, dtype=torch.int32)
        q, k, scale, *others = tensors
        made = []
        with unittest.mock.patch.object(fused_launches, "_fill", self.note(fused_launches._fill, made)):
            select.indexer_prefill(q, (k, scale), *others, 20, slots=slots)
        self.assertEqual([form.name for form in made], ["logits_topk"])

    def note(self, function, made):
        return lambda form, *arguments: made.append(form) or function(form, *arguments)

    def test_options_and_absent_operands(self):
        tensors = make()
        selection = {"tie_break": "greatest", "order": "score", "force_first": 2, "force_last": 3}
        # Each device with its own logits: another one may round to other bf16.
        for device in DEVICES:
            q, k, scale, weights, ks, ke = move(tensors, device)
            logits = mqa.logits(q, k, None, None, ks, ke, relu=False, dtype=torch.bfloat16)
            expected = mqa.topk(logits, ke, 20, ks=ks, **selection)
            out = select.indexer_prefill(q, k, None, ks, ke, 20, relu=False, dtype=torch.bfloat16, **selection)
            self.check(out.cpu(), expected.cpu(), "score")
        half = [tensors[0].float().half(), tensors[1].float().half(), *tensors[2:]]
        out = self.call(select.indexer_prefill, half[0], (half[1], half[2]), *half[3:], 20)
        self.check(out, self.expect(half, 20))

    def test_sizes(self):
        q, k, scale, weights, ks, ke = make()
        slots = torch.arange(300, dtype=torch.int32)
        for options in ({}, {"slots": slots}):
            out = self.call(select.indexer_prefill, q[:0], (k, scale), weights[:0], ks[:0], ke[:0], 4, **options)
            self.assertEqual(out.shape, (0, 4))
        for options in ({}, {"slots": slots[:0]}):
            out = self.call(select.indexer_prefill, q, (k[:0], scale[:0]), weights, ks, ke, 4, **options)
            self.assertTrue((out == -1).all())
        # More queries than the zeros that there are.
        many = make(m=5000, n=20, h=1, d=16)
        out = select.indexer_prefill(many[0], tuple(many[1:3]), *many[3:], 4, slots=slots[:20])
        self.check(out, self.expect(many, 4, base="absolute"))

    def test_compile(self):
        tensors, slots = make(m=12), torch.randperm(300).to(torch.int32)
        q, k, scale, *others = tensors
        expected = select.indexer_prefill(q, (k, scale), *others, 20, slots=slots)

        def step(q, k, scale, weights, ks, ke, slots):
            return select.indexer_prefill(q, (k, scale), weights, ks, ke, 20, slots=slots) + 0

        for dynamic in (False, True):
            compiled = torch.compile(step, fullgraph=True, dynamic=dynamic, backend="aot_eager")
            self.check(compiled(q, k, scale, *others, slots), expected)
        with torch._subclasses.FakeTensorMode() as mode:
            fake = [mode.from_tensor(t) for t in (*tensors, slots)]
            self.assertEqual(step(*fake).shape, (12, 20))
        # Nothing fake is kept, also where real tensors meet a mode that makes fakes.
        with unittest.mock.patch.dict(select._zeros, clear=True):
            with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True):
                self.assertEqual(step(*tensors, slots).shape, (12, 20))
            self.check(select.indexer_prefill(q, (k, scale), *others, 20, slots=slots), expected)

    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_graph(self):
        q, k, scale, *others = tensors = make("cuda")
        slots, out = torch.randperm(300, device="cuda").to(torch.int32), torch.empty(
            50, 12, dtype=torch.int32, device="cuda"
        )
        select.indexer_prefill(q, (k, scale), *others, 12, slots=slots, out=out)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            select.indexer_prefill(q, (k, scale), *others, 12, slots=slots, out=out)
        for seed in range(3):
            for tensor, other in zip(tensors, make("cuda", seed=seed)):
                tensor.copy_(other)
            expected = select.indexer_prefill(q, (k, scale), *others, 12, slots=slots)
            out.fill_(7)
            graph.replay()
            self.check(out, expected)

    def test_refusals(self):
        q, k, scale, weights, ks, ke = make()
        slots, out = torch.arange(300, dtype=torch.int32), torch.zeros(50, 20, dtype=torch.int32)
        arguments = dict(q=q, kv=(k, scale), weights=weights, ks=ks, ke=ke, topk=20)
        select.indexer_prefill(**arguments)
        for message, changes in (
            ("q must be \\* x \\* x \\*|q must be M x H x D", {"q": q[0]}),
            ("k must have the dtype of q", {"kv": (k.float().half(), scale)}),
            ("k_scale must be 300, found 299", {"kv": (k, scale[:299])}),
            ("weights must be 50 x 4, found 49 x 4", {"weights": weights[:49]}),
            ("ks must be 50, found 49", {"ks": ks[:49]}),
            ("ke must have dtype torch.int32, found torch.int64", {"ke": ke.long()}),
            ("slots must be 300, found 299", {"slots": slots[:299]}),
            ("slots must be 300, found 1 x 300", {"slots": slots[None]}),
            ("slots must have dtype torch.int32, found torch.int64", {"slots": slots.long()}),
            ("slots must be contiguous from dimension 0 on", {"slots": slots.repeat_interleave(2)[::2]}),
            ("offset must be 50, found 49", {"offset": ks[:49]}),
            ("out must be 50 x 20, found 50 x 10", {"out": out[:, :10]}),
            ("out must be 50 x 20, found 49 x 20", {"out": out[:49]}),
            ("out must have dtype torch.int32, found torch.int64", {"out": out.long()}),
            ("topk must be an integer, from 1 to 4096, found 4097", {"topk": 4097}),
            ("order must be one of key, score, any, found 'up'", {"order": "up"}),
            ("tie_break must be one of smallest, greatest, found 1", {"tie_break": 1}),
            ("force_first must be an integer, from 0 to 20, found 21", {"force_first": 21}),
            ("dtype must have a dtype of f32, bf16, f16", {"dtype": torch.int32}),
            ("q requires grad, and mqa.logits_topk has no derivative", {"q": q.float().half().requires_grad_(),
                                                                       "kv": (k.float().half(), scale)}),
        ):  # fmt: skip
            self.refuse(message, select.indexer_prefill, arguments, **changes)
        for message, changes in (
            ("kv must be a torch.Tensor or a pair of keys and scales, found None", {"kv": None}),
            ("kv must be a torch.Tensor or a pair of keys and scales, found tuple", {"kv": (k,)}),
            ("kv must be a torch.Tensor, found None", {"kv": (None, scale)}),
            ("q must be a torch.Tensor, found None", {"q": None}),
            ("ks must be a torch.Tensor, found None", {"ks": None}),
            ("slots must be a torch.Tensor, found list", {"slots": [1, 2]}),
            ("out must be a torch.Tensor, found list", {"out": [1, 2]}),
        ):
            self.refuse(message, select.indexer_prefill, arguments, TypeError, **changes)


@needs_fusion
class DecodeTest(SelectCase):
    def expect(self, tensors, topk, columns, base="slot", **options):
        if base == "slot":
            options.update(block_table=tensors[5], block_kv=tensors[1].size(1))
        logits = mqa.paged_logits(*tensors, columns)
        return mqa.topk(logits, None, topk, context_lens=tensors[4], base=base, **options)

    def test_caches(self):
        """Bytes with scales in the same block, with and without the dimension of one head; keys and scales; keys
        alone."""
        q, cache, weights, lens, table = make_paged("cpu", h=4, d=32)
        k, scale = mqa.split_cache(cache, 32)
        expected = self.expect([q, k, scale, weights, lens, table], 20, 320)
        for keys in (cache, cache.squeeze(2), (k, scale), [k, scale]):
            self.check(self.call(select.indexer_decode, q, keys, weights, lens, table, 20), expected)
        q, k = q.float().bfloat16(), k.float().bfloat16()
        expected = self.expect([q, k, None, None, lens, table], 20, 320)
        self.check(self.call(select.indexer_decode, q, k, None, lens, table, 20), expected)

    def test_steps_and_pages(self):
        for next_n, block_kv in ((1, 64), (4, 32), (8, 16), (3, 256)):
            q, cache, weights, lens, table = make_paged("cpu", h=2, d=32, next_n=next_n, block_kv=block_kv)
            tensors = [q, *mqa.split_cache(cache, 32), weights, lens, table]
            columns = table.size(1) * block_kv
            self.check(
                self.call(select.indexer_decode, q, cache, weights, lens, table, 20), self.expect(tensors, 20, columns)
            )
        of_sequences = lens[:, 0].contiguous()
        expected = self.expect([*tensors[:4], of_sequences, table], 20, columns)
        self.check(self.call(select.indexer_decode, q, cache, weights, of_sequences, table, 20), expected)

    def test_bases_and_options(self):
        q, cache, weights, lens, table = make_paged("cpu", h=4, d=32)
        tensors, offset = [q, *mqa.split_cache(cache, 32), weights, lens, table], torch.arange(
            10, dtype=torch.int32
        ) * 9999
        arguments = (q, cache, weights, lens, table, 20)
        for base in ("slot", "relative"):
            out = self.call(select.indexer_decode, *arguments, base=base, offset=offset)
            self.check(out, self.expect(tensors, 20, 320, base, offset=offset))
        out = self.call(select.indexer_decode, *arguments, max_context_len=100, order="score")
        self.check(out, self.expect(tensors, 20, 100, order="score"), "score")
        for device in DEVICES:
            buffer = torch.full((10, 30), 7, dtype=torch.int32, device=device)
            out = buffer[:, :20]
            self.assertIs(select.indexer_decode(*move(arguments, device), out=out, force_last=3), out)
            self.check(out, self.expect(tensors, 20, 320, force_last=3))
            self.assertTrue((buffer[:, 20:] == 7).all().item())

    def test_compile(self):
        q, cache, weights, lens, table = arguments = make_paged("cpu", h=4, d=32)
        expected = select.indexer_decode(*arguments, 20)
        compiled = torch.compile(lambda *t: select.indexer_decode(*t, 20) + 0, fullgraph=True, backend="aot_eager")
        self.check(compiled(*arguments), expected)

    def test_refusals(self):
        q, cache, weights, lens, table = make_paged("cpu", h=4, d=32)
        k, scale = mqa.split_cache(cache, 32)
        out = torch.zeros(10, 20, dtype=torch.int32)
        arguments = dict(q=q, cache=cache, weights=weights, context_lens=lens, block_table=table, topk=20)
        select.indexer_decode(**arguments)
        for message, changes in (
            ("q must be \\* x \\* x \\* x \\*|q must be B x T x H x D", {"q": q[0]}),
            ("cache must be num_blocks x block_kv x 1 x 36", {"cache": cache[..., :35]}),
            ("cache must be contiguous inside a block", {"cache": cache.transpose(0, 1).contiguous().transpose(0, 1)}),
            ("cache must be \\* x \\* x 32, found 25 x 64 x 16", {"cache": (k[..., :16], scale)}),
            ("k_scale must be 25 x 64, found 24 x 64", {"cache": (k, scale[:24])}),
            ("weights must be 10 x 4, found 9 x 4", {"weights": weights[:9]}),
            ("context_lens must be 5 x 2, found 5 x 1", {"context_lens": lens[:, :1]}),
            ("context_lens must have dtype torch.int32", {"context_lens": lens.long()}),
            ("block_table must be 5 x \\*, found 4 x 5", {"block_table": table[:4]}),
            ("block_table must be 5 x \\*, found 25", {"block_table": table.view(-1)}),
            ("block_table must have dtype torch.int32, found torch.int64", {"block_table": table.long()}),
            ("max_context_len must be at least 0, found -1", {"max_context_len": -1}),
            ("base must be one of relative, absolute, slot, found 'page'", {"base": "page"}),
            ("offset must be 10, found 5", {"offset": lens[:, 0].contiguous()}),
            ("out must be 10 x 20, found 10 x 19", {"out": out[:, :19]}),
            ("out must be 10 x 20, found 9 x 20", {"out": out[:9]}),
            ("out must have dtype torch.int32, found torch.float32", {"out": out.float()}),
            ("topk must be an integer, from 1 to 4096, found 0", {"topk": 0}),
        ):
            self.refuse(message, select.indexer_decode, arguments, **changes)
        for message, changes in (
            ("cache must be a torch.Tensor or a pair of keys and scales, found int", {"cache": 3}),
            ("cache must be a torch.Tensor, found None", {"cache": (None, scale)}),
            ("block_table must be a torch.Tensor, found None", {"block_table": None}),
            ("context_lens must be a torch.Tensor, found None", {"context_lens": None}),
            ("out must be a torch.Tensor, found list", {"out": [1]}),
        ):
            self.refuse(message, select.indexer_decode, arguments, TypeError, **changes)


class ToSlotsTest(SelectCase):
    def test_contract(self):
        indices = torch.tensor([[0, 5, 17, -1], [40, -1, -7, 3]], dtype=torch.int32)
        table = torch.tensor([[9, 4, 7], [2, 0, 1]], dtype=torch.int32)
        out = self.call(select.to_slots, indices, table, block_kv=16)
        self.assertEqual(out.tolist(), [[144, 149, 65, -1], [24, -1, -1, 35]])
        sequence, starts = torch.tensor([1, 1], dtype=torch.int32), torch.tensor([0, 1], dtype=torch.int32)
        out = self.call(select.to_slots, indices % 32, table, block_kv=16, sequence=sequence)
        self.assertEqual(out.tolist(), [[32, 37, 1, 15], [40, 15, 9, 35]])
        out = self.call(
            select.to_slots, torch.tensor([[1], [0]], dtype=torch.int32), table, sequence=sequence, starts=starts
        )
        self.assertEqual(out.tolist(), [[0], [0]])
        apart = torch.full((2, 6), 7, dtype=torch.int32)
        self.assertIs(select.to_slots(indices, table, block_kv=16, out=(out := apart[:, :4])), out)
        self.assertEqual(apart.tolist(), [[144, 149, 65, -1, 7, 7], [24, -1, -1, 35, 7, 7]])

    def test_what_is_no_place_is_no_fault(self):
        indices, table = torch.tensor([[1000], [5]], dtype=torch.int32), torch.zeros(2, 3, dtype=torch.int32)
        far = torch.tensor([9, -9], dtype=torch.int32)
        self.assertEqual(select.to_slots(indices, table, sequence=far, starts=far).shape, (2, 1))
        self.assertEqual(select.to_slots(indices, table[:, :0]).tolist(), [[-1], [-1]])

    def test_refusals(self):
        indices, table, rows = (torch.zeros(s, dtype=torch.int32) for s in ((2, 4), (2, 3), (2,)))
        arguments = dict(indices=indices, block_table=table)
        for message, changes in (
            ("indices must be \\* x \\*, found 4", {"indices": indices[0]}),
            ("indices must have dtype torch.int32, found torch.int64", {"indices": indices.long()}),
            ("block_table must be 2 x \\*, found 1 x 3", {"block_table": table[:1]}),
            ("block_table must have dtype torch.int32, found torch.int64", {"block_table": table.long()}),
            ("block_table must be contiguous from dimension 1 on", {"block_table": table.t().contiguous().t()}),
            ("sequence must be 2, found 1", {"sequence": rows[:1]}),
            ("starts must have dtype torch.int32, found torch.int64", {"starts": rows.long()}),
            ("block_kv must be a power of two, found 3", {"block_kv": 3}),
            ("out must be 2 x 4, found 2 x 3", {"out": table}),
        ):
            self.refuse(message, select.to_slots, arguments, **changes)
        for name in ("indices", "block_table"):
            self.refuse(
                f"{name} must be a torch.Tensor, found None", select.to_slots, arguments, TypeError, **{name: None}
            )


if __name__ == "__main__":
    unittest.main()
