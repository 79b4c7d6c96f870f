//===- Passes.td - Conversions into and out of mqa ---------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CONVERSION_PASSES_TD
#define MQA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertMQAToNVVMPass : Pass<"convert-mqa-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Converts kernels from fragments to the NVVM and LLVM dialects (level 6 to 7)";
  let description = [{
    One conversion for everything that a kernel of level 6 holds. Patterns of our own convert `mqa.wgmma`,
    `mqa.wgmma_wait`, `mqa.mma_sync`, `mqa.unpack_fragment`, `mqa.async_copy`, `mqa.async_arrive`, `mqa.row_block` and
    `mqa.layout_cast`. Upstream's patterns convert NVGPU, GPU, memref, vector, arith, math, cf and ub ops.

    - An `mqa.wgmma` becomes one `nvvm.wgmma.mma_async` per 32 bytes of K. Both descriptors step by 32 bytes, because
      A and B are K-major.
    - An `mqa.wgmma_wait` becomes inline PTX. The registers of the accumulator pass through it, so no later pass reads
      them early.
    - Dynamic shared memory is aligned to 1024 bytes, because swizzled tiles need that.
    - Arguments that are tensor maps are passed by value in constant memory (`llvm.byval`, `nvvm.grid_constant`),
      aligned to 64 bytes.

    If the module has no targets, it gets the `#nvvm.target` that follows from its `mqa.target`.

    Contract: structured control flow is lowered (`convert-scf-to-cf`). Views of memrefs are expanded
    (`expand-strided-metadata`). The module around has an `mqa.target` that is a GPU.

    ```mlir
    !a = memref<64x64xf8E4M3FN, #gpu.address_space<workgroup>>
    !b = memref<8x64xf8E4M3FN, #gpu.address_space<workgroup>>
    !a_tile = memref<64x64xf8E4M3FN, #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    !b_tile = memref<8x64xf8E4M3FN, #mqa.staged<shape = [8, 64], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    %a_tile = mqa.layout_cast %a : !a to !a_tile
    %b_tile = mqa.layout_cast %b : !b to !b_tile
    %acc = mqa.wgmma %a_tile, %b_tile : !a_tile, !b_tile -> !mqa.fragment<vector<64x8xf32>>
    // becomes
    %0 = nvvm.wgmma.mma_async %a0, %b0, %zero, <m = 64, n = 8, k = 32>, D[<f32>, <zero>], A[<e4m3>, <one>, <row>], B[<e4m3>, <one>, <col>] : ...
    ...
    %1 = nvvm.wgmma.mma_async %a1, %b1, %0, <m = 64, n = 8, k = 32>, D[<f32>, <one>], A[<e4m3>, <one>, <row>], B[<e4m3>, <one>, <col>] : ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ConvertMQAToLinalgPass : Pass<"convert-mqa-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Converts mqa.logits and mqa.paged_logits on memrefs to linalg on scratch";
  let description = [{
    - **Keys.** The keys of an op are decoded once and transposed, into a scratch of D x N f32. Keys with groups have
      one scratch for each group.
    - **Queries.** For each query that sees a key of the op, the heads of the query are decoded to f32, multiplied
      with the keys, passed through relu, weighted and reduced over heads. The sums, or maxima, are scaled, and written inside of
      the query's range. With `clean`, the rest of the row becomes -inf.
    - **Shapes.** If the number of keys of the op has a static bound (a tile), the scratch has that static shape, so
      that the contraction can be vectorized.
    - **Paged caches.** An `mqa.paged_logits` first becomes a loop over its sequences, and a loop over tiles of keys up
      to the last key that a query of the sequence sees. A tile has as many keys as a cache block. With `clean`, the
      columns behind the last tile are filled. A tile is an `mqa.logits` whose keys are an `mqa.gather_pages`, as in
      kernels for GPUs. Decoding looks up the cache block of each key.
    - **Key blocks.** With `key_blocks`, either op becomes a loop over its queries, and a loop over tiles of the columns
      that the query's blocks have.
    - **Matrix units.** For a CPU with a matrix unit (`#mqa.target`), and operands in fp8 or bf16, scratch is bf16: a
      chunk of keys as rows of N x D (as many blocks of 32 keys as fit 16 KiB, at least one), and the pairs of each
      query, transposed, as D / 2 x H x 2. A query is multiplied with the blocks of 32 keys that it sees, and with no
      others. A tile of a paged cache then has about 1024 keys. For AMX, pairs lie in tiles, as D / 32 x H / 16 x 16 x
      16 x 2, if D is a multiple of 32, and the heads of each key group a multiple of 16 (one group may have any
      number). For a target with `avx512vbmi`, fp8 queries and keys, and D a multiple of 64, of each 64 elements of a
      row those at even places lie ahead of those at odd ones.
    - **Memory.** Where keys of a matrix unit lie in one matrix, the key that is decoded asks for the one that is a
      chunk ahead (`memref.prefetch`).

    Contract: the op is bufferized. The cache of an `mqa.gather_pages` has at least one block.

    ```mlir
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xbf16>, memref<128x128xbf16>, memref<?xi32>)
        outs(%out : memref<?x128xf32>)
    // becomes
    scf.for %n = ... {
      %key = memref.subview %k[%n, 0] [1, 128] [1, 1] : ...
      %column = memref.subview %keys[0, %n] [128, 1] [1, 1] : ...
      linalg.generic {...} ins(%key : ...) outs(%column : ...) {
        ...
    scf.for %m = ... {
      ...
        linalg.generic {...} ins(... : ...) outs(%query : memref<64x128xf32>) {
          ...
        linalg.matmul ins(%query, %keys : memref<64x128xf32>, memref<128x128xf32>) outs(%scores : memref<64x128xf32>)
        ...
        linalg.generic {...} ins(%scores : memref<64x128xf32>) outs(%sums : memref<128xf32>) {
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ConvertMQATopkToLoopsPass : Pass<"convert-mqa-topk-to-loops", "::mlir::func::FuncOp"> {
  let summary = "Converts mqa.topk and mqa.merge_topk on memrefs to loops with static scratch";
  let description = [{
    The loops select from each row by itself. A logit becomes a code: 32 bits whose unsigned order is that of logits.
    Code and key together are a candidate of 64 bits, so no two candidates are equal.

    1. Candidates that reach a bound are appended to a buffer of about 2k candidates.
    2. Whenever the buffer is full, the k best candidates are found digit by digit: with a histogram of 8 bits at a
       time, without the leading bits that all candidates have. They are moved together in their order, and the bound
       rises.
    3. At the end the k best are written. The keys of `mqa.topk` come in ascending order and stay in it. Others are
       sorted by digits.

    So the time of a row grows with its length, whatever its logits are.

    Scratch is `memref.alloca` of static size at the start of the function (or of an `scf.forall` or `scf.parallel`
    around the op): 16k bytes and a few thousand more; for lists with values, up to 36k; for a fused pair, 16k or 24k
    for each row. Nothing is allocated on the heap, and nothing is called.

    If the op is fused with the op that computes its logits (`mqa.unstored_logits`), the loops take 16 rows at a time,
    or the rows of a sequence of a paged cache. They go over tiles of 128 keys, or of a cache block. A tile is an
    `mqa.logits` that leaves its logits in scratch, for `convert-mqa-to-linalg`. Each row has a buffer of its own, and
    takes its logits from one tile before the next tile is computed. If the op has values, candidates keep their
    logits in the buffer. A range of at most k keys needs no logits, except for values and for `order = score`.

    Contract: the op is bufferized. Operands of a fused pair have no static size of 0.

    ```mlir
    mqa.topk ins(%logits, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
    // becomes
    %candidates = memref.alloca() ... : memref<4353xi64>
    ...
    scf.for %m = ... {
      ...
          memref.store %candidate, %candidates[%count] : memref<4353xi64>
          ...
          %digits:3 = scf.while ...
          ...
        memref.store %index, %indices[%m, %i] : memref<?x2048xi32>
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::mqa::MQADialect", "::mlir::scf::SCFDialect"];
}

def MQAExpandFp8Pass : Pass<"mqa-expand-fp8"> {
  let summary = "Expands arith.extf from f8E4M3FN and f8E5M2";
  let description = [{
    LLVM has no fp8 type. This pass expands the extension to f32 or bf16, which is exact.

    - **f8E4M3FN**: exponent and mantissa move to their places, and the bias is added. Subnormals are converted as
      integers. 0x7f is NaN.
    - **f8E5M2** is the upper half of an f16.
    - **bf16** is the upper half of f32. For a target with the feature `avx512vbmi`, 64 elements at a time are looked
      up in tables of bytes. The two results of a `vector.deinterleave` of 64 elements are looked up together, without
      a shuffle.

    The pass works on scalars, and on vectors and tensors of static shape. It leaves others. A named linalg op that
    extends fp8 in its body becomes a `linalg.generic`, if it has such a form. (The conversion to LLVM makes an i8 of
    each fp8 element in memory.)

    ```mlir
    %0 = arith.extf %x : f8E4M3FN to f32
    memref.store %0, %out[%i] : memref<?xf32>
    // becomes
    %bits = arith.bitcast %x : f8E4M3FN to i8
    %wide = arith.extui %bits : i8 to i32
    ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandF16Pass : Pass<"mqa-expand-f16"> {
  let summary = "Expands arith.extf from f16 and arith.truncf to f16, where x86 has no F16C";
  let description = [{
    Works for a target with `sse2` and without `f16c`. For such a target, LLVM calls functions of the C library, which
    a task's object does not have. The extension to f32 is exact. The truncation rounds to nearest, ties to even. The
    pass works on scalars and vectors. It leaves a truncation with another rounding.

    ```mlir
    module attributes {mqa.target = #mqa.target<chip = "cpu", features = "sse2">} {
      func.func @extend(%x: f16) -> f32 {
        %0 = arith.extf %x : f16 to f32
        return %0 : f32
      }
    }
    // becomes
    %bits = arith.bitcast %x : f16 to i16
    %wide = arith.extui %bits : i16 to i32
    ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def MQARaisePass : Pass<"mqa-raise", "::mlir::func::FuncOp"> {
  let summary = "Finds the logits computation in linalg on tensors (into level 1)";
  let description = [{
    Makes an `mqa.logits` of each tensor of M x N whose element [m, n] is

    ```
    select(ks[m] <= n && n < ke[m],
           k_scale[n] * sum_h weights[m, h] * max(sum_d q[m, h, d] * k[n, d], 0), -inf)
    ```

    The pass looks at what an element is, through linalg ops, fills, casts and reshapes. It does not look at how the
    computation is cut into ops. The ops may be generic or named, fused or not. Heads may have a dimension of their
    own, or share one with queries, as in the programs of PyTorch and JAX that come from torch-mlir and IREE. Factors
    and operands may be in any order. The dimensions of the logits, q, k and weights may be in any order too, and
    there may be dimensions of one; then the pass transposes or reshapes tensors.

    - **Operands** are the tensors that have the dimensions of an operand. The ops that compute them (a projection,
      scaled weights) stay in front. q and k are decoded by `arith.extf`. If one has 8 bits and the other 16, the pass
      widens the narrow one, which is exact. k may have groups of heads.
    - **Heads** are summed by reductions, or one after the other: additions of terms that differ in nothing but the
      head that they read, as a front end writes a loop over heads.
    - **Factors** are constants, and scales of queries, heads and keys. They become part of the weights or of
      `k_scale`: an op in front multiplies them. So the result may be rounded differently, and a number on the way that
      is too large for f32 may be left out. A division multiplies with the inverse, which is infinite if the divisor
      is subnormal. A positive constant may be inside of the maximum.
    - **Masks** are a select of -inf, or an added 0 or -inf, by comparisons of n with integers of the query. The
      integers may have any width. There may be offsets, `<=`, negations, and several comparisons. The bounds are
      computed in front. The number of the key may be multiplied by a constant (a key stands for several tokens). If
      -inf is added, a NaN or +inf outside of the range is lost. A sum or product that may overflow is no bound.
    - **Batches** of sequences become one `compressed` op on all sequences, if ranges begin with the first key of a
      sequence. Otherwise they become a loop with an op for each sequence.

    Scale, weights, maximum and mask may be left out, and the whole may be rounded by `arith.truncf`. A computation
    that rounds in between, or has 0 or a finite number outside of the mask, is another computation. The pass leaves
    it alone, or raises only its inner part.

    If a match came as far as a product of q and k for several heads, a remark (`--remarks-filter=mqa-raise`) says
    what stopped it, and where.

    Two options are promises of the caller, and `operand-type` allows a difference:

    - `no-nans`: no score is NaN, and no infinite score is multiplied by 0. A maximum is `arith.maximumf`, or a select
      by a comparison that lets NaN through, as `mqa.logits` does. Other maxima are the same only if no score is NaN.
      x * (x > 0) is the same only if no score is infinite, which scores of f8E4M3FN are not.
    - `positive-scales`: no scale is negative, infinite or NaN. A scale inside of the maximum (keys or queries that are
      dequantised before the contraction) is the same outside only if it is not negative, and 0 times infinity is NaN.
    - `operand-type=bf16` or `f16`: q and k of f32 may be rounded to this type. The pass rounds them in front.

    ```mlir
    func.func @logits(%q: tensor<8x4x16xbf16>, %k: tensor<32x16xbf16>) -> tensor<8x32xf32> {
      %zero = arith.constant 0.0 : f32
      %e3 = tensor.empty() : tensor<8x4x32xf32>
      %e2 = tensor.empty() : tensor<8x32xf32>
      %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<8x4x32xf32>) -> tensor<8x4x32xf32>
      %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<8x32xf32>) -> tensor<8x32xf32>
      %scores = linalg.generic {indexing_maps = [affine_map<(m, h, n, d) -> (m, h, d)>, affine_map<(m, h, n, d) -> (n, d)>,
                                                 affine_map<(m, h, n, d) -> (m, h, n)>],
                                iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
          ins(%q, %k : tensor<8x4x16xbf16>, tensor<32x16xbf16>) outs(%z3 : tensor<8x4x32xf32>) {
      ^bb0(%a: bf16, %b: bf16, %sum: f32):
        %x = arith.extf %a : bf16 to f32
        %y = arith.extf %b : bf16 to f32
        %0 = arith.mulf %x, %y : f32
        %1 = arith.addf %sum, %0 : f32
        linalg.yield %1 : f32
      } -> tensor<8x4x32xf32>
      %logits = linalg.generic {indexing_maps = [affine_map<(m, h, n) -> (m, h, n)>, affine_map<(m, h, n) -> (m, n)>],
                                iterator_types = ["parallel", "reduction", "parallel"]}
          ins(%scores : tensor<8x4x32xf32>) outs(%z2 : tensor<8x32xf32>) {
      ^bb0(%score: f32, %sum: f32):
        %0 = arith.maximumf %score, %zero : f32
        %1 = arith.addf %sum, %0 : f32
        linalg.yield %1 : f32
      } -> tensor<8x32xf32>
      return %logits : tensor<8x32xf32>
    }
    // becomes
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : ...) outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
    ```
  }];
  let options = [
    Option<"positiveScales", "positive-scales", "bool", /*default=*/"false",
           "No scale of a key or a query is negative, infinite or NaN">,
    Option<"noNaNs", "no-nans", "bool", /*default=*/"false",
           "No score is NaN, and no infinite score is multiplied by 0">,
    Option<"operandTypeName", "operand-type", "std::string", /*default=*/"",
           "Round q and k of f32 to this type: bf16 or f16">];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::mqa::MQADialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // MQA_CONVERSION_PASSES_TD
