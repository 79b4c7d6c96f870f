import os
import platform
import shutil
import subprocess

import lit.formats

config.name = "MQA"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.join(config.mqa_source_dir, "test")
config.test_exec_root = os.path.join(config.mqa_binary_dir, "test")
# Inputs of other tests, and GoogleTest's sources.
config.excludes = ["Compiler", "Consumer", "Examples", "Runtime", "Support", "Inputs"]

tools = [os.path.join(config.mqa_binary_dir, "bin"), config.llvm_tools_dir]
path = os.pathsep.join(tools + [os.environ["PATH"]])
config.environment["PATH"] = path
config.substitutions.append(("%examples", os.path.join(config.test_source_root, "Examples")))
config.substitutions.append(("%mlir_lib_dir", os.path.join(os.path.dirname(config.llvm_tools_dir), "lib")))
# The sets of the models, for all GPUs or for the CPU. Machine code would take longer and is left out.
prebuild = os.path.join(config.mqa_source_dir, "tools", "prebuild.sh")
config.substitutions.append(("%prebuild", f"env MQA_COMPILE=mqa-compile MQA_NO_CUBIN=1 {prebuild}"))
config.substitutions.append(("%gpus", "sm_80,sm_86,sm_89,sm_90a,sm_120"))
config.substitutions.append(("%bench", os.path.join(config.mqa_source_dir, "tools", "mqa-bench")))

# A stock mlir-opt cannot load a plugin that needs a sanitizer's runtime, which must come first where others are preloaded.
config.substitutions.append(("%plugin", os.path.join(config.mqa_binary_dir, "lib", "MQAPlugin.so")))
config.substitutions.append(("%compiler_library", os.path.join(config.mqa_binary_dir, "lib", "libmqa_compiler.so")))
if "-fsanitize" not in config.mqa_cxx_flags:
    config.available_features.update(["plugin", "preload"])
config.substitutions.append(("%runtime_library", os.path.join(config.mqa_binary_dir, "lib", "libmqa_runtime.so")))
# From a host program to LLVM, by passes of upstream alone.
LOWER_HOST = """--buffer-deallocation-pipeline --convert-bufferization-to-memref --convert-linalg-to-loops
    --convert-vector-to-scf --expand-strided-metadata --lower-affine --convert-scf-to-cf --arith-expand=include-bf16
    --convert-vector-to-llvm --finalize-memref-to-llvm --convert-arith-to-llvm --convert-cf-to-llvm
    --convert-func-to-llvm --convert-ub-to-llvm --reconcile-unrealized-casts"""
config.substitutions.append(("%lower_host", " ".join(LOWER_HOST.split())))
config.substitutions.append(("%no_threads", os.path.join(config.mqa_binary_dir, "test", "Tools", "libno_threads.so")))

# Without NDEBUG, passes can print what they decide.
if config.mqa_build_type == "Debug":
    config.available_features.add("debug-output")

# ptxas is found as mqa-compile finds it.
ptxas = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
if ptxas:
    config.available_features.add("ptxas")

# What this machine's processor has, where a test looks for its instructions.
if platform.machine() == "x86_64":
    config.available_features.add("x86")
    flags = open("/proc/cpuinfo").read().split() if os.path.exists("/proc/cpuinfo") else []
    config.available_features.update({"avx512_fp16": "avx512fp16", "bmi1": "bmi"}.get(flag, flag) for flag in flags)

# Code for AArch64 is compiled anywhere, and linked where there is a linker for it.
if shutil.which("aarch64-linux-gnu-ld") or shutil.which("ld.lld"):
    config.available_features.add("aarch64-linker")

# MPI executes programs of several processes: its runner, its library, and the name that MLIR has for it.
def find_mpi_library():
    """The file of MPICH's or Open MPI's library, as the linker would find it."""
    found = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout.split("\n")
    files = [line.split(" => ")[-1] for line in found if line.strip().startswith(("libmpich.so", "libmpi.so"))]
    return max(files, default=None, key=lambda file: "libmpich" in file)


mpi_library = find_mpi_library()
if mpi_library and shutil.which("mpiexec"):
    is_mpich = "libmpich" in mpi_library
    config.available_features.add("mpi")
    config.substitutions.append(("%mpiexec", "mpiexec" if is_mpich else "mpiexec --allow-run-as-root --oversubscribe"))
    config.substitutions.append(("%mpi_implementation", "MPICH" if is_mpich else "OpenMPI"))
    config.substitutions.append(("%libmpi", mpi_library))
else:
    lit_config.note("no MPI here: programs of several processes are not executed (Debian: mpich)")
