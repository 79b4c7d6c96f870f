# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of mqa.distributed share: a problem, parts of it, and checks that run on ranks."""
from torch_cases import make_logits

import torch


def make(n=300, **options):
    """Few distinct logits, so that ties count, and NaN among them."""
    q, k, scale, weights, ks, ke = make_logits("cpu", m=40, n=n, h=4, d=32, **options)
    scale = (scale * 4).round() / 4
    if n:
        scale[torch.arange(0, n, 37)] = float("nan")
    ks[0], ke[0] = -(2**31), 2**31 - 1
    ks[1], ke[1] = 2**31 - 1, -(2**31)
    return [q, k, scale, (weights * 2).round(), ks, ke]


def cut(tensor, sizes, rank):
    begin = sum(sizes[:rank])
    return tensor[begin : begin + sizes[rank]]


def check_equal(found, expected):
    """Indices, and values with NaN of any bits."""
    assert torch.equal(found[0], expected[0]), (found[0], expected[0])
    a, b = found[1], expected[1]
    assert torch.equal(a.isnan(), b.isnan())
    assert torch.equal(a.nan_to_num(nan=0.0).view(torch.int32), b.nan_to_num(nan=0.0).view(torch.int32))


def expect(kind, words, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        assert words in str(error), error
        return error
    raise AssertionError(f"no {kind.__name__}: {words}")
