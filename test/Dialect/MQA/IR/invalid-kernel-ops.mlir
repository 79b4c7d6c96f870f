// RUN: mqa-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// expected-error@+1 {{schedule parameter 'block_q' must be positive, found 0}}
"test.op"() {schedule = #mqa.schedule<block_q = 0, block_kv = 256, tile_kv = 128, stages = 4>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'block_kv' must be positive, found -1}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = -1, tile_kv = 128, stages = 4>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'tile_kv' must be positive, found 0}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 0, stages = 4>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'stages' must be positive, found 0}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 0>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'block_q' must be a multiple of tile_q = 4, found 6}}
"test.op"() {schedule = #mqa.schedule<block_q = 6, block_kv = 256, tile_kv = 128, stages = 2>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'tile_q' must be 1, 2, 4, 8, 16 or 32, found 12}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 12, block_kv = 64, tile_q = 12, tile_kv = 64, stages = 2>}

// -----

// expected-error@+1 {{schedule parameter 'query_stages' must be 1 or 2, found 3}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, query_stages = 3, stages = 2>}

// -----

// expected-error@+1 {{schedule parameter 'block_heads' must be a multiple of 64 / tile_q = 16, found 24}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 2, block_heads = 24>}

// -----

// expected-error@+1 {{schedule parameter 'block_cost' must not be negative, found -1}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 2, block_cost = -1>}

// -----

// expected-error@+1 {{schedule parameter 'tile_kv' must be a multiple of 32, a key for each thread that has a query of tile_q = 4, found 48}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 96, tile_kv = 48, stages = 2>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'block_kv' must be a multiple of tile_kv = 128, found 192}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 192, tile_kv = 128, stages = 2>} : () -> ()

// -----

// expected-error@+1 {{schedule parameter 'accumulators' must be 1 or 2, found 3}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_kv = 128, stages = 2, accumulators = 3>} : () -> ()

// -----

// expected-error@+2 {{expected one of [max, integer_max, add_abs, mixed]}}
// expected-error@+1 {{failed to parse MQA_ScheduleAttr parameter 'relu'}}
"test.op"() {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_kv = 128, stages = 2, relu = none>} : () -> ()

// -----

// expected-error@+1 {{struct is missing required parameter: block_kv}}
"test.op"() {schedule = #mqa.schedule<block_q = 2>} : () -> ()

// -----

// expected-error@+1 {{a ring has at least one stage, found 0}}
func.func private @f(!mqa.ring<0, memref<4xf32>>)

// -----

// expected-error@+1 {{a ring tile must have a static shape and the layout #mqa.staged or none}}
func.func private @f(!mqa.ring<2, memref<?xf32>>)

// -----

// expected-error@+1 {{a ring tile must have a static shape and the layout #mqa.staged or none}}
func.func private @f(!mqa.ring<2, memref<4xf32, strided<[2]>>>)

// -----

// expected-error@+1 {{a ring tile must hold integers or floats of whole bytes}}
func.func private @f(!mqa.ring<2, memref<4xindex>>)

// -----

// expected-error@+1 {{a ring tile must hold integers or floats of whole bytes}}
func.func private @f(!mqa.ring<2, memref<8xi1>>)

// -----

// expected-error@+1 {{a fragment is a vector of 64xNxf32}}
func.func private @f(!mqa.fragment<vector<32x8xf32>>)

// -----

// expected-error@+1 {{a fragment is a vector of 64xNxf32}}
func.func private @f(!mqa.fragment<vector<64x8xf16>>)

// -----

// expected-error@+1 {{a fragment's N must be a multiple of 8 up to 256, found 12}}
func.func private @f(!mqa.fragment<vector<64x12xf32>>)

// -----

func.func @f(%ks: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
  // expected-error@+1 {{attribute 'max_rows' failed to satisfy constraint}}
  %lo, %hi = mqa.key_range %ranges {max_rows = 0 : i64}
  return
}

// -----

func.func @f(%ks: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
  // expected-error@+1 {{attribute 'max_rows' failed to satisfy constraint}}
  %lo, %hi = mqa.key_range %ranges {max_rows = 33 : i64}
  return
}

// -----

func.func @f(%ks: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
  // expected-error@+1 {{attribute 'tile_kv' failed to satisfy constraint}}
  %b, %t, %be, %te = mqa.tile_share %ranges share %n of %n {block_q = 2 : i64, tile_kv = 0 : i64}
  return
}

// -----

func.func @f(%ks: memref<?xi64>, %n: index) {
  // expected-error@+1 {{operand #0 must be}}
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi64>, memref<?xi64>
  return
}

// -----

func.func @f(%out: memref<?x?xf32, strided<[?, 1], offset: ?>>, %n: index) {
  // expected-error@+1 {{result must be a block of rows of}}
  %0 = mqa.row_block %out[%n] rows %n : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<?x?xf32, strided<[?, 1], offset: ?>>
  return
}

// -----

func.func @f(%out: memref<?x?xf32>, %ks: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
  // expected-error@+1 {{'thread' and 'num_threads' come together}}
  "mqa.clean_rows"(%out, %ranges, %n) {operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (memref<?x?xf32>, !mqa.ranges, index) -> ()
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{attribute 'consumers' failed to satisfy constraint}}
  %ring = mqa.ring_create {consumers = 0 : i64} : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{needs a source for the first tiles of the ring: from 1 to 1, found 2}}
  mqa.ring_put %r[%i], %a, %a : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32, %a: memref<4xi32>) {
  // expected-error@+1 {{source 0 is 'memref<4xi32>', which does not fit the ring's tile 'memref<4xf32, #gpu.address_space<workgroup>>'}}
  mqa.ring_put %r[%i], %a : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, memref<4xi32>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32, %a: memref<5xf32>) {
  // expected-error@+1 {{source 0 is larger than the ring's tile in dimension 0: 5 > 4}}
  mqa.ring_put %r[%i], %a : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, memref<5xf32>
  return
}

// -----

#thrice = #mqa.staged<shape = [64, 4, 4], dims = [1, 0, 0]>
!thrice = memref<16x64xf8E4M3FN, #thrice, #gpu.address_space<workgroup>>
func.func @f(%r: !mqa.ring<2, !thrice>, %i: i32, %a: memref<16x64xf8E4M3FN>) {
  // expected-error@+1 {{tile 0 must have memory that ends with a box of its dims, found #mqa.staged<shape = [64, 4, 4], dims = [1, 0, 0]>}}
  mqa.ring_put %r[%i], %a : !mqa.ring<2, !thrice>, memref<16x64xf8E4M3FN>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<2x2x4xf32, #gpu.address_space<workgroup>>>, %i: i32, %a: memref<9xf32>) {
  // expected-error@+1 {{source 0 is 'memref<9xf32>', which does not fit the ring's tile}}
  mqa.ring_put %r[%i], %a : !mqa.ring<2, memref<2x2x4xf32, #gpu.address_space<workgroup>>>, memref<9xf32>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32) {
  // expected-error@+1 {{returns one tile per tile of the ring: expected 1, found 2}}
  %0:2 = mqa.ring_get %r[%i] : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>> -> memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32) {
  // expected-error@+1 {{result 0 must be a view of 'memref<4xf32, #gpu.address_space<workgroup>>', found 'memref<8xf32>'}}
  %0 = mqa.ring_get %r[%i] : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>> -> memref<8xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>, %s: memref<64xf32, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have a static shape}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<64xf32, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %s: memref<64xf32, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must lie in workgroup memory}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<4x64x128xf8E4M3FN>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<64xf32, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x64 = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x64xf8E4M3FN, #at_64x64, #gpu.address_space<workgroup>>, %s: memref<64xf32, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{'q' and 'k' must have the same head dim and type}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x64xf8E4M3FN, #at_64x64, #gpu.address_space<workgroup>>, memref<64xf32, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %s: memref<32xf32, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{'k_scale' must have the keys of 'k'}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<32xf32, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %s: memref<64xf32, #gpu.address_space<workgroup>>, %w: memref<4x32xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{'weights' must have the queries and heads of 'q'}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<64xf32, #gpu.address_space<workgroup>>, memref<4x32xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
func.func @f(%a: memref<?x32xf8E4M3FN, #gpu.address_space<workgroup>>, %b: memref<8x32xf8E4M3FN, #at_8x32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'a' must have a static shape}}
  %d = mqa.wgmma %a, %b : memref<?x32xf8E4M3FN, #gpu.address_space<workgroup>>, memref<8x32xf8E4M3FN, #at_8x32, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
func.func @f(%a: memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, %b: memref<8x32xf8E4M3FN>) {
  // expected-error@+1 {{operand 'b' must lie in workgroup memory}}
  %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, memref<8x32xf8E4M3FN> -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#at_8x64 = #mqa.staged<shape = [8, 64], dims = [0, 1], swizzle = 16>
func.func @f(%a: memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, %b: memref<8x64xf8E4M3FN, #at_8x64, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operands must agree in K, found rows of 32 and 64}}
  %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, memref<8x64xf8E4M3FN, #at_8x64, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

#wide = #mqa.staged<shape = [64, 256], dims = [0, 1]>
#wide8 = #mqa.staged<shape = [8, 256], dims = [0, 1]>
func.func @f(%a: memref<64x256xf8E4M3FN, #wide, #gpu.address_space<workgroup>>, %b: memref<8x256xf8E4M3FN, #wide8, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'a' must have swizzled rows, found #mqa.staged<shape = [64, 256], dims = [0, 1]>}}
  %d = mqa.wgmma %a, %b : memref<64x256xf8E4M3FN, #wide, #gpu.address_space<workgroup>>, memref<8x256xf8E4M3FN, #wide8, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

#at_16x32 = #mqa.staged<shape = [16, 32], dims = [0, 1], swizzle = 16>
#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
func.func @f(%a: memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, %b: memref<16x32xf8E4M3FN, #at_16x32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{of 64 x 16 rows does not give the fragment}}
  %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #at_64x32, #gpu.address_space<workgroup>>, memref<16x32xf8E4M3FN, #at_16x32, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

func.func @f(%d: !mqa.fragment<vector<64x8xf32>>) {
  // expected-error@+1 {{attribute 'pending' failed to satisfy constraint}}
  %e = mqa.wgmma_wait %d {pending = 8 : i64} : !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

func.func @f(%d: !mqa.fragment<vector<64x8xf32>>) {
  // expected-error@+1 {{has 4 registers, found 3 results}}
  %e:3 = "mqa.unpack_fragment"(%d) : (!mqa.fragment<vector<64x8xf32>>) -> (f32, f32, f32)
  return
}

// -----

#three = #mqa.staged<shape = [64, 3, 128], dims = [1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<3x64x128xf8E4M3FN, #three, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %s: memref<64xf32, #gpu.address_space<workgroup>>, %w: memref<3x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{'q' must have groups of queries that divide 64, and head tiles of 64 rows, found 1 of 3 queries x 64 heads}}
  %logits = mqa.tile_logits ins(%q, %k, %s, %w : memref<3x64x128xf8E4M3FN, #three, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<64xf32, #gpu.address_space<workgroup>>, memref<3x64xf32, #gpu.address_space<workgroup>>) : vector<3x64xf32>
  return
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
func.func @f(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #gpu.address_space<workgroup>>, %w: memref<4x16xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{'thread' and 'num_threads' come together}}
  %f = "mqa.fit_queries"(%q, %w, %n) {operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #gpu.address_space<workgroup>>, memref<4x16xf32, #gpu.address_space<workgroup>>, index) -> memref<2x4xf32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%q: memref<4x16x32xf8E4M3FN>, %w: memref<4x16xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'q' must lie in workgroup memory}}
  %f = mqa.fit_queries %q, %w : memref<4x16x32xf8E4M3FN>, memref<4x16xf32, #gpu.address_space<workgroup>> -> memref<2x4xf32, #gpu.address_space<workgroup>>
  return
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
func.func @f(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #gpu.address_space<workgroup>>, %w: memref<8x16xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{of 4 queries and 16 heads needs as many 'weights' and 2 x 4 factors}}
  %f = mqa.fit_queries %q, %w : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #gpu.address_space<workgroup>>, memref<8x16xf32, #gpu.address_space<workgroup>> -> memref<2x4xf32, #gpu.address_space<workgroup>>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{of 4 queries and 64 keys cannot give 'vector<8x64xf32>'}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) : vector<8x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %v: vector<4x32xf32>) {
  // expected-error@+1 {{of 4 queries and 64 keys cannot give 'vector<4x64xf32>' onto another type}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) onto(%v : vector<4x32xf32>) : vector<4x64xf32>
  return
}

// -----

func.func @f(%v: vector<4x32xf32>, %out: memref<?x?xbf16>, %columns: vector<4x32xindex>, %mask: vector<4x32xi1>) {
  // expected-error@+1 {{writes 'f32' to 'memref<?x?xbf16>'}}
  mqa.scatter_columns %v, %out[%columns] mask %mask : vector<4x32xf32>, memref<?x?xbf16>, vector<4x32xindex>, vector<4x32xi1>
  return
}

// -----

func.func @f(%v: vector<4x32xf32>, %out: memref<?x?xf32>, %columns: vector<4x64xindex>, %mask: vector<4x32xi1>) {
  // expected-error@+1 {{all of {vector, columns, mask} have same shape}}
  mqa.scatter_columns %v, %out[%columns] mask %mask : vector<4x32xf32>, memref<?x?xf32>, vector<4x64xindex>, vector<4x32xi1>
  return
}

// -----

func.func @f(%s: memref<?xf32, strided<[?], offset: ?>>, %n: index) {
  // expected-error@+1 {{result must be a block of rows of}}
  %0 = mqa.row_block %s[%n] rows %n : memref<?xf32, strided<[?], offset: ?>> -> memref<?xf32>
  return
}

// -----

// expected-error@+1 {{schedule parameter 'tile_kv' must be a multiple of 128, a key for each thread that has a query of tile_q = 1, found 64}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 1, block_kv = 64, tile_q = 1, tile_kv = 64, stages = 2>}

// -----

func.func @f(%ke: memref<?x?xi32>, %n: index) {
  // expected-error@+1 {{with a length for each query of a sequence has no 'ks' and a static number of queries, found 'ke' of 'memref<?x?xi32>'}}
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?x?xi32>
  return
}

// -----

func.func @f(%ks: memref<?xi32>, %ke: memref<?x2xi32>, %n: index) {
  // expected-error@+1 {{found 'ke' of 'memref<?x2xi32>' and 'ks'}}
  %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?x2xi32>
  return
}

// -----

func.func @f(%cache: memref<?x64x128xf8E4M3FN>, %table: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{of 'memref<?x64x128xf8E4M3FN>' cannot give 'memref<?x64xf8E4M3FN>'}}
  %k = mqa.gather_pages %cache[%table] from %n keys %n : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x64xf8E4M3FN>
  return
}

// -----

func.func @f(%cache: memref<?x?x128xf8E4M3FN>, %ids: i32, %n: index) {
  // expected-error@+1 {{needs cache blocks of a static size, found 'memref<?x?x128xf8E4M3FN>'}}
  %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x?x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
  return
}

// -----

func.func @f(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index) {
  // expected-error@+1 {{with 'next_n' has a length for each sequence, and no 'ks', found 'ke' of 'memref<?xi32>' and 'ks'}}
  %ranges = mqa.make_ranges %ks, %ke keys(%n) {next_n = 2} : memref<?xi32>, memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?x2xi32>, %n: index) {
  // expected-error@+1 {{with 'next_n' has a length for each sequence, and no 'ks', found 'ke' of 'memref<?x2xi32>'}}
  %ranges = mqa.make_ranges none, %ke keys(%n) {next_n = 2} : memref<?x2xi32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %n: index) {
  // expected-error@+1 {{attribute 'next_n' failed to satisfy constraint}}
  %ranges = mqa.make_ranges none, %ke keys(%n) {next_n = 0} : memref<?xi32>
  return
}

// -----

// Ranges are no data, which a block or another op could hand on.
func.func @f(%ranges: !mqa.ranges) {
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found an argument of a block}}
  %lo, %hi = mqa.key_range %ranges {max_rows = 1}
  return
}

// -----

func.func @f(%ranges: !mqa.ranges, %n: index) {
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found an argument of a block}}
  %own = mqa.narrow_ranges %ranges[%n] rows %n
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %c: i1, %n: index) {
  %a = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  %b = arith.select %c, %a, %a : !mqa.ranges
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found the result of 'arith.select'}}
  %x, %t, %be, %te = mqa.tile_share %b share %n of %n {block_q = 2, tile_kv = 128}
  return
}

// -----

func.func @f(%out: memref<?x?xf32>) {
  %ranges = "test.other"() : () -> !mqa.ranges
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found the result of 'test.other'}}
  mqa.clean_rows %out, %ranges : memref<?x?xf32>
  return
}

// -----

func.func @f(%logits: vector<4x64xf32>, %ranges: !mqa.ranges, %n: index, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found an argument of a block}}
  mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
  return
}

// -----

// What is never executed may come round to itself.
func.func @f(%n: index) {
  return
^unreachable:
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found the result of 'mqa.narrow_ranges'}}
  %a = mqa.narrow_ranges %b[%n] rows %n
  %b = mqa.narrow_ranges %a[%n] rows %n
  cf.br ^unreachable
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed, and takes no 'num_heads'}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) factors(%f : memref<2x4xf32, #gpu.address_space<workgroup>>) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed, and takes no 'num_heads'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed, and takes no 'num_heads'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) factors(%f : memref<2x4xf32, #gpu.address_space<workgroup>>) num_heads(%n) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed, and takes no 'num_heads'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) factors(%f : memref<2x4xf32, #gpu.address_space<workgroup>>) {activation = #mqa.activation<none>, reduction = #mqa.reduction<f16>} : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'reduction' f16 needs relu as 'max', 'weights', 'factors' and heads that are summed, and takes no 'num_heads'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) factors(%f : memref<2x4xf32, #gpu.address_space<workgroup>>) {reduction = #mqa.reduction<f16>, relu = #mqa.relu<add_abs>} : vector<4x64xf32>
  return
}

// -----

#rows = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 8>
#at_1x4x4x16x1x64 = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
func.func @f(%q: memref<4x64x64xbf16, #at_1x4x4x16x1x64, #gpu.address_space<workgroup>>, %k: memref<64x64xbf16, #rows, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'relu' add_abs needs scores that are never infinite, those of f8E4M3FN, found 'bf16'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x64xbf16, #at_1x4x4x16x1x64, #gpu.address_space<workgroup>>, memref<64x64xbf16, #rows, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) {relu = #mqa.relu<add_abs>} : vector<4x64xf32>
  return
}

// -----

#rows = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{with 'activation' relu_nan_as_zero needs 'relu' max, found integer_max}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) {activation = #mqa.activation<relu_nan_as_zero>, relu = #mqa.relu<integer_max>} : vector<4x64xf32>
  return
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x64x128xf8E5M2, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E5M2, #at_64x128, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{with 'relu' mixed needs scores that are never infinite, those of f8E4M3FN, found 'f8E5M2'}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x128xf8E5M2, #at_1x4x4x16x1x128, #gpu.address_space<workgroup>>, memref<64x128xf8E5M2, #at_64x128, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) {relu = #mqa.relu<mixed>} : vector<4x64xf32>
  return
}

// -----

#rows = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 8>
#at_1x4x4x16x1x64 = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
func.func @f(%q: memref<4x64x64xbf16, #at_1x4x4x16x1x64, #gpu.address_space<workgroup>>, %k: memref<64x64xbf16, #rows, #gpu.address_space<workgroup>>, %w: memref<4x64xf32, #gpu.address_space<workgroup>>, %f: memref<2x4xf32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{attribute 'accumulators' failed to satisfy constraint}}
  %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<4x64x64xbf16, #at_1x4x4x16x1x64, #gpu.address_space<workgroup>>, memref<64x64xbf16, #rows, #gpu.address_space<workgroup>>, memref<4x64xf32, #gpu.address_space<workgroup>>) {accumulators = 3 : i64} : vector<4x64xf32>
  return
}

// -----

#rows = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x16x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #rows, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'q' must have the layout #mqa.staged}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<4x16x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #rows, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

// Rows of 128 bytes, of which 16 bytes are 8 elements of 16 bits.
#rows = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
!rows = memref<64x32xbf16, #rows, #gpu.address_space<workgroup>>
func.func @f(%a: !rows) {
  // expected-error@+1 {{operand 'a' must have as many elements in 16 bytes as its swizzle says}}
  %d = mqa.wgmma %a, %a : !rows, !rows -> !mqa.fragment<vector<64x64xf32>>
  return
}

// -----

// Rows of the memory are keys: MN-major.
#columns = #mqa.staged<shape = [32, 64], dims = [1, 0], swizzle = 16>
#rows = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
func.func @f(%a: memref<64x32xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, %b: memref<64x32xf8E4M3FN, #columns, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'b' must have memory that is K-major, found #mqa.staged<shape = [32, 64], dims = [1, 0], swizzle = 16>}}
  %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, memref<64x32xf8E4M3FN, #columns, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x64xf32>>
  return
}

// -----

#rows = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#chunks = #mqa.staged<shape = [2, 64, 32], dims = [1, 0, 1], swizzle = 16>
func.func @f(%a: memref<64x32xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, %b: memref<64x64xf8E4M3FN, #chunks, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operands must have as many chunks of the same type}}
  %d = mqa.wgmma %a, %b : memref<64x32xf8E4M3FN, #rows, #gpu.address_space<workgroup>>, memref<64x64xf8E4M3FN, #chunks, #gpu.address_space<workgroup>> -> !mqa.fragment<vector<64x64xf32>>
  return
}

// -----

func.func @f(%ks: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
  // expected-error@+1 {{needs 'ranges' of a length for each row, without 'ks' and 'next_n', found those of 'ke' of 'memref<?xi32>' and 'ks'}}
  %rows = mqa.name_sequences %ranges, %ks of %n : memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?x2xi32>, %s: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?x2xi32>
  // expected-error@+1 {{needs 'ranges' of a length for each row, without 'ks' and 'next_n', found those of 'ke' of 'memref<?x2xi32>'}}
  %rows = mqa.name_sequences %ranges, %s of %n : memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  %rows = mqa.name_sequences %ranges, %ke of %n : memref<?xi32>
  %some = mqa.narrow_ranges %rows[%n] rows %n
  // expected-error@+1 {{has 'ranges' of rows that name their sequences already}}
  %again = mqa.name_sequences %some, %ke of %n : memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  // expected-error@+1 {{operand 'ranges' must come from an mqa.name_sequences}}
  %row, %count, %t, %te = mqa.run_share %ranges share %n of %n {max_rows = 8, tile_kv = 128}
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  // expected-error@+1 {{operand 'ranges' must come from an mqa.name_sequences}}
  %own, %line, %end = mqa.row_run %ranges[%n] {max_rows = 8}
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  %rows = mqa.name_sequences %ranges, %ke of %n : memref<?xi32>
  // expected-error@+1 {{attribute 'max_rows' failed to satisfy constraint}}
  %own, %line, %end = mqa.row_run %rows[%n] {max_rows = 33}
  return
}

// -----

func.func @f(%ranges: !mqa.ranges, %s: memref<?xi32>, %n: index) {
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found an argument of a block}}
  %rows = mqa.name_sequences %ranges, %s of %n : memref<?xi32>
  return
}

// -----

// expected-error@+1 {{schedule parameter 'tile_kv' must be a multiple of 64 where rows are keys, found 96}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 2, block_kv = 96, tile_q = 2, tile_kv = 96, stages = 2, rows = keys>}

// -----

// expected-error@+1 {{schedule parameter 'tile_q' must be at most 16 where rows are keys, found 32}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 32, block_kv = 64, tile_q = 32, tile_kv = 64, stages = 2, rows = keys>}

// -----

// expected-error@+1 {{schedule parameter 'block_heads' must be 0 where rows are keys, found 64}}
func.func private @f() attributes {s = #mqa.schedule<block_q = 1, block_kv = 64, tile_q = 1, tile_kv = 64, stages = 2, block_heads = 64, rows = keys>}

// -----

#at_1x1x2x64x128 = #mqa.staged<shape = [1, 1, 2, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_96x128 = #mqa.staged<shape = [96, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #gpu.address_space<workgroup>>, %k: memref<96x128xf8E4M3FN, #at_96x128, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{with 'rows' keys needs a multiple of 64 keys and 'reduction' f32, found 96 and f32}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #gpu.address_space<workgroup>>, memref<96x128xf8E4M3FN, #at_96x128, #gpu.address_space<workgroup>>) {rows = #mqa.rows<keys>} : vector<2x96xf32>
  return
}

// -----

#at_1x1x4x60x128 = #mqa.staged<shape = [1, 1, 4, 60, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
func.func @f(%q: memref<4x60x128xf8E4M3FN, #at_1x1x4x60x128, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{'q' must have head tiles of 32 heads, found 60 heads}}
  %logits = mqa.tile_logits ins(%q, %k, none, none : memref<4x60x128xf8E4M3FN, #at_1x1x4x60x128, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #at_64x128, #gpu.address_space<workgroup>>) {rows = #mqa.rows<keys>} : vector<4x64xf32>
  return
}
