# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The part of raise-styles.test's table with products, maxima, factors, sums and shapes."""

from logits_body import MAXIMUM, SCALE
from style_table import logits, style

# ---------------------------------------------------------------------------------------------------------------------
# Products


@style("whole")
def einsum(b):
    return b.usual(b.relu(b.scores()))


@style("whole")
def heads_first(b):
    return b.usual(b.relu(b.scores(order="h m n"), "h m n"), "h m n")


@style("whole")
def keys_first(b):
    return b.usual(b.relu(b.scores(order="n h m"), "n h m"), "n h m")


@style("whole")
def matmul(b):
    q = b.add("tensor.collapse_shape %q [[0, 1], [2]] : tensor<4x2x16xbf16> into tensor<8x16xbf16>")
    init = b.add("tensor.empty() : tensor<16x6xbf16>")
    k = b.add(f"linalg.transpose ins(%k : tensor<6x16xbf16>) outs({init} : tensor<16x6xbf16>) permutation = [1, 0]")
    empty = b.add("tensor.empty() : tensor<8x6xf32>")
    zero = b.add(f"linalg.fill ins(%zero : f32) outs({empty} : tensor<8x6xf32>) -> tensor<8x6xf32>")
    product = b.add(
        f"linalg.matmul ins({q}, {k} : tensor<8x16xbf16>, tensor<16x6xbf16>) outs({zero} : tensor<8x6xf32>) -> tensor<8x6xf32>"
    )
    return b.usual(
        b.relu(
            b.add(
                f"tensor.expand_shape {product} [[0, 1], [2]] output_shape [4, 2, 6] : tensor<8x6xf32> into tensor<4x2x6xf32>"
            )
        )
    )


@style("whole")
def weights_by_a_matmul(b):
    scores = b.relu(b.scores())
    w = b.add("tensor.expand_shape %w [[0], [1, 2]] output_shape [4, 1, 2] : tensor<4x2xf32> into tensor<4x1x2xf32>")
    empty = b.add("tensor.empty() : tensor<4x1x6xf32>")
    zero = b.add(f"linalg.fill ins(%zero : f32) outs({empty} : tensor<4x1x6xf32>) -> tensor<4x1x6xf32>")
    sums = b.add(
        f"linalg.batch_matmul ins({w}, {scores} : tensor<4x1x2xf32>, tensor<4x2x6xf32>) outs({zero} : tensor<4x1x6xf32>) -> tensor<4x1x6xf32>"
    )
    return b.ranged(
        b.scaled(b.add(f"tensor.collapse_shape {sums} [[0, 1], [2]] : tensor<4x1x6xf32> into tensor<4x6xf32>"))
    )


@style("whole")
def keys_of_fp8_beside_bf16(b):
    return b.usual(b.relu(b.scores(k="%k8", k_type="f8E4M3FN")))


@style("alone")
def operands_of_f32(b):
    return b.usual(b.relu(b.scores("%qf", "%kf", "f32", "f32")))


@style("whole", "operand-type=bf16")
def operands_of_f32_rounded(b):
    return b.usual(b.relu(b.scores("%qf", "%kf", "f32", "f32")))


@style("whole", "operand-type=bf16")
def keys_of_f32_rounded(b):
    return b.usual(b.relu(b.scores("%q8", "%kf", "f8E4M3FN", "f32")))


@style("alone")
def rounded_scores(b):
    rounded = b.cast(b.scores(), "m h n", "f32", "truncf", "bf16")
    return b.usual(b.relu(b.cast(rounded, "m h n", "bf16")))


# ---------------------------------------------------------------------------------------------------------------------
# Maxima


@style("whole")
def no_relu(b):
    return b.usual(b.scores())


@style("whole")
def relu_by_ugt(b):
    return b.usual(b.each(b.scores(), "%c = arith.cmpf ugt, %a, %zero : f32", "%r = arith.select %c, %a, %zero : f32"))


OGT = ("%c = arith.cmpf ogt, %a, %zero : f32", "%r = arith.select %c, %a, %zero : f32")
TIMES = ("%c = arith.cmpf ogt, %a, %zero : f32", "%u = arith.uitofp %c : i1 to f32", "%r = arith.mulf %a, %u : f32")


@style("alone")
def relu_by_ogt(b):
    return b.usual(b.each(b.scores(), *OGT))


@style("whole", "no-nans")
def relu_by_ogt_without_nans(b):
    return b.usual(b.each(b.scores(), *OGT))


@style("whole", "no-nans")
def relu_by_maxnum(b):
    return b.usual(b.each(b.scores(), "%r = arith.maxnumf %zero, %a : f32"))


@style("alone")
def relu_by_a_product(b):
    return b.usual(b.each(b.scores(), *TIMES))


@style("whole", "no-nans")
def relu_by_a_product_without_nans(b):
    return b.usual(b.each(b.scores(), *TIMES))


@style("whole")
def relu_by_a_product_of_finite_scores(b):
    return b.usual(b.each(b.scores("%q8", "%k8", "f8E4M3FN", "f8E4M3FN"), *TIMES))


def times_a_large_factor(b):
    scores = b.scores("%q8", "%k8", "f8E4M3FN", "f8E4M3FN")
    return b.each(scores, "%large = arith.constant 1.0e35 : f32", "%r = arith.mulf %a, %large : f32")


@style("alone")
def relu_by_a_product_of_scores_times_a_large_factor(b):
    return b.usual(b.each(times_a_large_factor(b), *TIMES))


@style("whole", "no-nans")
def relu_by_a_product_of_scores_times_a_large_factor_without_nans(b):
    return b.usual(b.each(times_a_large_factor(b), *TIMES))


@style("whole")
def maximum_of_a_maximum(b):
    return b.usual(b.relu(b.relu(b.scores())))


@style("alone", "no-nans")
def above_one(b):
    return b.usual(
        b.each(b.scores(), "%one = arith.constant 1.0 : f32", "%c = arith.cmpf ogt, %a, %one : f32", *TIMES[1:])
    )


@style("alone", "no-nans")
def below_zero(b):
    return b.usual(b.each(b.scores(), "%c = arith.cmpf olt, %a, %zero : f32", *TIMES[1:]))


@style("alone")
def bias(b):
    return b.usual(b.relu(b.each(b.scores(), "%r = arith.addf %a, %b : f32", others=[("%w", "m h", "f32")])))


@style("alone", "positive-scales")
def relu_of_weighted_scores(b):
    return b.usual(b.relu(b.each(b.scores(), SCALE, others=[("%w", "m h", "f32")])))


# ---------------------------------------------------------------------------------------------------------------------
# Factors and sums


@style("whole")
def no_weights(b):
    return b.ranged(b.scaled(b.sum(b.relu(b.scores()))))


@style("whole")
def no_scale(b):
    return b.ranged(b.weighted(b.relu(b.scores())))


TWO = ("%two = arith.constant 2.0 : f32",)


@style("whole")
def constant_inside(b):
    return b.usual(b.relu(b.each(b.scores(), *TWO, "%r = arith.mulf %a, %two : f32")))


@style("whole")
def mean_of_heads(b):
    return b.ranged(
        b.generic(
            "m n",
            [(b.weighted(b.relu(b.scores())), "m n", "f32")],
            ("m n", "f32"),
            [*TWO, "%r = arith.divf %a, %two : f32"],
        )
    )


@style("alone")
def negative_inside(b):
    return b.usual(b.relu(b.each(b.scores(), "%c = arith.constant -2.0 : f32", "%r = arith.mulf %a, %c : f32")))


@style("alone")
def dequantised_keys(b):
    k = b.generic("n d", [(b.cast("%k", "n d", "bf16"), "n d", "f32"), ("%s", "n", "f32")], ("n d", "f32"), [SCALE])
    return b.ranged(b.weighted(b.relu(b.scores(k=k, k_type="f32"))))


@style("whole", "positive-scales")
def dequantised_keys_of_positive_scales(b):
    k = b.generic("n d", [(b.cast("%k", "n d", "bf16"), "n d", "f32"), ("%s", "n", "f32")], ("n d", "f32"), [SCALE])
    return b.ranged(b.weighted(b.relu(b.scores(k=k, k_type="f32"))))


@style("whole", "positive-scales")
def dequantised_queries_of_positive_scales(b):
    q = b.generic(
        "m h d", [(b.cast("%q", "m h d", "bf16"), "m h d", "f32"), ("%qs", "m h", "f32")], ("m h d", "f32"), [SCALE]
    )
    return b.usual(b.relu(b.scores(q=q, q_type="f32")))


@style("inner")
def rounded_logits(b):
    logits = b.ranged(b.weighted(b.relu(b.scores())))
    return b.cast(b.cast(logits, "m n", "f32", "truncf", "bf16"), "m n", "bf16")


@style("alone")
def maximum_of_heads(b):
    most = b.generic(
        "m h n",
        [(b.relu(b.scores()), "m h n", "f32")],
        ("m n", "f32"),
        ["%t = arith.maximumf %o, %a : f32"],
        b.zeros("m n"),
    )
    return b.ranged(b.scaled(most))


def add_heads(b, terms, factor=None):
    """The sum of heads, one after the other: (head of q, head of the weights, constant) of each. `factor` is of each query."""
    k = b.cast("%k", "n d", "bf16")
    total = b.zeros("m n")
    for q_head, w_head, constant in terms:
        wide = b.add(
            f"tensor.extract_slice %q[0, {q_head}, 0] [4, 1, 16] [1, 1, 1] : tensor<4x2x16xbf16> to tensor<4x1x16xbf16>"
        )
        q = b.add(f"tensor.collapse_shape {wide} [[0, 1], [2]] : tensor<4x1x16xbf16> into tensor<4x16xbf16>")
        score = b.generic(
            "m n d",
            [(q, "m d", "bf16"), (k, "n d", "f32")],
            ("m n", "f32"),
            ["%x = arith.extf %a : bf16 to f32", "%p = arith.mulf %x, %b : f32", "%t = arith.addf %o, %p : f32"],
            b.zeros("m n"),
        )
        w = b.add(f"tensor.extract_slice %w[0, {w_head}] [4, 1] [1, 1] : tensor<4x2xf32> to tensor<4xf32>")
        total = b.generic(
            "m n",
            [(total, "m n", "f32"), (score, "m n", "f32"), (w, "m", "f32")],
            ("m n", "f32"),
            [
                f"%c0 = arith.constant {constant} : f32",
                "%r = arith.maximumf %b, %zero : f32",
                "%x = arith.mulf %r, %c : f32",
                "%y = arith.mulf %x, %c0 : f32",
                "%t = arith.addf %a, %y : f32",
            ],
        )
    if factor:
        total = b.generic("m n", [(total, "m n", "f32"), (factor, "m", "f32")], ("m n", "f32"), [SCALE])
    return b.ranged(b.scaled(total))


@style("whole")
def head_by_head(b):
    return add_heads(b, [(0, 0, 2.0), (1, 1, 2.0)])


@style("whole")
def the_last_head_first(b):
    return add_heads(b, [(1, 1, 2.0), (0, 0, 2.0)])


@style("alone")
def heads_of_other_weights(b):
    return add_heads(b, [(0, 1, 2.0), (1, 0, 2.0)])


@style("alone")
def heads_of_other_constants(b):
    return add_heads(b, [(0, 0, 2.0), (1, 1, 3.0)])


@style("alone")
def one_head_twice(b):
    return add_heads(b, [(0, 0, 2.0), (0, 0, 2.0)])


@style("whole")
def scale_of_bf16(b):
    scale = b.cast(b.cast("%s", "n", "f32", "truncf", "bf16"), "n", "bf16")
    logits = b.weighted(b.relu(b.scores()))
    return b.ranged(b.generic("m n", [(logits, "m n", "f32"), (scale, "n", "f32")], ("m n", "f32"), [SCALE]))


def twice(b, first, second):
    """Two constant factors, inside of the maximum and outside of the sum."""
    scores = b.each(b.scores(), f"%inside = arith.constant {first} : f32", "%r = arith.mulf %a, %inside : f32")
    logits = b.weighted(b.relu(scores))
    ops = [f"%outside = arith.constant {second} : f32", "%r = arith.mulf %a, %outside : f32"]
    return b.ranged(b.scaled(b.generic("m n", [(logits, "m n", "f32")], ("m n", "f32"), ops)))


@style("whole")
def two_constants(b):
    return twice(b, "4.0", "0.5")


@style("inner")
def two_constants_whose_product_is_infinite(b):
    return twice(b, "1.0e30", "1.0e30")


@style("inner")
def two_constants_whose_product_is_nearly_zero(b):
    return twice(b, "1.0e-30", "1.0e-30")


def sum_of_slices(b, value):
    """value[m, 0] + value[m, 1], which is no sum over the heads of the scores."""
    slices = [
        b.add(f"tensor.extract_slice {value}[0, {i}] [4, 1] [1, 1] : tensor<4x2xf32> to tensor<4xf32>") for i in (0, 1)
    ]
    return b.generic("m", [(x, "m", "f32") for x in slices], ("m", "f32"), ["%r = arith.addf %a, %b : f32"])


@style("whole")
def weights_that_a_sum_of_slices_makes(b):
    scores = b.each(b.relu(b.scores()), SCALE, others=[(sum_of_slices(b, "%qs"), "m", "f32")])
    return b.usual(scores)


@style("whole")
def heads_one_by_one_times_a_sum_of_slices(b):
    return add_heads(b, [(0, 0, 2.0), (1, 1, 2.0)], sum_of_slices(b, "%qs"))


# ---------------------------------------------------------------------------------------------------------------------
# Shapes


@style("whole")
def cut_at_its_own_size(b):
    cut = b.add(f"tensor.extract_slice {logits(b)}[0, 0] [4, 6] [1, 1] : tensor<4x6xf32> to tensor<4x6xf32>")
    return b.ranged(cut)


def batch(b, *ops):
    """Each sequence has keys of its own. The last of `ops`, which read %b and %c, says which keys a query sees."""
    q = b.add(
        "tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [2, 2, 2, 16] : tensor<4x2x16xbf16> into tensor<2x2x2x16xbf16>"
    )
    start, end = (
        b.add(f"tensor.expand_shape {v} [[0, 1]] output_shape [2, 2] : tensor<4xi32> into tensor<2x2xi32>")
        for v in ("%ks", "%ke")
    )
    scores = b.generic(
        "b i h n d",
        [(q, "b i h d", "bf16"), ("%kb", "b n d", "bf16")],
        ("b i h n", "f32"),
        [
            "%x = arith.extf %a : bf16 to f32",
            "%y = arith.extf %b : bf16 to f32",
            "%p = arith.mulf %x, %y : f32",
            "%t = arith.addf %o, %p : f32",
        ],
        b.zeros("b i h n"),
    )
    sums = b.generic(
        "b i h n",
        [(b.each(scores, MAXIMUM, order="b i h n"), "b i h n", "f32")],
        ("b i n", "f32"),
        ["%t = arith.addf %o, %a : f32"],
        b.zeros("b i n"),
    )
    result = b.generic(
        "b i n",
        [(sums, "b i n", "f32"), (start, "b i", "i32"), (end, "b i", "i32")],
        ("b i n", "f32"),
        [
            "%j = linalg.index 2 : index",
            "%n = arith.index_cast %j : index to i32",
            *ops,
            f"%masked = arith.select {ops[-1].split(' = ')[0]}, %a, %ninf : f32",
        ],
    )
    return b.add(f"tensor.collapse_shape {result} [[0, 1], [2]] : tensor<2x2x6xf32> into tensor<4x6xf32>")


@style("whole")
def batch_of_lengths(b):
    return batch(b, "%x = arith.cmpi slt, %n, %c : i32")


@style("whole")
def batch_of_ranges(b):
    return batch(
        b, "%x = arith.cmpi sge, %n, %b : i32", "%y = arith.cmpi slt, %n, %c : i32", "%seen = arith.andi %x, %y : i1"
    )


@style("alone")
def sum_of_a_projection(b):
    """As a mean of features: the heads are the features, and there is one query."""
    q = b.add("tensor.extract_slice %q[0, 0, 0] [1, 2, 16] [1, 1, 1] : tensor<4x2x16xbf16> to tensor<2x16xbf16>")
    scores = b.generic(
        "h n d",
        [(q, "h d", "bf16"), ("%k", "n d", "bf16")],
        ("h n", "f32"),
        [
            "%x = arith.extf %a : bf16 to f32",
            "%y = arith.extf %b : bf16 to f32",
            "%p = arith.mulf %x, %y : f32",
            "%t = arith.addf %o, %p : f32",
        ],
        b.zeros("h n"),
    )
    sums = b.generic("h n", [(scores, "h n", "f32")], ("n", "f32"), ["%t = arith.addf %o, %a : f32"], b.zeros("n"))
    return b.generic("m n", [(sums, "n", "f32")], ("m n", "f32"), ["%r = arith.addf %a, %a : f32"])
