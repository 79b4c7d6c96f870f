# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs and bundles in a process of their own, for the tests."""
import os
import signal
import subprocess
import sys
import tempfile

COMPILE = os.environ["MQA_COMPILE"]


def run_python(program, timeout=120, **environment):
    """What a program printed; variables that are None are not set. Ends what it started too."""
    variables = {**os.environ, **environment}
    variables = {name: value for name, value in variables.items() if value is not None}
    # To a file: what it started may hold a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-c", program], env=variables, start_new_session=True,
                                   stdout=output, stderr=output)  # fmt: skip
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            output.write("it takes longer than it may\n")
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        return output.read()


def compile_bundle(path, op):
    subprocess.run([COMPILE, "-", "--target=cpu", "-o", path], input=op.to_mlir(), text=True, check=True)
