//===- FragmentPasses.td - Vectors, and code of one thread -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_FRAGMENT_PASSES_TD
#define MQA_FRAGMENT_PASSES_TD

include "mlir/Pass/PassBase.td"

def MQAVectorizeTilesPass : Pass<"mqa-vectorize-tiles", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Writes tiles and stores as group-level vectors (level 4 to 5)";
  let description = [{
    Turns ops on tiles into ops on vectors of whole tiles. `mqa.tile_logits` becomes a contraction,
    `arith.maximumf`, a multiplication by the weights, a reduction over the heads and a multiplication by the scale.
    If keys are packed (MXFP4), an `mqa.decode_mx` of them comes first, and the scale follows from its exponents.
    If keys are the rows of several products, each product has a contraction and a reduction. The sums of one product
    are stored before the next product starts, with two exceptions. With `accumulators = 2`, all products of a tile
    are stored at once. With packed keys and one query, two products are stored at once. Sums of several products are joined by
    `vector.insert_strided_slice` before they are scaled.
    `mqa.store_logits` becomes a masked write; if rows are compressed, it becomes an `mqa.scatter_columns`; if the ranges
    have `block_max`, it becomes a masked write of the maximum of each block.

    Weights and ranges do not depend on the tile. Weights are read where their memref is defined, and ranges where
    they are narrowed: outside of the key loop, but behind ops that may write their memory. The pass takes it that
    logits lie in other memory than ranges, as the operands of the op do from which a kernel is made.

    Vectors have the indices of the tiles: [query, head, d] and [key, d]. The pass does not depend on the layouts of
    the tiles, except that a head tile is a part of `q` (`mqa.subtile`).

    Contract: a tile has the queries of one consumer group (`mqa-specialize-warps`). Anything else is an error.

    ```mlir
    !q = memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [1, 8, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    !k = memref<128x128xf8E4M3FN, #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    !k_scale = memref<128xf32, #gpu.address_space<workgroup>>
    !weights = memref<8x64xf32, #gpu.address_space<workgroup>>
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %logits = mqa.tile_logits ins(%q, %k, %k_scale, %weights : !q, !k, !k_scale, !weights) : vector<8x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<8x128xf32>
    // becomes
    %scores = vector.contract ... : vector<8x8x128xf8E4M3FN>, vector<128x128xf8E4M3FN> into vector<8x8x128xf32>
    ...
    %relu = arith.maximumf %scores, ... : vector<8x8x128xf32>
    ...
    %weighted = arith.mulf %relu, ... : vector<8x8x128xf32>
    %sum = vector.multi_reduction <add>, %weighted, ... [1] : vector<8x8x128xf32> to vector<8x128xf32>
    ...
    vector.transfer_write %logits, %out[...], %mask ... : vector<8x128xf32>, memref<?x?xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

def MQADistributeVectorsPass : Pass<"mqa-distribute-vectors", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Distributes group-level vectors over the threads (level 5 to 6)";
  let description = [{
    The code of one consumer group has vectors of whole tiles. This pass turns it into the code of one thread, which
    has values in registers:

    - A `vector.contract` of two staged tiles becomes fence, `mqa.wgmma`, commit and `mqa.wgmma_wait`. Its elements
      are the registers of the fragment. (On a chip without WGMMA, it becomes an `mqa.mma_sync`.) The tiles have the
      layouts that the chip's matrix unit needs (`MatrixUnit::getOperandLayout`).
    - The rows of a contraction may be those of an `mqa.decode_mx`. Each thread then decodes its part of two keys into
      the registers that WGMMA reads.
    - Element-wise ops, broadcasts and reads are computed for the elements that the thread owns.
    - A reduction over heads, `add` or `maximumf`, is done in the thread first. Then it goes over the lanes that have other
      heads of the same query (8, 4, 2 or no others). On the way, the lanes transpose the sums, so that each lane ends with
      elements of its own instead of copies.
    - Where rows are keys, sums of several products may be joined by `vector.insert_strided_slice`. They then cross the
      lanes together.
    - An `scf.for` that carries a vector carries the elements with which the lane ends.
    - A write stores these elements where its mask holds. `mqa.append_logits` appends them to a list; a ballot for
      each element tells a lane its place.

    Contract: anything that breaks these rules is an error.

    - If warps share a query, the warps that execute the code are the first of the block, as many as the rings have
      consumers (without rings: all).
    - Three kinds of ops write what was computed: `mqa.scatter_columns`, `mqa.append_logits`, and a
      `vector.transfer_write` whose target is no tile with a `#mqa.staged` layout. The written value is computed
      element-wise from one `vector.multi_reduction` of a `vector.contract`. One loop may carry it. A sum may be
      written, and another sum may be added to it. A reduction begins with 0 or -inf, or with another one of its kind.
    - Nothing changes a tile between the read of it and the contraction.
    - Ops may come in any order. A contraction may be used in regions, and a loop may have several contractions.
    - A sum over warps takes named barriers that the kernel does not use yet.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-nvvm
    %scores = vector.contract ... %q, %k, %zero : vector<8x8x128xf8E4M3FN>, vector<128x128xf8E4M3FN> into vector<8x8x128xf32>
    // becomes
    nvvm.wgmma.fence.aligned
    %acc = mqa.wgmma %q, %k : ...
    nvvm.wgmma.commit.group.sync.aligned
    ...
    %done = mqa.wgmma_wait %acc {pending = 0 : i64} : ...
    %r:64 = mqa.unpack_fragment %done : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::mqa::MQADialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandRowOpsPass : Pass<"mqa-expand-row-ops", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.key_range, mqa.row_run and mqa.clean_rows to loops and scalars";
  let description = [{
    `mqa.key_range` becomes loads of one row per lane, and a minimum and a maximum over the warp. So does `mqa.row_run`,
    which also looks for the first lane whose row is of another sequence. `mqa.clean_rows`
    becomes a loop for each row, in which the threads take turns. A thread writes four elements at a time where the
    row is aligned to 16 bytes. The pass removes ranges that nothing else uses.

    Contract: whole warps execute an `mqa.key_range` or an `mqa.row_run`. Its ranges have at least one row. The pass expands each op
    where the op stands, whatever is around it, and wherever its ranges are made and narrowed.

    ```mlir
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %lo, %hi = mqa.key_range %ranges {max_rows = 8}
    memref.store %lo, %out[%hi] : memref<?xindex>
    // becomes
    %start = memref.load %ks[%row] : memref<?xi32>
    ...
    %end = memref.load %ke[%row] : memref<?xi32>
    ...
    %hi = gpu.subgroup_reduce maxsi ... uniform : (i32) -> i32
    ...
    %lo = gpu.subgroup_reduce minsi ... uniform : (i32) -> i32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandTileSharePass : Pass<"mqa-expand-tile-share", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.tile_share and mqa.run_share to counting, a scan and a search";
  let description = [{
    Each thread counts the key tiles of some neighbouring query blocks. A scan over the workgroup tells the thread which
    tiles these are. The threads that hold the first and the last tile of the share write block and tile to shared
    memory. Mostly a thread has one block, and reads its bounds once.

    For `mqa.run_share`, a thread has some rows, and counts the tiles of the runs that begin there. It must know where the
    sequence of its first row begins: another scan, ahead of the counting, brings the last row of another sequence.

    Contract: the kernel has a `known_block_size` of whole warps in x alone. The op is at the top of the kernel, and
    all threads come to it once. Anything else is an error.

    ```mlir
    gpu.func @example(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %i: index, %shares: index, %out: memref<?xindex>)
        kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
      %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
      %b, %t, %b_end, %t_end = mqa.tile_share %ranges share %i of %shares {block_q = 8, tile_kv = 128}
      memref.store %t, %out[%b] : memref<?xindex>
      gpu.return
    }
    // becomes
    %first = scf.if ... -> (index) {
      ...
    %own = scf.for %block = ... iter_args(%tiles = ...) -> (index) {
      ...
    %ahead, %valid = gpu.shuffle up ...
    ...
    gpu.barrier
    ...
    %b = memref.load %results[%c0] : memref<4xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def MQAExpandDecodeQueriesPass : Pass<"mqa-expand-decode-queries", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.decode_queries to code of each of its threads";
  let description = [{
    A thread decodes a block of 32 elements at a time, by the scale of the block and the greatest scale of the row. A warp
    takes the weights of a query at a time, and finds the greatest product of a weight and a scale. Behind a barrier of
    its threads, the matrix unit may read the queries, and consumers their weights and factors.

    Contract: the threads of the op are whole warps, and all come to the op equally often. They meet at a named barrier
    that the kernel does not use yet. Ops of one block that the same threads execute share this barrier. Anything else is
    an error.

    ```mlir
    !packed = memref<1x64x64xi8, #gpu.address_space<workgroup>>
    !words = memref<1x64xi32, #gpu.address_space<workgroup>>
    !weights = memref<1x64xf32, #gpu.address_space<workgroup>>
    !q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    mqa.decode_queries %packed, %words, %weights into %q, %folded, %factors threads %i of %n
        : !packed, !words, !weights into !q, !weights, memref<2x1xf32, #gpu.address_space<workgroup>>
    // becomes
    scf.for %unit = ... {
      ...
      %bytes = vector.load %packed[%query, %head, ...] ... : ..., vector<16xi8>
      ...
      vector.transfer_write ..., %q[%query, %head, ...] ... : vector<32xf8E4M3FN>, ...
    }
    ...
    scf.for %row = ... {
      ...
      %greatest = gpu.subgroup_reduce maxsi ...
      ...
      scf.if ... {
        memref.store ..., %folded[%row, ...] : ...
      }
      ...
    }
    nvvm.fence.proxy ...
    ...
    nvvm.barrier ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandPermuteQueriesPass : Pass<"mqa-expand-permute-queries", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.permute_queries to code of each of its threads";
  let description = [{
    A warp takes some rows of the queries at a time. A lane reads 16 elements of a row, four at a time, as they will lie
    together. When all lanes have read, each writes its 16 elements. Behind a barrier of its threads, the matrix unit may
    read the queries.

    Contract: the threads of the op are whole warps, and all come to the op equally often. They meet at a named barrier
    that the kernel does not use yet. Ops of one block that the same threads execute share this barrier. Anything else is
    an error.

    ```mlir
    !q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    mqa.permute_queries %q threads %i of %n : !q
    // becomes
    scf.for %first = ... {
      ...
      %part = vector.transfer_read %q[%query, %head, ...], ... : ..., vector<4xf8E4M3FN>
      ...
      nvvm.bar.warp.sync ...
      ...
      vector.transfer_write ..., %q[%query, %head, ...] ... : vector<16xf8E4M3FN>, ...
    }
    nvvm.fence.proxy ...
    ...
    nvvm.barrier ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandFitQueriesPass : Pass<"mqa-expand-fit-queries", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.fit_queries to code of each of its threads";
  let description = [{
    Warps take 512 bytes of queries at a time. A lane adds up the magnitudes of 16 bytes. The lanes of a head add up
    their sums, and multiply the bytes of the head if its exponent is not 0. After a barrier, one warp per query
    scales the weights.

    Contract: anything that breaks these rules is an error.

    - A row of the tile's memory is a head of a query. It has 32, 64 or 128 bytes, and its swizzle stays inside of
      it. The tile has a multiple of 512 bytes.
    - The threads of the op are whole warps, and all come to the op equally often. They meet at a named barrier that
      the kernel does not use yet. Ops of one block that the same threads execute share this barrier. A kernel that
      calls functions, or has a barrier in inline assembly, may use any barrier.
    - The factors have one place in memory. No loop may carry them to where the op is executed again.

    ```mlir
    !q = memref<4x16x32xf8E4M3FN, #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    !weights = memref<4x16xf32, #gpu.address_space<workgroup>>
    %factors = mqa.fit_queries %q, %weights threads %i of %n : !q, !weights -> memref<2x4xf32, #gpu.address_space<workgroup>>
    // becomes
    scf.for %byte = ... {
      %bytes = vector.load %memory[%byte] : ..., vector<16xf8E4M3FN>
      ...
      %other, %valid = gpu.shuffle xor ...
      ...
        vector.store ..., %memory[%byte] : ..., vector<16xf8E4M3FN>
        ...
    nvvm.barrier id = %c1_i32 number_of_threads = ...
    ...
    scf.for %query = ... {
      ...
      %greatest = gpu.subgroup_reduce maxsi ...
      ...
    nvvm.barrier id = %c1_i32 number_of_threads = ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def MQAExpandCandidatesPass : Pass<"mqa-expand-candidates", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands the ops on lists of candidates to what each thread does";
  let description = [{
    Threads agree on places in a list by ballots in their warp, and by a word of each warp in shared memory.

    | op | becomes |
    | --- | --- |
    | `mqa.append_candidates` | ballots, and stores of code and key |
    | `mqa.cut_candidates` | a radix selection: a histogram of the codes in an interval, which each step narrows to one of its bins; then the same for the keys of equal codes |
    | `mqa.estimate_threshold` | one step of such a selection, among the codes of the sample |
    | `mqa.cut_lists` | the same by teams of warps, a row for each team |
    | `mqa.sort_candidates` | a bitonic sort. If it sorts by keys that lie close together, a bitmap in which it counts how many keys are smaller |
    | `mqa.meet` | its region between two barriers of its threads. These barriers, and those inside of the region, have a number of their own |

    Contract: the kernel has a `known_block_size` of whole warps in x alone. All threads (of the `mqa.meet` that an op
    is in, or of the kernel) come to each of the ops. A list in shared memory has at most 32768 candidates. There are
    enough named barriers that the kernel does not use: one for all meets, and one for each team of more than one
    warp.

    ```mlir
    !list = memref<8192xi32, #gpu.address_space<workgroup>>
    gpu.func @example(%logits: vector<4xf32>, %first: index, %least: f32, %codes: !list, %keys: !list, %n: index, %turn: index,
                      %out: memref<?xindex>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
      %count, %fits = mqa.append_candidates %logits from %first threshold(%least) turn(%turn)
          outs(%codes, %keys count %n : !list) : vector<4xf32>
      memref.store %count, %out[%n] : memref<?xindex>
      gpu.return
    }
    // becomes
    %reaches = arith.cmpf oge, ...
    ...
    %ballot = nvvm.vote.sync ballot ...
    ...
    gpu.barrier
    ...
    %ahead = nvvm.redux.sync add ...
    ...
      scf.if %reaches {
        ...
        memref.store %code, %codes[%place] : ...
        ...
        memref.store %key, %keys[...] : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // MQA_FRAGMENT_PASSES_TD
