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
    Sparse attention has a cheap part, the indexer, that scores every query against every cached key. Attention itself
    then reads only the best keys. `mqa.logits` computes the indexer's logits. `mqa.paged_logits` computes those of a few
    new queries against a paged cache. `mqa.topk` selects the best keys by their logits. `mqa.merge_topk` selects the best
    keys of several such lists. All other ops are steps on the way from these ops to a kernel for a GPU:

    | level | ops |
    | --- | --- |
    | 1: the op; 2: the op with a schedule | `mqa.logits`, `mqa.paged_logits`, `mqa.topk`, `mqa.merge_topk`; `mqa.unstored_logits`, which stands for logits that a fused `mqa.topk` selects from |
    | 3: tiled kernel | `mqa.logits` on tiles, `mqa.make_ranges`, `mqa.block_ranges`, `mqa.name_sequences`, `mqa.narrow_ranges`, `mqa.gather_pages`, `mqa.tile_share`, `mqa.run_share`, `mqa.key_range`, `mqa.row_run`, `mqa.clean_rows`, `mqa.row_block` |
    | 4: staged and warp-specialised | `mqa.ring_*`, `mqa.gather_blocks`, `mqa.subtile`, `mqa.fit_queries`, `mqa.decode_queries`, `mqa.permute_queries`, `mqa.tile_logits`, `mqa.store_logits`, and those of level 3 |
    | 5: vectors | (the vector dialect), `mqa.decode_mx`, `mqa.ring_*`, `mqa.subtile`, `mqa.scatter_columns` |
    | 6: registers | `mqa.wgmma`, `mqa.wgmma_wait`, `mqa.mma_sync`, `mqa.unpack_fragment`, `mqa.ring_*`, `mqa.fill_tile`, `mqa.layout_cast`, `mqa.async_copy`, `mqa.async_arrive`, `mqa.row_block` |
    | 7: NVVM | none |

    Kernels that select have ops of their own on levels 3 to 6: `mqa.append_candidates`, `mqa.cut_candidates`,
    `mqa.estimate_threshold` and `mqa.sort_candidates`; kernels of logits and top-k also `mqa.filtered_rows`, `mqa.word_rows`, `mqa.meet`,
    `mqa.cut_lists` and, from level 5 on, `mqa.append_logits`.

    Six attributes of the dialect stand on ops of other dialects: `mqa.target` on a module, and `mqa.steps` on one with
    pairs that `mqa-split-topk` has made two kernels; `mqa.kernel` on a function that was made from one op or from a fused
    pair; `mqa.operand` on an argument of such a function. In a host program,
    `mqa.launch` stands on a function whose calls are launches, and `mqa.kernels` on the module of its kernels. Any other
    attribute that begins with `mqa.` is an error.

    In a kernel, the memory that is an operand of the public op is global memory (the default memory space or
    `#gpu.address_space<global>`). The tiles of rings lie in workgroup memory (`#gpu.address_space<workgroup>`).
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
