//===- Passes.td - Passes over the mqa dialect -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TRANSFORMS_PASSES_TD
#define MQA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def MQAAttachTargetPass : Pass<"mqa-attach-target", "::mlir::ModuleOp"> {
  let summary = "Says which chip a module is for";
  let description = [{
    Attaches `mqa.target` to the module, which schedules, plans and lowerings ask for
    the limits and units of the chip: so it comes first. A chip that is not known is
    an error that lists those that are; so is another target that the module has.

    ```mlir
    module { ... }
    // becomes
    module attributes {mqa.target = #mqa.target<chip = "sm_90a">} { ... }
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"::mlir::mqa::kDefaultChip.str()",
           "The chip that kernels are made for">,
    Option<"features", "features", "std::string", /*default=*/"",
           "Of a CPU: its instruction sets by LLVM's names, separated by ','">
  ];
  let dependentDialects = ["::mlir::mqa::MQADialect"];
}

def MQABufferizePass : Pass<"mqa-bufferize", "::mlir::ModuleOp"> {
  let summary = "One-Shot Bufferize with rows that may be strided";
  let description = [{
    Runs upstream One-Shot Bufferize over whole modules. A tensor argument
    becomes a memref whose row stride and offset are dynamic and whose rows are
    contiguous: callers may pass slices, while kernels may load whole rows. In
    functions that nothing calls, memref arguments that only ops of ours use become
    such memrefs too, and a static size of zero becomes a dynamic one: the kernels
    below are the same for no element and for any number.

    Contract: results are buffers of the function; a result that is bufferized
    in place is the argument itself.

    ```mlir
    func.func @f(%q: tensor<?x64x128xf8E4M3FN>, ...)
    // becomes
    func.func @f(%q: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1], offset: ?>>, ...)
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def MQADistributeVectorsPass : Pass<"mqa-distribute-vectors", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Distributes group-level vectors over the threads (level 5 to 6)";
  let description = [{
    Takes the code of one consumer group, in which a vector is a whole tile, to the
    code of one thread, in which values are registers:

    - a `vector.contract` of two staged tiles becomes fence, `mqa.wgmma`,
      commit and `mqa.wgmma_wait`, and its elements are the fragment's registers. The tiles have the
      layouts that the chip's matrix unit wants of them (`MatrixUnit::getOperandLayout`);
    - element-wise ops, broadcasts and reads are computed at the elements that the
      thread owns;
    - a reduction over heads is summed in the thread, then over the lanes that have
      other heads of the same query (8, 4, 2 or no others); the sums are transposed
      among the lanes on the way, so that each lane ends with elements of its own
      instead of copies;
    - an `scf.for` that carries a vector carries the elements that the lane ended
      with;
    - the write stores them, where the mask holds; or appends them to a list
      (`mqa.append_logits`), with a ballot for each element that tells a lane its place.

    Contract: where warps share a query, the warps that come here are the first of the
    block, as many as the rings have consumers (without rings: all). Every `vector.transfer_write` that is not to a tile with a `#mqa.staged` layout, `mqa.scatter_columns` and `mqa.append_logits`
    in the function is of a value that is computed element-wise from one `vector.multi_reduction` of
    a `vector.contract`, perhaps carried by one loop. Nothing may change a tile
    between its read and the contraction. Anything else is an error. Ops may come in
    any order; a contraction may be used in regions, and be one of several in a
    loop; a sum may be written, and added to by another one. A sum over warps takes
    named barriers that the kernel does not use yet.

    ```mlir
    %s = vector.contract ... %q, %k, %zero : ... into vector<8x8x128xf32>
    // becomes
    nvvm.wgmma.fence.aligned
    %d = mqa.wgmma %q, %k : ... -> !mqa.fragment<vector<64x128xf32>>
    nvvm.wgmma.commit.group.sync.aligned
    %e = mqa.wgmma_wait %d {pending = 0 : i64} : !mqa.fragment<vector<64x128xf32>>
    %r:64 = mqa.unpack_fragment %e : !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::mqa::MQADialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def MQAFuseTopkPass : Pass<"mqa-fuse-topk"> {
  let summary = "Fuses logits with the mqa.topk that is their only reader";
  let description = [{
    Where an `mqa.topk` selects from what an `mqa.logits` or `mqa.paged_logits` computes, and
    nothing else sees that, the two become one kernel in which logits never reach memory. The
    pass replaces the destination of the logits, a `tensor.empty` or `memref.alloc`, by an
    `mqa.unstored_logits`, and drops `clean`, which only concerns what nobody sees now.

    Both ops must have the same ranges: the same `ks` and `ke`, or the same `context_lens`
    and `next_n`; and with a paged cache, `base = slot` needs the same `block_table` and
    `block_kv`. With a paged cache, ranges end where the table ends. `compressed` rows are not
    fused, nor are tiles. On memrefs, nothing between the two ops may have effects on memory. A
    remark tells why a pair is left as it is.

    ```mlir
    %init = tensor.empty(%m, %n) : tensor<?x?xf32>
    %logits = mqa.logits ins(%q, ...) outs(%init : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, %ks, %ke : ...) outs(%indices : tensor<?x2048xi32>) -> ...
    // becomes
    %init = mqa.unstored_logits(%m, %n) : tensor<?x?xf32>
    %logits = mqa.logits ins(%q, ...) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, %ks, %ke : ...) outs(%indices : tensor<?x2048xi32>) -> ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::mqa::MQADialect"];
}

def MQAExpandRowOpsPass : Pass<"mqa-expand-row-ops", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.key_range and mqa.clean_rows to loops and scalars";
  let description = [{
    `mqa.key_range` becomes loads of a row per lane, and a minimum and a maximum
    over the warp; `mqa.clean_rows` a loop per row in which the threads take turns, four
    elements at a time where the row is aligned to 16 bytes. Ranges that nothing else uses are
    removed.

    Contract: whole warps execute an `mqa.key_range`, whose ranges have at least one
    row. Each op is expanded where it stands, whatever is around it, and wherever its
    ranges are made and narrowed.

    ```mlir
    %lo, %hi = mqa.key_range %ranges {max_rows = 8}
    // becomes
    %s = memref.load %ks[%lane_row] : ...
    %lo = gpu.subgroup_reduce minsi %s uniform : (i32) -> i32
    ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandCandidatesPass : Pass<"mqa-expand-candidates", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands the ops on lists of candidates to what each thread does";
  let description = [{
    Threads agree on places in a list by ballots in their warp and by a word of each warp
    in shared memory. `mqa.cut_candidates` becomes a radix selection: a histogram of the
    codes in an interval, which each step narrows to one of its bins, and of the keys of
    equal codes. `mqa.cut_lists` is the same by teams of warps, a row each.
    `mqa.sort_candidates` becomes a bitonic sort; by keys that lie close together it counts how
    many are smaller, in a bitmap.

    An `mqa.meet` becomes its region between two barriers of its threads, which have a number
    of their own, as all barriers inside of it.

    Contract: the kernel has a `known_block_size` of whole warps in x alone, all threads
    (of the `mqa.meet` that an op is in, or of the kernel) come to each of the ops, and a list in
    shared memory has at most 32768 candidates. Named barriers must be left: one for all
    meets, and one for each team of more than one warp.

    ```mlir
    %n1, %fits = mqa.append_candidates %logits from %key ... : vector<4xf32>
    // becomes
    %above = arith.cmpf oge, ...
    %ballot = nvvm.vote.sync ballot ...
    memref.store ..., %words[%warp]; gpu.barrier
    %ahead = gpu.subgroup_reduce add ...
    scf.if %appends { memref.store %code, %codes[%place]; memref.store %key, %keys[%place] }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandFitQueriesPass : Pass<"mqa-expand-fit-queries", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.fit_queries to code of each of its threads";
  let description = [{
    Warps take 512 bytes of queries at a time: a lane adds up the magnitudes of 16
    bytes, the lanes of a head add up theirs, and multiply the head's bytes where its
    exponent is not 0. After a barrier, a warp per query scales the weights.

    Contract: a row of the tile's memory is a head of a query, of 32, 64 or 128 bytes (its swizzle
    stays inside of it), and the tile has a multiple of 512 bytes; anything else is
    an error. All of the op's threads, whole warps, come to it equally often. They
    meet at a named barrier that the kernel does not use yet; ops of one block, to
    which the same threads come, share it. A kernel that calls functions, or has a
    barrier in inline assembly, may use any. The factors have one place: no loop may
    carry them to where the op was executed again.

    ```mlir
    %f = mqa.fit_queries %q, %w threads %i of %n : ...
    // becomes
    scf.for ... { vector.load, nvvm.convert.f8x2.to.f16x2, gpu.shuffle xor, ..., vector.store }
    nvvm.barrier id = %c1 number_of_threads = %n
    scf.if %has_query { gpu.subgroup_reduce maxsi ..., memref.store }
    nvvm.barrier id = %c1 number_of_threads = %n
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def MQAExpandTileSharePass : Pass<"mqa-expand-tile-share", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands mqa.tile_share to counting, a scan and a search";
  let description = [{
    Each thread counts the key tiles of a run of query blocks; a scan over the
    workgroup tells it which tiles its run holds; the threads that hold the first
    and the last tile of the share write block and tile to shared memory. Mostly a
    run is one block, whose bounds are read once.

    Contract: the kernel has a `known_block_size` of whole warps in x alone, and the
    op is at the top of the kernel, where all threads come to it once; anything else
    is an error.

    ```mlir
    %b, %t, %b_end, %t_end = mqa.tile_share %ranges share %i of %shares {...}
    // becomes
    %first = scf.if ... { count the tiles of the block %begin }
    %own = scf.for %block = %begin + 1 to %end ... { count the tiles of the block }
    %scan = gpu.shuffle up %own, ...
    memref.store ..., %sums[%warp]; gpu.barrier
    ...
    %b = memref.load %results[%c0] : memref<4xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def MQATightenSlotsPass : Pass<"mqa-tighten-slots", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Waits for a ring slot before its first read, releases it after its last";
  let description = [{
    Moves each `mqa.ring_get` of what is only loaded down to the first load, and
    each `mqa.ring_release` up to behind the last op that reads a tile of its slot.
    A tile that a WGMMA reads is in use until the wait for it; one that is loaded
    from, until what was loaded is stored, and so is one that a vector is read
    from, which a WGMMA may read later. The producer then refills the slot while
    the consumer still reduces.

    Contract: none; at levels 4 and 5, a release moves up less far than at level 6. A
    release stays where it is if there is no get of its position ahead of it, in its
    block or in one around it, or if it is not known when the slot has been read: by an
    op of `nvgpu`, `nvvm` or `llvm`, whose copies go on by themselves; by a call, or an
    op that says nothing of its effects; by a WGMMA that not every path waits for.

    ```mlir
    %t = mqa.ring_get %r[%i]; %d = mqa.wgmma %t, ...; %e = mqa.wgmma_wait %d; (reduce %e); mqa.ring_release %r[%i]
    // becomes
    %t = mqa.ring_get %r[%i]; %d = mqa.wgmma %t, ...; %e = mqa.wgmma_wait %d; mqa.ring_release %r[%i]; (reduce %e)
    ```
  }];
}

def MQALowerLayoutsPass : Pass<"mqa-lower-layouts", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Lowers views and accesses of staged tiles to those of their memory";
  let description = [{
    Of tiles with the layout `#mqa.staged`, `mqa.subtile` becomes a `memref.subview` of the
    memory, and loads, stores and vector transfers become such of the memory, at the place that the
    layout says: the index of each of its dims, and in a swizzled row the column exclusive-or the
    number of the row's line. A transfer is cut into runs of what stays together,
    where its indices are known to begin at one, else into elements.

    Contract: any order of the ops; a tile may come from anywhere, a branch or a loop too. What the
    matrix unit reads keeps its layout, as the result of an `mqa.layout_cast`. A transfer
    that has a mask, may be out of bounds, or permutes dims is an error.

    ```mlir
    %t = mqa.ring_get %r[%i] : ... -> memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, ...>
    %e = memref.load %t[%key, %d] : ...
    // becomes
    %m = mqa.layout_cast %t : ... to memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>, ...>
    %column = arith.xori (%d / 16), (%key mod 8)
    %e = memref.load %m[%key, %column * 16 + %d mod 16] : ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

def MQALowerRingsPass : Pass<"mqa-lower-rings", "::mlir::ModuleOp"> {
  let summary = "Lowers rings to shared-memory buffers, mbarriers and copies";
  let description = [{
    A ring becomes one buffer per tile in dynamic shared memory and two groups of
    mbarriers, full and empty. Acquire and get become waits, commit and release
    arrivals, and each `mqa.fill_tile` the copies that its kind says:

    | what fills a slot | becomes | arrivals at the full barrier |
    | --- | --- | --- |
    | fills by `tensor_map` | `nvgpu.tma.async.load`s, which one lane starts where the last of these fills stands | one, which expects the bytes of all |
    | fills by `async_chunks` | `mqa.async_copy`s of 16 bytes | of each thread by `mqa.async_arrive`, behind the last of these fills |
    | fills by `chunks` or `elements`, other ops that write | loads and stores | of each thread, at the commit |

    These are counted for a ring once, from all that fills its slots. Where a matrix
    unit that is asynchronous may read what threads have written, they say so by a
    fence of proxies ahead of their arrivals.
    A thread of the last warp initialises the mbarriers at the top of the kernel;
    where all threads meet at a `gpu.barrier` before they touch a ring, no other is
    added.

    The buffers have the dims of the tiles' memory, as their layouts say (`#mqa.staged`), and so have the
    boxes that are copied. A source of a fill by `tensor_map` turns the kernel argument that it is a view of into a
    `!nvgpu.tensormap.descriptor` whose type says box, swizzle and element type:
    the recipe from which the caller makes the tensor map. A `gpu.launch_func` of
    such a kernel in the module would pass the argument as it was: it is an error.

    Arguments that are copied by chunks stay memrefs, and must be aligned to 16
    bytes, which their `mqa.operand` says. By chunks, fp8 may become f16.

    Ops that are no fills may write an acquired slot; of a staged tile, those that
    `mqa-lower-layouts` lowers.

    Contract: puts are expanded (`mqa-expand-puts`). Each op on a ring is executed by whole, converged
    warps; acquire, fills and commit by the ring's `producers` (`mqa-specialize-warps` sees to that),
    which are one where tensor maps fill it; a block has its threads in x alone. A commit follows its acquire
    in the same block, and no other slot of the ring is acquired in between. A tile that is filled by
    `tensor_map` is filled by nothing else.
    Rings are made at the top of the
    kernel, and used by ops on rings alone; they take all dynamic shared memory. A
    source of a fill by `tensor_map` or by chunks is a unit-stride `memref.subview` of a kernel argument
    whose rows are contiguous, or
    an `mqa.gather_blocks` of one; an argument that becomes a tensor map is used by such sources alone.
    Anything else is an error. An argument whose boxes have its dims in another order has an `mqa.operand`,
    which then says that order. The kernel's `mqa.kernel`, if it has one, gets the bytes of
    dynamic shared memory.

    ```mlir
    %tile = mqa.ring_acquire %ring[%i] : !mqa.ring<4, memref<256x128xf8E4M3FN, ...>> -> memref<256x128xf8E4M3FN, ...>
    mqa.fill_tile %rows into %tile by tensor_map : memref<?x128xf8E4M3FN, ...> into memref<256x128xf8E4M3FN, ...>
    mqa.ring_commit %ring[%i] : !mqa.ring<4, memref<256x128xf8E4M3FN, ...>>
    // becomes
    nvgpu.mbarrier.try_wait.parity %empty[%slot], %parity, %ticks : ...
    nvgpu.mbarrier.arrive.expect_tx %full[%slot], %bytes : ...
    nvgpu.tma.async.load %map[%c0, %n], %full[%slot] to %buffer : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::nvgpu::NVGPUDialect", "::mlir::scf::SCFDialect",
                           "::mlir::affine::AffineDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAExpandPutsPass : Pass<"mqa-expand-puts", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Expands puts to acquire, fills and commit";
  let description = [{
    Replaces each `mqa.ring_put` by an `mqa.ring_acquire`, an `mqa.fill_tile` for each
    source and an `mqa.ring_commit`. How each tile is copied is decided here, and nowhere else:

    | source | kind |
    | --- | --- |
    | an `mqa.row_block`, a view of one, or scales of cache blocks of fewer than 32 keys: rows that begin anywhere | `elements` |
    | of another element type than the tile | `chunks` |
    | any other, on a target with tensor maps | `tensor_map` |
    | any other | `async_chunks` |

    Fills by elements come last: lanes wait for what they load, and the copies that go on by
    themselves should be under way.

    Contract: the module has a target that is a GPU. Other acquires and commits may be there.

    ```mlir
    mqa.ring_put %ring[%i], %rows : !mqa.ring<4, memref<256x128xf8E4M3FN, ...>>, memref<?x128xf8E4M3FN, ...>
    // becomes
    %tile = mqa.ring_acquire %ring[%i] : !mqa.ring<4, memref<256x128xf8E4M3FN, ...>> -> memref<256x128xf8E4M3FN, ...>
    mqa.fill_tile %rows into %tile by tensor_map : memref<?x128xf8E4M3FN, ...> into memref<256x128xf8E4M3FN, ...>
    mqa.ring_commit %ring[%i] : !mqa.ring<4, memref<256x128xf8E4M3FN, ...>>
    ```
  }];
}

def MQAOverlapLaunchesPass : Pass<"mqa-overlap-launches", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Lets a kernel start while the one before it in the stream ends";
  let description = [{
    Makes a kernel fit for programmatic dependent launch, by which its blocks are
    launched as those of the kernel ahead of it in the stream end, not when its
    memory is seen by all. All threads wait for that in front of the first op that
    may touch memory that a kernel can share with another; what is above it
    (initialising mbarriers, fetching tensor maps) then costs nothing.

    Launched in the ordinary way, the kernel finds nothing to wait for. The
    kernel's `mqa.kernel`, if it has one, says that it may be launched so. A kernel
    that waits in time already gets no other wait.

    ```mlir
    scf.if %is_last_warp { nvgpu.mbarrier.init ... }
    %length = memref.load %context_lens[%b] : ...
    // becomes
    scf.if %is_last_warp { nvgpu.mbarrier.init ... }
    nvvm.griddepcontrol wait
    %length = memref.load %context_lens[%b] : ...
    ```
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

def MQASelectSchedulePass : Pass<"mqa-select-schedule"> {
  let summary = "Gives every mqa.logits and mqa.paged_logits a schedule (level 1 to 2)";
  let description = [{
    Attaches `#mqa.schedule` to each `mqa.logits` or `mqa.paged_logits` that has none: the one given by
    the option, else the one that the table (`schedules.json`, filled by
    measurement) has for the module's target and its H, D and size. A schedule that
    breaks a limit of the target is an error that names the limit; so is one that the
    op already had.

    Contract: the module has an `mqa.target` (`mqa-attach-target`), a GPU. So it is for
    every pass below that asks for limits of the chip: `mqa-tile-logits`,
    `mqa-stage-tiles`, `mqa-specialize-warps`, `mqa-expand-puts`, `mqa-lower-rings` and
    `convert-mqa-to-nvvm`.

    ```mlir
    mqa.logits ins(...) outs(...)
    // becomes
    mqa.logits ins(...) outs(...) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
    ```
  }];
  let options = [
    Option<"schedule", "schedule", "std::string", /*default=*/"\"\"",
           "The schedule of every op that has none: 'exact' (default) or "
           "'fast' of the table, or for instance 'block_q = 8, block_kv = 256, tile_kv = 128, stages = 2'">
  ];
}

def MQASpecializeWarpsPass : Pass<"mqa-specialize-warps", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Splits a staged kernel in producer, cleaner and consumer warps (level 4)";
  let description = [{
    Clones the kernel's persistent loop once per role and keeps in each clone
    what its role does, as ops say by `RoleOpInterface`, and ops without a role:

    | role | threads | keeps |
    | --- | --- | --- |
    | consumers | those of the consumer groups, ahead | get, `mqa.tile_logits`, `mqa.store_logits`, release; each consumer group takes its `tile_q` queries, and the key stages whose turn is its group's |
    | producers | the warps after them. With tensor maps one for each ring, so that no load waits for those of another ring; one for all where there is something to clean. Without, four that fill all rings together; two where there is something to clean. Less those of the converter | put, or acquire, fill and commit |
    | converter, where a ring has it as its filler | a group of four warps behind those of producers and cleaners | get and release of rings that it reads, acquire and commit of rings that it fills, and what stands between |
    | cleaner, where there is something to clean | the other warps | the loop with `mqa.clean_rows` |

    and, on a chip that can, moves registers from the last group of warps to the consumers
    (`nvvm.setmaxregister`). Sets of consumer groups take key stages in turn: the loop
    over keys starts at the first stage whose ring position is the group's turn, and
    steps over those of the others. A consumer group without queries only releases. A
    producer that loads only queries waits (get) for those of the first block before
    it asks for more, which would delay them.

    Rings say by `filler` and `reader` which role fills and reads them. Ops without a
    role that use an acquired slot, or a slot that a converter gets, are of the slot's role.
    The threads of a role share the iterations of an `scf.forall`; all else each of them executes.

    Contract: the rings and one loop over them are at the top of the kernel, whose
    `known_block_size` is that of the consumers and one group of warps more; all
    `mqa.tile_logits` have the same groups of queries, whose number divides that of the
    consumer groups: those that have the same queries take key stages in turn. Ops on rings and tiles are in that loop alone. What else
    is in it, or between it and the loop that cleans, may compute and read, as each role that needs it does it; it writes acquired
    slots alone. What is computed from a slot of one role is used by no other. A get does not come ahead of the put or commit of its
    position: each role keeps the order of the code, and waits for nobody forever if one thread that executed all of it would not. Logits of a
    tile are stored, or carried by a loop that adds them up from zero. What is read
    of a slot is still an `mqa.tile_logits` or `mqa.fit_queries`, so that this comes
    before `mqa-vectorize-tiles`. Where consumer groups take turns, the loop over keys
    carries nothing and gets one slot of a ring in each iteration, whose position is
    one more each time and the same for all of its rings, and releases it there;
    `mqa.fit_queries`, which is of all consumer groups, is outside of it. Anything else is an error. A kernel without such a loop
    stays as it is.

    ```mlir
    scf.for ... { mqa.ring_put ...; mqa.ring_get ...; mqa.tile_logits ...; mqa.store_logits ...; mqa.ring_release ... }
    // becomes
    scf.if %is_consumer {
      nvvm.setmaxregister increase 112
      scf.for ... { mqa.ring_get ...; mqa.tile_logits ...; mqa.store_logits ...; mqa.ring_release ... }
    } else {
      nvvm.setmaxregister decrease 32
      scf.if %is_producer { scf.for ... { mqa.ring_put ... } }
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def MQAPrefetchBlockIdsPass : Pass<"mqa-prefetch-block-ids", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Reads the block table of a paged cache ahead of the loads that need it";
  let description = [{
    Replaces each `mqa.gather_pages` by an `mqa.gather_blocks` and a load of the block
    table, in which each lane of the warp reads the entry of one block. Where the
    keys follow a loop's index, the load is that of a later iteration, `distance`
    ahead, whose value the loop carries: otherwise the producer would wait for
    memory in every iteration, and be slower than the memory that it loads from.
    The entries of the first iterations are read as soon as the first key is
    known. An entry that exists is read whether its keys are needed or not, so that
    the load does not wait for a length; a block that is not needed counts as -1.

    Contract: whole, converged warps execute the gathers (warp-specialised code).
    Nothing writes the table while the kernel runs; it is not read ahead of an
    `nvvm.griddepcontrol wait` or a barrier in front of the loop.

    ```mlir
    scf.for %n = %lo to %hi step %c128 {
      %k = mqa.gather_pages %cache[%table] from %n keys %count : ...
      mqa.ring_put %ring[%i], %k : ...
    }
    // becomes
    %first = memref.load %table[...], %second = memref.load %table[...]
    scf.for %n = %lo to %hi step %c128 iter_args(%ids = %first, %next = %second) {
      %later = memref.load %table[...]
      %used = arith.select %is_needed, %ids, %c-1
      %k = mqa.gather_blocks %cache[%used] from %n : ...
      mqa.ring_put %ring[%i], %k : ...
      scf.yield %next, %later
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let options = [
    Option<"distance", "distance", "unsigned", /*default=*/"2",
           "iterations that the block table is read ahead">,
  ];
}

def MQAStageTilesPass : Pass<"mqa-stage-tiles", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Stages the tiles of mqa.logits in shared-memory rings (level 3 to 4)";
  let description = [{
    Replaces each `mqa.logits` on tiles of global memory by `mqa.tile_logits` on
    slots of rings, and an `mqa.store_logits`: queries and weights, filled once per
    query block, and keys, and their scales, filled once per key tile. The loop over
    query blocks carries the rings' positions; inside the loop over keys a position
    follows from the key.

    Where keys have groups, or only some heads have room (`block_heads`), the rings
    are filled once per key tile and block of heads, in a loop over those, which adds
    up their logits.

    Contract: the op is in the inner of two nested `scf.for`, which no other loop is
    around, and of which the inner counts keys as `index`; its q, weights and ranges (or ks and ke) come from outside the inner
    loop, in which nothing but tiles may write global memory: queries are staged ahead
    of it. Anything else is an error. Several ops in one loop get rings of their own.

    ```mlir
    scf.for %n = %lo to %hi step %c128 {
      mqa.logits ins(%q, %k, ...) outs(%out) {schedule = ...}
    }
    // becomes
    mqa.ring_put %query_ring[%i], %q, %w; %qs, %ws = mqa.ring_get %query_ring[%i]
    scf.for %n = %lo to %hi step %c128 {
      %p = (%n - %lo) / 128 + %j
      mqa.ring_put %key_ring[%p], %k; %kt = mqa.ring_get %key_ring[%p]
      mqa.ring_put %scale_ring[%p], %s; %st = mqa.ring_get %scale_ring[%p]
      %l = mqa.tile_logits ins(%qs, %kt, %st, ...)
      mqa.store_logits %l, %ranges first_key(%n) outs(%rows)
      mqa.ring_release %key_ring[%p]; mqa.ring_release %scale_ring[%p]
    }
    mqa.ring_release %query_ring[%i]
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def MQATileLogitsPass : Pass<"mqa-tile-logits", "::mlir::ModuleOp"> {
  let summary = "Makes a persistent kernel of each function of an mqa.logits or mqa.paged_logits (level 2 to 3)";
  let description = [{
    Each `func.func` that consists of one scheduled `mqa.logits` or `mqa.paged_logits` on its
    memref arguments becomes a `gpu.func` of the same name: a block takes every
    grid-size'th query block (grid dimension x), and goes over the key blocks
    between the first and the last key that any of its queries may see; with a grid
    dimension y, over its share of them. Any grid computes the same. The ranges of all queries
    are made once, by an `mqa.make_ranges`, and narrowed to a block's. The body is the same op on
    tiles, made by its TilingInterface. With `clean`, `mqa.clean_rows` covers
    the rest of the rows.

    Sets `known_block_size` and `mqa.kernel` on the kernel, and `mqa.operand`
    on each argument: which operand of the op it is, and its shape.

    Of `mqa.paged_logits` a query block is a sequence, and a tile of keys an
    `mqa.gather_pages`; the tile is an `mqa.logits` too.

    Where an `mqa.topk` is fused with the op (`mqa.unstored_logits` is its destination), the kernel has
    one more argument, `scratch`. Of `mqa.paged_logits`, whose queries are few, tiles write `mqa.word_rows` in
    it; in an `mqa.meet` behind the last tile of a sequence, all consumers select from its rows. Else, and where keys are
    in the order of their logits, tiles write `mqa.filtered_rows`, which append to lists. In `mqa.meet`, all
    consumers cut lists that get full ahead of a tile, and select behind the last tile of a query block. Such a
    kernel has `list_places` in `mqa.kernel`.

    ```mlir
    func.func @f(...) { mqa.logits ins(%q, ...) outs(%out) {schedule = ...}; return }
    // becomes
    gpu.module @kernels { gpu.func @f(...) kernel {
      %all = mqa.make_ranges %ks, %ke keys(%num_keys) : ...
      scf.for %b = %block_id to %blocks step %grid_dim {
        %ranges = mqa.narrow_ranges %all[%m] rows %rows
        %lo, %hi = mqa.key_range %ranges {...}
        scf.for %n = %lo to %hi step %c256 {
          mqa.logits ins(%q_tile, ...) ranges(%ranges) key_offset(%n) outs(%out_tile)
        }
      }
    } }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect"];
}

def MQATileTasksPass : Pass<"mqa-tile-tasks", "::mlir::func::FuncOp"> {
  let summary = "Tiles the ops that kernels are made of into independent tasks for the cores of a CPU";
  let description = [{
    Tiles each `mqa.logits` by `tile-sizes` queries and keys (an `mqa.paged_logits` by one
    sequence and as many keys as that is in all, by default 2048; an op that selects by one row) into an
    `scf.forall` through its TilingInterface; the tiles are independent. An op with an
    operand whose type has no element is left alone. An op with `compressed` must be on memrefs;
    on tensors it is an error.

    A fused pair (`mqa.unstored_logits`), on memrefs, is tiled by 16 rows, or as many whole
    sequences as these are, or one sequence of a paged cache; each tile has all keys of its rows,
    and is a fused pair too.

    ```mlir
    mqa.logits ins(%q, ...) outs(%out)
    // becomes
    scf.forall (%m, %n) = (0, 0) to (%M, %N) step (16, 128) { mqa.logits ins(%q_tile, ...) outs(%out_tile) }
    ```

    For a target with a matrix unit, a task has more keys by default: each of its queries is brought
    into the unit's layout once.
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
    Turns a function whose only work is one `scf.forall` into the function of
    one task: it takes one more index per loop, the number of the task in that
    dimension. The caller hands out the tasks; `task_sizes` of the function's
    `mqa.kernel` are the loops' steps, from which it derives how many there are. A fused pair
    has one loop, over rows; its second size is that of the tiles of keys that
    `convert-mqa-topk-to-loops` makes.
    Nothing in the module may refer to such a function, whose signature changes.

    ```mlir
    func.func @f(%out: memref<?x?xf32>) { scf.forall (%m, %n) = ... step (16, 128) { ... } return }
    // becomes
    func.func @f(%out: memref<?x?xf32>, %i: index, %j: index) attributes {mqa.kernel = #mqa.kernel<..., task_sizes = [16, 128]>} { ... }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect"];
}

def MQATileTopkPass : Pass<"mqa-tile-topk", "::mlir::ModuleOp"> {
  let summary = "Makes a kernel of each mqa.topk and mqa.merge_topk on memrefs";
  let description = [{
    A workgroup of 1024 threads selects a row at a time. It goes over the row's keys, each
    thread with a vector of them, and appends those that may be among the best to a list
    in shared memory. When the list is full, only the best of it stay, and what is
    appended from then on must be better than these. At the end the best of the list are
    written, in the order of their keys or sorted by their logits.

    The lists of `mqa.merge_topk` are read in the place of keys. They are in any order, so
    the list is too: ties are decided by keys, and `order = key` sorts.

    Contract: as for `mqa-tile-logits`, of functions that consist of one `mqa.topk` or
    `mqa.merge_topk`.

    ```mlir
    func.func @f(...) { mqa.topk ins(%logits, %ks, %ke : ...) outs(%indices : memref<?x512xi32>) }
    // becomes
    gpu.func @f(...) kernel {
      scf.for %m = %block_id to %rows step %grid_dim {
        %n:3 = scf.for %i = ... iter_args(%count, %threshold, %turn) {
          %n1, %fits = mqa.append_candidates ...
          scf.if %fits { } else { mqa.cut_candidates ...; mqa.append_candidates ... }
        }
        scf.if %is_long { mqa.cut_candidates ... }
        scf.for %j { memref.store %index, %indices[%m, %j] }
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAUseMatrixUnitPass : Pass<"mqa-use-matrix-unit", "::mlir::func::FuncOp"> {
  let summary = "Lowers contractions of pairs of bf16 to the matrix unit of a CPU";
  let description = [{
    The target's features say which unit that is (`#mqa.target`): AMX tiles, or the dot
    products of AVX-512 BF16 or of NEON. Without one, nothing is done.

    A `linalg.generic` is lowered if it computes `out[m, n] += sum over k, v of
    rows[m, k, v] * columns[k, n, v]` with v of 2, bf16 operands and an f32 sum, on memrefs of
    static shape whose pairs are contiguous. If a `linalg.fill` with 0 is
    right ahead of it, the accumulators start at 0, and the fill is erased. Others are left to `mqa-vectorize-linalg`, which computes the same on f32.

    Accumulators stay in tiles, or in vector registers, over all of k. (Upstream's
    `convert-vector-to-amx` takes one step of k at a time, and stores and loads the accumulator
    between two of them.)

    ```mlir
    linalg.fill ins(%zero) outs(%scores)
    linalg.generic {indexing_maps = [(m, n, k, v) -> (m, k, v), (m, n, k, v) -> (k, n, v), (m, n, k, v) -> (m, n)], ...}
      ins(%keys, %query : memref<32x64x2xbf16>, memref<64x32x2xbf16>) outs(%scores : memref<32x32xf32>)
    // becomes
    %sum = amx.tile_zero : !amx.tile<16x16xf32>
    %a = amx.tile_load %keys[%m, %k] : ... into !amx.tile<16x32xbf16>
    %b = amx.tile_load %query[%k, %n] : ... into !amx.tile<16x32xbf16>
    %sum1 = amx.tile_mulf %a, %b, %sum : ...
    ...
    amx.tile_store %scores[%m, %n], %sum4 : ...
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
    Drives upstream's tiling, `linalg::vectorize`, transfer hoisting and
    contraction lowering over each `linalg` op of static shape: a contraction is
    tiled to `register-tile` rows and columns of an accumulator that stays in
    registers over its reduction. A transposition is tiled to 16 x 16, and a sum
    along rows to 16 rows and up to 256 columns. Ops of dynamic shape are left to
    `convert-linalg-to-loops`; one over no elements is erased.
  }];
  let options = [
    ListOption<"registerTile", "register-tile", "int64_t",
               "Rows and columns of the accumulator (default 4,32)">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAVectorizeTilesPass : Pass<"mqa-vectorize-tiles", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Writes tiles and stores as group-level vectors (level 4 to 5)";
  let description = [{
    `mqa.tile_logits` becomes a contraction, `arith.maximumf`, a multiplication by
    the weights, a reduction over the heads and the scale; `mqa.store_logits` becomes a
    masked write, or where rows are compressed an `mqa.scatter_columns`, all on
    vectors of whole tiles. Reads that do not depend on the tile (weights and
    ranges) are placed where their memref is defined (for ranges: where they are narrowed), outside the
    key loop, but behind what may write it. Logits are taken to lie in other memory than ranges, as
    the operands of the op that a kernel is made of do.

    Vectors are indexed as the tiles are, [query, head, d] and [key, d]; what their layouts
    are is no matter, but that head tiles are parts of `q` (`mqa.subtile`).

    Contract: a tile has the queries of one consumer group (`mqa-specialize-warps`).
    Anything else is an error.

    ```mlir
    %l = mqa.tile_logits ins(%q, %k, %k_scale, %weights : ...) : vector<8x128xf32>
    mqa.store_logits %l, %ranges first_key(%n) outs(%out : ...) : ...
    // becomes
    %s = vector.contract ... %qv, %kv, %zero : vector<8x8x128xf8E4M3FN>, vector<128x128xf8E4M3FN> into vector<8x8x128xf32>
    %r = arith.maximumf %s, %zero : vector<8x8x128xf32>
    %p = arith.mulf %r, %w : vector<8x8x128xf32>
    %t = vector.multi_reduction <add>, %p, %sums [1] : vector<8x8x128xf32> to vector<8x128xf32>
    ...
    vector.transfer_write %l, %out[%c0, %n], %mask : vector<8x128xf32>, memref<?x?xf32, ...>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

def MQAVerifyKernelFunctionsPass : Pass<"mqa-verify-kernel-functions", "::mlir::ModuleOp"> {
  let summary = "Checks that each function of an op that kernels are made of can become a kernel";
  let description = [{
    The first pass of both ways down, so that they accept the same functions. A
    `func.func` that holds an `mqa.logits`, `mqa.paged_logits`, `mqa.topk` or
    `mqa.merge_topk` is a kernel function:

    - it lies in the outermost module, and nothing in the module refers to it, nor could:
      an op of an unknown dialect that has a region might;
    - its name is a letter followed by letters, digits, `_` and `$`; it is no function of
      the C library, has no prefix that the compiler uses (`mqa_task_`), and is not
      that of a parameter in PTX (`f_param_0` beside a kernel `f`);
    - it has one block, which holds the op, no tile, and a return; or logits and the `mqa.topk`
      that they are fused with (by `mqa-fuse-topk`), their `mqa.unstored_logits`, and
      computations of its sizes from sizes of the arguments;
    - its arguments are the op's operands, each argument one operand; or those of the two ops,
      where what both have is one argument; and, with a paged cache, the number of columns of the
      logits may be an argument too, an index;
    - on tensors it returns the op's result, on memrefs nothing or `out`; of a fused pair, what
      `mqa.topk` writes;
    - neither it nor its arguments and results have attributes of the dialects `mqa`,
      `bufferization`, `gpu`, `llvm` and `nvvm`;
    - static sizes are at most 2^31 - 1025;
    - a memref lies in the default memory space, its offset is 0 or dynamic, and it is
      contiguous or has a dynamic stride in dimension 0. Of a contiguous one a kernel
      takes any such stride too, but of scales that are one to a key.

    Functions without such an op are left alone. It changes nothing.
  }];
}

#endif // MQA_TRANSFORMS_PASSES_TD
