// RUN: mqa-opt %s --mqa-pack-mx-types --split-input-file | FileCheck %s

// Two elements are a byte, and four block scales a word.
// CHECK-LABEL: func.func @tensors(
// CHECK-SAME: %{{.*}}: tensor<?x4x32xi8>, %{{.*}}: tensor<?x32xi8>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?x4xi32>, %{{.*}}: tensor<?x?xf32>)
// CHECK-NEXT: mqa.logits ins({{.*}} : tensor<?x4x32xi8>, tensor<?x32xi8>, tensor<?xi32>, tensor<?xi32>) q_scale({{.*}} : tensor<?x4xi32>) outs({{.*}}) {clean}
// CHECK-NEXT: return
func.func @tensors(%q: tensor<?x4x64xf4E2M1FN>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %q_scale: tensor<?x4x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xf4E2M1FN>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4x4xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Strides and offsets count bytes and words; elements of MXFP8 stay as they are.
// CHECK-LABEL: func.func @memrefs(
// CHECK-SAME: %{{.*}}: memref<?x4x64xbf16>, %{{.*}}: memref<?x32xi8, strided<[48, 1], offset: 4>, #gpu.address_space<global>>, %{{.*}}: memref<?xi32, strided<[2], offset: 3>>
// CHECK: mqa.logits
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: memref<?x64xf8E4M3FN, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?xi32, strided<[?], offset: ?>>
// CHECK: mqa.logits
// CHECK-LABEL: func.func @paged(
// CHECK-SAME: memref<?x2x4x64xi8>, %{{.*}}: memref<?x16x64xi8, strided<[?, 64, 1]>>, %{{.*}}: memref<?x16xi32, strided<[?, 1], offset: 2>>
// CHECK-SAME: memref<?x4xi32>
// CHECK: mqa.paged_logits {{.*}} blocks({{.*}}) of 8 q_scale(%{{.*}} : memref<?x4xi32>)
func.func @memrefs(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN, strided<[96, 1], offset: 8>, #gpu.address_space<global>>, %k_scale: memref<?x4xf8E8M0FNU, strided<[8, 1], offset: 12>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN, strided<[96, 1], offset: 8>, #gpu.address_space<global>>, memref<?x4xf8E8M0FNU, strided<[8, 1], offset: 12>>, memref<?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}
func.func @dynamic(%q: memref<?x4x64xbf16>, %k: memref<?x64xf8E4M3FN, strided<[?, 1], offset: ?>>, %k_scale: memref<?x4xf8E8M0FNU, strided<[?, 1], offset: ?>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf8E4M3FN, strided<[?, 1], offset: ?>>, memref<?x4xf8E8M0FNU, strided<[?, 1], offset: ?>>, memref<?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}
func.func @paged(%q: memref<?x2x4x128xf4E2M1FN>, %k: memref<?x16x128xf4E2M1FN, strided<[?, 128, 1]>>, %k_scale: memref<?x16x4xf8E8M0FNU, strided<[?, 4, 1], offset: 8>>, %lens: memref<?xi32>,
                 %table: memref<?x?xi32>, %blocks: memref<?x?xi32>, %counts: memref<?xi32>, %q_scale: memref<?x4x4xf8E8M0FNU>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : memref<?x2x4x128xf4E2M1FN>, memref<?x16x128xf4E2M1FN, strided<[?, 128, 1]>>, memref<?x16x4xf8E8M0FNU, strided<[?, 4, 1], offset: 8>>, memref<?xi32>, memref<?x?xi32>)
       blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 q_scale(%q_scale : memref<?x4x4xf8E8M0FNU>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// The ops that values come through, in functions that call each other.
// CHECK-LABEL: func.func private @callee(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x4x64xbf16>, %[[K:[a-z0-9]+]]: tensor<?x32xi8>, %[[S:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[K]][%{{.*}}, 0] [%{{.*}}, 32] [1, 1] : tensor<?x32xi8> to tensor<?x32xi8>
// CHECK: %[[WORDS:.*]] = tensor.extract_slice %[[S]][%{{.*}}] [%{{.*}}] [1] : tensor<?xi32> to tensor<?xi32>
// CHECK: mqa.logits ins(%[[Q]], %[[ROWS]], %[[WORDS]]
func.func private @callee(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %i: index, %n: index) -> tensor<?x?xf32> {
  %rows = tensor.extract_slice %k[%i, 0] [%n, 64] [1, 1] : tensor<?x64xf4E2M1FN> to tensor<?x64xf4E2M1FN>
  %scales = tensor.extract_slice %k_scale[%i, 0] [%n, 4] [1, 1] : tensor<?x4xf8E8M0FNU> to tensor<?x4xf8E8M0FNU>
  %0 = mqa.logits ins(%q, %rows, %scales, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
// CHECK-LABEL: func.func private @choose(
// CHECK-SAME: %[[C:[a-z0-9]+]]: i1, %{{.*}}: tensor<512x32xi8>, %{{.*}}: tensor<512x32xi8>) -> tensor<?x32xi8>
// CHECK: %[[R:.*]] = scf.if %[[C]] -> (tensor<512x32xi8>)
// CHECK: %[[CAST:.*]] = tensor.cast %[[R]] : tensor<512x32xi8> to tensor<?x32xi8>
// CHECK: return %[[CAST]]
func.func private @choose(%c: i1, %a: tensor<512x64xf4E2M1FN>, %b: tensor<512x64xf4E2M1FN>) -> tensor<?x64xf4E2M1FN> {
  %r = scf.if %c -> tensor<512x64xf4E2M1FN> {
    scf.yield %a : tensor<512x64xf4E2M1FN>
  } else {
    scf.yield %b : tensor<512x64xf4E2M1FN>
  }
  %cast = tensor.cast %r : tensor<512x64xf4E2M1FN> to tensor<?x64xf4E2M1FN>
  return %cast : tensor<?x64xf4E2M1FN>
}
// CHECK-LABEL: func.func @caller(
// CHECK: %[[K:.*]] = call @choose(%{{.*}}) : (i1, tensor<512x32xi8>, tensor<512x32xi8>) -> tensor<?x32xi8>
// CHECK: %[[N:.*]] = tensor.dim %[[K]], %{{.*}} : tensor<?x32xi8>
// CHECK: %[[D:.*]] = arith.constant 64 : index
// CHECK: cf.br ^[[NEXT:.*]](%[[K]] : tensor<?x32xi8>)
// CHECK: ^[[NEXT]](%[[ARG:.*]]: tensor<?x32xi8>)
// CHECK: call @callee(%{{.*}}, %[[ARG]], %{{.*}}) : (tensor<?x4x64xbf16>, tensor<?x32xi8>, tensor<?xi32>
// CHECK: return %{{.*}}, %[[D]]
func.func @caller(%c: i1, %a: tensor<512x64xf4E2M1FN>, %b: tensor<512x64xf4E2M1FN>, %q: tensor<?x4x64xbf16>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32>, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %k = call @choose(%c, %a, %b) : (i1, tensor<512x64xf4E2M1FN>, tensor<512x64xf4E2M1FN>) -> tensor<?x64xf4E2M1FN>
  %n = tensor.dim %k, %c0 : tensor<?x64xf4E2M1FN>
  %d = tensor.dim %k, %c1 : tensor<?x64xf4E2M1FN>
  cf.br ^next(%k : tensor<?x64xf4E2M1FN>)
^next(%keys: tensor<?x64xf4E2M1FN>):
  %0 = call @callee(%q, %keys, %k_scale, %ke, %out, %c0, %n) : (tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>, tensor<?x?xf32>, index, index) -> tensor<?x?xf32>
  return %0, %d : tensor<?x?xf32>, index
}
// Nothing of it goes to such an op.
// CHECK-LABEL: func.func @other(
// CHECK-SAME: tensor<?x64xf4E2M1FN>, %{{.*}}: tensor<?x4xf8E8M0FNU>
func.func @other(%a: tensor<?x64xf4E2M1FN>, %b: tensor<?x4xf8E8M0FNU>) -> (tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>) {
  return %a, %b : tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>
}

// -----

// Of memrefs, also copies to memory of the program, and views without a dimension.
// CHECK-LABEL: func.func @copies(
// CHECK: %[[VIEW:.*]] = memref.subview %{{.*}}[%{{.*}}, 0, 0] [1, %{{.*}}, 32] [1, 1, 1] : memref<4x?x32xi8> to memref<?x32xi8, strided<[32, 1], offset: ?>>
// CHECK: %[[OWN:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x32xi8>
// CHECK: memref.copy %[[VIEW]], %[[OWN]] : memref<?x32xi8, strided<[32, 1], offset: ?>> to memref<?x32xi8>
// CHECK: %[[WORDS:.*]] = memref.subview %{{.*}}[%{{.*}}, 0] [1, %{{.*}}] [1, 1] : memref<4x?xi32> to memref<?xi32, strided<[1], offset: ?>>
// CHECK: mqa.logits ins(%{{.*}}, %[[OWN]], %[[WORDS]], none, none, %{{.*}} : memref<?x4x64xbf16>, memref<?x32xi8>, memref<?xi32, strided<[1], offset: ?>>, memref<?xi32>)
// CHECK: memref.dealloc %[[OWN]] : memref<?x32xi8>
func.func @copies(%q: memref<?x4x64xbf16>, %k: memref<4x?x64xf4E2M1FN>, %k_scale: memref<4x?x4xf8E8M0FNU>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %i: index) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %k, %c1 : memref<4x?x64xf4E2M1FN>
  %view = memref.subview %k[%i, 0, 0] [1, %n, 64] [1, 1, 1] : memref<4x?x64xf4E2M1FN> to memref<?x64xf4E2M1FN, strided<[64, 1], offset: ?>>
  %own = memref.alloc(%n) {alignment = 64 : i64} : memref<?x64xf4E2M1FN>
  memref.copy %view, %own : memref<?x64xf4E2M1FN, strided<[64, 1], offset: ?>> to memref<?x64xf4E2M1FN>
  %scales = memref.subview %k_scale[%i, 0, 0] [1, %n, 4] [1, 1, 1] : memref<4x?x4xf8E8M0FNU> to memref<?x4xf8E8M0FNU, strided<[4, 1], offset: ?>>
  mqa.logits ins(%q, %own, %scales, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?x4xf8E8M0FNU, strided<[4, 1], offset: ?>>, memref<?xi32>)
      outs(%out : memref<?x?xf32>)
  memref.dealloc %own : memref<?x64xf4E2M1FN>
  return
}

// -----

// Reshapes leave the dimension alone that becomes shorter or goes.
// CHECK-LABEL: func.func @reshapes(
// CHECK: %[[Q:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2], [3]] output_shape [%{{.*}}, 2, 4, 32] : tensor<?x4x32xi8> into tensor<?x2x4x32xi8>
// CHECK: %[[SCALES:.*]] = tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<?x2x4xi32> into tensor<?x4xi32>
// CHECK: %[[K:.*]] = tensor.extract_slice %{{.*}}[0, 0, 32] [%{{.*}}, 16, 32] [1, 1, 1] : tensor<?x16x64xi8> to tensor<?x16x32xi8>
// CHECK: mqa.paged_logits ins(%[[Q]], %[[K]], {{.*}}) q_scale(%[[SCALES]] : tensor<?x4xi32>)
func.func @reshapes(%q: tensor<?x4x64xf4E2M1FN>, %k: tensor<?x16x128xf4E2M1FN>, %k_scale: tensor<?x16x4xf8E8M0FNU>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>,
                    %q_scale: tensor<?x2x4x4xf8E8M0FNU>, %out: tensor<?x?xf32>, %n: index, %blocks: index) -> tensor<?x?xf32> {
  %queries = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [%n, 2, 4, 64] : tensor<?x4x64xf4E2M1FN> into tensor<?x2x4x64xf4E2M1FN>
  %scales = tensor.collapse_shape %q_scale [[0, 1], [2], [3]] : tensor<?x2x4x4xf8E8M0FNU> into tensor<?x4x4xf8E8M0FNU>
  %half = tensor.extract_slice %k[0, 0, 64] [%blocks, 16, 64] [1, 1, 1] : tensor<?x16x128xf4E2M1FN> to tensor<?x16x64xf4E2M1FN>
  %0 = mqa.paged_logits ins(%queries, %half, %k_scale, none, %lens, %table : tensor<?x2x4x64xf4E2M1FN>, tensor<?x16x64xf4E2M1FN>, tensor<?x16x4xf8E8M0FNU>, tensor<?xi32>, tensor<?x?xi32>)
       q_scale(%scales : tensor<?x4x4xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
