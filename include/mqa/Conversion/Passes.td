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
    One conversion of everything that a kernel of level 6 holds: our
    `mqa.wgmma`, `mqa.wgmma_wait` and `mqa.unpack_fragment`, and, by upstream's
    patterns, NVGPU, GPU, memref, vector, arith, math, cf and ub ops.

    - A WGMMA becomes one `nvvm.wgmma.mma_async` per 32 bytes of K. Both
      descriptors step by 32 bytes: A and B are K-major.
    - A wait becomes inline PTX through which the accumulator's registers pass,
      so that no later pass reads them early.
    - Dynamic shared memory is aligned to 1024 bytes, as swizzled tiles need.
    - Tensor-map arguments are passed by value in constant memory
      (`llvm.byval`, `nvvm.grid_constant`), 64-byte aligned.

    The module gets the `#nvvm.target` that follows from its `mqa.target`, unless it has
    targets.

    Contract: structured control flow is lowered (`convert-scf-to-cf`), memref
    views are expanded (`expand-strided-metadata`); the module around has an
    `mqa.target`, a GPU.

    ```mlir
    %d = mqa.wgmma %k, %q : memref<64x64xf8E4M3FN, ...>, ... -> !mqa.fragment<vector<64x8xf32>>
    // becomes
    %0 = nvvm.wgmma.mma_async %ka, %qa, %undef, <m = 64, n = 8, k = 32>, D [<f32>, <zero>], A [<e4m3>, <one>, <row>], B [<e4m3>, <one>, <col>] : ...
    %1 = nvvm.wgmma.mma_async %kb, %qb, %0, <m = 64, n = 8, k = 32>, D [<f32>, <one>], A [<e4m3>, <one>, <row>], B [<e4m3>, <one>, <col>] : ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ConvertMQAToLinalgPass : Pass<"convert-mqa-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Converts mqa.logits and mqa.paged_logits on memrefs to linalg on scratch";
  let description = [{
    Keys are decoded once per op, transposed, into a scratch of D x N f32, of as many
    of them as keys have groups. Then, for each query
    that sees a key of the op: its heads are decoded to f32, multiplied with the
    keys, passed through relu, weighted and summed over heads, scaled, and
    written inside the query's range; with `clean` the rest of the row is -inf.

    Where the op's number of keys has a static bound (a tile), the scratch has
    that static shape, so that the contraction can be vectorized.

    An `mqa.paged_logits` first becomes a loop over its sequences, and one over tiles of as many keys as
    a cache block has, up to the last key that one of the sequence's queries sees; with
    `clean`, what is behind is filled. A tile is an `mqa.logits` whose keys are an
    `mqa.gather_pages`, as in kernels for GPUs; decoding looks up each key's cache block.

    For a CPU with a matrix unit (`#mqa.target`), and operands in fp8 or bf16, scratch is of bf16: a
    chunk of keys as rows of N x D (as many blocks of 32 keys as fit 16 KiB, at least one), and the
    pairs of each query, transposed, as D / 2 x H x 2. Blocks of 32 keys are multiplied with a query:
    those that it sees, and no others. A tile of a paged cache then has about 1024 keys.

    Contract: the op is bufferized. The cache of an `mqa.gather_pages` has at least one block.

    ```mlir
    mqa.logits ins(%q, %k, ...) outs(%out)
    // becomes
    linalg.generic (decode) ins(%k) outs(%keys)
    scf.for %m { linalg.generic (decode) ins(%q_m) outs(%query)
                 linalg.matmul ins(%query, %keys) outs(%scores)
                 linalg.generic (relu, weight, sum) ins(%scores, %w_m) outs(%sums)
                 linalg.generic (scale) ins(%sums, %scale) outs(%out_m) }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def ConvertMQATopkToLoopsPass : Pass<"convert-mqa-topk-to-loops", "::mlir::func::FuncOp"> {
  let summary = "Converts mqa.topk and mqa.merge_topk on memrefs to loops with static scratch";
  let description = [{
    Each row by itself. A logit becomes 32 bits whose unsigned order is that of logits,
    and with its key a candidate of 64 bits: no two are equal. Candidates that reach a
    bound are appended to a buffer of about 2k; whenever that is full, the k best
    are found digit by digit (a histogram of 8 bits at a time, without the leading bits
    that all have), moved together in their order, and the bound is raised. So a row
    takes a time that grows with its length, whatever its logits are. Keys of `mqa.topk`
    come in ascending order and stay so. Others are sorted by digits.

    Scratch is `memref.alloca` at the start of the function (or of an `scf.forall` or
    `scf.parallel` around the op), of static size: 16k bytes and a few thousand more, or up
    to 36k for lists with values; of a fused pair 16k or 24k for each row. Nothing is allocated on the heap and nothing is called.

    Where the op is fused with the one that computes its logits (`mqa.unstored_logits`), it
    takes 16 rows at a time, or those of a sequence of a paged cache: tiles of 128 keys, or of a
    cache block, of an `mqa.logits` that leaves them in scratch, for
    `convert-mqa-to-linalg`. Each row has a buffer of its own, in which candidates keep their
    logits if the op has values, and takes its logits from one tile before the next is computed.
    Keys of a range of at most k keys need no logits unless there are values or
    `order = score`.

    Contract: the op is bufferized. Operands of a fused pair have no static size of 0.

    ```mlir
    mqa.topk ins(%logits, %ks, %ke : ...) outs(%indices : memref<?x2048xi32>)
    // becomes
    %candidates = memref.alloca() : memref<4353xi64>
    scf.for %m { scf.for %block { scf.for %n { ... memref.store %candidate, %candidates[%count] }
                                  scf.if %is_full { scf.while (...) } }
                 scf.for %i { memref.store %index, %indices[%m, %i] } }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::mqa::MQADialect", "::mlir::scf::SCFDialect"];
}

def MQAExpandFp8Pass : Pass<"mqa-expand-fp8"> {
  let summary = "Expands arith.extf from f8E4M3FN and f8E5M2";
  let description = [{
    LLVM has no fp8 type. The extension to f32 or bf16 is exact. Of f8E4M3FN, exponent and
    mantissa move to their places and the bias is added; subnormals are converted
    as integers; 0x7f is NaN. f8E5M2 is the upper half of an f16. bf16 is the upper half of
    f32; for a target with the feature `avx512vbmi`, 64 elements at a time are looked up in tables
    of bytes. Works on scalars, vectors and tensors of static shape; others stay. A named linalg op
    that extends fp8 in its body becomes a `linalg.generic`, if it has such a form. (The conversion to LLVM makes an i8
    of each f8 element in memory.)

    ```mlir
    %0 = arith.extf %x : f8E4M3FN to f32
    // becomes
    %b = arith.bitcast %x : f8E4M3FN to i8
    %bits = arith.extui %b : i8 to i32
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
    For a target with `sse2` and without `f16c`. There, LLVM calls functions of the C library, which a
    task's object does not have. The extension to f32 is exact; the truncation rounds to nearest, ties to
    even. Works on scalars and vectors. A truncation with another rounding stays.

    ```mlir
    %0 = arith.extf %x : f16 to f32
    // becomes
    %b = arith.bitcast %x : f16 to i16
    %bits = arith.extui %b : i16 to i32
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

    It looks at what an element is, through linalg ops, fills, casts and reshapes, not
    at how the computation is cut into ops: generic or named, fused or not, on
    heads of their own or on one dimension of queries and heads, as PyTorch and JAX
    programs come from torch-mlir and IREE. Factors and operands may be in any
    order. Dimensions may be in any order too, of the logits, q, k and weights, and
    there may be dimensions of one (then tensors are transposed or reshaped).

    - **Operands** are the tensors that have the dimensions of an operand. What
      computes them (a projection, scaled weights) stays in front. q and k are
      decoded by `arith.extf`. k may have groups of heads.
    - **Factors**: constants, scales of queries, heads and keys. They become part of
      the weights or of `k_scale`, and an op in front multiplies them. So the result
      may be rounded differently. A positive constant may be inside of the maximum.
    - **Masks** are a select of -inf, or an added 0 or -inf, by comparisons of n
      with integers of the query, of any width, with offsets and `<=`, negated or
      not, several of them. The bounds are computed in front. Where -inf is added,
      a NaN or +inf outside of the range is lost. A sum that may overflow is no
      bound.
    - **Batches** of sequences become one `compressed` op on all sequences. The
      ranges then begin with the first key of a sequence.

    There may be no scale, no weights, no maximum and no mask, and the whole may be
    rounded by `arith.truncf`. What is rounded in between, or has 0 or a finite
    number outside of the mask, is another computation. It is left alone, or only
    its inner part is raised.

    A remark (`--remarks-filter=mqa-raise`) says what stopped a match that came as
    far as a product of q and k for several heads, and where.

    A maximum is `arith.maximumf`, or a select by a comparison that lets NaN
    through, as `mqa.logits` does. Others are the same only where no score is NaN,
    which is for the user to say: `no-nans`. A scale inside of the maximum (keys or
    queries that are dequantised before the contraction) is the same outside only if
    it is not negative: `positive-scales`.

    ```mlir
    %scores = linalg.generic ... ins(%q, %k) ... // f8E4M3FN, decoded in the body
    %relu = linalg.generic ... arith.maximumf
    %sum = linalg.generic ... ins(%relu, %weights) ... reduction
    %logits = linalg.generic ... ins(%sum, %k_scale) ... arith.mulf
    // becomes
    %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : ...) outs(%empty : ...)
    ```
  }];
  let options = [
    Option<"positiveScales", "positive-scales", "bool", /*default=*/"false",
           "No scale of a key or a query is negative or NaN">,
    Option<"noNaNs", "no-nans", "bool", /*default=*/"false", "No score is NaN">];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::mqa::MQADialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // MQA_CONVERSION_PASSES_TD
