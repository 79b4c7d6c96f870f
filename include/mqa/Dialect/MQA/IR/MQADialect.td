//===- MQADialect.td - The mqa dialect ---------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_TD
#define MQA_DIALECT_TD

include "mlir/IR/OpBase.td"

def MQA_Dialect : Dialect {
  let name = "mqa";
  let cppNamespace = "::mlir::mqa";
  let summary = "Attention logits for sparse-attention indexers";
  let description = [{
    Sparse attention scores every query against every cached key with a cheap
    "indexer" before it attends to the best ones. `mqa.logits` is that score, and
    `mqa.paged_logits` that of a few new queries against a paged cache. `mqa.topk` selects the
    best keys by their logits, and `mqa.merge_topk` the best of several such lists. The
    other ops are the steps by which logits become a kernel for a GPU:

    | level | ops |
    | --- | --- |
    | 1, 2: the op, then with a schedule | `mqa.logits`, `mqa.paged_logits`; fused with `mqa.topk`: `mqa.unstored_logits` |
    | 3: tiled kernel | `mqa.logits` on tiles, `mqa.make_ranges`, `mqa.narrow_ranges`, `mqa.gather_pages`, `mqa.tile_share`, `mqa.key_range`, `mqa.clean_rows` |
    | 4: staged and warp-specialised | `mqa.ring_*`, `mqa.gather_blocks`, `mqa.subtile`, `mqa.fit_queries`, `mqa.tile_logits`, `mqa.store_logits`, `mqa.row_block` |
    | 5: vectors | (the vector dialect), `mqa.ring_*`, `mqa.subtile`, `mqa.scatter_columns` |
    | 6: fragments | `mqa.layout_cast`, `mqa.wgmma`, `mqa.wgmma_wait`, `mqa.mma_sync`, `mqa.unpack_fragment`, `mqa.ring_*`, `mqa.fill_tile`, `mqa.async_copy`, `mqa.async_arrive` |
    | kernels that select | `mqa.append_candidates`, `mqa.cut_candidates`, `mqa.sort_candidates` |
    | 7: NVVM | none |

    Five attributes of the dialect stand on ops of others: `mqa.target` on a module,
    `mqa.kernel` on a function that was made of one op or a fused pair, and `mqa.operand` on its arguments;
    in a host program, `mqa.launch` on a function whose calls are launches, and `mqa.kernels` on the module
    of its kernels. Others that begin with `mqa.` are an error.

    In a kernel, what an op reads or writes of the operands of the public op lies in global
    memory (the default memory space or `#gpu.address_space<global>`), and the tiles of
    rings lie in workgroup memory (`#gpu.address_space<workgroup>`).
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

#endif // MQA_DIALECT_TD
