# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of logits and top-k, of one kernel or two, on tensors that are what their memory holds; as topk_launches.py."""
import contextlib
import ctypes
import dataclasses

import torch

from . import checks, fused_checks, launches, library, plain, scratch
from .launches import PreparedLaunch, _address, _get_plan, _Plan
from .runtime import LogitsArgs, PagedLogitsArgs, TopkArgs
from .topk_checks import get_next_n
from .topk_launches import get_options

_SELECTION = {"tie_break": "smallest", "order": "key", "base": "relative", "force_first": 0, "force_last": 0}
_MAX_NUMBERS = 4096
_COMMON = {"relu": True, "fast": False, "dtype": torch.float32, "nan_as_zero": False, "max_multiprocessors": 0,
           "head_reduction": "sum"}  # fmt: skip


@dataclasses.dataclass(eq=False)
class Form:
    """An op: the names of its tensors, and its options, which are the flags of a launch in their order."""

    name: str
    names: tuple
    num_inputs: int  # Those that there always are, of the logits.
    options: dict
    check: object
    make_plan: object
    # By flags, what the launcher knows them by; and the flags of the last call with theirs. Two tuples of the same objects
    # are compared in a fourth of the time that hashing one takes.
    numbers: dict = dataclasses.field(default_factory=dict)
    last: tuple = (None, 0)

    @property
    def optional(self):
        """The names of other tensors that are read."""
        return self.names[self.num_inputs : -2]

    def name_present(self, tensors):
        """The names and tensors of those that are there or have to be."""
        absent = {*self.optional, "indices", "values"}
        present = [(n, t) for n, t in zip(self.names, tensors) if t is not None or n not in absent]
        return [name for name, _ in present], [tensor for _, tensor in present]

    def is_plain(self, tensors):
        return plain.is_plain(*self.name_present(tensors))

    # As of the logits, in launches.py: what the module of the launcher does, where it is there.

    @property
    def is_native(self):
        return launches._launcher is not None and self.name in _NATIVE

    def looks_plain(self, *inputs):
        if self.is_native:
            return getattr(launches._launcher, f"is_{self.name}_plain")(*inputs)
        return self.is_plain((*inputs, None, None))

    def get_number(self, flags):
        last_flags, number = self.last
        if last_flags == flags:
            return number
        number = self.numbers.get(flags)
        if number is None:
            if len(self.numbers) >= _MAX_NUMBERS:
                self.numbers.clear()
            number = self.numbers[flags] = get_options((self.name, *flags), None)
        self.last = flags, number
        return number

    def run_plain(self, flags, tensors):
        """Whether tensors like others before, which were found to be plain, were launched."""
        return self.is_native and _RUN_PLAIN[self.name](self.get_number(flags), *tensors)

    def check_tensors(self, tensors):
        plain.check_tensors(*self.name_present(tensors))

    def get_flags(self, options):
        return tuple(options.get(name, default) for name, default in self.options.items())


class _FusedPlan(_Plan):
    """With the arguments of the selection too, and how much memory a launch works in."""

    def __init__(self, op, device, args, selection, num_queries, num_columns, most_keys):
        super().__init__(op, device, args)
        self.selection = bytes(selection)
        self.needs_zeroed_scratch = bool(self.kernel.info.needs_zeroed_scratch)
        # Two kernels keep no more columns of the logits than a row has keys.
        columns = num_columns if self.needs_zeroed_scratch else min(num_columns, most_keys)
        self.scratch_size = self.kernel.get_scratch_size(num_queries, columns)


def _make_logits_op(q, k, k_scale, weights, dtype, **others):
    return library.Op(
        target=checks.get_target(q.device),
        num_heads=q.size(-2),
        head_dim=q.size(-1),
        input_type=checks.get_type("q", q.dtype),
        out_type=checks.get_type("dtype", dtype),
        weights_type="none" if weights is None else checks.get_type("weights", weights.dtype),
        has_k_scale=k_scale is not None,
        mx_keys=checks.find_mx_format(k, k_scale),
        **others,
    )


def _make_selection(logits, indices, values, offset, options, **others):
    selection = library.TopkOp(
        target=logits.target,
        k=indices.size(1),
        input_type=logits.out_type,
        has_offset=offset is not None,
        has_values=values is not None,
        **{name: options[name] for name in _SELECTION},
        **others,
    )
    return library.FusedOp(logits, selection)


def _make_args(indices, values, **others):
    return TopkArgs(
        indices_stride=checks.get_stride(indices),
        values_stride=0 if values is None else checks.get_stride(values),
        k=indices.size(1),
        **others,
    )


def _get_k(indices):
    """All else that may be wrong is found by the checks."""
    return indices.size(1) if indices.dim() == 2 else 0


def describe_logits(q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values, _, *flags):
    options = dict(zip(LOGITS.options, flags))
    tensors = (q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values)
    LOGITS.check(*tensors, topk=_get_k(indices), **options)
    groups = k.size(1) if k.dim() == 3 else 0
    logits = _make_logits_op(
        q,
        k,
        k_scale,
        weights,
        options["dtype"],
        num_groups=groups,
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        fast=options["fast"],
    )
    op = _make_selection(
        logits,
        indices,
        values,
        offset,
        options,
        block_kv=options["block_kv"],
        next_n=get_next_n(q, None, block_table, sequence),
        has_sequence=sequence is not None,
    )
    args = LogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_stride(k_scale) if groups and k_scale is not None else 1,
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        num_queries=q.size(0),
        num_keys=k.size(0),
        max_multiprocessors=options["max_multiprocessors"],
    )
    selection = _make_args(
        indices,
        values,
        block_table_stride=0 if block_table is None else checks.get_stride(block_table),
        num_sequences=0 if block_table is None else block_table.size(0),
        max_blocks=0 if block_table is None else block_table.size(1),
    )
    return op, args, selection, q.size(0), k.size(0), k.size(0)


def _plan_logits(q, *others):
    op, *sizes = describe_logits(q, *others)
    return _FusedPlan(op, q.device, *sizes)


def _get_paged_args(q, k, k_scale, weights, context_lens, block_table, **others):
    return PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_scale_stride(k_scale),
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        context_lens_stride=checks.get_stride(context_lens) if context_lens.dim() == 2 else 1,
        block_table_stride=checks.get_stride(block_table),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        **others,
    )


def describe_paged(q, k, k_scale, weights, context_lens, block_table, offset, indices, values, _, *flags):
    options = dict(zip(PAGED.options, flags))
    tensors = (q, k, k_scale, weights, context_lens, block_table, offset, indices, values)
    PAGED.check(*tensors, topk=_get_k(indices), **options)
    columns = options["max_context_len"]
    logits = _make_logits_op(
        q,
        k,
        k_scale,
        weights,
        options["dtype"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        fast=options["fast"],
        next_n=q.size(1),
        block_kv=k.size(1),
        lens_per_query=context_lens.dim() == 2,
    )
    op = _make_selection(
        logits,
        indices,
        values,
        offset,
        options,
        has_ks=False,
        lens_rank=context_lens.dim(),
        next_n=q.size(1),
        block_kv=k.size(1),
    )
    more = {"max_context_len": columns, "max_multiprocessors": options["max_multiprocessors"]}
    args = _get_paged_args(q, k, k_scale, weights, context_lens, block_table, batch=q.size(0), **more)
    most_keys = block_table.size(1) * k.size(1)
    return op, args, _make_args(indices, values), q.size(0) * q.size(1), columns, most_keys


def _plan_paged(q, *others):
    op, *sizes = describe_paged(q, *others)
    return _FusedPlan(op, q.device, *sizes)


LOGITS = Form(
    "logits_topk",
    plain.LOGITS_TOPK,
    6,
    {**_COMMON, "block_kv": 0, **_SELECTION},
    fused_checks.check_logits_topk,
    _plan_logits,
)
PAGED = Form(
    "paged_logits_topk",
    plain.PAGED_LOGITS_TOPK,
    6,
    {"max_context_len": None, **_COMMON, **_SELECTION},
    fused_checks.check_paged_logits_topk,
    _plan_paged,
)

# Those that the module of the launcher has.
_NATIVE = ("logits_topk", "paged_logits_topk")
_RUN = dict.fromkeys(_NATIVE, launches._run)
_RUN_PLAIN = dict(_RUN)
if launches._launcher:
    _RUN = {name: getattr(launches._launcher, f"run_{name}") for name in _NATIVE}
    _RUN_PLAIN = {name: getattr(launches._launcher, f"run_{name}_plain") for name in _NATIVE}
    _IS_WATCHED = {name: getattr(launches._launcher, f"is_{name}_watched") for name in _NATIVE}
    _ADD = {name: getattr(launches._launcher, f"add_{name}") for name in _NATIVE}


def _fill(form, tensors, flags):
    """The plan and the arguments of a launch, but for the memory that it works in."""
    # A name of the form, so that no plan of others is like this one.
    plan = _get_plan(tensors, (form.name, *flags), form.make_plan)
    args, selection = plan.make_args(plan.template), TopkArgs.from_buffer_copy(plan.selection)
    for name, tensor in zip(form.names, tensors):
        # One table is of the cache, the other of the slots.
        of_logits = hasattr(args, name) and name not in ("indices", "values")
        setattr(args if of_logits else selection, name, _address(tensor))
    return plan, args, selection


def _remember(form, tensors, flags, plan, args, selection, stream):
    """Lets `run` know such launches; with memory to work in, on this stream."""
    if not form.is_native or not (tensors[0].is_cuda or launches._launches_on_cpu):
        return
    addresses = plan.kernel.address, ctypes.addressof(args), ctypes.addressof(selection), stream or 0
    try:
        _ADD[form.name](form.get_number(flags), tensors, *addresses)
    except (BufferError, RuntimeError):
        pass  # What PyTorch cannot describe is launched from here each time.


def _set_scratch(selection, memory):
    selection.scratch, selection.scratch_size = memory.data_ptr(), memory.numel()


def launch(form, tensors, flags):
    """On plain tensors unlike any before, in the order of the form's names; None where there is none."""
    plan, args, selection = _fill(form, tensors, flags)
    with scratch.LOCK if plan.scratch_size else contextlib.nullcontext():
        stream, stays = plan.get_stream(), True
        if plan.scratch_size:
            memory, stays = scratch.get(plan, tensors[0].device, stream)
            _set_scratch(selection, memory)
        try:
            plan.kernel.launch_both(args, selection, stream)
        except Exception:
            scratch.forget(plan, stream)
            raise
        if stays:
            _remember(form, tensors, flags, plan, args, selection, stream)


class PreparedFused(PreparedLaunch):
    """As PreparedLaunch; it keeps the memory that it works in too."""

    def __init__(self, form, op, tensors, flags):
        self._form = form
        super().__init__(op, _fill, tensors, flags)

    def _prepare(self):
        plan, args, selection = self._fill(self._form, self._tensors, self._flags)
        self._scratch = None
        if plan.scratch_size:
            self._scratch = scratch.make(plan, self._tensors[0].device)
            _set_scratch(selection, self._scratch)
        self._launch, self._index = plan.kernel.prepare(args, selection), plan.device_index
        self._threads = torch.get_num_threads()

    def _is_watched(self):
        if self._form.is_native:
            return _IS_WATCHED[self._form.name](*self._tensors)
        names, present = self._form.name_present(self._tensors)
        return any(watches() for watches in plain.WATCHERS) or plain.find_derivative(names, present) is not None

    def _call_op(self):
        self._op(self._form, self._tensors, self._flags)
