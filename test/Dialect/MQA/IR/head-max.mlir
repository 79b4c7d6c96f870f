// The maximum over the heads: the forms of both ops, tiles, and the sum, which is not printed.
// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s
// RUN: mqa-opt %examples/head_max.mlir -o /dev/null

#q = #mqa.staged<shape = [1, 4, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#k = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x64x32xf8E4M3FN, #q, #smem>
!k = memref<64x32xf8E4M3FN, #k, #smem>

// CHECK-LABEL: @logits
func.func @logits(%q: tensor<?x4x128xbf16>, %k: tensor<300x128xbf16>, %ke: tensor<?xi32>, %out: tensor<?x300xf32>) -> tensor<?x300xf32> {
  // CHECK: mqa.logits {{.*}} {clean, head_reduction = #mqa.head_reduction<max>} -> tensor<?x300xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xbf16>, tensor<300x128xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x300xf32>) {head_reduction = #mqa.head_reduction<max>, clean} -> tensor<?x300xf32>
  // CHECK: mqa.logits {{.*}} outs(%{{.*}} : tensor<?x300xf32>) -> tensor<?x300xf32>
  %1 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xbf16>, tensor<300x128xbf16>, tensor<?xi32>)
       outs(%0 : tensor<?x300xf32>) {head_reduction = #mqa.head_reduction<sum>} -> tensor<?x300xf32>
  return %1 : tensor<?x300xf32>
}

// CHECK-LABEL: @paged
func.func @paged(%q: memref<?x2x8x32xf16>, %k: memref<?x64x32xf16>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf16>) {
  // CHECK: mqa.paged_logits {{.*}} {head_reduction = #mqa.head_reduction<max>}
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x8x32xf16>, memref<?x64x32xf16>, memref<?x2xi32>, memref<?x?xi32>)
      outs(%out : memref<?x?xf16>) {head_reduction = #mqa.head_reduction<max>}
  return
}

// CHECK-LABEL: @staged
func.func @staged(%q: !q, %k: !k, %s: memref<64xf32, #smem>, %before: vector<4x64xf32>, %heads: index, %last: i1) -> vector<4x64xf32> {
  // CHECK: mqa.tile_logits {{.*}} onto({{.*}}) num_heads(%{{.*}}) scales_onto(%{{.*}}) {head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
  %0 = mqa.tile_logits ins(%q, %k, %s, none : !q, !k, memref<64xf32, #smem>) onto(%before : vector<4x64xf32>)
      num_heads(%heads) scales_onto(%last) {head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
  return %0 : vector<4x64xf32>
}

// CHECK: #mqa.kernel<op = "mqa.logits", head_reduction = max, task_sizes = [16, 128]>
func.func @kernel() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", head_reduction = max, task_sizes = [16, 128]>} { return }
