// As ceiling.mlir, by mma.sync of f16: what a kernel for a chip without WGMMA can
// reach. Sixteen warps, each with eight products that do not wait for one another.
// One iteration is one 64x128x128 tile for every four warps, as there: 128
// products of a warp.

gpu.module @ceiling {
  gpu.func @matrix_ceiling(%iterations: i32, %sink: memref<?xf32, #gpu.address_space<global>>)
      kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %thread = gpu.thread_id x
    %seed = arith.index_cast %thread : index to i32

    // Random numbers from 0.5 to 1, of both signs: zeros would run faster.
    %numbers = arith.constant dense<[1, 3, 5, 7, 9, 11]> : vector<6xi32>
    %multiplier = arith.constant dense<0x9E3779B1> : vector<6xi32>
    %mask = arith.constant dense<0x83FF83FF> : vector<6xi32>
    %half = arith.constant dense<0x38003800> : vector<6xi32>
    %seeds = vector.broadcast %seed : i32 to vector<6xi32>
    %own = arith.muli %seeds, %numbers : vector<6xi32>
    %mixed = arith.muli %own, %multiplier : vector<6xi32>
    %bits = arith.andi %mixed, %mask : vector<6xi32>
    %words = arith.ori %bits, %half : vector<6xi32>
    %flat = vector.bitcast %words : vector<6xi32> to vector<12xf16>
    %p0 = vector.shuffle %flat, %flat [0, 1] : vector<12xf16>, vector<12xf16>
    %p1 = vector.shuffle %flat, %flat [2, 3] : vector<12xf16>, vector<12xf16>
    %p2 = vector.shuffle %flat, %flat [4, 5] : vector<12xf16>, vector<12xf16>
    %p3 = vector.shuffle %flat, %flat [6, 7] : vector<12xf16>, vector<12xf16>
    %p4 = vector.shuffle %flat, %flat [8, 9] : vector<12xf16>, vector<12xf16>
    %p5 = vector.shuffle %flat, %flat [10, 11] : vector<12xf16>, vector<12xf16>
    %none4 = ub.poison : vector<4x2xf16>
    %none2 = ub.poison : vector<2x2xf16>
    %a0 = vector.insert %p0, %none4[0] : vector<2xf16> into vector<4x2xf16>
    %a1 = vector.insert %p1, %a0[1] : vector<2xf16> into vector<4x2xf16>
    %a2 = vector.insert %p2, %a1[2] : vector<2xf16> into vector<4x2xf16>
    %a = vector.insert %p3, %a2[3] : vector<2xf16> into vector<4x2xf16>
    %b0 = vector.insert %p4, %none2[0] : vector<2xf16> into vector<2x2xf16>
    %b = vector.insert %p5, %b0[1] : vector<2xf16> into vector<2x2xf16>

    %count = arith.index_cast %iterations : i32 to index
    %steps = arith.muli %count, %c16 : index
    %zero = arith.constant dense<0.0> : vector<2x2xf32>
    %all:8 = scf.for %i = %c0 to %steps step %c1
        iter_args(%s0 = %zero, %s1 = %zero, %s2 = %zero, %s3 = %zero, %s4 = %zero, %s5 = %zero, %s6 = %zero, %s7 = %zero)
        -> (vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>) {
      %d0 = nvgpu.mma.sync(%a, %b, %s0) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d1 = nvgpu.mma.sync(%a, %b, %s1) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d2 = nvgpu.mma.sync(%a, %b, %s2) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d3 = nvgpu.mma.sync(%a, %b, %s3) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d4 = nvgpu.mma.sync(%a, %b, %s4) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d5 = nvgpu.mma.sync(%a, %b, %s5) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d6 = nvgpu.mma.sync(%a, %b, %s6) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      %d7 = nvgpu.mma.sync(%a, %b, %s7) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
      scf.yield %d0, %d1, %d2, %d3, %d4, %d5, %d6, %d7 : vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>, vector<2x2xf32>
    }
    %v1 = arith.addf %all#0, %all#1 : vector<2x2xf32>
    %v2 = arith.addf %v1, %all#2 : vector<2x2xf32>
    %v3 = arith.addf %v2, %all#3 : vector<2x2xf32>
    %v4 = arith.addf %v3, %all#4 : vector<2x2xf32>
    %v5 = arith.addf %v4, %all#5 : vector<2x2xf32>
    %v6 = arith.addf %v5, %all#6 : vector<2x2xf32>
    %v7 = arith.addf %v6, %all#7 : vector<2x2xf32>
    %row0 = vector.extract %v7[0] : vector<2xf32> from vector<2x2xf32>
    %row1 = vector.extract %v7[1] : vector<2xf32> from vector<2x2xf32>
    %row = arith.addf %row0, %row1 : vector<2xf32>
    %sum = vector.reduction <add>, %row : vector<2xf32> into f32
    %impossible = arith.constant 1.234567e+38 : f32
    %found = arith.cmpf oeq, %sum, %impossible : f32
    scf.if %found {
      memref.store %sum, %sink[%c0] : memref<?xf32, #gpu.address_space<global>>
    }
    gpu.return
  }
}
