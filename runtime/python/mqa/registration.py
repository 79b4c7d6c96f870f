# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers torch.ops.mqa as soon as both packages are imported, in any order, without importing PyTorch."""
import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings


def _register():
    try:
        importlib.import_module(".torch_library", __package__)
        importlib.import_module(".out_library", __package__)
        importlib.import_module(".topk_library", __package__)
        importlib.import_module(".merge_library", __package__)
        importlib.import_module(".fused_library", __package__)
    except Exception as error:
        # It may be PyTorch that is being imported, for others too.
        warnings.warn(f"torch.ops.mqa is not registered: {error}", RuntimeWarning, stacklevel=2)


class _Loader(importlib.abc.Loader):
    """PyTorch's own, and then the ops."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # From here on it is as if nobody had been in between.
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register()


class _Finder(importlib.abc.MetaPathFinder):
    """Asked for each module that is imported, until PyTorch is."""

    def find_spec(self, name, path, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def register_with_torch():
    if "torch" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())
