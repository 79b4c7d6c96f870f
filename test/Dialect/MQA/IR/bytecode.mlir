// Bytecode of every version is read as what it said when it was written. The
// files are this one's functions, as
//   mqa-opt --emit-bytecode - < bytecode.mlir > Inputs/bytecode-VERSION.mlirbc
// wrote them: before there were versions, and by each version since. What is
// added here is for later versions, and goes behind a `// -----`.
// RUN: mqa-opt - < %s > %t.text
// RUN: mqa-opt %S/Inputs/bytecode-unversioned.mlirbc > %t.unversioned
// RUN: diff %t.text %t.unversioned
// RUN: mqa-opt %S/Inputs/bytecode-1.mlirbc > %t.1
// RUN: diff %t.text %t.1
// RUN: mqa-opt %S/Inputs/bytecode-2.mlirbc > %t.2
// RUN: diff %t.text %t.2
// RUN: mqa-opt %S/Inputs/bytecode-3.mlirbc > %t.3
// RUN: diff %t.text %t.3
// RUN: mqa-opt %S/Inputs/bytecode-4.mlirbc > %t.4
// RUN: diff %t.text %t.4
// RUN: mqa-opt %S/Inputs/bytecode-5.mlirbc > %t.5
// RUN: diff %t.text %t.5
// RUN: mqa-opt %S/Inputs/bytecode-6.mlirbc > %t.6
// RUN: diff %t.text %t.6
// RUN: mqa-opt %S/Inputs/bytecode-7.mlirbc > %t.7
// RUN: diff %t.text %t.7
// RUN: mqa-opt %S/Inputs/bytecode-8.mlirbc > %t.8
// RUN: diff %t.text %t.8
// RUN: mqa-opt %S/Inputs/bytecode-9.mlirbc > %t.9
// RUN: diff %t.text %t.9
// RUN: mqa-opt --emit-bytecode - < %s | mqa-opt > %t.today
// RUN: diff %t.text %t.today
// RUN: FileCheck %s --input-file=%t.text

// CHECK-LABEL: func.func @logits
// CHECK: mqa.logits {{.*}} {activation = #mqa.activation<none>, clean, compressed}
func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x8x128xf8E4M3FN>, %s: tensor<?x8xf32>, %w: tensor<?x64xbf16>,
                  %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x2048xbf16>) -> tensor<?x2048xbf16> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x8x128xf8E4M3FN>, tensor<?x8xf32>,
                      tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x2048xbf16>) {activation = #mqa.activation<none>, clean, compressed} -> tensor<?x2048xbf16>
  return %0 : tensor<?x2048xbf16>
}

// CHECK-LABEL: func.func @paged_logits
// CHECK: mqa.paged_logits {{.*}}#mqa.schedule<block_q = 2,
func.func @paged_logits(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>,
                        %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %s, none, %lens, %table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>,
                            tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>)
       outs(%out : tensor<?x?xf32>)
       {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 5>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @topk
// CHECK: mqa.topk {{.*}}base = #mqa.base<slot>
func.func @topk(%logits: tensor<?x?xf16>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %offset: tensor<?xi32>,
                %indices: tensor<?x512xi32>, %values: tensor<?x512xf32>) -> (tensor<?x512xi32>, tensor<?x512xf32>) {
  %0:2 = mqa.topk ins(%logits, none, none : tensor<?x?xf16>) context_lens(%lens : tensor<?x2xi32>)
         block_table(%table : tensor<?x?xi32>) offset(%offset : tensor<?xi32>)
         outs(%indices, %values : tensor<?x512xi32>, tensor<?x512xf32>)
         {tie_break = #mqa.tie_break<greatest>, order = #mqa.order<score>, base = #mqa.base<slot>, block_kv = 64,
          force_first = 4, force_last = 64} -> tensor<?x512xi32>, tensor<?x512xf32>
  return %0#0, %0#1 : tensor<?x512xi32>, tensor<?x512xf32>
}

// CHECK-LABEL: func.func @merge_topk
// CHECK: mqa.merge_topk {{.*}}order = #mqa.order<any>
func.func @merge_topk(%i: tensor<8x?x64xi32>, %v: tensor<8x?x64xf32>, %ke: tensor<?xi32>,
                      %indices: tensor<?x64xi32>) -> tensor<?x64xi32> {
  %0 = mqa.merge_topk ins(%i, %v, none, %ke : tensor<8x?x64xi32>, tensor<8x?x64xf32>, tensor<?xi32>)
       outs(%indices : tensor<?x64xi32>) {order = #mqa.order<any>, base = #mqa.base<absolute>} -> tensor<?x64xi32>
  return %0 : tensor<?x64xi32>
}

// CHECK-LABEL: func.func @tile
// CHECK: mqa.logits {{.*}} ranges(
func.func @tile(%q: memref<8x64x128xbf16>, %k: memref<128x128xbf16>, %ks: memref<8xi32>, %ke: memref<8xi32>, %n: index,
                %out: memref<8x128xf32>) {
  %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<8xi32>, memref<8xi32>
  mqa.logits ins(%q, %k, none, none : memref<8x64x128xbf16>, memref<128x128xbf16>) ranges(%ranges) key_offset(%n)
      outs(%out : memref<8x128xf32>)
  return
}

// CHECK-LABEL: func.func @ring
// CHECK: mqa.ring_create
func.func @ring(%k: memref<128xf32>, %i: i32) {
  %ring = mqa.ring_create : !mqa.ring<2, memref<128xf32, #gpu.address_space<workgroup>>>
  mqa.ring_put %ring[%i], %k : !mqa.ring<2, memref<128xf32, #gpu.address_space<workgroup>>>, memref<128xf32>
  return
}
