# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels that were compiled before: those of the folders in MQA_BUNDLES, of this package's bundles folder, and of a wheel.

A wheel has a bundle for each op and target in the folder kernels. Its name says both, so that one file is read where a
kernel is looked for, of however many, and nothing of other targets: reading takes a millisecond for each megabyte.
"""
import dataclasses
import functools
import os
import pathlib
import stat
import warnings

from . import runtime
from .fused_op import describe

PACKAGE = pathlib.Path(__file__).parent
KERNELS = PACKAGE / "kernels"


def warn(message):
    # Nothing of this package is where the caller can do something about it.
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def name_file(op):
    """The name of the bundle that has the kernel for `op` on its target: its type, what is not the default, the target."""

    def list_parts(op):
        yield type(op).__name__
        for field in dataclasses.fields(op):
            value = getattr(op, field.name)
            if dataclasses.is_dataclass(value):
                yield from list_parts(value)
            elif field.name != "target" and value != field.default:
                yield f"{field.name}={value}"

    return f"{'-'.join(list_parts(op))}.{op.target}.mqa"


def _read_bundles(folder):
    """The bundles of a folder; what is wrong with the others is a warning that names the file."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".mqa"))
    except OSError as error:
        warn(f"MQA_BUNDLES: cannot read the folder {os.fspath(folder)!r}: {error.strerror}")
        return
    for path in (os.path.join(folder, name) for name in names):
        try:
            # Others may have no end, or nobody who writes to them.
            if not stat.S_ISREG(os.stat(path).st_mode):
                warn(f"left out of the bundles: '{path}' is no regular file")
                continue
            yield runtime.Bundle(path)
        except (OSError, runtime.Error) as error:
            warn(f"left out of the bundles: {error}")


def list_folders(variable):
    """By the value of MQA_BUNDLES."""
    own = PACKAGE / "bundles"
    return [folder for folder in variable.split(":") if folder] + [str(own)] * own.is_dir()


@functools.lru_cache(maxsize=8)
def _read_folders(variable):
    """All kernels of these folders, by op."""
    found = {}
    for folder in list_folders(variable):
        for bundle in _read_bundles(folder):
            for info in bundle.kernels:
                found.setdefault(describe(info), []).append((bundle, info))
    return found


@functools.lru_cache(maxsize=64)
def _read_own(name):
    """The bundle of that name among those of the wheel; None where there is none."""
    path = os.path.join(KERNELS, name)
    try:
        return runtime.Bundle(path) if os.path.exists(path) else None
    except runtime.Error as error:
        warn(f"left out of the bundles: {error}")
        return None


def find(op):
    """Where kernels for `op.target` are: those that reduce in half precision last, where 16-bit logits leave it free to."""
    folders = _read_folders(os.environ.get("MQA_BUNDLES", ""))
    ops = [op, *op.list_alternatives()]
    for other in ops:
        yield from folders.get(other, [])
    for other in ops:
        bundle = _read_own(name_file(other))
        for info in bundle.kernels if bundle else []:
            if describe(info) in ops:
                yield bundle, info
