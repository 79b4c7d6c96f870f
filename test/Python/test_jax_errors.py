# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.jax: what is refused while JAX traces, what a call says that has no kernel, programs for other machines, examples, and
XLA's binary interface as its header has it.

Skipped where there is no JAX.
"""
import doctest
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from jax_cases import FP8, jax, jnp, make_logits, make_paged, mj, np, reference, split_cache
from processes import run_python

from mqa import jax_calls, library

ROOT = pathlib.Path(__file__).parents[2]


class ErrorsTest(unittest.TestCase):
    def refuse(self, function, arrays, message, error=ValueError, **changed):
        """Under jit, so while JAX traces; nothing is computed."""
        names = list(arrays)
        arrays = {**arrays, **changed}
        given = [name for name in names if hasattr(arrays[name], "shape")]

        def call(*values):
            own = {**arrays, **dict(zip(given, values))}
            return function(*(own[name] for name in names))

        with self.assertRaisesRegex(error, "^" + message):
            jax.jit(call).lower(*(arrays[name] for name in given))

    def test_logits(self):
        names = ("q", "k", "k_scale", "weights", "ks", "ke")
        arrays = dict(zip(names, make_logits(m=4, n=30, h=8, d=32)))
        q, k = arrays["q"], arrays["k"]

        def refuse(message, error=ValueError, function=mj.logits, **changed):
            self.refuse(function, arrays, message, error, **changed)

        refuse("q must be M x H x D, found 4 x 256", q=q.reshape(4, 256))
        refuse("q must have a dtype of float8_e4m3fn, .*, found float32", q=q.astype(np.float32))
        refuse("k must be N x 32, found 30 x 16", k=k[:, :16])
        refuse("k must have a dtype of float8_e4m3fn, found bfloat16", k=k.astype(jnp.bfloat16))
        refuse("k_scale must be 30, found 29", k_scale=arrays["k_scale"][:29])
        refuse("k_scale must have a dtype of float32, found bfloat16", k_scale=arrays["k_scale"].astype(jnp.bfloat16))
        refuse("weights must be 4 x 8, found 4 x 7", weights=arrays["weights"][:, :7])
        refuse("weights must have a dtype of float32, bfloat16, found float16", weights=arrays["weights"].astype(np.float16))
        refuse("ks must be 4, found 3", ks=arrays["ks"][:3])
        refuse("ke must have a dtype of int32, found float32", ke=arrays["ke"].astype(np.float32))
        refuse("q must be an array, found None", TypeError, q=None)
        refuse("ke must be an array, found int", TypeError, ke=3)
        refuse("q must have 1 to 128 heads, found 0", q=q[:, :0], weights=None)
        refuse("the head dim of q must be a multiple of 16 up to 256, found 24", q=q[..., :24], k=k[:, :24])
        groups = np.zeros((30, 3, 32), FP8)
        refuse("the heads of q must be a multiple of the groups of k, found 8 and 3", k=groups, k_scale=None)
        refuse("k_scale must be 30 x 2, found 30", k=groups[:, :2])
        refuse("dtype must have a dtype of float32, .*, found int32", function=lambda *a: mj.logits(*a, dtype=jnp.int32))
        refuse("max_seqlen_k must be an integer that is known while JAX traces, at least 0, found -1",
               function=lambda *a: mj.logits(*a, max_seqlen_k=-1))  # fmt: skip
        refuse("nan_as_zero is for logits with relu", function=lambda *a: mj.logits(*a, relu=False, nan_as_zero=True))
        refuse("max_multiprocessors must be .* from 0 to 65535, found -3",
               function=lambda *a: mj.logits(*a, max_multiprocessors=-3))  # fmt: skip

    def test_numbers_that_are_traced(self):
        arrays = make_logits(m=4, n=30, h=8, d=32)
        with self.assertRaisesRegex(ValueError, "max_seqlen_k must be an integer that is known while JAX traces"):
            jax.jit(lambda n, *a: mj.logits(*a, max_seqlen_k=n))(10, *arrays)

    def test_paged_logits(self):
        q, cache, weights, lens, table = make_paged(h=8, d=32)
        k, scale = split_cache(cache, 32)
        names = ("q", "k", "k_scale", "weights", "context_lens", "block_table")
        arrays = dict(zip(names, (q, k, scale, weights, lens, table)))

        def refuse(message, error=ValueError, function=lambda *a: mj.paged_logits(*a, 320), **changed):
            self.refuse(function, arrays, message, error, **changed)

        refuse("q must be B x T x H x D, found 5 x 8 x 32", q=q[:, 0])
        refuse("q must have 1 to 8 queries of each sequence, found 9", q=np.zeros((5, 9, 8, 32), FP8), weights=None,
               context_lens=lens[:, 0])  # fmt: skip
        refuse("k must be C x P x 32, found 25 x 64 x 16", k=k[..., :16])
        refuse("k must be C x P x 1 x 36, found 25 x 64 x 1 x 35", k=cache[..., :35], k_scale=None)
        refuse("k_scale must be None with a k of bytes", k=cache)
        refuse("k_scale must be 25 x 64, found 24 x 64", k_scale=scale[:24])
        refuse("weights must be 10 x 8, found 9 x 8", weights=weights[:9])
        refuse("context_lens must be 5 x 2, found 5 x 1", context_lens=lens[:, :1])
        refuse("block_table must be 5 x W, found 4 x 5", block_table=table[:4])
        refuse("max_context_len must be .*, found -1", function=lambda *a: mj.paged_logits(*a, -1))
        refuse("q with a k of bytes must have a dtype of float8_e4m3fn, float8_e5m2, found bfloat16",
               q=q.astype(jnp.bfloat16), k=cache, k_scale=None)  # fmt: skip

    def test_topk(self):
        logits, ke = np.zeros((6, 50), np.float32), np.zeros(6, np.int32)
        table, sequence = np.zeros((3, 7), np.int32), np.zeros(6, np.int32)
        arrays = {"logits": logits, "ke": ke}

        def refuse(message, k=4, error=ValueError, logits=logits, ke=ke, **options):
            self.refuse(lambda *a: mj.topk(*a, k, **options), arrays, message, error, logits=logits, ke=ke)

        refuse("k must be .* from 1 to 4096, found 0", k=0)
        refuse("k must be .* from 1 to 4096, found 4097", k=4097)
        refuse("k must be .*, found True", k=True)
        refuse("k must be .*, found 2.0", k=2.0)
        refuse("logits must be M x N, found 6", logits=logits[:, 0])
        refuse("logits must have a dtype of float32, bfloat16, float16, found float8_e4m3fn", logits=logits.astype(FP8))
        refuse("ke must be 6, found 5", ke=ke[:5])
        refuse("either ke or context_lens must be given, found both", context_lens=table[:, :2])
        refuse("either ke or context_lens must be given, found neither", ke=None)
        refuse("ks cannot be given with context_lens", ke=None, ks=ke, context_lens=table[:, :2])
        refuse("block_table must be given with base='slot' and only then", base="slot", block_kv=16)
        refuse("block_table must be given with base='slot' and only then", block_table=table)
        refuse("sequence names rows of block_table, found none", sequence=sequence)
        refuse("context_lens must be 6, found 3 x 2", ke=None, sequence=sequence, context_lens=table[:, :2], base="slot",
               block_kv=16, block_table=table)  # fmt: skip
        refuse("block_kv must be a power of two from 1 to 65536, found 12", base="slot", block_table=table, block_kv=12)
        refuse("block_kv is for base='slot', found 16", block_kv=16)
        refuse("there must be as many rows for each of the 4 sequences, found 6 rows", base="slot", block_kv=16,
               block_table=np.zeros((4, 7), np.int32))  # fmt: skip
        refuse("offset must be 6, found 5", offset=sequence[:5])
        refuse("tie_break must be one of smallest, greatest, found 'none'", tie_break="none")
        refuse("order must be one of key, score, any, found 'up'", order="up")
        refuse("base must be one of relative, absolute, slot, found 'x'", base="x")
        refuse("force_first and force_last must be at most k = 4 together, found 3 and 2", force_first=3, force_last=2)
        refuse("num_keys is for compressed logits", num_keys=9)

    def test_merge_and_fused(self):
        indices, values, ke = np.zeros((2, 3, 8), np.int32), np.zeros((2, 3, 8), np.float32), np.zeros(3, np.int32)
        arrays = {"list_indices": indices, "list_values": values, "ke": ke}

        def refuse(message, function=mj.merge_topk, error=ValueError, **changed):
            self.refuse(function, arrays, message, error, **changed)

        refuse("list_indices must be R x M x k, found 2 x 3", list_indices=indices[..., 0])
        refuse("list_values must be 2 x 3 x 8, found 1 x 3 x 8", list_values=values[:1])
        refuse("ke must be 3, found 2", ke=ke[:2])
        refuse("ke must be an array, found None", error=TypeError, ke=None)
        refuse("base must be one of relative, absolute, found 'slot'",
               lambda *a: mj.merge_topk(*a, base="slot"))  # fmt: skip
        arrays = dict(zip(("q", "k", "k_scale", "weights", "ks", "ke"), make_logits(m=4, n=30, h=8, d=32)))
        refuse("topk must be .* from 1 to 4096, found 0", lambda *a: mj.logits_topk(*a, 0))
        refuse("offset must be 4, found 3", lambda *a: mj.logits_topk(*a, 4, offset=jnp.zeros(3, jnp.int32)))
        refuse("q must be M x H x D", lambda *a: mj.logits_topk(*a, 4), q=arrays["q"][0])

    def test_derivative(self):
        q, k, scale, weights, ks, ke = make_logits(m=4, n=30, h=8, d=32)
        with self.assertRaisesRegex(Exception, "(?i)differentia"):
            jax.grad(lambda w: mj.logits(q, k, scale, w, ks, ke).sum())(weights)


class CallsTest(unittest.TestCase):
    def test_ops_as_text(self):
        logits = library.Op("sm_90", 64, 128, next_n=2, block_kv=64, activation="none")
        topk = library.TopkOp("sm_90", 512, base="slot", block_kv=64, next_n=2)
        for op in (logits, topk, library.FusedOp(logits, topk), library.MergeTopkOp("sm_90", 7, order="any")):
            text = jax_calls.encode(op)
            self.assertNotIn("sm_90", text)
            self.assertEqual(jax_calls.decode(text, "sm_90"), op)

    def test_without_a_kernel(self):
        program = (
            "import jax, jax.numpy as jnp, mqa.jax\n"
            "q, k, ks = jnp.ones((2, 5, 32), jnp.bfloat16), jnp.ones((3, 32), jnp.bfloat16), jnp.zeros(2, jnp.int32)\n"
            "try:\n"
            "    with jax.default_device(jax.devices('cpu')[0]): mqa.jax.logits(q, k, None, None, ks, ks + 3)\n"
            "except Exception as error:\n"
            "    print(type(error).__name__, error)\n"
        )
        output = run_python(program, MQA_COMPILER_LIBRARY="/nonexistent", MQA_BUNDLES="")
        self.assertRegex(output, r"RuntimeError NOT_FOUND: .*LookupError: no prebuilt bundle holds a kernel for Op\(target='cpu'")
        self.assertIn("install mqa_compiler", output)

    def test_program_for_a_gpu(self):
        """It is lowered where there is none; a call names its kernel as text."""
        arrays = make_logits(m=4, n=30, h=8, d=32)
        checks = [jax.export.DisabledSafetyCheck.custom_call(name) for name in ("mqa_launch", "mqa_select")]
        for function, name in ((mj.logits, "mqa_launch"), (lambda *a: mj.logits_topk(*a, 8), "mqa_select")):
            exported = jax.export.export(jax.jit(function), platforms=["cuda"], disabled_checks=checks)(*arrays)
            self.assertRegex(exported.mlir_module(), rf"stablehlo.custom_call @{name}\(.*num_heads")

    def test_kept_programs(self):
        """A program that was compiled in another process finds its kernel in this one."""
        program = (
            "import jax, numpy as np\n"
            "for name, value in (('jax_compilation_cache_dir', CACHE), ('jax_persistent_cache_min_compile_time_secs', 0),\n"
            "                    ('jax_persistent_cache_min_entry_size_bytes', -1)):\n"
            "    jax.config.update(name, value)\n"
            "import mqa.jax\n"
            "q, k = np.ones((2, 8, 32), 'bfloat16'), np.ones((3, 32), 'bfloat16')\n"
            "ks = np.zeros(2, np.int32)\n"
            "with jax.default_device(jax.devices('cpu')[0]):\n"
            "    print(jax.jit(mqa.jax.logits)(q, k, None, None, ks, ks + 2).tolist())\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                output = run_python(program.replace("CACHE", repr(folder)))
                self.assertTrue(output.endswith("[[256.0, 256.0, -inf], [256.0, 256.0, -inf]]\n"), output)

    def test_examples(self):
        with jax.default_device(jax.devices("cpu")[0]):
            for name in mj.__all__:
                [test] = doctest.DocTestFinder(recurse=False).find(getattr(mj, name), name)
                self.assertTrue(test.examples, name)
                output = []
                self.assertEqual(doctest.DocTestRunner().run(test, out=output.append).failed, 0, "".join(output))


# Of XLA's header, what XlaInterface.h says with other names.
STRUCTURES = {
    "ErrorCreateArgs": ("XLA_FFI_Error_Create_Args", {"message": "message", "code": "errc"}),
    "ErrorDestroyArgs": ("XLA_FFI_Error_Destroy_Args", {"error": "error"}),
    "StreamGetArgs": ("XLA_FFI_Stream_Get_Args", {"context": "ctx", "stream": "stream"}),
    "Buffer": ("XLA_FFI_Buffer", {"type": "dtype", "data": "data", "rank": "rank", "dims": "dims"}),
    "Text": ("XLA_FFI_ByteSpan", {"data": "ptr", "size": "len"}),
    "Scalar": ("XLA_FFI_Scalar", {"type": "dtype", "value": "value"}),
    "Buffers": ("XLA_FFI_Args", {"count": "size", "types": "types", "buffers": "args"}),
    "Attributes": ("XLA_FFI_Attrs", {"count": "size", "types": "types", "names": "names", "values": "attrs"}),
}
# Those that XLA may make longer.
PARTS = {
    "Api": ("XLA_FFI_Api", {"version": "api_version", "createError": "XLA_FFI_Error_Create",
                            "destroyError": "XLA_FFI_Error_Destroy", "getStream": "XLA_FFI_Stream_Get"}),
    "CallFrame": ("XLA_FFI_CallFrame", {"api": "api", "context": "ctx", "stage": "stage", "operands": "args",
                                        "results": "rets", "attributes": "attrs"}),
    "Metadata": ("XLA_FFI_Metadata", {"version": "api_version", "traits": "traits"}),
    "MetadataExtension": ("XLA_FFI_Metadata_Extension", {"extension": "extension_base", "metadata": "metadata"}),
}  # fmt: skip
CONSTANTS = {
    "kMajorVersion": "XLA_FFI_API_MAJOR",
    "kInvalidArgument": "XLA_FFI_Error_Code_INVALID_ARGUMENT",
    "kNotFound": "XLA_FFI_Error_Code_NOT_FOUND",
    "kResourceExhausted": "XLA_FFI_Error_Code_RESOURCE_EXHAUSTED",
    "kUnimplemented": "XLA_FFI_Error_Code_UNIMPLEMENTED",
    "kInternal": "XLA_FFI_Error_Code_INTERNAL",
    "kBuffer": "XLA_FFI_ArgType_BUFFER",
    "kScalar": "XLA_FFI_AttrType_SCALAR",
    "kString": "XLA_FFI_AttrType_STRING",
    "kMetadataExtension": "XLA_FFI_Extension_Metadata",
    "kMayBeRecorded": "XLA_FFI_HANDLER_TRAITS_COMMAND_BUFFER_COMPATIBLE",
    "Stage::Initialize": "XLA_FFI_ExecutionStage_INITIALIZE",
    "Stage::Execute": "XLA_FFI_ExecutionStage_EXECUTE",
    **{f"DataType::{name}": f"XLA_FFI_DataType_{name}" for name in ("S32", "S64", "U8", "F16", "F32", "BF16", "F8E5M2",
                                                                     "F8E4M3FN")},
}  # fmt: skip


@unittest.skipUnless(shutil.which("g++"), "no C++ compiler here")
class InterfaceTest(unittest.TestCase):
    def test_against_the_header(self):
        lines = ['#include "xla/ffi/api/c_api.h"', '#include "XlaInterface.h"', "#include <cstddef>",
                 "namespace xla = mqa::runtime::xla;"]  # fmt: skip
        for name, (theirs, fields) in {**STRUCTURES, **PARTS}.items():
            for own, field in fields.items():
                lines.append(f"static_assert(offsetof(xla::{name}, {own}) == offsetof({theirs}, {field}));")
                lines.append(f"static_assert(sizeof(xla::{name}::{own}) == sizeof({theirs}::{field}));")
        for name, (theirs, _) in STRUCTURES.items():
            lines.append(f"static_assert(sizeof(xla::{name}) == sizeof({theirs}));")
        for own, theirs in CONSTANTS.items():
            lines.append(f"static_assert(static_cast<int>(xla::{own}) == static_cast<int>({theirs}));")
        header = (ROOT / "runtime/lib/XlaInterface.h").read_text()
        for name in re.findall(r"^struct (\w+) \{", header, re.MULTILINE):
            self.assertTrue(name in {**STRUCTURES, **PARTS} or name in ("Extension", "Header", "Version"), name)
        command = ["g++", "-std=c++17", "-fsyntax-only", "-w", "-x", "c++", "-", f"-I{jax.ffi.include_dir()}",
                   f"-I{ROOT / 'runtime/lib'}"]  # fmt: skip
        result = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
