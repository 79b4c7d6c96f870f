// RUN: mqa-opt %s | mqa-opt | FileCheck %s

#queries = #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #queries, #smem>
!packed = memref<64x64xi8, #smem>
!part = memref<64x64xi8, strided<[64, 1], offset: ?>, #smem>
!words = memref<64xi32, #smem>

// CHECK-LABEL: func @permute
// CHECK: mqa.permute_queries %{{.*}} : memref<1x64x128xf8E4M3FN
// CHECK: mqa.permute_queries %{{.*}} threads %{{.*}} of %{{.*}} : memref<1x64x128xf8E4M3FN
func.func @permute(%q: !q, %i: index, %n: index) {
  mqa.permute_queries %q : !q
  mqa.permute_queries %q threads %i of %n : !q
  return
}

// CHECK-LABEL: func @decode
// CHECK: %{{.*}}, %{{.*}} = mqa.decode_mx %{{.*}}, %{{.*}} : memref<64x64xi8, strided<[64, 1], offset: ?>, #gpu.address_space<workgroup>>, memref<64xi32, #gpu.address_space<workgroup>> -> vector<64x128xf8E4M3FN>, vector<64xi32>
func.func @decode(%packed: !part, %words: !words) -> vector<64xi32> {
  %keys, %exponents = mqa.decode_mx %packed, %words : !part, !words -> vector<64x128xf8E4M3FN>, vector<64xi32>
  return %exponents : vector<64xi32>
}

// CHECK-LABEL: func @tile
// CHECK: mqa.tile_logits ins(%{{.*}}, %{{.*}}, %{{.*}}, none : {{.*}}, memref<64x64xi8, #gpu.address_space<workgroup>>, memref<64xi32, #gpu.address_space<workgroup>>) {rows = #mqa.rows<keys>} : vector<1x64xf32>
func.func @tile(%q: !q, %packed: !packed, %words: !words) {
  %logits = mqa.tile_logits ins(%q, %packed, %words, none : !q, !packed, !words) {rows = #mqa.rows<keys>} : vector<1x64xf32>
  return
}

// A in registers, of both widths.
// CHECK-LABEL: func @registers
// CHECK: %[[A:.*]] = mqa.pack_operand %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : <vector<64x32xf8E4M3FN>>
// CHECK: %[[D:.*]] = mqa.wgmma %[[A]], %{{.*}} : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>, memref<8x32xf8E4M3FN, {{.*}}> -> <vector<64x8xf32>>
// CHECK: mqa.wgmma_wait %[[D]] after %[[A]] {pending = 0 : i64} : <vector<64x8xf32>> after !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
// CHECK: mqa.pack_operand {{.*}} : <vector<64x16xbf16>>
func.func @registers(%r: i32, %b: memref<8x32xf8E4M3FN, #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>, #smem>) {
  %a = mqa.pack_operand %r, %r, %r, %r : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
  %d = mqa.wgmma %a, %b : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>, memref<8x32xf8E4M3FN, #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>, #smem> -> !mqa.fragment<vector<64x8xf32>>
  %e = mqa.wgmma_wait %d after %a {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>> after !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
  %c = mqa.pack_operand %r, %r, %r, %r : !mqa.operand_fragment<vector<64x16xbf16>>
  return
}
