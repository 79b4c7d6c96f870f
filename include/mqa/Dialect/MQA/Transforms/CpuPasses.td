//===- CpuPasses.td - Tasks and vectors of a CPU -----------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_CPU_PASSES_TD
#define MQA_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def MQATileTasksPass : Pass<"mqa-tile-tasks", "::mlir::func::FuncOp"> {
  let summary = "Tiles the ops that kernels are made of into independent tasks for the cores of a CPU";
  let description = [{
    Tiles each op that kernels are made of into an `scf.forall` through the op's TilingInterface. The tiles are
    independent.

    | op | a tile has |
    | --- | --- |
    | `mqa.logits` | as many queries and keys as `tile-sizes` says |
    | `mqa.paged_logits` | one sequence, and as many keys as `tile-sizes` has queries times keys, by default 2048 |
    | `mqa.topk`, `mqa.merge_topk` | one row |
    | a fused pair (`mqa.unstored_logits`), on memrefs | 16 rows, or as many whole sequences as these rows are, or one sequence of a paged cache. It has all keys of its rows, and is a fused pair too |

    The pass leaves an op alone that has an operand whose type has no element. An op with `compressed` must be on
    memrefs; on tensors it is an error.

    For a target with a matrix unit, a task has more keys by default, because the task brings each of its queries
    into the unit's layout once.

    ```mlir
    func.func @logits(%q: memref<?x64x128xbf16>, %k: memref<?x128xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
      mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xbf16>, memref<?x128xbf16>, memref<?xi32>)
          outs(%out : memref<?x?xf32>)
      return
    }
    // becomes
    scf.forall (%m, %n) = (0, 0) to (%num_queries, %num_keys) step (16, 128) {
      ...
      mqa.logits ins(%q_tile, %k_tile, none, none : ...) ranges(%ranges) key_offset(%n) outs(%out_tile : ...)
    ```
  }];
  let options = [
    ListOption<"tileSizes", "tile-sizes", "int64_t",
               "Queries and keys of a task (default 16,128; 16,1024 with AMX, 16,256 with another matrix unit)">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::scf::SCFDialect"];
}

def MQAOutlineTasksPass : Pass<"mqa-outline-tasks", "::mlir::ModuleOp"> {
  let summary = "Makes the body of a function's scf.forall callable, one task a call";
  let description = [{
    Turns a function whose only work is one `scf.forall` into the function of one task. The function gets one more
    argument for each loop, an index: the number of the task in that dimension. The caller hands out the tasks. It
    derives their number from `task_sizes` of the function's `mqa.kernel`, which are the steps of the loops.

    A fused pair has one loop, over rows. The second of its `task_sizes` is the number of keys in a tile that
    `convert-mqa-topk-to-loops` makes.

    The signature of such a function changes, so nothing in the module may refer to the function.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-cpu
    func.func @logits_clean(%q: memref<?x64x128xf8E4M3FN, ...>, ..., %out: ...) -> ... {
    ...
    scf.forall (%m, %n) = (0, 0) to (%num_queries, %num_keys) step (16, 128) {
    ...
    mqa.logits ins(...) ranges(%ranges) key_offset(%n) outs(...) {clean}
    // becomes
    func.func @logits_clean(%q: memref<?x64x128xf8E4M3FN, ...> {mqa.operand = ...}, ..., %out: ... {...}, %i: index, %j: index) attributes {..., mqa.kernel = #mqa.kernel<op = "mqa.logits", clean = true, task_sizes = [16, 128]>} {
      ...
      mqa.logits ins(...) ranges(%ranges) key_offset(%n) outs(...) {clean}
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect"];
}

def MQAUseMatrixUnitPass : Pass<"mqa-use-matrix-unit", "::mlir::func::FuncOp"> {
  let summary = "Lowers contractions of pairs of bf16 to the matrix unit of a CPU";
  let description = [{
    The features of the target (`#mqa.target`) say which unit there is: AMX tiles, or the dot products of AVX-512
    BF16 or of NEON. For a target without a unit, the pass does nothing.

    The pass lowers a `linalg.generic` that computes
    `out[m, n] += sum over k, v of rows[m, k, v] * columns[k, n, v]`. v has two values. The operands are bf16, and the
    sum is f32. The memrefs have static shapes, and their pairs are contiguous. If a `linalg.fill` with 0 is right
    ahead of the `linalg.generic`, the accumulators start at 0, and the pass erases the fill. The pass leaves other
    ops to `mqa-vectorize-linalg`, which computes the same in f32.

    The columns may lie in tiles of k and n: `out[m, N, n] += sum over K, k, v of rows[m, K, k, v] *
    columns[K, N, k, n, v]`. Each tile's pairs are contiguous. AMX reads a tile of at most 16 x 16 pairs as one register;
    the pass leaves larger ones, and leaves tiles to `mqa-vectorize-linalg` for other units.

    Accumulators stay in tiles, or in vector registers, over all of k. Where AMX computes up to four blocks of columns
    behind each other, a tile of sums is stored where the next block's sum begins in its register: then products of
    other registers go on while the store waits. (Upstream's `convert-vector-to-amx` takes one
    step of k at a time. It stores and loads the accumulator between two steps.)

    ```mlir
    #rows = affine_map<(m, n, k, v) -> (m, k, v)>
    #columns = affine_map<(m, n, k, v) -> (k, n, v)>
    #out = affine_map<(m, n, k, v) -> (m, n)>
    module attributes {mqa.target = #mqa.target<chip = "cpu", features = "amx-bf16">} {
      func.func @scores(%keys: memref<32x64x2xbf16>, %query: memref<64x32x2xbf16>, %scores: memref<32x32xf32>) {
        %zero = arith.constant 0.0 : f32
        linalg.fill ins(%zero : f32) outs(%scores : memref<32x32xf32>)
        linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
            ins(%keys, %query : memref<32x64x2xbf16>, memref<64x32x2xbf16>) outs(%scores : memref<32x32xf32>) {
        ^bb0(%a: bf16, %b: bf16, %c: f32):
          %0 = arith.extf %a : bf16 to f32
          %1 = arith.extf %b : bf16 to f32
          %2 = arith.mulf %0, %1 : f32
          %3 = arith.addf %c, %2 : f32
          linalg.yield %3 : f32
        }
        return
      }
    }
    // becomes
    %a = amx.tile_load %rows[%c0, ...] : memref<32x128xbf16> into !amx.tile<16x32xbf16>
    ...
    %b = amx.tile_load %columns[...] : memref<64x64xbf16> into !amx.tile<16x32xbf16>
    %sum = amx.tile_zero : !amx.tile<16x16xf32>
    %sum1 = amx.tile_mulf %a, %b, %sum : ...
    ...
    amx.tile_store %scores[...], ...
    ```
  }];
  let dependentDialects = ["::mlir::amx::AMXDialect", "::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::x86vector::X86VectorDialect"];
}

def MQAVectorizeLinalgPass : Pass<"mqa-vectorize-linalg", "::mlir::func::FuncOp"> {
  let summary = "Tiles linalg ops of static shape to registers and vectorizes them";
  let description = [{
    Runs upstream's tiling, `linalg::vectorize`, transfer hoisting and contraction lowering over each `linalg` op of
    static shape:

    - A contraction is tiled to `register-tile` rows and columns of an accumulator. The accumulator stays in
      registers over the reduction.
    - A transposition is tiled to 16 x 16.
    - A sum along rows is tiled to 16 rows and up to 256 columns.

    The pass leaves ops of dynamic shape to `convert-linalg-to-loops`. It erases an op over no elements.

    ```mlir
    linalg.matmul ins(%a, %b : memref<8x64xf32>, memref<64x32xf32>) outs(%c : memref<8x32xf32>)
    // becomes
    %tile = scf.for %k = ... iter_args(%sums = ...) -> (vector<4x32xf32>) {
      ...
      %row = vector.extract %sums[0] : vector<32xf32> from vector<4x32xf32>
      %sum = vector.fma ..., %row : vector<32xf32>
      ...
    vector.transfer_write %tile, ... : vector<4x32xf32>, memref<8x32xf32>
    ```
  }];
  let options = [
    ListOption<"registerTile", "register-tile", "int64_t",
               "Rows and columns of the accumulator (default 4,32)">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // MQA_CPU_PASSES_TD
