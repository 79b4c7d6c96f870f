# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a call of mqa.jax must compute, of arrays that were checked: library.Op and others, for any device."""
import jax
import jax.numpy as jnp

from . import jax_checks as checks
from . import library

# Kernels are found for the device that a call runs on.
ANY = ""


def make_logits_op(k_scale, weights, dtype, sizes, *, relu, fast, nan_as_zero, head_reduction, has_scale=None, **others):
    checks.check_dtype("dtype", jnp.dtype(dtype), checks.LOGITS)
    return library.Op(
        target=ANY,
        num_heads=sizes["H"],
        head_dim=sizes["D"],
        input_type=sizes.input_type,
        out_type=checks.get_type(jnp.dtype(dtype)),
        weights_type="none" if weights is None else checks.get_type(weights.dtype),
        has_k_scale=k_scale is not None if has_scale is None else has_scale,
        mx_keys=sizes.mx_keys,
        mx_queries=sizes.mx_queries,
        activation=library.get_activation(relu, nan_as_zero),
        head_reduction=library.check_head_reduction(head_reduction),
        # There is no sum in half precision beside queries with block scales.
        fast=bool(fast) and not sizes.mx_queries,
        **others,
    )


def make_paged_op(k, k_scale, weights, context_lens, dtype, sizes, sequence=None, **others):
    return make_logits_op(
        k_scale,
        weights,
        dtype,
        sizes,
        has_scale=checks.is_cache(k, k_scale) or k_scale is not None,
        next_n=sizes["T"] if sequence is None else 1,
        block_kv=sizes["P"],
        lens_per_query=len(context_lens.shape) == 2,
        has_sequence=sequence is not None,
        **others,
    )


def make_outputs(rows, k, has_values):
    indices = jax.ShapeDtypeStruct((rows, k), jnp.int32)
    return (indices, jax.ShapeDtypeStruct((rows, k), jnp.float32)) if has_values else indices


def make_selection(of, topk, offset, return_values, **others):
    return library.TopkOp(target=ANY, k=int(topk), input_type=of.out_type, has_offset=offset is not None,
                          has_values=bool(return_values), **others)  # fmt: skip
