# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes an indexer in PyTorch as linalg on tensors, which mqa-opt reads: python from_torch.py OUT.mlir

Needs PyTorch and iree-base-compiler, whose torch-mlir does the work: pip install torch iree-base-compiler
docs/frontends.md says what comes next.
"""
import pathlib
import subprocess
import sys
import tempfile

import torch
from iree.compiler.extras.fx_importer import FxImporter

# From the torch dialect to linalg on builtin tensors; sizes are then those of the arguments.
PIPELINE = (
    "builtin.module(func.func(torch-decompose-complex-ops,torch-scalarize-shapes,convert-torch-to-linalg,"
    "convert-torch-to-arith,convert-torch-to-tensor,canonicalize),torch-func-backend-type-conversion,"
    "func.func(torch-finalizing-backend-type-conversion,resolve-ranked-shaped-type-result-dims,canonicalize,cse))"
)


class Indexer(torch.nn.Module):
    def forward(self, q, k, k_scale, weights, ks, ke):
        scores = torch.einsum("mhd,nd->mhn", q.float(), k.float()).relu()
        logits = (scores * weights[:, :, None]).sum(1) * k_scale
        n = torch.arange(k.shape[0])
        seen = (n >= ks[:, None]) & (n < ke[:, None])
        return logits.masked_fill(~seen, float("-inf"))


def main(out):
    m, n, h, d = 8, 32, 64, 128
    tensors = (
        torch.randn(m, h, d).to(torch.float8_e4m3fn),
        torch.randn(n, d).to(torch.float8_e4m3fn),
        torch.rand(n),
        torch.randn(m, h),
        torch.zeros(m, dtype=torch.int32),
        torch.full((m,), n, dtype=torch.int32),
    )
    # Any number of queries and of keys.
    queries, keys = torch.export.Dim("M"), torch.export.Dim("N")
    sizes = ({0: queries}, {0: keys}, {0: keys}, {0: queries}, {0: queries}, {0: queries})
    # In PyTorch's core ops, which torch-mlir lowers.
    program = torch.export.export(Indexer(), tensors, dynamic_shapes=sizes).run_decompositions()
    importer = FxImporter()
    importer.import_program(program, func_name="indexer")
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "torch.mlir"
        text.write_text(str(importer.module))
        iree_opt = [sys.executable, "-m", "iree.compiler.tools.scripts.iree_opt"]
        subprocess.run([*iree_opt, text, f"--pass-pipeline={PIPELINE}", "-o", out], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
