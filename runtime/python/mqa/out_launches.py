# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of the ops that write `out` and that the module of the launcher does not know: those of key blocks, and those of
queries with block scales. As fused_launches.py has them of logits and top-k in one call.
"""
import dataclasses

import torch

from . import plain
from .launches import PreparedLaunch, _address, _get_plan


@dataclasses.dataclass(eq=False)
class Launch:
    """An op that writes `out`: its name in torch.ops.mqa without `_out`, the names of its tensors, and its options with
    their defaults, which are the flags of a launch in their order.
    """

    name: str
    names: tuple
    options: dict
    check: object  # Called with the tensors and, by their names, the options; `out` is None where it is made to fit.
    make_plan: object  # Called with the tensors and the flags.
    # Rows name their sequences if `sequence` is not None.
    has_optional_sequence: bool = False

    def __post_init__(self):
        self._sequence = self.names.index("sequence") if self.has_optional_sequence else None

    def name_present(self, tensors):
        """The names and values of tensors in the order of `names`, without a `sequence` that may be None and is."""
        names, at = self.names[: len(tensors)], self._sequence
        if at is None or tensors[at] is not None:
            return names, tensors
        return (*names[:at], *names[at + 1 :]), (*tensors[:at], *tensors[at + 1 :])

    def get_flags(self, options):
        """The options of a call, in the order of flags."""
        return tuple(options.get(name, default) for name, default in self.options.items())

    def fill(self, tensors, flags):
        """The plan and the arguments of a launch; tensors like others before are not checked again."""
        # The name of the op, so that no plan of others is like this one.
        plan = _get_plan(tensors, (self.name, *flags), lambda *args: self.make_plan(*args[: len(tensors)], *flags))
        args = plan.make_args(plan.template)
        for name, tensor in zip(self.names, tensors):
            setattr(args, name, _address(tensor))
        return plan, args

    def launch(self, tensors, flags):
        """On plain tensors, in the order of `names`."""
        plan, args = self.fill(tensors, flags)
        plan.kernel.launch(args, plan.get_stream())


def run(launch, tensors, options):
    """`tensors` in the order of the names of `launch`, with `out`."""
    flags = launch.get_flags(options)
    names, present = launch.name_present(tensors)
    if not plain.is_dynamo_compiling() and plain.is_plain(names, present):
        launch.launch(tensors, flags)
        return
    plain.check_tensors(names, present)
    getattr(torch.ops.mqa, f"{launch.name}_out")(*tensors, **dict(zip(launch.options, flags)))


class PreparedOut(PreparedLaunch):
    """As PreparedLaunch."""

    def __init__(self, launch, tensors, options):
        self._name_present = launch.name_present
        flags = dict(zip(launch.options, launch.get_flags(options)))
        super().__init__(getattr(torch.ops.mqa, f"{launch.name}_out"), launch.fill, tensors, flags)

    def _is_watched(self):
        derivative = plain.find_derivative(*self._name_present(self._tensors))
        return any(watches() for watches in plain.WATCHERS) or derivative is not None


def prepare(name, launch, tensors, options):
    """`name` is the caller's."""
    plain.check_plain(name, *launch.name_present(tensors))
    return PreparedOut(launch, tensors, options)
