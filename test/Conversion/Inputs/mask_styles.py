# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The part of raise-styles.test's table with masks."""

from style_table import logits, style


@style("whole")
def no_mask(b):
    return logits(b)


@style("whole")
def inclusive_end(b):
    return b.masked(logits(b), "%x = arith.cmpi sle, %n, %c : i32")


@style("whole")
def negated(b):
    return b.masked(
        logits(b), "%x = arith.cmpi sge, %n, %c : i32", "%t = arith.constant true", "%y = arith.xori %x, %t : i1"
    )


@style("whole")
def false_is_not(b):
    return b.masked(
        logits(b), "%x = arith.cmpi sge, %n, %c : i32", "%f = arith.constant false", "%y = arith.cmpi eq, %x, %f : i1"
    )


@style("whole")
def unequal_to_true(b):
    return b.masked(
        logits(b), "%x = arith.cmpi sge, %n, %c : i32", "%t = arith.constant true", "%y = arith.cmpi ne, %t, %x : i1"
    )


@style("whole")
def equal_to_true(b):
    return b.masked(
        logits(b), "%x = arith.cmpi slt, %n, %c : i32", "%t = arith.constant true", "%y = arith.cmpi eq, %x, %t : i1"
    )


@style("whole")
def complements(b):
    ops = ["%x = arith.cmpi slt, %n, %b : i32", "%y = arith.cmpi sge, %n, %c : i32", "%z = arith.ori %x, %y : i1"]
    return b.masked(logits(b), *ops, "%t = arith.constant true", "%seen = arith.xori %z, %t : i1")


@style("whole")
def window(b):
    ops = [
        "%three = arith.constant 3 : i32",
        "%d = arith.subi %n, %b overflow<nsw> : i32",
        "%x = arith.cmpi slt, %d, %three : i32",
    ]
    return b.masked(logits(b), *ops, "%y = arith.cmpi sge, %n, %b : i32", "%seen = arith.andi %x, %y : i1")


@style("whole")
def lengths_of_64_bits(b):
    ops = ["%wide = arith.extsi %n : i32 to i64", "%x = arith.cmpi slt, %wide, %b : i64"]
    return b.masked(logits(b), *ops, inputs=[("%long", "m", "i64")])


@style("whole")
def causal(b):
    ops = ["%i = linalg.index 0 : index", "%m = arith.index_cast %i : index to i32", "%c2 = arith.constant 2 : i32"]
    return b.masked(logits(b), *ops, "%p = arith.addi %m, %c2 : i32", "%x = arith.cmpi sle, %n, %p : i32")


@style("whole")
def added(b):
    bias = b.masked(b.zeros("m n"), "%x = arith.cmpi slt, %n, %c : i32")
    return b.generic(
        "m n", [(logits(b), "m n", "f32"), (bias, "m n", "f32")], ("m n", "f32"), ["%r = arith.addf %a, %b : f32"]
    )


def multiple(b, predicate, factor, offset=0):
    ops = [f"%f = arith.constant {factor} : i32", f"%e = arith.constant {offset} : i32", "%x = arith.muli %n, %f : i32"]
    return b.masked(logits(b), *ops, "%y = arith.addi %x, %e : i32", f"%z = arith.cmpi {predicate}, %y, %c : i32")


@style("whole")
def first_of_a_block_below(b):
    return multiple(b, "slt", 2)


@style("whole")
def first_of_a_block_up_to(b):
    return multiple(b, "sle", 2)


@style("whole")
def last_of_a_block_up_to(b):
    return multiple(b, "sle", 3, 2)


@style("whole")
def first_of_a_block_from(b):
    return multiple(b, "sge", 2)


@style("whole")
def first_of_a_block_above(b):
    return multiple(b, "sgt", 2)


@style("whole")
def the_block_itself(b):
    return multiple(b, "eq", 2)


@style("whole")
def counted_backwards(b):
    return multiple(b, "sgt", -2, 9)


@style("whole")
def condition_that_chooses_itself(b):
    ops = ["%x = arith.cmpi slt, %n, %c : i32", "%y = arith.cmpi sge, %n, %b : i32", "%z = arith.select %x, %y, %x : i1"]
    return b.masked(logits(b), *ops)


@style("whole")
def bound_that_a_cast_cuts(b):
    ops = ["%add = arith.constant 65536 : i32", "%r = arith.addi %a, %add : i32"]
    end = b.generic("m", [("%ke", "m", "i32")], ("m", "i32"), ops)
    ops = ["%i = arith.index_cast %b : i32 to index", "%e = arith.index_cast %i : index to i16"]
    ops += ["%l = arith.index_cast %j : index to i16", "%x = arith.cmpi slt, %l, %e : i16"]
    return b.masked(logits(b), *ops, inputs=[(end, "m", "i32")])


@style("whole")
def two_huge_numbers(b):
    ops = ["%f = arith.constant 1048576 : i64", "%huge = arith.muli %b, %f : i64", "%five = arith.constant 5 : i64"]
    ops += ["%end = arith.addi %huge, %five : i64", "%l = arith.index_cast %j : index to i64"]
    ops += ["%at = arith.addi %l, %huge overflow<nsw> : i64", "%x = arith.cmpi slt, %at, %end : i64"]
    return b.masked(logits(b), *ops, inputs=[("%long", "m", "i64")])


@style("inner")
def zero_outside(b):
    return b.masked(logits(b), "%x = arith.cmpi slt, %n, %c : i32", outside="%zero")


@style("inner")
def finite_outside(b):
    return b.masked(
        logits(b), "%least = arith.constant -3.0e38 : f32", "%x = arith.cmpi slt, %n, %c : i32", outside="%least"
    )


@style("inner")
def two_ranges(b):
    ops = ["%x = arith.cmpi slt, %n, %b : i32", "%y = arith.cmpi sge, %n, %c : i32", "%seen = arith.ori %x, %y : i1"]
    return b.masked(logits(b), *ops)


@style("inner")
def all_but_one(b):
    return b.masked(logits(b), "%x = arith.cmpi ne, %n, %b : i32")


@style("inner")
def times_the_query(b):
    ops = ["%i = linalg.index 0 : index", "%m = arith.index_cast %i : index to i32", "%x = arith.muli %n, %m : i32"]
    return b.masked(logits(b), *ops, "%y = arith.cmpi slt, %x, %c : i32")


@style("inner")
def multiple_that_may_overflow(b):
    return multiple(b, "slt", 1 << 30)
