# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tensors must be for a launch: each check raises a ValueError that names the argument and what was found."""
import torch

_TYPES = {
    torch.float8_e4m3fn: "f8E4M3FN",
    torch.float8_e5m2: "f8E5M2",
    torch.bfloat16: "bf16",
    torch.float16: "f16",
    torch.float32: "f32",
}
_ALLOWED = {
    "q": ("f8E4M3FN", "f8E5M2", "bf16", "f16"),
    "k_scale": ("f32",),
    "weights": ("f32", "bf16"),
    "out": ("f32", "bf16", "f16"),
    "logits": ("f32", "bf16", "f16"),
    "dtype": ("f32", "bf16", "f16"),
}
# Two elements of fp4 in a byte.
_FP4_TYPES = tuple(getattr(torch, name) for name in ("uint8", "int8", "float4_e2m1fn_x2") if hasattr(torch, name))
# Block scales: words of four of them, or the four bytes of a word.
_SCALE_BYTES = tuple(getattr(torch, name) for name in ("uint8", "float8_e8m0fnu") if hasattr(torch, name))
_BLOCK_SCALES = (torch.int32, *_SCALE_BYTES)
_CACHE_TYPES = (torch.float8_e4m3fn, torch.float8_e5m2, *_FP4_TYPES)


def fail(message):
    raise ValueError(message)


def require(condition, make_message):
    """`condition` may be symbolic while PyTorch traces: then it is a guard or an assertion of the traced program."""
    if isinstance(condition, torch.SymBool):
        torch._check_value(condition, make_message)
    elif not condition:
        fail(make_message())


def both(first, second):
    return first & second if isinstance(first, torch.SymBool) else bool(first) and second


def either(first, second):
    return first | second if isinstance(first, torch.SymBool) else bool(first) or second


def get_type(name, dtype):
    """The MLIR name of a type that the operand may have."""
    allowed = _ALLOWED[name]
    if _TYPES.get(dtype) not in allowed:
        fail(f"{name} must have a dtype of {', '.join(allowed)}, found {dtype}")
    return _TYPES[dtype]


# The options of a launch have so many bits for it.
_MAX_SHARE = 65535


def check_share(max_multiprocessors):
    """How many multiprocessors a launch may use; 0 is any number."""
    if isinstance(max_multiprocessors, bool) or not isinstance(max_multiprocessors, int):
        raise TypeError(f"max_multiprocessors must be an int, found {type(max_multiprocessors).__name__}")
    if not 0 <= max_multiprocessors <= _MAX_SHARE:
        fail(f"max_multiprocessors must be from 0 (any number) to {_MAX_SHARE}, found {max_multiprocessors}")
    return max_multiprocessors


_BLOCKS = (0, 8, 64, 128)


def check_block_max(block_max, compressed=False):
    """Keys of a block whose maximum is a column of logits; 0 is none."""
    if isinstance(block_max, bool) or not isinstance(block_max, int):
        raise TypeError(f"block_max must be an int, found {type(block_max).__name__}")
    if block_max not in _BLOCKS:
        fail(f"block_max must be 0 (none), 8, 64 or 128, found {block_max}")
    if block_max and compressed:
        fail(f"block_max is for logits that are not compressed: their rows begin with their ranges, found {block_max}")
    return block_max


def check_rows_per_sequence(rows, sequence=True):
    """How many neighbouring rows of a sequence a kernel is made for, where rows name their sequences."""
    if isinstance(rows, bool) or not isinstance(rows, int):
        raise TypeError(f"rows_per_sequence must be an int, found {type(rows).__name__}")
    if not 0 <= rows <= 8:
        fail(f"rows_per_sequence must be 0 (many) or from 1 to 8, found {rows}")
    if rows and sequence is None:
        fail(f"rows_per_sequence is for rows that name their sequences (sequence), found {rows}")
    return rows


def count_columns(keys, block_max):
    """Columns of logits of so many keys; `keys` may be a symbol of torch.compile."""
    return (keys + block_max - 1) // block_max if block_max else keys


def is_fp4(tensor):
    return tensor.dtype in _FP4_TYPES


def find_mx_format(k, k_scale):
    """The format of keys with block scales, "MXFP4" or "MXFP8"; "" without such scales."""
    if is_fp4(k):
        return "MXFP4"
    has_blocks = k_scale is not None and k_scale.dtype in _BLOCK_SCALES
    return "MXFP8" if has_blocks and k.dtype == torch.float8_e4m3fn else ""


class _DecodedQueries:
    """What queries with block scales are to other checks: D elements for each head, of the type that keys may stand beside."""

    def __init__(self, q, dtype, row):
        self.shape = (*q.shape[:-1], row)
        self.dtype, self.device = dtype, q.device

    def dim(self):
        return len(self.shape)

    def size(self, dim):
        return self.shape[dim]

    def numel(self):
        return self.shape[0] * self.stride(0)

    def stride(self, dim=None):
        strides = [1]
        for size in self.shape[:0:-1]:
            strides.insert(0, size * strides[0])
        return tuple(strides) if dim is None else strides[dim]


def decode_queries(q, q_scale, k, k_scale):
    """(stand-in, format) of queries with block scales, which are checked; the stand-in is for other checks."""
    if not is_fp4(q) and q.dtype != torch.float8_e4m3fn:
        fail(f"q must be bytes of fp4 (uint8, int8 or float4_e2m1fn_x2) or float8_e4m3fn beside q_scale, found {q.dtype}")
    format = "MXFP4" if is_fp4(q) else "MXFP8"
    if q.dim() not in (3, 4):
        fail(f"q must be M x H x D or B x T x H x D, found {q.dim()} dimensions")
    row = q.size(-1) * 2 if format == "MXFP4" else q.size(-1)
    if row not in (32, 64, 96, 128):
        fail(f"q must have a head dim of 32, 64, 96 or 128 for queries of {format}, found {row}")
    check_inner("q", q)
    check_query_scale_type(q_scale)
    # Rows of all queries are equally far apart.
    _check_scales("q_scale", q_scale, tuple(q.shape[:-1]), 1 if q.dim() == 3 else 0)
    check_device(q, q_scale=q_scale)
    if find_mx_format(k, k_scale):
        return _DecodedQueries(q, torch.float8_e4m3fn, row), format
    if _TYPES.get(k.dtype) not in _ALLOWED["q"]:
        fail(f"k must have a dtype of {', '.join(_ALLOWED['q'])}, or block scales, found {k.dtype}")
    return _DecodedQueries(q, k.dtype, row), format


def get_query_scale_stride(q_scale):
    """From row to row, in words; queries of sequences are contiguous."""
    of_sequences = q_scale.dim() == (4 if has_scale_bytes(q_scale) else 3)
    return q_scale.size(2) if of_sequences else get_scale_stride(q_scale)


def get_scale_stride(scale):
    """From row to row of k_scale or q_scale, in scales; the block scales of a word count as one."""
    if scale is None:
        return 0
    return get_stride(scale) // 4 if has_scale_bytes(scale) else get_stride(scale)


def has_scale_bytes(scale):
    """Whether block scales are the four bytes of each word."""
    return scale.dtype in _SCALE_BYTES


def check_query_scale_type(q_scale):
    if q_scale.dtype not in _BLOCK_SCALES:
        fail(
            "q_scale must be torch.int32, a word of block scales for each head, or its four bytes as uint8 or "
            f"float8_e8m0fnu, found {q_scale.dtype}"
        )


def get_key_bytes(dtype, head_dim):
    """Of a key in a cache of bytes."""
    return head_dim // 2 if dtype in _FP4_TYPES else head_dim


def get_cache_dtype(cache, head_dim, dtype):
    """Of the keys in a cache of bytes: `dtype`, or MXFP4, whose keys take half as many bytes."""
    return torch.uint8 if cache.dim() > 0 and cache.size(-1) == head_dim // 2 + 4 else dtype


def _check_mx(mx, q, k_scale):
    if k_scale is None:
        fail(f"k_scale must not be None for keys of {mx}: it has their block scales")
    if k_scale.dtype not in _BLOCK_SCALES:
        fail(
            f"k_scale must be torch.int32 for keys of {mx}, a word of block scales each, or its four bytes as uint8 or "
            f"float8_e8m0fnu, found {k_scale.dtype}"
        )
    if q.size(-1) not in (32, 64, 96, 128):
        fail(f"q must have a head dim of 32, 64, 96 or 128 for keys of {mx}, found {q.size(-1)}")
    if q.dtype == torch.float8_e5m2:
        fail(f"q must be float8_e4m3fn, bfloat16 or float16 for keys of {mx}, found {q.dtype}")


def _check_scales(name, scale, rows, first):
    """Those of keys or heads in `rows`, contiguous from dimension `first` on."""
    if scale is None:
        return
    has_bytes = has_scale_bytes(scale)
    check_shape(name, scale, (*rows, 4) if has_bytes else rows)
    check_inner(name, scale, first)
    if has_bytes:
        # A kernel reads words.
        offset = scale.storage_offset()
        require(offset % 4 == 0, lambda: f"the bytes of {name} must be at a multiple of 4, found them at {offset}")
        if first:
            stride = get_stride(scale)
            require(stride % 4 == 0, lambda: f"{name} must have a stride of a multiple of 4 bytes, found {stride}")


def check_shape(name, tensor, shape):
    """Sizes of `shape` that are None may be any."""

    def describe():
        expected = " x ".join("*" if size is None else str(size) for size in shape)
        return f"{name} must be {expected}, found {' x '.join(map(str, tensor.shape))}"

    require(tensor.dim() == len(shape), describe)
    for expected, size in zip(shape, tensor.shape):
        if expected is not None:
            require(expected == size, describe)


def check_inner(name, tensor, first=1):
    """Everything from dimension `first` on is contiguous."""

    def describe():
        return f"{name} must be contiguous from dimension {first} on, found strides {tuple(tensor.stride())}"

    expected = 1
    for dim in range(tensor.dim() - 1, first - 1, -1):
        require(either(tensor.size(dim) <= 1, tensor.stride(dim) == expected), describe)
        expected *= tensor.size(dim)


def check_ints(name, tensor):
    if tensor.dtype != torch.int32:
        fail(f"{name} must have dtype torch.int32, found {tensor.dtype}")


def check_device(first, *, of="q", **others):
    for name, tensor in others.items():
        if tensor is not None and tensor.device != first.device:
            fail(f"{name} is on {tensor.device}, but {of} on {first.device}")


def get_target(device):
    """What a kernel must run on, for library.Op."""
    if device.type == "cpu":
        return "cpu"
    if device.type != "cuda":
        fail(f"tensors must be on a CUDA device or on the CPU, found {device}")
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"


def get_stride(tensor):
    """From row to row; what a single row has is no matter."""
    if tensor.size(0) > 1:
        return tensor.stride(0)
    return max(tensor.stride(0), tensor.numel())


def _check_inputs(q, k, k_scale, weights, out):
    """Their types, and the inner dimensions of all but the scales."""
    get_type("q", q.dtype)
    mx = find_mx_format(k, k_scale)
    if mx:
        _check_mx(mx, q, k_scale)
    elif k.dtype != q.dtype:
        formats = "MXFP4 in uint8 or int8, MXFP8 in float8_e4m3fn with an int32 k_scale"
        fail(f"k must have the dtype of q, {q.dtype}, or have block scales ({formats}), found {k.dtype}")
    for name, tensor in (("k_scale", None if mx else k_scale), ("weights", weights), ("out", out)):
        if tensor is not None:
            get_type(name, tensor.dtype)
    for name, tensor in (("q", q), ("k", k), ("weights", weights), ("out", out)):
        if tensor is not None:
            check_inner(name, tensor)


def check_logits(q, k, k_scale, weights, ks, ke, out, compressed, block_max=0):
    """`out` is None where it is made to fit."""
    if q.dim() != 3:
        fail(f"q must be M x H x D, found {q.dim()} dimensions")
    m, h, d = q.shape
    grouped = k.dim() == 3 and not find_mx_format(k, k_scale)
    check_shape("k", k, (None, None, d) if grouped else (None, d // 2 if is_fp4(k) else d))
    n, groups = k.size(0), k.size(1) if grouped else 0
    _check_scales("k_scale", k_scale, (n, groups) if grouped else (n,), 1 if grouped else 0)
    if weights is not None:
        check_shape("weights", weights, (m, h))
    for name, bounds in (("ks", ks), ("ke", ke)):
        check_shape(name, bounds, (m,))
        check_ints(name, bounds)
        check_inner(name, bounds, 0)
    if out is not None:
        check_shape("out", out, (m, None if compressed else count_columns(n, block_max)))
    _check_inputs(q, k, k_scale, weights, out)
    check_device(q, k=k, k_scale=k_scale, weights=weights, ks=ks, ke=ke, out=out)


def _check_pages(k, k_scale, d):
    check_shape("k", k, (None, None, d // 2 if is_fp4(k) else d))
    _check_scales("k_scale", k_scale, tuple(k.shape[:2]), 1)


def check_paged(q, k, k_scale, weights, context_lens, block_table, out):
    """`out` is None where it is made to fit."""
    if q.dim() != 4:
        fail(f"q must be B x T x H x D, found {q.dim()} dimensions")
    b, t, h, d = q.shape
    _check_pages(k, k_scale, d)
    if weights is not None:
        check_shape("weights", weights, (b * t, h))
    check_shape("context_lens", context_lens, (b, t) if context_lens.dim() == 2 else (b,))
    check_ints("context_lens", context_lens)
    check_inner("context_lens", context_lens, context_lens.dim() - 1)
    check_shape("block_table", block_table, (b, None))
    check_ints("block_table", block_table)
    check_inner("block_table", block_table)
    if out is not None:
        check_shape("out", out, (b * t, None))
    _check_inputs(q, k, k_scale, weights, out)
    check_device(q, k=k, k_scale=k_scale, weights=weights, context_lens=context_lens, block_table=block_table, out=out)


def check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, out):
    """As check_paged, of rows that name their sequences."""
    if q.dim() != 3:
        fail(f"q must be M x H x D with sequence, found {q.dim()} dimensions")
    r, h, d = q.shape
    _check_pages(k, k_scale, d)
    if weights is not None:
        check_shape("weights", weights, (r, h))
    for name, words in (("context_lens", context_lens), ("sequence", sequence)):
        check_shape(name, words, (r,))
        check_ints(name, words)
        check_inner(name, words, 0)
    check_shape("block_table", block_table, (None, None))
    check_ints("block_table", block_table)
    check_inner("block_table", block_table)
    if out is not None:
        check_shape("out", out, (r, None))
    _check_inputs(q, k, k_scale, weights, out)
    check_device(q, k=k, k_scale=k_scale, weights=weights, context_lens=context_lens, block_table=block_table,
                 sequence=sequence, out=out)  # fmt: skip


def check_cache(name, cache, head_dim, dtype):
    """A cache of bytes that holds keys of `head_dim` elements of `dtype`, and a scale or word of block scales for each."""
    if dtype not in _CACHE_TYPES:
        fail(f"dtype must be one of {', '.join(map(str, _CACHE_TYPES))}, found {dtype}")
    if isinstance(head_dim, bool) or head_dim < 1:
        fail(f"head_dim must be at least 1, found {head_dim}")
    if cache.dtype != torch.uint8:
        fail(f"{name} must be torch.uint8, found {cache.dtype}")
    # torch.compile cannot trace the question, and has resolved such views.
    if not torch.compiler.is_dynamo_compiling() and cache.is_neg():
        fail(f"{name} is negated lazily: resolve_neg() gives the bytes that it stands for")
    key_bytes = get_key_bytes(dtype, head_dim)
    row = key_bytes + 4
    if cache.dim() == 3:
        check_shape(name, cache, (None, None, row))
    else:

        def describe():
            return f"{name} must be num_blocks x block_kv x 1 x {row}, found {' x '.join(map(str, cache.shape))}"

        require(cache.dim() == 4 and both(cache.size(2) == 1, cache.size(3) == row), describe)
    block_kv, strides = cache.size(1), tuple(cache.stride())
    require(
        both(either(block_kv <= 1, strides[1] == row), strides[-1] == 1),
        lambda: f"{name} must be contiguous inside a block, found strides {strides}",
    )
    # Blocks must not overlap. A scale has four bytes, so the first is at a multiple of 4, and so is each stride.
    require(
        either(cache.size(0) <= 1, both(strides[0] >= block_kv * row, strides[0] % 4 == 0)),
        lambda: f"the stride of {name} blocks must be a multiple of 4 bytes, at least {block_kv * row}, found {strides[0]}",
    )
    # Older ones cannot trace the question; the view of scales fails then.
    if torch.compiler.is_dynamo_compiling():
        return
    offset = cache.storage_offset() + block_kv * key_bytes
    require(offset % 4 == 0, lambda: f"the scales of {name} must be at a multiple of 4 bytes, found them at {offset}")
