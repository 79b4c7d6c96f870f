# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of raise-styles.test: ways to write the logits, and what mqa-raise is to make of each."""

STYLES = {}


def style(expected, option="none"):
    """`expected`: whole, inner (the mask, or another op, stays behind the logits) or alone."""

    def add(function):
        STYLES[function.__name__] = (function, expected, option)
        return function

    return add


def logits(b):
    return b.scaled(b.weighted(b.relu(b.scores())))
