// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=amx-bf16},func.func(mqa-use-matrix-unit,canonicalize,cse))' --split-input-file | FileCheck %s --check-prefixes=CHECK,AMX
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512f,avx512bf16},func.func(mqa-use-matrix-unit,canonicalize,cse))' --split-input-file | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=neon,bf16},func.func(mqa-use-matrix-unit,canonicalize,cse))' --split-input-file | FileCheck %s --check-prefixes=CHECK,NEON
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512f},func.func(mqa-use-matrix-unit))' --split-input-file | FileCheck %s --check-prefixes=CHECK,NONE
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-use-matrix-unit))' --split-input-file | FileCheck %s --check-prefixes=CHECK,NONE

#rows = affine_map<(m, n, k, v) -> (m, k, v)>
#columns = affine_map<(m, n, k, v) -> (k, n, v)>
#out = affine_map<(m, n, k, v) -> (m, n)>
#contraction = {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}

// Two by two tiles at a time, over all of k; the zeros are the accumulators' start.
// CHECK-LABEL: func @block
// CHECK-SAME: %[[ROWS:.*]]: memref<32x32x2xbf16>, %[[COLUMNS:.*]]: memref<32x48x2xbf16>, %[[OUT:.*]]: memref<32x48xf32>
// AMX-NOT: linalg
// AMX-DAG: %[[R:.*]] = memref.collapse_shape %[[ROWS]] {{\[\[}}0], [1, 2]] : memref<32x32x2xbf16> into memref<32x64xbf16>
// AMX-DAG: %[[C:.*]] = memref.collapse_shape %[[COLUMNS]] {{\[\[}}0], [1, 2]] : memref<32x48x2xbf16> into memref<32x96xbf16>
// AMX: %[[A0:.*]] = amx.tile_load %[[R]][%c0, %c0] : {{.*}} into !amx.tile<16x32xbf16>
// AMX-NEXT: %[[B0:.*]] = amx.tile_load %[[C]][%c0, %c0]
// AMX-NEXT: %[[ZERO:.*]] = amx.tile_zero : !amx.tile<16x16xf32>
// AMX-NEXT: amx.tile_mulf %[[A0]], %[[B0]], %[[ZERO]]
// AMX-NEXT: %[[B1:.*]] = amx.tile_load %[[C]][%c0, %c32]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf %[[A0]], %[[B1]]
// AMX-NEXT: %[[A1:.*]] = amx.tile_load %[[R]][%c16, %c0]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf %[[A1]], %[[B0]]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf %[[A1]], %[[B1]]
// AMX-NEXT: amx.tile_load %[[R]][%c0, %c32]
// AMX-COUNT-4: amx.tile_mulf
// The last column of tiles, by itself. Each tile of the block ahead is stored where a
// tile begins, and what remains behind the first step.
// AMX: amx.tile_store %[[OUT]][%c0, %c0]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf
// AMX: amx.tile_store %[[OUT]][%c0, %c16]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf
// AMX-NEXT: amx.tile_store %[[OUT]][%c16, %c0]
// AMX-NEXT: amx.tile_store %[[OUT]][%c16, %c16]
// AMX-COUNT-2: amx.tile_mulf
// AMX-NEXT: amx.tile_store %[[OUT]][%c0, %c32]
// AMX-NEXT: amx.tile_store %[[OUT]][%c16, %c32]
// AMX-NEXT: return
// Eight rows and two vectors of columns at a time; then one vector.
// DOT-NOT: linalg
// DOT: scf.for %{{.*}} = %c0 to %c32 step %c8
// DOT: scf.for %[[K:.*]] = %c0 to %c32 step %c1 iter_args
// DOT: %[[PAIR:.*]] = arith.muli %[[K]], %c2
// DOT: vector.load %{{.*}} : memref<32x64xbf16>, vector<2xbf16>
// DOT: vector.broadcast %{{.*}} : i32 to vector<16xi32>
// DOT-COUNT-16: x86vector.avx512.dot %{{.*}} : vector<32xbf16> -> vector<16xf32>
// DOT: scf.for {{.*}} iter_args
// DOT-COUNT-8: x86vector.avx512.dot
// DOT-NOT: x86vector.avx512.dot
// NEON: scf.for %{{.*}} = %c0 to %c48 step %c8
// NEON-COUNT-16: llvm.call_intrinsic "llvm.aarch64.neon.bfdot.v4f32.v8bf16"(%{{.*}}) : (vector<4xf32>, vector<8xbf16>, vector<8xbf16>) -> vector<4xf32>
// NEON-NOT: llvm.call_intrinsic
// NONE: linalg.fill
// NONE: linalg.generic
func.func @block(%rows: memref<32x32x2xbf16>, %columns: memref<32x48x2xbf16>, %out: memref<32x48xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<32x48xf32>)
  linalg.generic #contraction ins(%rows, %columns : memref<32x32x2xbf16>, memref<32x48x2xbf16>) outs(%out : memref<32x48xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

#rows = affine_map<(m, no, ko, v, ni, ki) -> (m, ko, ki, v)>
#columns = affine_map<(m, no, ko, v, ni, ki) -> (ko, no, ki, ni, v)>
#out = affine_map<(m, no, ko, v, ni, ki) -> (m, no, ni)>
#contraction = {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction", "parallel", "reduction"]}

// Columns in tiles, of which two lie beside each other: each is read as it lies.
// CHECK-LABEL: func @tiles
// CHECK-SAME: %[[ROWS:.*]]: memref<16x2x16x2xbf16>, %[[COLUMNS:.*]]: memref<2x2x16x16x2xbf16, {{.*}}>, %[[OUT:.*]]: memref<16x2x16xf32>, %[[LARGE:.*]]: memref
// AMX-DAG: %[[R:.*]] = memref.collapse_shape %[[ROWS]] {{\[\[}}0], [1, 2, 3]] : memref<16x2x16x2xbf16> into memref<16x64xbf16>
// AMX-DAG: %[[C:.*]] = memref.collapse_shape %[[COLUMNS]] {{\[\[}}0], [1], [2], [3, 4]] : {{.*}} into memref<2x2x16x32xbf16, strided<[2048, 512, 32, 1], offset: ?>>
// AMX-DAG: %[[O:.*]] = memref.collapse_shape %[[OUT]] {{\[\[}}0], [1, 2]] : memref<16x2x16xf32> into memref<16x32xf32>
// AMX: amx.tile_load %[[R]][%c0, %c0] : memref<16x64xbf16> into !amx.tile<16x32xbf16>
// AMX-NEXT: amx.tile_load %[[C]][%c0, %c0, %c0, %c0] : {{.*}} into !amx.tile<16x32xbf16>
// AMX: amx.tile_load %[[C]][%c0, %c1, %c0, %c0]
// AMX: amx.tile_load %[[R]][%c0, %c32]
// AMX-NEXT: amx.tile_load %[[C]][%c1, %c0, %c0, %c0]
// AMX: amx.tile_load %[[C]][%c1, %c1, %c0, %c0]
// AMX: amx.tile_store %[[O]][%c0, %c0]
// AMX: amx.tile_store %[[O]][%c0, %c16]
// Tiles that are too large for the unit.
// AMX: linalg.generic
// AMX-NOT: amx.tile
// Dot products read pairs of a row at once.
// DOT-COUNT-2: linalg.generic
// NEON-COUNT-2: linalg.generic
func.func @tiles(%rows: memref<16x2x16x2xbf16>, %columns: memref<2x2x16x16x2xbf16, strided<[2048, 512, 32, 2, 1], offset: ?>>, %out: memref<16x2x16xf32>, %large: memref<1x1x32x32x2xbf16>, %rows32: memref<16x1x32x2xbf16>, %out32: memref<16x1x32xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<16x2x16xf32>)
  linalg.generic #contraction ins(%rows, %columns : memref<16x2x16x2xbf16>, memref<2x2x16x16x2xbf16, strided<[2048, 512, 32, 2, 1], offset: ?>>) outs(%out : memref<16x2x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.generic #contraction ins(%rows32, %large : memref<16x1x32x2xbf16>, memref<1x1x32x32x2xbf16>) outs(%out32 : memref<16x1x32xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

#rows = affine_map<(n, m, v, k) -> (m, k, v)>
#columns = affine_map<(n, m, v, k) -> (k, n, v)>
#out = affine_map<(n, m, v, k) -> (m, n)>

// Loops in any order; a sum that does not start at zero; sizes that tiles divide
// evenly, so that all have one shape.
// CHECK-LABEL: func @odd_sizes
// AMX: amx.tile_load %{{.*}} : memref<18x20xf32> into !amx.tile<9x10xf32>
// AMX: amx.tile_load %{{.*}} into !amx.tile<9x24xbf16>
// AMX: amx.tile_load %{{.*}} into !amx.tile<12x20xbf16>
// AMX: amx.tile_mulf
// DOT: vector.load %{{.*}} : memref<18x20xf32>, vector<16xf32>
// DOT: vector.load %{{.*}} : memref<18x20xf32>, vector<4xf32>
// DOT: vector.load %{{.*}} : memref<24x40xbf16>, vector<8xbf16>
// DOT: vector.insert_strided_slice %{{.*}} : vector<8xbf16> into vector<32xbf16>
// DOT: vector.extract_strided_slice %{{.*}} {offsets = [0], sizes = [4], strides = [1]}
// DOT: vector.store %{{.*}} : memref<18x20xf32>, vector<4xf32>
func.func @odd_sizes(%rows: memref<18x24x2xbf16>, %columns: memref<24x20x2xbf16>, %out: memref<18x20xf32>) {
  linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%rows, %columns : memref<18x24x2xbf16>, memref<24x20x2xbf16>) outs(%out : memref<18x20xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

#rows = affine_map<(m, n, k, v) -> (m, k, v)>
#columns = affine_map<(m, n, k, v) -> (k, n, v)>
#out = affine_map<(m, n, k, v) -> (m, n)>
#contraction = {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}

// A fill with something else, or of something else, stays.
// CHECK-LABEL: func @fills
// AMX: linalg.fill
// AMX: amx.tile_load %{{.*}} : memref<16x16xf32>
// AMX: amx.tile_store
// AMX: linalg.fill
// AMX: amx.tile_load %{{.*}} : memref<16x16xf32>
func.func @fills(%rows: memref<16x16x2xbf16>, %columns: memref<16x16x2xbf16>, %out: memref<16x16xf32>, %other: memref<16x16xf32>) {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%one : f32) outs(%out : memref<16x16xf32>)
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.fill ins(%zero : f32) outs(%other : memref<16x16xf32>)
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

#rows = affine_map<(m, n, k, v) -> (m, k, v)>
#columns = affine_map<(m, n, k, v) -> (k, n, v)>
#out = affine_map<(m, n, k, v) -> (m, n)>
#contraction = {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}

// What the unit does not do is left: a size that is not known, threes in the place of
// pairs, f32, rows that are not contiguous, a maximum in the place of the sum; a product that is rounded, or of bits, or also stored.
// CHECK-LABEL: func @left
// CHECK-NOT: amx
// CHECK-NOT: avx512
// CHECK-COUNT-8: linalg.generic
func.func @left(%dynamic: memref<?x16x2xbf16>, %dynamic_out: memref<?x16xf32>, %rows: memref<16x16x2xbf16>, %columns: memref<16x16x2xbf16>, %rows3: memref<16x16x3xbf16>, %columns3: memref<16x16x3xbf16>, %rows32: memref<16x16x2xf32>, %columns32: memref<16x16x2xf32>, %strided: memref<16x16x2xbf16, strided<[64, 4, 1]>>, %out: memref<16x16xf32>, %last: memref<f32>) {
  linalg.generic #contraction ins(%dynamic, %columns : memref<?x16x2xbf16>, memref<16x16x2xbf16>) outs(%dynamic_out : memref<?x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.generic #contraction ins(%rows3, %columns3 : memref<16x16x3xbf16>, memref<16x16x3xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.generic #contraction ins(%rows32, %columns32 : memref<16x16x2xf32>, memref<16x16x2xf32>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  linalg.generic #contraction ins(%strided, %columns : memref<16x16x2xbf16, strided<[64, 4, 1]>>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.maximumf %c, %2 : f32
    linalg.yield %3 : f32
  }
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %p = arith.mulf %a, %b : bf16
    %e = arith.extf %p : bf16 to f32
    %s = arith.addf %c, %e : f32
    linalg.yield %s : f32
  }
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.bitcast %a : bf16 to i16
    %y = arith.bitcast %b : bf16 to i16
    %u = arith.sitofp %x : i16 to f32
    %v = arith.sitofp %y : i16 to f32
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  linalg.generic #contraction ins(%rows, %columns : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%out : memref<16x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    memref.store %p, %last[] : memref<f32>
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}
