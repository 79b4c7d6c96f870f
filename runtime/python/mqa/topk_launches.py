# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.topk on tensors that are what their memory holds; as launches.py of the logits."""
import ctypes
import itertools

import torch

from . import checks, launches, library, plain, topk_checks
from .launches import PreparedLaunch, _address, _get_plan, _Plan
from .runtime import TopkArgs

# The options of the op, in the order of flags: what else a kernel is compiled for.
OPTIONS = ("block_kv", "compressed", "tie_break", "order", "base", "force_first", "force_last", "block_size")


def name_present(tensors):
    """The names and the tensors of those that are there, in the order of plain.TOPK_OF_BLOCKS."""
    present = [(name, tensor) for name, tensor in zip(plain.TOPK_OF_BLOCKS, tensors) if tensor is not None]
    return [name for name, _ in present], [tensor for _, tensor in present]


def is_plain(tensors):
    return plain.is_plain(*name_present(tensors))


# As of the logits, in launches.py: run_plain(options, *tensors) launches what is like something before. `options` are a
# number for all that is not to be read off the tensors; none of the logits' is as large.
_numbers: dict = {}
_count = itertools.count(1 << 32)
_MAX_NUMBERS = 4096


def get_options(flags, num_keys):
    key = flags, num_keys
    number = _numbers.get(key)
    if number is None:
        if len(_numbers) >= _MAX_NUMBERS:
            _numbers.clear()
        number = _numbers[key] = next(_count)
    return number


def has_lists(tensors):
    """Whether there are lists of key blocks, which are last. The module of the launcher does not know such launches."""
    return tensors[-2] is not None or tensors[-1] is not None


def _run(options, *tensors):
    return False


def _looks_plain(*tensors):
    return is_plain(tensors)


def _is_watched(*tensors):
    names, present = name_present(tensors)
    return any(watches() for watches in plain.WATCHERS) or plain.find_derivative(names, present) is not None


if launches._launcher:
    run, run_plain = launches._launcher.run_topk, launches._launcher.run_topk_plain
    looks_plain, is_watched = launches._launcher.is_topk_plain, launches._launcher.is_topk_watched
else:
    run = run_plain = _run
    looks_plain, is_watched = _looks_plain, _is_watched


def _remember(options, tensors, plan, args):
    # Memory to work in is of one launch.
    if not launches._launcher or plan.scratch_size or has_lists(tensors):
        return
    if not (tensors[0].is_cuda or launches._launches_on_cpu):
        return
    try:
        launches._launcher.add_topk(options, tensors[: len(plain.TOPK)], plan.kernel.address, ctypes.addressof(args))
    except (BufferError, RuntimeError):
        pass  # What PyTorch cannot describe is launched from here each time.


def _plan_topk(logits, ks, ke, context_lens, block_table, sequence, offset, indices, values, key_blocks, num_key_blocks,
               has_num_keys, *flags):  # fmt: skip
    k = indices.size(1) if indices.dim() == 2 else 0
    options = dict(zip(OPTIONS, flags))
    tensors = (logits, ks, ke, context_lens, block_table, sequence, offset, indices, values, key_blocks, num_key_blocks)
    topk_checks.check_topk(*tensors, k=k, num_keys=0 if has_num_keys else None, **options)
    next_n = topk_checks.get_next_n(logits, context_lens, block_table, sequence)
    block_size = options.pop("block_size")
    op = library.TopkOp(
        target=checks.get_target(logits.device),
        k=k,
        input_type=checks.get_type("logits", logits.dtype),
        has_ks=ks is not None,
        lens_rank=0 if context_lens is None else context_lens.dim(),
        next_n=next_n,
        has_sequence=sequence is not None,
        has_offset=offset is not None,
        has_values=values is not None,
        has_num_keys=has_num_keys,
        key_block_size=0 if key_blocks is None else block_size,
        **options,
    )
    args = TopkArgs(
        logits_stride=checks.get_stride(logits),
        context_lens_stride=checks.get_stride(context_lens) if op.lens_rank == 2 else 1,
        block_table_stride=0 if block_table is None else checks.get_stride(block_table),
        indices_stride=checks.get_stride(indices),
        values_stride=0 if values is None else checks.get_stride(values),
        num_queries=logits.size(0),
        num_columns=logits.size(1),
        k=k,
        num_sequences=0 if block_table is None else block_table.size(0),
        max_blocks=0 if block_table is None else block_table.size(1),
        key_blocks_stride=0 if key_blocks is None else checks.get_stride(key_blocks),
        max_key_blocks=0 if key_blocks is None else key_blocks.size(1),
    )
    plan = _Plan(op, logits.device, args)
    plan.scratch_size = plan.kernel.get_scratch_size(args.num_queries, args.num_columns)
    return plan


def fill_topk(tensors, num_keys, flags):
    """The plan and the arguments of a launch, and the memory that it works in."""
    if num_keys is not None and not 0 <= num_keys < 2**31:
        checks.fail(f"num_keys must be from 0 to 2^31 - 1, found {num_keys}")
    plan = _get_plan(tensors, (num_keys is not None, *flags), _plan_topk)
    args = plan.make_args(plan.template)
    (args.logits, args.ks, args.ke, args.context_lens, args.block_table, args.sequence, args.offset, args.indices,
     args.values, args.key_blocks, args.num_key_blocks) = map(_address, tensors)  # fmt: skip
    args.num_keys = num_keys or 0
    scratch = None
    if plan.scratch_size:
        scratch = torch.zeros(plan.scratch_size, dtype=torch.uint8, device=tensors[0].device)
        args.scratch, args.scratch_size = scratch.data_ptr(), plan.scratch_size
    return plan, args, scratch


def launch_topk(options, tensors, num_keys, flags):
    """mqa.topk_out on plain tensors unlike any before, in the order of plain.TOPK_OF_BLOCKS; None where there is none."""
    plan, args, _ = fill_topk(tensors, num_keys, flags)
    plan.kernel.launch(args, plan.get_stream())
    _remember(options, tensors, plan, args)


class PreparedTopk(PreparedLaunch):
    """As PreparedLaunch; it keeps the memory that it works in too."""

    def __init__(self, op, tensors, num_keys, flags):
        self._num_keys = num_keys
        # Without lists of key blocks, which are integers: nobody asks for a derivative by them.
        self._watched = tensors[: len(plain.TOPK)]
        super().__init__(op, fill_topk, tensors, flags)

    def _prepare(self):
        plan, args, self._scratch = self._fill(self._tensors, self._num_keys, self._flags)
        self._launch, self._index = plan.kernel.prepare(args), plan.device_index
        self._threads = torch.get_num_threads()

    def _is_watched(self):
        return is_watched(*self._watched)

    def _call_op(self):
        self._op(self._tensors, self._num_keys, self._flags)
