//===- RingPasses.td - Stages, roles, slots, copies --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RING_PASSES_TD
#define MQA_RING_PASSES_TD

include "mlir/Pass/PassBase.td"

def MQAStageTilesPass : Pass<"mqa-stage-tiles", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Stages the tiles of mqa.logits in shared-memory rings (level 3 to 4)";
  let description = [{
    Replaces each `mqa.logits` on tiles of global memory by an `mqa.tile_logits` on slots of rings and an
    `mqa.store_logits`. Queries and weights are filled once per query block; keys and their scales are filled once
    per key tile. The loop over query blocks carries the positions of the rings. Inside the loop over keys, a
    position follows from the key.

    If keys have groups, or if only some heads have room (`block_heads`), the rings are filled once per key tile and
    block of heads, in a loop over these blocks. The loop adds up their logits, or takes the maximum.

    Contract: anything that breaks these rules is an error.

    - The op is in the inner one of two nested `scf.for`. No other loop is around them. The inner loop counts keys
      as `index`.
    - The op's q, weights and ranges (or ks and ke) come from outside of the inner loop, because queries are staged
      ahead of it. Only tiles write global memory in the inner loop.
    - Several ops in one loop get rings of their own.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-nvvm
    scf.for %n = %lo to ... {
    ...
    mqa.logits ins(%q_tile, %k_tile, %k_scale_tile, %weights_tile : ...) ranges(%ranges) key_offset(%n) outs(...) {schedule = ...}
    // becomes
    mqa.ring_put %query_ring[%i], %q_tile, %weights_tile : ...
    %q:2 = mqa.ring_get %query_ring[%i] : ...
    ...
    scf.for %n = %lo to ... {
      ...
      mqa.ring_put %key_ring[%p], %k_tile : ...
      ...
      mqa.ring_put %scale_ring[%p], %k_scale_tile : ...
      ...
      %logits = mqa.tile_logits ins(%q#0, %k, %k_scale, %q#1 : ...) ...
      mqa.store_logits %logits, %ranges first_key(%n) outs(...) : ...
      mqa.ring_release %key_ring[%p] : ...
      mqa.ring_release %scale_ring[%p] : ...
      ...
    mqa.ring_release %query_ring[%i] : ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQASpecializeWarpsPass : Pass<"mqa-specialize-warps", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Splits a staged kernel in producer, cleaner and consumer warps (level 4)";
  let description = [{
    Clones the kernel's persistent loop once for each role. A clone keeps what its role does, as ops say by
    `RoleOpInterface`, and ops without a role.

    | role | threads | keeps |
    | --- | --- | --- |
    | consumers | those of the consumer groups, ahead of all others | get, `mqa.tile_logits`, `mqa.store_logits`, release. Each consumer group takes its `tile_q` queries, and the key stages that are its turn |
    | producers | the warps after the consumers. With tensor maps: one warp for each ring, so that no load waits for the loads of another ring; one warp for all rings where there is something to clean. Warps that are left over take turns with the ring whose slots take longest, if a slot needs four copies or more, or lanes that move elements; the number of warps divides the number of stages. A large ring that lanes fill from short key blocks has two or four of the warps; where it has all four, they take turns with the slots that lanes fill beside it, and one of them loads the queries. Without tensor maps: four warps fill all rings together; two where there is something to clean. The warps of a converter are taken from these | put, or acquire, fill and commit |
    | converter, if a ring has it as its filler | groups of four warps behind those of producers and cleaners: one, or as many as `producers` of the ring says | get and release of rings that it reads, acquire and commit of rings that it fills, and what stands between |
    | cleaners, where there is something to clean | the other warps | the loop with `mqa.clean_rows` |

    - **Registers.** On a chip that can, the last group of warps hands registers to the consumers
      (`nvvm.setmaxregister`).
    - **Turns.** Sets of consumer groups take key stages in turn. The loop over keys of a set starts at the first
      stage whose ring position is the turn of the set, and steps over the stages of the others. A consumer group
      without queries only releases.
    - **The first queries.** A producer that loads only queries waits for the queries of the first block (get) before
      it asks for more queries, which would delay the first ones.
    - **Roles of ops.** `filler` and `reader` of a ring say which role fills the ring and which role reads it. An op
      without a role that uses an acquired slot, or a slot that a converter gets, has the role of the slot. The
      threads of a role share the iterations of an `scf.forall`. Each thread of the role executes all other ops.

    Contract: a kernel without a loop over rings stays as it is. In other kernels, anything that breaks these rules
    is an error.

    - The rings, and one loop over them, are at the top of the kernel. Ops on rings and tiles are in that loop alone.
      `known_block_size` is the number of the consumers' threads, and those of one group of warps more.
    - All `mqa.tile_logits` have the same groups of queries. The number of these groups divides the number of
      consumer groups. The consumer groups that have the same queries take key stages in turn.
    - Other ops in the loop, and ops between it and the loop that cleans, may compute and read. Each role that needs
      their results executes them. They write acquired slots alone. If a role computes
      a value from a slot, no other role uses the value.
    - A get comes behind the put or commit of its position. Each role keeps the order of the code. So no role waits
      forever if one thread that executed all of the code would not.
    - The logits of a tile are stored, or carried by a loop that adds them up from zero.
    - A slot is still read by an `mqa.tile_logits` or an `mqa.fit_queries`, so this pass comes before
      `mqa-vectorize-tiles`.
    - If consumer groups take turns, the loop over keys carries nothing. In each iteration it gets one slot of a ring,
      and releases the slot. The position goes up by one in each iteration, and is the same for all rings of the
      loop. `mqa.fit_queries` is outside of the loop, because all consumer groups execute it.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-nvvm
    scf.for %n = ... {
    ...
    mqa.ring_put %key_ring[%p], ...
    ...
    %k = mqa.ring_get %key_ring[%p] : ...
    ...
    %logits = mqa.tile_logits ins(...) ...
    mqa.store_logits %logits, ...
    mqa.ring_release %key_ring[%p] : ...
    // becomes
    scf.if %is_consumer {
      nvvm.setmaxregister increase ...
      ...
          %k = mqa.ring_get %key_ring[%p] : ...
          ...
          %logits = mqa.tile_logits ins(...) ...
          mqa.store_logits %logits, ...
          mqa.ring_release %key_ring[%p] : ...
          ...
    } else {
      nvvm.setmaxregister decrease 32
      ...
            mqa.ring_put %key_ring[...], ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def MQAPrefetchBlockIdsPass : Pass<"mqa-prefetch-block-ids", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Reads the block table of a paged cache ahead of the loads that need it";
  let description = [{
    Replaces each `mqa.gather_pages` by an `mqa.gather_blocks` and a load of the block table. In this load, each lane
    of the warp reads the entry of one block.

    If the keys follow the index of a loop, the load is that of a later iteration, `distance` iterations ahead. The
    loop carries the loaded value. Otherwise the producer would wait for memory in every iteration, and would be
    slower than the memory that it loads from. The entries of the first iterations are read as soon as the first key
    is known.

    An entry that exists is read whether its keys are needed or not, so that the load does not wait for a length. A
    block that is not needed counts as -1.

    If the gather has `pages`, an entry is the number of a block of the sequence, and a second load finds the cache
    block. The loop then carries the numbers for one iteration more, and the entries of the table: the second load is that
    of `distance` iterations ahead, and its number was read an iteration before.

    Contract: whole, converged warps execute the gathers (warp-specialised code). Nothing writes the table while the
    kernel runs. The table is not read ahead of an `nvvm.griddepcontrol wait` or a barrier in front of the loop.

    ```mlir
    %ring = mqa.ring_create : !mqa.ring<4, memref<128x128xf8E4M3FN, #gpu.address_space<workgroup>>>
    %c128 = arith.constant 128 : index
    scf.for %n = %lo to %hi step %c128 {
      %k = mqa.gather_pages %cache[%table] from %n keys %c128
          : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      mqa.ring_put %ring[%p], %k : !mqa.ring<4, memref<128x128xf8E4M3FN, #gpu.address_space<workgroup>>>, memref<?x128xf8E4M3FN>
    }
    // becomes
    %last:2 = scf.for %n = %lo to %hi step %c128 iter_args(%ids = %first, %next = %second) -> (i32, i32) {
      ...
      %later = scf.if ... -> (i32) {
        ...
        %entry = memref.load %table[...] : memref<1x?xi32>
        ...
      %used = arith.select %is_needed, %ids, %c-1_i32 : i32
      ...
      %k = mqa.gather_blocks %cache[%used] from %n : memref<?x64x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
      mqa.ring_put %ring[%p], %k : ...
      scf.yield %next, %later : i32, i32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let options = [
    Option<"distance", "distance", "unsigned", /*default=*/"2",
           "Iterations that the block table is read ahead">,
  ];
}

def MQAExpandPutsPass : Pass<"mqa-expand-puts", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands puts to acquire, fills and commit";
  let description = [{
    Replaces each `mqa.ring_put` by an `mqa.ring_acquire`, an `mqa.fill_tile` for each source and an
    `mqa.ring_commit`. Only this pass decides how each tile is copied:

    | source | kind |
    | --- | --- |
    | rows that begin anywhere: an `mqa.row_block`, a view of one, or scales of cache blocks of fewer than 32 keys, unless the scales are a vector without gaps | `elements` |
    | of another element type than the tile | `chunks` |
    | blocks (`block_size`) of fewer than 32 rows of a matrix or of a paged cache, or of their scales | `async_chunks` |
    | any other, on a target with tensor maps | `tensor_map` |
    | any other, on other targets | `async_chunks` |

    TMA takes about 75 cycles for a box of 8 rows of 128 bytes, longer than lanes take to copy them.

    Fills by `elements` come last: lanes wait for what they load, and by then the copies that go on by themselves
    should be under way.

    Contract: the module has a target that is a GPU. Other acquires and commits may be there.

    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    mqa.ring_put %ring[%i], %scales : !ring, memref<?xf32>
    // becomes
    %tile = mqa.ring_acquire %ring[%i] : ... -> memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    mqa.fill_tile %scales into %tile by tensor_map : memref<?xf32> into memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    mqa.ring_commit %ring[%i] : ...
    ```
  }];
}

def MQALowerRingsPass : Pass<"mqa-lower-rings", "::mlir::ModuleOp"> {
  let summary = "Lowers rings to shared-memory buffers, mbarriers and copies";
  let description = [{
    A ring becomes one buffer for each tile in dynamic shared memory, and two groups of mbarriers: full and empty.
    Acquire and get become waits. Commit and release become arrivals. Each `mqa.fill_tile` becomes the copies that
    its kind says:

    | what fills a slot | becomes | arrivals at the full barrier |
    | --- | --- | --- |
    | fills by `tensor_map` | `nvgpu.tma.async.load`s. One lane starts them all where the last of these fills stands | one, which expects the bytes of all loads |
    | fills by `async_chunks` | `mqa.async_copy`s of 16 bytes | one of each thread by `mqa.async_arrive`, behind the last of these fills |
    | fills by `chunks` or `elements`, other ops that write | loads and stores | one of each thread, at the commit |

    - **Arrivals** are counted once for a ring, from all that fills its slots. If an asynchronous matrix unit may
      read what threads have written, the threads pass a fence of proxies ahead of their arrivals. Threads do not wait
      for their fills by `async_chunks`. There, the readers pass the fence, behind their wait for the slot.
    - **Start.** A thread of the last warp initialises the mbarriers at the top of the kernel. If all threads meet at
      a `gpu.barrier` before they touch a ring, the pass adds no other barrier.
    - **Buffers** have the dims of the tiles' memory, as the layouts of the tiles say (`#mqa.staged`). The boxes that
      are copied have these dims too.
    - **Tensor maps.** If the source of a fill by `tensor_map` is a view of a kernel argument, the argument becomes a
      `!nvgpu.tensormap.descriptor`. Its type says box, swizzle and element type: the recipe from which the caller
      makes the tensor map. A `gpu.launch_func` of such a kernel in the module is an error, because it would pass the
      argument as it was.
    - **Other arguments.** Arguments that are copied by chunks stay memrefs. They must be aligned to 16 bytes, and
      their `mqa.operand` says so. A fill by `chunks` may convert fp8 to f16.
    - **Other ops** than fills may write an acquired slot. In a staged tile, these are the ops that
      `mqa-lower-layouts` lowers.

    Contract: anything that breaks these rules is an error.

    - Puts are expanded (`mqa-expand-puts`).
    - Whole, converged warps execute each op on a ring. The ring's `producers` execute acquire, fills and commit;
      `mqa-specialize-warps` sees to that. If tensor maps fill the ring, there is one producer. A block has its
      threads in x alone.
    - A commit follows its acquire in the same block. No other slot of the ring is acquired between them. If a fill by
      `tensor_map` fills a tile, nothing else fills it.
    - Rings are made at the top of the kernel. Only ops on rings use them. They take all dynamic shared memory.
    - The source of a fill by `tensor_map` or by chunks is a unit-stride `memref.subview` of a kernel argument whose
      rows are contiguous, or an `mqa.gather_blocks` of one. Only such sources use an argument that becomes a tensor
      map. If the boxes of an argument have its dims in another order, the argument has an `mqa.operand`, which then
      says that order.

    If the kernel has an `mqa.kernel`, that attribute gets the bytes of dynamic shared memory.

    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    !tile = memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    gpu.func @example(%scales: memref<?xf32>, %i: i32, %n: index, %count: index) kernel {
      %ring = mqa.ring_create : !ring
      %rows = memref.subview %scales[%n] [%count] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
      %tile = mqa.ring_acquire %ring[%i] : !ring -> !tile
      mqa.fill_tile %rows into %tile by tensor_map : memref<?xf32, strided<[1], offset: ?>> into !tile
      mqa.ring_commit %ring[%i] : !ring
      gpu.return
    }
    // becomes
    gpu.func @example(%map: !nvgpu.tensormap.descriptor<tensor = memref<256xf32, #gpu.address_space<workgroup>>, ...>, %i: i32, %n: index, %count: index) kernel {
      ...
      nvgpu.mbarrier.try_wait.parity %empty[%slot], %parity, ...
      ...
        nvgpu.mbarrier.arrive.expect_tx %full[%slot], ...
        ...
        nvgpu.tma.async.load %map[...], %full[%slot] to ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::nvgpu::NVGPUDialect", "::mlir::scf::SCFDialect",
                           "::mlir::affine::AffineDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQATightenSlotsPass : Pass<"mqa-tighten-slots", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Waits for a ring slot before its first read, releases it after its last";
  let description = [{
    Moves each `mqa.ring_get` of a slot that is only loaded from down to the first load. Moves each
    `mqa.ring_release` up to behind the last op that reads a tile of its slot. So the producer refills the slot while
    the consumer still reduces.

    How long a tile is in use:

    - A tile that a WGMMA reads is in use until the wait for the WGMMA.
    - A tile that is loaded from is in use until the loaded values are stored.
    - A tile that a vector is read from is in use until what is computed from the vector is stored, because a WGMMA
      may read the tile later.

    Contract: none. At levels 4 and 5, a release moves up less far than at level 6. A release stays where it is if no
    get of its position is ahead of it, in its block or in a block around it. It also stays if the pass does not know
    when the slot has been read: by an op of `nvgpu`, `nvvm` or `llvm`, whose copies go on by themselves; by a call,
    or another op that says nothing about its effects; by a WGMMA for which not every path waits.

    ```mlir
    !ring = !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    %tile = mqa.ring_get %ring[%i] : !ring -> memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    memref.store %x, %out[%n] : memref<?xf32>
    %scale = memref.load %tile[%n] : memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    memref.store %scale, %out[%n] : memref<?xf32>
    memref.store %x, %out[%m] : memref<?xf32>
    mqa.ring_release %ring[%i] : !ring
    // becomes
    memref.store %x, %out[%n] : memref<?xf32>
    %tile = mqa.ring_get %ring[%i] : ...
    %scale = memref.load %tile[%n] : ...
    memref.store %scale, %out[%n] : memref<?xf32>
    mqa.ring_release %ring[%i] : ...
    memref.store %x, %out[%m] : memref<?xf32>
    ```
  }];
}

def MQALowerLayoutsPass : Pass<"mqa-lower-layouts", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Lowers views and accesses of staged tiles to those of their memory";
  let description = [{
    Lowers ops on tiles with the layout `#mqa.staged`. An `mqa.subtile` becomes a `memref.subview` of the memory.
    Loads, stores and vector transfers become those of the memory, at the place that the layout says: the index of
    each dim of memory; in a swizzled row, the column exclusive-or the number of the row's line. If the pass knows
    that the indices of a transfer begin at a run of elements that stay together, it cuts the transfer into such
    runs. Otherwise it cuts the transfer into elements.

    Contract: any order of the ops. A tile may come from anywhere, also from a branch or a loop. A tile that the
    matrix unit reads keeps its layout, as the result of an `mqa.layout_cast`. A transfer that has a mask, may be out
    of bounds, or permutes dims is an error.

    ```mlir
    !tile = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    %x = memref.load %tile[%key, %d] : !tile
    memref.store %x, %out[%d] : memref<?xf8E4M3FN>
    // becomes
    %line = affine.apply #mod_8()[%key]
    %column = affine.apply #floordiv_16()[%d]
    %place = arith.xori %column, %line : index
    ...
    %memory = mqa.layout_cast %tile : ... to memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
    %x = memref.load %memory[%key, ...] : ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

#endif // MQA_RING_PASSES_TD
