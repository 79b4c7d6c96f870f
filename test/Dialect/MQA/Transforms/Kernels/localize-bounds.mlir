// RUN: mqa-opt %s --mqa-localize-bounds | FileCheck %s
// RUN: mqa-opt %s --mqa-localize-bounds --remarks-filter=mqa-localize-bounds --remark-format=emitRemark --verify-diagnostics -o /dev/null

// The offset is subtracted from both bounds. What is below 0 becomes 0, so that it fits i32.
// CHECK-LABEL: func @tensors(
// CHECK-SAME: %[[KS:[a-z0-9]+]]: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>, {{.*}}, %[[N:[a-z0-9]+]]: index
// CHECK: %[[OFFSET:.+]] = arith.index_cast %[[N]] : index to i64
// CHECK: %[[OWN_KS:[a-z0-9]+]] = linalg.generic {{.*}} ins(%[[KS]] : tensor<?xi32>)
// CHECK: %[[WIDE:.+]] = arith.extsi %{{.+}} : i32 to i64
// CHECK: %[[ZERO:.+]] = arith.constant 0 : i64
// CHECK: %[[MAX:.+]] = arith.constant 2147483647 : i64
// CHECK: %[[SHIFTED:.+]] = arith.subi %[[WIDE]], %[[OFFSET]]
// CHECK: %[[LOW:.+]] = arith.maxsi %[[SHIFTED]], %[[ZERO]]
// CHECK: %[[BOTH:.+]] = arith.minsi %[[LOW]], %[[MAX]]
// CHECK: arith.trunci %[[BOTH]] : i64 to i32
// CHECK: %[[OWN_KE:.+]] = linalg.generic {{.*}} ins(%[[KE]] : tensor<?xi32>)
// CHECK: mqa.logits ins(%{{.+}}, %{{.+}}, none, none, %[[OWN_KS]], %[[OWN_KE]] :
// CHECK-NOT: key_offset
// CHECK-SAME: {clean} -> tensor<?x?xf32>
func.func @tensors(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %n: index) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) key_offset(%n) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Memrefs get a new one. Without 'ks', ranges begin ahead of the tile.
// CHECK-LABEL: func @memrefs(
// CHECK: %[[OWN:.+]] = memref.alloc() : memref<3xi32>
// CHECK: linalg.generic {{.*}} ins(%{{.+}} : memref<3xi32, strided<[1], offset: 5>>) outs(%[[OWN]] : memref<3xi32>)
// CHECK: mqa.logits ins(%{{.+}}, %{{.+}}, none, none, none, %[[OWN]] : {{.*}}) outs(%{{.+}} : memref<3x?xf32>) {block_max = 8 : i64}
func.func @memrefs(%q: memref<3x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<3xi32, strided<[1], offset: 5>>, %out: memref<3x?xf32>, %n: index) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<3x4x32xbf16>, memref<?x32xbf16>, memref<3xi32, strided<[1], offset: 5>>) key_offset(%n) outs(%out : memref<3x?xf32>) {block_max = 8 : i64}
  return
}

// Lengths are cut, and so is the table. A loop goes by 64 keys, which are four cache blocks.
// CHECK-LABEL: func @paged(
// CHECK-SAME: %[[LENS:[a-z0-9]+]]: tensor<2x2xi32>, %[[TABLE:[a-z0-9]+]]: tensor<2x?xi32>
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: affine.apply {{.*}}(%[[I]])
// CHECK: %[[OWN_LENS:.+]] = linalg.generic {{.*}} ins(%[[LENS]] : tensor<2x2xi32>)
// CHECK: %[[OWN_TABLE:.+]] = tensor.extract_slice %[[TABLE]][0, %{{.+}}] [2, %{{.+}}] [1, 1] : tensor<2x?xi32> to tensor<2x?xi32>
// CHECK: mqa.paged_logits ins({{.*}}, %[[OWN_LENS]], %[[OWN_TABLE]] :
// CHECK-NOT: key_offset
// CHECK: return
func.func @paged(%q: tensor<2x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<2x2xi32>, %table: tensor<2x?xi32>, %out: tensor<4x64xf32>, %n: index) -> tensor<4x64xf32> {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %r = scf.for %i = %c0 to %n step %c64 iter_args(%acc = %out) -> tensor<4x64xf32> {
    %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2x2xi32>, tensor<2x?xi32>) key_offset(%i) outs(%acc : tensor<4x64xf32>) -> tensor<4x64xf32>
    scf.yield %0 : tensor<4x64xf32>
  }
  return %r : tensor<4x64xf32>
}

// A product, a sum of products, what affine computes of them, and 8 times the variable of a loop that goes by 2.
// CHECK-LABEL: func @multiples(
// CHECK-COUNT-4: mqa.paged_logits ins({{.*}}) outs(
// CHECK: return
func.func @multiples(%q: tensor<2x1x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<2xi32>, %table: tensor<2x?xi32>, %out: tensor<2x64xf32>, %n: index) -> (tensor<2x64xf32>, tensor<2x64xf32>, tensor<2x64xf32>) {
  %c48 = arith.constant 48 : index
  %product = arith.muli %n, %c48 : index
  %sum = arith.addi %product, %c48 : index
  %applied = affine.apply affine_map<(a)[b] -> (a + b * 32)>(%sum)[%n]
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%product) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  %1 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%sum) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  %2 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%applied) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %3 = scf.for %i = %c0 to %n step %c2 iter_args(%acc = %2) -> tensor<2x64xf32> {
    %offset = arith.muli %i, %c8 : index
    %4 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%offset) outs(%acc : tensor<2x64xf32>) -> tensor<2x64xf32>
    scf.yield %4 : tensor<2x64xf32>
  }
  return %0, %1, %3 : tensor<2x64xf32>, tensor<2x64xf32>, tensor<2x64xf32>
}

// CHECK-LABEL: func @merge(
// CHECK: %[[OWN:.+]] = linalg.generic
// CHECK: arith.minsi
// CHECK: mqa.merge_topk ins({{.*}}, none, %[[OWN]] :
// CHECK-NOT: num_keys
// CHECK: return
func.func @merge(%i: tensor<2x?x8xi32>, %v: tensor<2x?x8xf32>, %ke: tensor<?xi32>, %out: tensor<?x8xi32>, %n: index) -> tensor<?x8xi32> {
  %0 = mqa.merge_topk ins(%i, %v, none, %ke : tensor<2x?x8xi32>, tensor<2x?x8xf32>, tensor<?xi32>) num_keys(%n) outs(%out : tensor<?x8xi32>) -> tensor<?x8xi32>
  return %0 : tensor<?x8xi32>
}

// CHECK-LABEL: func @unaligned(
// CHECK: key_offset
// CHECK: key_offset
func.func @unaligned(%q: tensor<2x1x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<2xi32>, %table: tensor<2x?xi32>, %out: tensor<2x64xf32>, %n: index) -> (tensor<2x64xf32>, tensor<2x64xf32>) {
  // expected-remark@below {{still a tile: 'key_offset' is not known to be a multiple of the keys of a cache block, 16}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%n) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  %c8 = arith.constant 8 : index
  %product = arith.muli %n, %c8 : index
  // expected-remark@below {{still a tile: 'key_offset' is not known to be a multiple}}
  %1 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%product) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  return %0, %1 : tensor<2x64xf32>, tensor<2x64xf32>
}

// CHECK-LABEL: func @ranges(
// CHECK: key_offset
func.func @ranges(%q: memref<8x4x32xbf16>, %k: memref<128x32xbf16>, %lens: memref<8xi32>, %out: memref<8x128xf32>, %n: index) {
  %ranges = mqa.make_ranges none, %lens keys(%n) : memref<8xi32>
  // expected-remark@below {{still a tile: 'ranges' are those of a kernel}}
  mqa.logits ins(%q, %k, none, none : memref<8x4x32xbf16>, memref<128x32xbf16>) ranges(%ranges) key_offset(%n) outs(%out : memref<8x128xf32>)
  return
}

// CHECK-LABEL: func @some_columns(
// CHECK: key_offset
func.func @some_columns(%q: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %blocks: tensor<8x?xi32>, %num: tensor<8xi32>, %out: tensor<8x?xf32>, %n: index) -> tensor<8x?xf32> {
  // expected-remark@below {{still a tile: 'key_offset' and the number of columns are not known to be multiples of the keys of a block, 8}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) key_offset(%n) blocks(%blocks, %num : tensor<8x?xi32>, tensor<8xi32>) of 8 outs(%out : tensor<8x?xf32>) -> tensor<8x?xf32>
  return %0 : tensor<8x?xf32>
}

// Columns of whole blocks: the tile has these blocks. Ranges count keys, and stay.
// CHECK-LABEL: func @blocks(
// CHECK-SAME: %[[KE:[a-z0-9]+]]: tensor<8xi32>, %[[BLOCKS:[a-z0-9]+]]: tensor<8x16xi32>, %[[NUM:[a-z0-9]+]]: tensor<8xi32>
// CHECK: scf.for
// CHECK: %[[FIRST:.+]] = affine.apply
// CHECK: %[[OWN:.+]] = tensor.extract_slice %[[BLOCKS]][0, %[[FIRST]]] [8, 4] [1, 1]
// CHECK: %[[CUT:.+]] = linalg.generic {{.*}} ins(%[[NUM]] : tensor<8xi32>)
// CHECK: arith.minsi
// CHECK: %[[OFFSET:.+]] = arith.index_cast %[[FIRST]]
// CHECK: %[[OWN_NUM:.+]] = linalg.generic {{.*}} ins(%[[CUT]] : tensor<8xi32>)
// CHECK: arith.subi %{{.+}}, %[[OFFSET]]
// CHECK: mqa.logits ins({{.*}}, none, none, none, %[[KE]] :
// CHECK-NOT: key_offset
// CHECK-SAME: blocks(%[[OWN]], %[[OWN_NUM]] :
func.func @blocks(%q: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %blocks: tensor<8x16xi32>, %num: tensor<8xi32>, %out: tensor<8x32xf32>, %n: index) -> tensor<8x32xf32> {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %r = scf.for %i = %c0 to %n step %c32 iter_args(%acc = %out) -> tensor<8x32xf32> {
    %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) key_offset(%i) blocks(%blocks, %num : tensor<8x16xi32>, tensor<8xi32>) of 8 outs(%acc : tensor<8x32xf32>) -> tensor<8x32xf32>
    scf.yield %0 : tensor<8x32xf32>
  }
  return %r : tensor<8x32xf32>
}

// There are 16 blocks in a list. The tile of the last four has them; what is behind them has no blocks.
// CHECK-LABEL: func @end_of_the_list(
// CHECK: %[[FIRST:.+]] = arith.constant 12 : index
// CHECK: tensor.extract_slice %{{.+}}[0, %[[FIRST]]] [8, 4] [1, 1]
// CHECK: %[[LENGTH:.+]] = arith.constant 16 : i64
// CHECK: arith.minsi %{{.+}}, %[[LENGTH]]
// CHECK: key_offset
func.func @end_of_the_list(%q: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %blocks: tensor<8x16xi32>, %num: tensor<8xi32>, %out: tensor<8x32xf32>) -> (tensor<8x32xf32>, tensor<8x32xf32>) {
  %c96 = arith.constant 96 : index
  %c104 = arith.constant 104 : index
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) key_offset(%c96) blocks(%blocks, %num : tensor<8x16xi32>, tensor<8xi32>) of 8 outs(%out : tensor<8x32xf32>) -> tensor<8x32xf32>
  // expected-remark@below {{still a tile: its columns end behind those of 'key_blocks'}}
  %1 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) key_offset(%c104) blocks(%blocks, %num : tensor<8x16xi32>, tensor<8xi32>) of 8 outs(%out : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %0, %1 : tensor<8x32xf32>, tensor<8x32xf32>
}

// Each number is twice the one before: a pass that asks for the operands of each again would not end.
// CHECK-LABEL: func @doubled(
// CHECK-NOT: key_offset
// CHECK: return
func.func @doubled(%q: tensor<2x1x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<2xi32>, %table: tensor<2x?xi32>, %out: tensor<2x64xf32>, %n: index) -> tensor<2x64xf32> {
  %c16 = arith.constant 16 : index
  %0 = arith.muli %n, %c16 : index
  %1 = arith.addi %0, %0 : index
  %2 = arith.addi %1, %1 : index
  %3 = arith.addi %2, %2 : index
  %4 = arith.addi %3, %3 : index
  %5 = arith.addi %4, %4 : index
  %6 = arith.addi %5, %5 : index
  %7 = arith.addi %6, %6 : index
  %8 = arith.addi %7, %7 : index
  %9 = arith.addi %8, %8 : index
  %10 = arith.addi %9, %9 : index
  %11 = arith.addi %10, %10 : index
  %12 = arith.addi %11, %11 : index
  %13 = arith.addi %12, %12 : index
  %14 = arith.addi %13, %13 : index
  %15 = arith.addi %14, %14 : index
  %16 = arith.addi %15, %15 : index
  %17 = arith.addi %16, %16 : index
  %18 = arith.addi %17, %17 : index
  %19 = arith.addi %18, %18 : index
  %20 = arith.addi %19, %19 : index
  %21 = arith.addi %20, %20 : index
  %22 = arith.addi %21, %21 : index
  %23 = arith.addi %22, %22 : index
  %24 = arith.addi %23, %23 : index
  %25 = arith.addi %24, %24 : index
  %26 = arith.addi %25, %25 : index
  %27 = arith.addi %26, %26 : index
  %28 = arith.addi %27, %27 : index
  %29 = arith.addi %28, %28 : index
  %30 = arith.addi %29, %29 : index
  %31 = arith.addi %30, %30 : index
  %32 = arith.addi %31, %31 : index
  %33 = arith.addi %32, %32 : index
  %34 = arith.addi %33, %33 : index
  %35 = arith.addi %34, %34 : index
  %36 = arith.addi %35, %35 : index
  %37 = arith.addi %36, %36 : index
  %38 = arith.addi %37, %37 : index
  %39 = arith.addi %38, %38 : index
  %40 = arith.addi %39, %39 : index
  %41 = arith.addi %40, %40 : index
  %42 = arith.addi %41, %41 : index
  %43 = arith.addi %42, %42 : index
  %44 = arith.addi %43, %43 : index
  %45 = arith.addi %44, %44 : index
  %46 = arith.addi %45, %45 : index
  %47 = arith.addi %46, %46 : index
  %48 = arith.addi %47, %47 : index
  %r = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>) key_offset(%48) outs(%out : tensor<2x64xf32>) -> tensor<2x64xf32>
  return %r : tensor<2x64xf32>
}

// What is no tile stays as it is.
// CHECK-LABEL: func @whole(
// CHECK-NEXT: mqa.logits
// CHECK-NEXT: return
func.func @whole(%q: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x?xf32>) -> tensor<8x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x?xf32>) -> tensor<8x?xf32>
  return %0 : tensor<8x?xf32>
}
