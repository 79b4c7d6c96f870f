# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bodies of functions that compute logits in linalg, part by part."""

# Four queries are two sequences (b) of two (i).
SIZES = {"m": 4, "h": 2, "n": 6, "d": 16, "b": 2, "i": 2}
# Each function has all of these.
ARGUMENTS = {
    "q": ("m h d", "bf16"),
    "k": ("n d", "bf16"),
    "qf": ("m h d", "f32"),
    "kf": ("n d", "f32"),
    "q8": ("m h d", "f8E4M3FN"),
    "k8": ("n d", "f8E4M3FN"),
    "kb": ("b n d", "bf16"),
    "s": ("n", "f32"),
    "qs": ("m h", "f32"),
    "w": ("m h", "f32"),
    "ks": ("m", "i32"),
    "ke": ("m", "i32"),
    "long": ("m", "i64"),
}
SCALE = "%p = arith.mulf %a, %b : f32"
MAXIMUM = "%r = arith.maximumf %a, %zero : f32"


def tensor(dims, element):
    return "tensor<" + "x".join([*(str(SIZES[d]) for d in dims.split()), element]) + ">"


class Body:
    """The body of a function."""

    def __init__(self):
        self.lines, self.count = [], 0

    def add(self, text):
        """`text` is an op; its result."""
        self.count += 1
        self.lines.append(f"%v{self.count} = {text}")
        return f"%v{self.count}"

    def generic(self, dims, inputs, out, ops, start=None):
        """An op of linalg. Inputs are (value, dims, element type), in the body %a, %b, ...; %o is the element of `start`, or of
        nothing. The last of `ops` is what is yielded."""
        names = ["%" + c for c in "abcdefg"[: len(inputs)]]
        out_type = tensor(*out)
        init = start or self.add(f"tensor.empty() : {out_type}")
        maps = [
            f"affine_map<({', '.join(dims.split())}) -> ({', '.join(d.split())})>"
            for d in [i[1] for i in inputs] + [out[0]]
        ]
        kinds = ['"parallel"' if d in out[0].split() else '"reduction"' for d in dims.split()]
        ins = f"ins({', '.join(i[0] for i in inputs)} : {', '.join(tensor(*i[1:]) for i in inputs)})" if inputs else ""
        arguments = [f"{n}: {i[2]}" for n, i in zip(names, inputs)] + [f"%o: {out[1]}"]
        last = ops[-1].split(" = ")[0]
        return self.add(
            f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{', '.join(kinds)}]}} {ins} "
            f"outs({init} : {out_type}) {{\n  ^bb0({', '.join(arguments)}):\n    "
            + "\n    ".join(ops)
            + f"\n    linalg.yield {last} : {out[1]}\n  }} -> {out_type}"
        )

    def zeros(self, dims):
        empty = self.add(f"tensor.empty() : {tensor(dims, 'f32')}")
        return self.add(f"linalg.fill ins(%zero : f32) outs({empty} : {tensor(dims, 'f32')}) -> {tensor(dims, 'f32')}")

    def cast(self, value, dims, element, op="extf", to="f32"):
        return self.generic(dims, [(value, dims, element)], (dims, to), [f"%r = arith.{op} %a : {element} to {to}"])

    # The parts of the logits, each in its usual form.
    def scores(self, q="%q", k="%k", q_type="bf16", k_type="bf16", order="m h n", ops=(SCALE,)):
        if q_type != "f32":
            q = self.cast(q, "m h d", q_type)
        if k_type != "f32":
            k = self.cast(k, "n d", k_type)
        product = ops[-1].split(" = ")[0]
        return self.generic(
            order + " d",
            [(q, "m h d", "f32"), (k, "n d", "f32")],
            (order, "f32"),
            [*ops, f"%t = arith.addf %o, {product} : f32"],
            self.zeros(order),
        )

    def each(self, scores, *ops, order="m h n", others=()):
        """Something of each score."""
        return self.generic(order, [(scores, order, "f32"), *others], (order, "f32"), ops)

    def relu(self, scores, order="m h n"):
        return self.each(scores, MAXIMUM, order=order)

    def sum(self, scores, order="m h n"):
        return self.generic(
            order, [(scores, order, "f32")], ("m n", "f32"), ["%t = arith.addf %o, %a : f32"], self.zeros("m n")
        )

    def weighted(self, scores, order="m h n"):
        return self.sum(self.each(scores, SCALE, order=order, others=[("%w", "m h", "f32")]), order)

    def scaled(self, logits):
        return self.generic("m n", [(logits, "m n", "f32"), ("%s", "n", "f32")], ("m n", "f32"), [SCALE])

    def masked(self, logits, *ops, inputs=(("%ks", "m", "i32"), ("%ke", "m", "i32")), outside="%ninf"):
        """The logits where the last of `ops`, which read %b, %c, ... and the number %n of the key, is true."""
        seen = ops[-1].split(" = ")[0]
        return self.generic(
            "m n",
            [(logits, "m n", "f32"), *inputs],
            ("m n", "f32"),
            [
                "%j = linalg.index 1 : index",
                "%n = arith.index_cast %j : index to i32",
                *ops,
                f"%masked = arith.select {seen}, %a, {outside} : f32",
            ],
        )

    def ranged(self, logits):
        return self.masked(
            logits,
            "%x = arith.cmpi sge, %n, %b : i32",
            "%y = arith.cmpi slt, %n, %c : i32",
            "%seen = arith.andi %x, %y : i1",
        )

    def usual(self, scores, order="m h n"):
        """Everything behind the maximum."""
        return self.ranged(self.scaled(self.weighted(scores, order)))
