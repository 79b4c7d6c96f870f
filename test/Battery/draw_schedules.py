"""Draws schedules with keys as the rows of products for draw_ops.py: for Hopper, which alone has them, and for ops that they
fit.

The compiler takes such schedules from its table, for a few shapes. The battery asks for them for any shape.
"""

_ROWS, _COLUMNS, _COLUMN_STEP = 64, 128, 8  # Of a product.
# Less than the shared memory of a block, which is 227 KiB: there are barriers and shares of the work, too.
_BYTES = 200 * 1024


def _count_columns(tile_q, heads):
    """Columns of a product for each query, and products, as shapes::getColumnHeads has them."""
    parts = -(-heads * tile_q // _COLUMNS)
    part = -(-heads // parts)
    part = -(-part // _COLUMN_STEP) * _COLUMN_STEP
    return part, -(-heads // part)


def _count_row_bytes(op):
    """Of a key as it is multiplied: the table of types in the docs of mqa.logits."""
    keys, queries = op.get("mx") or op["input"], op.get("mx_queries")
    if queries:
        is_narrow = queries == "MXFP4" and keys in ("MXFP4", "f8E4M3FN")
    else:
        is_narrow = op["input"].startswith("f8") and keys != "MXFP8"
    return op["head_dim"] * (1 if is_narrow else 2)


def _count_bytes(op, tile_q, tile_kv, stages):
    """Shared memory of the rings, or more."""
    row = -(-_count_row_bytes(op) // 32) * 32
    columns, parts = _count_columns(tile_q, op["heads"] // (op.get("groups") or 1))
    queries = 2 * tile_q * (columns * parts + 32) * (row + 4)
    keys = stages * tile_kv * (row + 4)
    # Keys with block scales come to a ring of their own first.
    return queries + keys + (stages * tile_kv * (op["head_dim"] + 4) if op.get("mx") else 0)


def draw(rng, op):
    """The parameters of a schedule, as mqa-compile --mqa-schedule takes them, or None."""
    if op.get("block_max") or rng.random() < 0.5:
        return None
    paged = "next_n" in op
    of_sequences = paged and not op.get("rows") and "block_size" not in op
    least = op["next_n"] if of_sequences else op.get("rows_per_sequence", 1)
    tile_q = rng.choice([t for t in (1, 2, 4, 8) if t >= least])
    if "block_size" in op:
        tile_q = 1
    if tile_q * _count_columns(tile_q, op["heads"] // (op.get("groups") or 1))[0] > _COLUMNS:
        return None
    # A tile of more keys than a product has rows is for keys that one swizzle holds, and for heads that share their keys.
    is_narrow = _count_row_bytes(op) in (32, 64, 128) and not op.get("groups")
    tile_kv = rng.choice([64, 128, 256]) if is_narrow else _ROWS
    groups = 1 if op.get("groups") else rng.choice([1, 2])
    # Two groups of converters take stages in turn.
    stages = rng.choice([2, 4] if op.get("mx") else [2, 3, 4])
    if _count_bytes(op, tile_q, tile_kv, stages) > _BYTES:
        return None
    return (
        f"block_q = {tile_q}, block_kv = {groups * tile_kv}, tile_q = {tile_q}, tile_kv = {tile_kv}, query_stages = 2,"
        f" stages = {stages}, rows = keys"
    )
