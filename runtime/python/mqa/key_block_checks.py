# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What lists of key blocks must be, for all functions that take such. As checks.py."""
from . import checks

_SIZES = (8, 16)


def check_block_size(block_size):
    if not isinstance(block_size, int) or block_size not in _SIZES:
        checks.fail(f"block_size must be 8 or 16, found {block_size!r}")


def count_columns(key_blocks, block_size):
    """Columns of a row with such a list: one for each key of its blocks."""
    return key_blocks.size(1) * block_size


def check_lists(of, rows, key_blocks, num_key_blocks, out, block_size):
    """The lists of `rows` rows, on the device of the tensor `of`, and `out` if it is not None."""
    checks.check_shape("key_blocks", key_blocks, (rows, None))
    checks.check_shape("num_key_blocks", num_key_blocks, (rows,))
    for name, tensor in (("key_blocks", key_blocks), ("num_key_blocks", num_key_blocks)):
        checks.check_ints(name, tensor)
        checks.check_inner(name, tensor, tensor.dim() - 1)
    if out is not None:
        checks.get_type("out", out.dtype)
        checks.check_shape("out", out, (rows, count_columns(key_blocks, block_size)))
        checks.check_inner("out", out)
    checks.check_device(of, key_blocks=key_blocks, num_key_blocks=num_key_blocks, out=out)
