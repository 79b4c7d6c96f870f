# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes an indexer in JAX as linalg on tensors, which mqa-opt reads: python from_jax.py OUT.mlir

Needs JAX and iree-base-compiler: pip install jax iree-base-compiler
docs/frontends.md says what comes next.
"""
import pathlib
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp

PIPELINE = (
    "builtin.module(inline,iree-stablehlo-to-stablehlo-preprocessing,iree-stablehlo-to-iree-input,symbol-dce,"
    "canonicalize,cse)"
)


def indexer(q, k, k_scale, weights, ks, ke):
    scores = jnp.maximum(jnp.einsum("mhd,nd->mhn", q.astype(jnp.float32), k.astype(jnp.float32)), 0)
    logits = (scores * weights[:, :, None]).sum(1) * k_scale
    n = jnp.arange(k.shape[0])
    seen = (n >= ks[:, None]) & (n < ke[:, None])
    return jnp.where(seen, logits, -jnp.inf)


def main(out):
    m, n, h, d = 64, 256, 64, 128
    fp8, f32, i32 = jnp.float8_e4m3fn, jnp.float32, jnp.int32
    shapes = [((m, h, d), fp8), ((n, d), fp8), ((n,), f32), ((m, h), f32), ((m,), i32), ((m,), i32)]
    stablehlo = jax.jit(indexer).lower(*(jax.ShapeDtypeStruct(*shape) for shape in shapes)).compiler_ir("stablehlo")
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "jax.mlir"
        # JAX calls every such function main.
        text.write_text(str(stablehlo).replace("@main(", "@indexer("))
        iree_opt = [sys.executable, "-m", "iree.compiler.tools.scripts.iree_opt"]
        subprocess.run([*iree_opt, text, f"--pass-pipeline={PIPELINE}", "-o", out], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
