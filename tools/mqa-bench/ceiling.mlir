// What the hardware can do, for mqa-bench to compare with in the same run:
//
// - matrix_ceiling: four warpgroups that do nothing but m64n128k32 e4m3 WGMMA from
//   shared memory, on random bytes (zeros would run faster than any real data);
// - copy_ceiling: a copy between two buffers of global memory.
//
// Level 6 of the pipeline, so that `mqa-compile --emit=cubin` does the rest.

!smem = memref<?xi8, #gpu.address_space<workgroup>>
#rows64 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#rows128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
!a_memory = memref<64x128xf8E4M3FN, #gpu.address_space<workgroup>>
!b_memory = memref<128x128xf8E4M3FN, #gpu.address_space<workgroup>>
!a = memref<64x128xf8E4M3FN, #rows64, #gpu.address_space<workgroup>>
!b = memref<128x128xf8E4M3FN, #rows128, #gpu.address_space<workgroup>>
!words = memref<8192xi32, #gpu.address_space<workgroup>>
!fragment = !mqa.fragment<vector<64x128xf32>>

gpu.module @ceiling {
  // Iterations of one 64x128x128 tile per warpgroup; `sink` keeps the results
  // alive and is never written.
  gpu.func @matrix_ceiling(%iterations: i32, %sink: memref<?xf32, #gpu.address_space<global>>)
      kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c512 = arith.constant 512 : index
    %c8192 = arith.constant 8192 : index
    %c16384 = arith.constant 16384 : index
    %smem = gpu.dynamic_shared_memory : !smem
    %words = memref.view %smem[%c0][] : !smem to !words
    %a_memory = memref.view %smem[%c0][] : !smem to !a_memory
    %b_memory = memref.view %smem[%c16384][] : !smem to !b_memory
    %a = mqa.layout_cast %a_memory : !a_memory to !a
    %b = mqa.layout_cast %b_memory : !b_memory to !b
    %thread = gpu.thread_id x

    // Random bytes without NaN: bit 3 of each is clear.
    %multiplier = arith.constant 0x9E3779B1 : i32
    %mask = arith.constant 0xF7F7F7F7 : i32
    %c15 = arith.constant 15 : i32
    scf.for %i = %thread to %c8192 step %c512 {
      %i32 = arith.index_cast %i : index to i32
      %x = arith.muli %i32, %multiplier : i32
      %shifted = arith.shrui %x, %c15 : i32
      %y = arith.xori %x, %shifted : i32
      %z = arith.muli %y, %multiplier : i32
      %random = arith.andi %z, %mask : i32
      memref.store %random, %words[%i] : !words
    }
    nvvm.inline_ptx "fence.proxy.async.shared::cta;"
    gpu.barrier

    %count = arith.index_cast %iterations : i32 to index
    %zero = arith.constant 0.0 : f32
    %sum = scf.for %i = %c0 to %count step %c1 iter_args(%s = %zero) -> (f32) {
      nvvm.wgmma.fence.aligned
      %d = mqa.wgmma %a, %b : !a, !b -> !fragment
      nvvm.wgmma.commit.group.sync.aligned
      %done = mqa.wgmma_wait %d {pending = 0 : i64} : !fragment
      %r:64 = mqa.unpack_fragment %done : !fragment
      %next = arith.addf %s, %r#0 : f32
      scf.yield %next : f32
    }
    %impossible = arith.constant 1.234567e+38 : f32
    %found = arith.cmpf oeq, %sum, %impossible : f32
    scf.if %found {
      memref.store %sum, %sink[%c0] : memref<?xf32, #gpu.address_space<global>>
    }
    gpu.return
  }

  // `from` holds a multiple of four times the grid's threads of groups of 16 bytes.
  gpu.func @read_ceiling(%from: memref<?xi32, #gpu.address_space<global>>, %sink: memref<?xi32, #gpu.address_space<global>>)
      kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %threads = gpu.block_dim x
    %block = gpu.block_id x
    %blocks = gpu.grid_dim x
    %thread = gpu.thread_id x
    %first = arith.muli %block, %threads : index
    %own = arith.addi %first, %thread : index
    %start = arith.muli %own, %c4 : index
    %all = arith.muli %blocks, %threads : index
    %stride = arith.muli %all, %c4 : index
    %step = arith.muli %stride, %c4 : index
    %end = memref.dim %from, %c0 : memref<?xi32, #gpu.address_space<global>>
    %none = arith.constant dense<0> : vector<4xi32>
    %sum = scf.for %i = %start to %end step %step iter_args(%acc = %none) -> vector<4xi32> {
      %i1 = arith.addi %i, %stride : index
      %i2 = arith.addi %i1, %stride : index
      %i3 = arith.addi %i2, %stride : index
      %v0 = vector.load %from[%i] {alignment = 16 : i64} : memref<?xi32, #gpu.address_space<global>>, vector<4xi32>
      %v1 = vector.load %from[%i1] {alignment = 16 : i64} : memref<?xi32, #gpu.address_space<global>>, vector<4xi32>
      %v2 = vector.load %from[%i2] {alignment = 16 : i64} : memref<?xi32, #gpu.address_space<global>>, vector<4xi32>
      %v3 = vector.load %from[%i3] {alignment = 16 : i64} : memref<?xi32, #gpu.address_space<global>>, vector<4xi32>
      %a = arith.xori %v0, %v1 : vector<4xi32>
      %b = arith.xori %v2, %v3 : vector<4xi32>
      %c = arith.xori %a, %b : vector<4xi32>
      %next = arith.xori %acc, %c : vector<4xi32>
      scf.yield %next : vector<4xi32>
    }
    %total = vector.reduction <xor>, %sum : vector<4xi32> into i32
    // Never written: the buffer holds zeros.
    %zero = arith.constant 0 : i32
    %found = arith.cmpi ne, %total, %zero : i32
    scf.if %found {
      memref.store %total, %sink[%c0] : memref<?xi32, #gpu.address_space<global>>
    }
    gpu.return
  }
}
