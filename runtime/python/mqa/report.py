# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `python -m mqa` prints: what this package found on this machine, and what is missing. Imports nothing at the top
that may be missing.
"""
import argparse
import ctypes
import importlib
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import sys

from ._version import __version__

_MAJOR, _MINOR = 75, 76  # Of CUdevice_attribute: the compute capability.
_CUDA_SUCCESS = 0


def _report_library(say):
    from . import runtime

    say("library", f"{runtime.get_library_file()} (ABI {runtime.ABI_VERSION})")
    if runtime.load_launcher() is not None:
        say("launcher", "there, for PyTorch 2.10 and later")
    else:
        say("launcher", "missing: _mqa_launcher.abi3.so is not beside the library, so a launch takes 13 to 35 us")


def _describe_bundles(folder, files):
    """How many there are, and why this library cannot read them, as the first one shows."""
    from . import runtime

    text = f"{len(files)} {'bundle' if len(files) == 1 else 'bundles'} in {folder}"
    try:
        for file in files[:1]:
            runtime.Bundle(file)
    except runtime.Error as error:
        text += f"; cannot be read: {error}"
    return text


def _report_kernels(say):
    from . import prebuilt

    own = sorted(prebuilt.KERNELS.glob("*.mqa")) if prebuilt.KERNELS.is_dir() else []
    if own:
        say("kernels", _describe_bundles(prebuilt.KERNELS, own))
    count = len(own)
    for folder in prebuilt.list_folders(os.environ.get("MQA_BUNDLES", "")):
        files = sorted(pathlib.Path(folder).glob("*.mqa"))
        count += len(files)
        say("kernels", _describe_bundles(folder, files))
    if not count:
        say("kernels", "none prebuilt: this package has none, and MQA_BUNDLES names no folder with any")


def _report_compiler(say):
    from . import library

    path = library.find_compiler()
    compiler = library.open_compiler(path)
    if compiler is None:
        say("compiler", f"missing: '{path}' cannot be loaded; pip install mqa_compiler, or set MQA_COMPILER_LIBRARY")
        return
    from . import runtime

    compiler.mqa_compiler_version.restype = ctypes.c_char_p
    file = runtime.get_file(compiler.mqa_compiler_version)
    say("compiler", f"{file} ({compiler.mqa_compiler_version().decode()})")
    linker = shutil.which("ld")
    say("ld", linker or "missing: without it (binutils) nothing can be compiled for the CPU")
    assembler = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
    say("ptxas", assembler or "missing, and not needed: the driver compiles the PTX when a kernel is first loaded")
    say("cache", library.find_cache() or "none: what is compiled is not kept")


def _call(function, *arguments):
    result = ctypes.c_int()
    status = function(ctypes.byref(result), *arguments)
    if status != _CUDA_SUCCESS:
        raise OSError(f"libcuda returns {status} from {function.__name__}")
    return result.value


def _describe_gpu(driver, index):
    device = _call(driver.cuDeviceGet, index)
    capability = [_call(driver.cuDeviceGetAttribute, kind, device) for kind in (_MAJOR, _MINOR)]
    name = ctypes.create_string_buffer(256)
    if not hasattr(driver, "cuDeviceGetName") or driver.cuDeviceGetName(name, len(name), device) != _CUDA_SUCCESS:
        name.value = b"GPU"
    from . import library

    target = f"sm_{capability[0]}{capability[1]}"
    targets = library.list_targets(target)
    best = f"kernels for {targets[0]}" if targets else "too old: there are no kernels for it"
    return f"{name.value.decode(errors='replace')} (cuda:{index}, capability {capability[0]}.{capability[1]}; {best})"


def _list_gpus():
    driver = ctypes.CDLL("libcuda.so.1")
    status = driver.cuInit(0)
    if status != _CUDA_SUCCESS:
        raise OSError(f"libcuda returns {status} from cuInit")
    return [_describe_gpu(driver, index) for index in range(_call(driver.cuDeviceGetCount))]


def _report_devices(say):
    say("device", f"CPU ({platform.machine()}, {len(os.sched_getaffinity(0))} cores)")
    try:
        gpus = _list_gpus()
    except (OSError, AttributeError) as error:
        say("device", f"no GPU: {error}")
        return
    for gpu in gpus:
        say("device", gpu)
    if not gpus:
        say("device", "no GPU: libcuda finds none")


def _report_packages(say):
    packages = [("PyTorch", "torch", "mqa.logits and the other functions take its tensors")]
    if importlib.util.find_spec("mqa.jax"):
        packages.append(("JAX", "jax", "mqa.jax takes its arrays"))
    for name, module, use in packages:
        if importlib.util.find_spec(module) is None:
            say(name, f"missing: {use}; pip install mqa[{module}]")
            continue
        try:
            say(name, importlib.import_module(module).__version__)
        except Exception as error:
            say(name, f"cannot be imported: {error}")


def print_report(error=None, as_json=False):
    """Prints what was found; `error` is why the library cannot be used. Returns the exit code."""
    folder = str(pathlib.Path(__file__).parent)
    report = {"version": __version__, "folder": folder, "python": platform.python_version(), "found": {}}

    def say(what, text):
        report["found"].setdefault(what, []).append(text)
        if not as_json:
            print(f"{what + ':':<10}{text}")

    if not as_json:
        print(f"mqa {__version__} in {folder} (Python {platform.python_version()})")
    if error is not None:
        say("library", f"missing: {error}")
    else:
        for part in (_report_library, _report_kernels, _report_compiler, _report_devices, _report_packages):
            part(say)
    if as_json:
        print(json.dumps(report))
    return 0 if error is None else 1


def run(arguments, error=None):
    """`python -m mqa` with these arguments. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m mqa", description="Says what the package mqa found on this machine, and what is missing."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return print_report(error, parser.parse_args(arguments).json)


def exit_if_asked_for(error):
    """Reports and ends the process where it is `python -m mqa`: while a package is imported for -m, that is argv[0]."""
    if sys.argv[:1] == ["-m"] and any(flag in ("mqa", "-mmqa") for flag in sys.orig_argv[1:]):
        raise SystemExit(run(sys.argv[1:], error)) from None
