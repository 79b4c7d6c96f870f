# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests on JAX arrays share: problems, what must come out in float64, and the check of it."""
import os
import sys
import unittest

# A GPU's memory is shared with other tests, and with the memory that launches work in.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

try:
    import jax
except ImportError:
    print("skipped: no JAX here")
    sys.exit(0)

import jax.numpy as jnp
import numpy as np

import mqa.jax as mj


def list_devices():
    """The CPU, and a GPU where there is one."""
    found = [jax.devices("cpu")[0]]
    try:
        found.append(jax.devices("gpu")[0])
    except RuntimeError:
        pass
    wanted = os.environ.get("MQA_TEST_DEVICES", "cpu,cuda").split(",")
    return [device for device in found if ("cpu" if device.platform == "cpu" else "cuda") in wanted]


DEVICES = list_devices()
if not DEVICES:
    print("skipped: no GPU here")
    sys.exit(0)
FP8 = jnp.float8_e4m3fn


def make_logits(m=20, n=300, h=64, d=128, dtype=FP8, groups=None, seed=0):
    """q, k, k_scale, weights, ks, ke as NumPy arrays. Ranges may be empty, negative, or past the end."""
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((m, h, d)).astype(dtype)
    k = rng.standard_normal((n, groups, d) if groups else (n, d)).astype(dtype)
    scale = rng.random((n, groups) if groups else (n,), dtype=np.float32)
    weights = rng.standard_normal((m, h)).astype(np.float32)
    ks = rng.integers(-5, n, m, dtype=np.int32)
    ke = (ks + rng.integers(-5, n, m)).astype(np.int32)
    return q, k, scale, weights, ks, ke


def score(q, k, scale, weights, relu=True, nan_as_zero=False):
    """The logits of all pairs of a query and a key, in float64."""
    q, k = q.astype(np.float64), k.astype(np.float64)
    heads = q.shape[1]
    groups = k.shape[1] if k.ndim == 3 else 1
    k = k.reshape(k.shape[0], groups, -1).repeat(heads // groups, axis=1)
    scores = np.einsum("mhd,nhd->mhn", q, k)
    if nan_as_zero:
        scores = np.where(np.isnan(scores), 0, scores)
    if relu:
        scores = np.maximum(scores, 0)
    if scale is not None:
        scale = scale.astype(np.float64).reshape(scale.shape[0], groups).repeat(heads // groups, axis=1)
        scores = scores * scale.T[None]
    if weights is not None:
        scores = scores * weights.astype(np.float64)[:, :, None]
    return scores.sum(1)


def reference(q, k, scale, weights, ks, ke, **options):
    keys = np.arange(k.shape[0])
    inside = (keys >= np.maximum(ks, 0)[:, None]) & (keys < ke[:, None])
    return np.where(inside, score(q, k, scale, weights, **options), -np.inf)


def make_paged(batch=5, next_n=2, h=64, d=128, block_kv=64, longest=300, seed=0):
    """q, cache of bytes, weights, context_lens, block_table."""
    rng = np.random.default_rng(seed)
    width = -(-longest // block_kv)
    blocks = batch * width
    q = rng.standard_normal((batch, next_n, h, d)).astype(FP8)
    keys = rng.standard_normal((blocks, block_kv * d)).astype(FP8).view(np.uint8)
    scales = rng.random((blocks, block_kv), dtype=np.float32).view(np.uint8)
    cache = np.concatenate([keys, scales], axis=1).reshape(blocks, block_kv, 1, d + 4)
    weights = rng.standard_normal((batch * next_n, h)).astype(np.float32)
    lens = rng.integers(0, longest + 1, (batch, next_n), dtype=np.int32)
    table = rng.permutation(blocks).astype(np.int32).reshape(batch, width)
    return q, cache, weights, lens, table


def split_cache(cache, d):
    """Keys and scales, as arrays of their own."""
    blocks, block_kv = cache.shape[:2]
    flat = cache.reshape(blocks, -1)
    keys = np.ascontiguousarray(flat[:, : block_kv * d]).view(FP8).reshape(blocks, block_kv, d)
    return keys, np.ascontiguousarray(flat[:, block_kv * d :]).view(np.float32)


def paged_reference(q, cache, weights, lens, table, columns):
    batch, next_n, _, d = q.shape
    k, scale = split_cache(cache, d)
    out = np.full((batch * next_n, columns), -np.inf)
    for b in range(batch):
        keys, scales = k[table[b]].reshape(-1, d), scale[table[b]].reshape(-1)
        rows = slice(b * next_n, (b + 1) * next_n)
        logits = score(q[b], keys, scales, weights[rows])
        count = min(columns, logits.shape[1])
        end = lens[b] if lens.ndim == 2 else lens[b] - next_n + np.arange(next_n) + 1
        inside = np.arange(count) < end[:, None]
        out[rows, :count] = np.where(inside, logits[:, :count], -np.inf)
    return out


def select(logits, starts, ends, k, greatest=False):
    """Indices from the start of each row, and values: the k best in ascending keys. NaN is for short rows alone."""
    indices = np.full((len(logits), k), -1, np.int32)
    values = np.full((len(logits), k), -np.inf, np.float32)
    for m, row in enumerate(logits):
        first, last = max(starts[m], 0), min(ends[m], len(row))
        keys = np.arange(first, max(first, last))
        if len(keys) > k:
            keys = keys[~np.isnan(row[keys])]
            order = np.lexsort((-keys if greatest else keys, -(row[keys] + 0.0)))
            keys = np.sort(keys[order[:k]])
        indices[m, : len(keys)] = keys - first
        values[m, : len(keys)] = row[keys]
    return indices, values


class JaxCase(unittest.TestCase):
    def run_all(self, function, *arrays):
        """What it gives by itself and under jit, as NumPy arrays; on each device, which must be the one of the result."""
        for device in DEVICES:
            own = [None if array is None else jax.device_put(array, device) for array in arrays]
            for call in (function, jax.jit(function)):
                result = call(*own)
                for array in jax.tree.leaves(result):
                    self.assertEqual(array.devices(), {device})
                yield jax.tree.map(np.asarray, result)

    def check(self, out, expected, tolerance=5e-4):
        """The mask exactly, and the relative error of what is inside of it."""
        out = out.astype(np.float64)
        np.testing.assert_array_equal(out == -np.inf, expected == -np.inf)
        np.testing.assert_array_equal(np.isnan(out), np.isnan(expected))
        inside = np.isfinite(expected)
        error = np.linalg.norm(out[inside] - expected[inside]) / max(np.linalg.norm(expected[inside]), 1e-30)
        self.assertLess(error, tolerance)
