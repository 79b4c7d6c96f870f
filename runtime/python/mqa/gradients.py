# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of logits, by matrix products of PyTorch over blocks of queries and keys.

With g the gradient of a logit and p = 1 where its score s = q . k is above 0 (everywhere without relu), two products of
P[m, h, n] = g[m, n] * p[m, h, n] have all that there is to know:

    T[m, h] = sum over n of P * k_scale[n] * k[n]        U[n] = sum over m and h of P * weights[m, h] * q[m, h]
    dq = weights * T,  dweights = q . T                  dk = k_scale * U,  dk_scale = k . U

since g * p * k_scale * s is a sum over d of q times what T adds. Scores are computed again, block by block, and nothing of
size M x H x N is stored. Without relu P is g for all heads, and there are no scores.

Two runs give the same bits: blocks are summed in order.
"""
import dataclasses

import torch

# Bytes of a block of scores. Larger blocks fill a chip better; smaller ones stay in its cache.
_MIN_SCORES, _MAX_SCORES = 1 << 20, 64 << 20
_MAX_ROWS = 256  # Queries of a block.


def _multiply(a, b):
    """The product in float32. On a GPU it is accumulated there, and not rounded to the type of the factors in between."""
    if a.dtype == torch.float32:
        return torch.matmul(a, b)
    if a.is_cuda and _HAS_OUT_DTYPE:
        return (torch.bmm if a.dim() == 3 else torch.mm)(a, b, out_dtype=torch.float32)
    return torch.matmul(a, b).float()


_HAS_OUT_DTYPE = any("out_dtype" in str(getattr(torch.ops.aten.mm, name)._schema) for name in torch.ops.aten.mm.overloads())


def _find_factor(amounts):
    """The power of two above `amounts`, which it divides without rounding; 1 where they are 0 or not finite."""
    _, exponent = torch.frexp(amounts)
    factor = torch.ldexp(torch.ones_like(amounts), exponent)
    return torch.where((amounts > 0) & amounts.isfinite(), factor, 1.0)


def _normalize(tensor, dims):
    """Divided by powers of two, so that float16 neither overflows nor underflows; and these."""
    factor = _find_factor(tensor.abs().amax(dims, keepdim=True))
    return tensor / factor, factor


@dataclasses.dataclass
class _Problem:
    """Of one group of heads: q is M x H x D, k N x D, both of their own type, the others float32."""

    q: torch.Tensor
    k: torch.Tensor
    k_scale: "torch.Tensor | None"
    weights: "torch.Tensor | None"
    work: torch.dtype  # The type of the factors of products.

    def __post_init__(self):
        # Only float16 has too few exponents for what is multiplied below.
        self.is_narrow = self.work == torch.float16


@dataclasses.dataclass
class _Keys:
    """What is multiplied with queries. k_scale = `folded` * `rest`: what is folded into g needs no rounding in a factor."""

    k: torch.Tensor  # For the scores, whose sign alone counts.
    scaled: torch.Tensor  # rest * k, divided by `factor`
    factor: "torch.Tensor | None"
    folded: "torch.Tensor | None"
    rest: "torch.Tensor | None"


def _make_keys(problem, seen):
    """A key that no query sees may hold anything, so it is made 0."""
    k = torch.where(seen.unsqueeze(1), problem.k.float(), 0.0)
    rest = None if problem.k_scale is None else torch.where(seen, problem.k_scale, 0.0)
    if problem.is_narrow:
        scaled, factor = _normalize(k if rest is None else k * rest.unsqueeze(1), (0, 1))
        return _Keys(_normalize(k, (1,))[0].to(problem.work), scaled.to(problem.work), factor, None, rest)
    if rest is None:
        return _Keys(k.to(problem.work), k.to(problem.work), None, None, None)
    # A scale is divided by again, so not one that is 0, or that a gradient could not be multiplied with.
    amount = rest.abs()
    folded = torch.where((amount > 1e-20) & (amount < 1e20), rest, 1.0)
    rest = rest / folded
    return _Keys(k.to(problem.work), (k * rest.unsqueeze(1)).to(problem.work), None, folded, rest)


@dataclasses.dataclass
class _Rows:
    """A block of queries: what is multiplied with keys."""

    q: torch.Tensor  # For the scores, (rows * H) x D.
    weighted: torch.Tensor  # weights * q, likewise; or, without relu, summed over the heads: rows x D
    grad: torch.Tensor  # rows x N, 0 outside of the ranges
    grad_factor: "torch.Tensor | None"  # rows x 1
    weighted_factor: "torch.Tensor | None"


def _make_rows(problem, first, last, grad, is_empty, relu):
    q = torch.where(is_empty.view(-1, 1, 1), 0.0, problem.q[first:last].float())
    weighted = q
    if problem.weights is not None:
        weighted = q * torch.where(is_empty.unsqueeze(1), 0.0, problem.weights[first:last].float()).unsqueeze(2)
    if not relu:
        weighted = weighted.sum(1, keepdim=True)
    grad_factor = weighted_factor = None
    if problem.is_narrow:
        grad, grad_factor = _normalize(grad, (1,))
        weighted, weighted_factor = _normalize(weighted * grad_factor.unsqueeze(2), (0, 1, 2))
        q, _ = _normalize(q, (2,))
    size = q.size(2)
    return _Rows(q.reshape(-1, size).to(problem.work), weighted.reshape(-1, size).to(problem.work),
                 grad.to(problem.work), grad_factor, weighted_factor)  # fmt: skip


def _split(rows, columns):
    """In how many parts a long sum over `rows` is computed, so that there is work for all of a chip. It divides `rows`."""
    parts = 1
    while parts < 16 and rows % (2 * parts) == 0 and rows // parts > 2048 and parts * columns < 16384:
        parts *= 2
    return parts


def _sum_over_rows(p, weighted):
    """P transposed times `weighted`."""
    parts = _split(*p.shape) if p.is_cuda else 1
    if parts == 1:
        return _multiply(p.t(), weighted)
    products = _multiply(p.view(parts, -1, p.size(1)).transpose(1, 2), weighted.view(parts, -1, weighted.size(1)))
    return products.sum(0)


def _make_p(q, k, grad, heads):
    """P of a block, (rows * heads) x keys, in the memory of the scores."""
    scores = torch.mm(q, k.t())
    by_head = scores.view(-1, heads, k.size(0))
    torch.ops.aten.threshold_backward.grad_input(grad.unsqueeze(1), by_head, 0, grad_input=by_head)
    return scores


def _mask_grad(grad, first, last, ks, ke, num_keys, compressed):
    """The gradients of a block of rows as float32, a column for each key, 0 outside of the ranges, which are not read."""
    keys = torch.arange(num_keys, dtype=torch.int32, device=grad.device)
    starts, ends = ks[first:last].unsqueeze(1), ke[first:last].unsqueeze(1)
    inside = (keys >= starts) & (keys < ends)
    rows = grad[first:last]
    if compressed:
        columns = keys - starts
        inside &= columns < rows.size(1)
        if rows.size(1) == 0:
            return torch.zeros(inside.shape, device=grad.device)
        rows = rows.gather(1, columns.clamp(0, rows.size(1) - 1).long())
    return torch.where(inside, rows.float(), 0.0)


def _find_windows(ks, ke, num_keys, step):
    """For each block of `step` queries, the keys that its queries see lie from the first to the second number."""
    blocks = -(-ks.size(0) // step)
    if ks.is_cuda and torch.cuda.is_current_stream_capturing():
        # Nothing can be read while a graph is recorded.
        return [(0, num_keys)] * blocks
    is_empty = ke <= ks
    starts, ends = ks.masked_fill(is_empty, num_keys), ke.masked_fill(is_empty, 0)
    padding = (0, blocks * step - ks.size(0))
    first = torch.nn.functional.pad(starts, padding, value=num_keys).view(blocks, step).amin(1)
    last = torch.nn.functional.pad(ends, padding, value=0).view(blocks, step).amax(1)
    return torch.stack([first, last], 1).tolist()


def _find_seen(ks, ke, num_keys):
    """Whether a query sees the key."""
    is_empty = ke <= ks
    steps = torch.zeros(num_keys + 1, dtype=torch.int32, device=ks.device)
    ones = (~is_empty).int()
    steps.scatter_add_(0, ks.clamp(max=num_keys).long(), ones)
    steps.scatter_add_(0, torch.where(is_empty, 0, ke).long(), -ones)
    return steps.cumsum(0)[:-1] > 0


def _backward_group(problem, grad, ks, ke, compressed, relu, needs, scores):
    """Gradients of one group of heads, float32 but for that of q; None for those that nobody needs."""
    (m, heads, d), n = problem.q.shape, problem.k.size(0)
    device, blocks_heads = grad.device, heads if relu else 1
    step = max(1, min(m, _MAX_ROWS, scores // (2 * blocks_heads * 512)))
    columns = max(512, scores // (2 * blocks_heads * step)) if relu else max(1, n)
    keys = _make_keys(problem, _find_seen(ks, ke, n))
    needs_q, needs_k = needs[0] or needs[3], needs[1] or needs[2]
    dq = torch.empty(m, heads, d, dtype=problem.q.dtype, device=device) if needs[0] else None
    dw = torch.empty(m, heads, device=device) if needs[3] else None
    u = torch.zeros(n, d, device=device) if needs_k else None
    is_empty = ke <= ks
    for block, (low, high) in enumerate(_find_windows(ks, ke, n, step)):
        first, last = block * step, min(m, (block + 1) * step)
        masked = _mask_grad(grad, first, last, ks, ke, n, compressed)
        if keys.folded is not None:
            masked *= keys.folded
        rows = _make_rows(problem, first, last, masked, is_empty[first:last], relu)
        del masked
        t = torch.zeros((last - first) * blocks_heads, d, device=device) if needs_q else None
        # Blocks of keys begin at the same places for all queries, so that what a window leaves out changes no bit.
        for left in range(low // columns * columns, high, columns):
            right = min(n, left + columns)
            own = rows.grad[:, left:right]
            p = _make_p(rows.q, keys.k[left:right], own, heads) if relu else own
            if needs_q:
                t += _multiply(p, keys.scaled[left:right])
            if needs_k:
                product = _sum_over_rows(p, rows.weighted)
                u[left:right] += product if rows.weighted_factor is None else product * rows.weighted_factor.view(())
            del p
        if needs_q:
            t = t.view(last - first, blocks_heads, d)
            if problem.is_narrow:
                t = t * rows.grad_factor.unsqueeze(2) * keys.factor
            if needs[0]:
                w = 1.0 if problem.weights is None else problem.weights[first:last].float().unsqueeze(2)
                dq[first:last] = (t * w).expand(-1, heads, -1)
            if needs[3]:
                dw[first:last] = (problem.q[first:last].float() * t).sum(2)
    if not needs_k:
        return dq, None, None, dw
    # What is folded is in u already.
    dk = (u if keys.rest is None else u * keys.rest.unsqueeze(1)) if needs[1] else None
    ds = (problem.k.float() * u).sum(1) if needs[2] else None
    return dq, dk, ds if ds is None or keys.folded is None else ds / keys.folded, dw


def _get_block_size(*tensors):
    """Bytes of a block of scores: little beside what is there already."""
    present = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return max(_MIN_SCORES, min(_MAX_SCORES, present // 4))


def _get_work(q):
    """On a CPU float32; else q's own type, or bfloat16, which holds all of float8."""
    if q.device.type == "cpu":
        return torch.float32
    return q.dtype if q.dtype in (torch.bfloat16, torch.float16) else torch.bfloat16


def compute(grad, q, k, k_scale, weights, ks, ke, *, compressed, relu, needs, work=None, scores=None):
    """The gradients of q, k, k_scale and weights, each of its operand's shape and type, or None if `needs` says so.

    `grad` is that of the logits. `work` is the type of the factors of products (sums are float32), and `scores` the bytes of
    a block.
    """
    heads, n = q.size(1), k.size(0)
    groups = k.size(1) if k.dim() == 3 else 1
    operands = (q, k, k_scale, weights)
    if q.size(0) == 0 or n == 0:
        return tuple(torch.zeros_like(t) if need else None for t, need in zip(operands, needs))
    ks, ke = ks.clamp(min=0), ke.clamp(max=n)
    scores = scores or _get_block_size(grad, q, k)
    parts = []
    for i in range(groups):
        own = slice(i * (heads // groups), (i + 1) * (heads // groups))
        problem = _Problem(
            q[:, own],
            k[:, i] if k.dim() == 3 else k,
            k_scale[:, i] if k_scale is not None and k_scale.dim() == 2 else k_scale,
            None if weights is None else weights[:, own],
            work or _get_work(q),
        )
        parts.append(_backward_group(problem, grad, ks, ke, compressed, relu, needs, scores))
    # Groups are dimension 1, of which keys may have none.
    results = []
    for place, (operand, need) in enumerate(zip(operands, needs)):
        found = [part[place] for part in parts]
        if need:
            joined = found[0] if groups == 1 else torch.cat(found, 1) if place in (0, 3) else torch.stack(found, 1)
            results.append(joined.view(operand.shape).to(operand.dtype))
        else:
            results.append(None)
    return tuple(results)
