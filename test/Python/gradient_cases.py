# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random problems for gradients of logits, and what must come out: autograd of the unfused form in float64."""
import random

import torch

NAMES = ("q", "k", "k_scale", "weights")


class Case:
    """Operands, the gradient of the logits, and options; gradients that `needs` asks for."""

    def __init__(self, seed, device="cpu", smallest=8, **fixed):
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)

        def choose(name, choices):
            return fixed[name] if name in fixed else rng.choice(choices)

        self.dtype = choose("dtype", (torch.bfloat16, torch.float16))
        heads = choose("heads", (1, 2, 4, 8, 16, 64))
        groups = choose("groups", [0] + [g for g in (1, 2, 4, 8) if heads % g == 0])
        d = choose("d", (16, 32, 64, 128))
        m = choose("m", [size for size in (0, 1, 3, 8, 17, 30) if size >= smallest])
        n = choose("n", [size for size in (0, 1, 5, 33, 200) if size >= smallest])
        self.relu = choose("relu", (True, True, False))
        self.compressed = choose("compressed", (False, False, True))

        def draw(*shape):
            return torch.randn(shape, generator=generator)

        grouped = (groups,) if groups else ()
        self.q = draw(m, heads, d).to(self.dtype)
        self.k = draw(n, *grouped, d).to(self.dtype)
        has_scale, has_weights = choose("has_scale", (True, True, False)), choose("has_weights", (True, True, False))
        self.k_scale = torch.rand((n, *grouped), generator=generator) if has_scale else None
        self.weights = draw(m, heads).to(rng.choice((torch.float32, torch.bfloat16))) if has_weights else None
        self.ks = torch.randint(-5, n + 3, (m,), generator=generator, dtype=torch.int32)
        self.ke = self.ks + torch.randint(-5, n + 9, (m,), generator=generator, dtype=torch.int32)
        columns = rng.choice((n // 2, n + 3)) if self.compressed else n
        # What is outside of the ranges must not be read.
        self.grad = draw(m, columns)
        self.grad[~self.get_mask(columns)] = float("nan")
        self.needs = [True, True, has_scale, has_weights]
        self.device = device
        for name in (*NAMES, "ks", "ke", "grad"):
            tensor = getattr(self, name)
            setattr(self, name, None if tensor is None else tensor.to(device))

    @property
    def operands(self):
        return self.q, self.k, self.k_scale, self.weights

    @property
    def options(self):
        return {"compressed": self.compressed, "relu": self.relu, "needs": self.needs}

    def get_mask(self, columns):
        """Which logits belong to a range, M x columns."""
        starts = self.ks.long().clamp(min=0)[:, None]
        keys = torch.arange(columns, device=self.q.device)[None, :]
        keys = keys + starts if self.compressed else keys
        return (keys >= starts) & (keys < self.ke.long().clamp(max=self.k.size(0))[:, None])

    def compute_reference(self):
        """The gradients in float64; None for those that are not needed."""
        q, k, k_scale, weights = (
            None if t is None else t.detach().double().requires_grad_(need) for t, need in zip(self.operands, self.needs)
        )
        m, heads, d = q.shape
        n = k.size(0)
        by_group = k.unsqueeze(1) if k.dim() == 2 else k
        groups = by_group.size(1)
        scores = torch.einsum("mghd,ngd->mngh", q.reshape(m, groups, heads // groups, d), by_group)
        if self.relu:
            scores = scores.relu()
        if k_scale is not None:
            scores = scores * k_scale.reshape(1, n, groups, 1)
        if weights is not None:
            scores = scores * weights.reshape(m, 1, groups, heads // groups)
        logits = scores.sum((2, 3))
        if self.compressed:
            columns = torch.arange(self.grad.size(1), device=q.device)
            keys = columns + self.ks.long().clamp(min=0)[:, None]
            logits = logits.gather(1, keys.clamp(max=max(n - 1, 0))) if n else logits.new_zeros(keys.shape)
        grad = torch.where(self.get_mask(self.grad.size(1)), self.grad.double(), 0.0)
        wanted = [t for t, need in zip((q, k, k_scale, weights), self.needs) if need]
        loss = (logits * grad).sum()
        found = iter(torch.autograd.grad(loss, wanted, allow_unused=True) if loss.requires_grad else [None] * len(wanted))
        return [next(found) if need else None for need in self.needs]


def get_error(found, expected):
    """||found - expected|| / ||expected||; where nothing is expected, the norm of what was found."""
    if expected is None:
        expected = torch.zeros_like(found, dtype=torch.float64)
    difference, norm = (found.double() - expected).norm().item(), expected.norm().item()
    return difference / norm if norm else difference
