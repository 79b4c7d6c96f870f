// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --canonicalize --cse --loop-invariant-code-motion | FileCheck %s --check-prefix=SIMPLE

#smem = #gpu.address_space<workgroup>
!counts = memref<8xi32, #smem>
!least = memref<8xf32, #smem>
!word = memref<1xi32, #smem>

// CHECK-LABEL: func.func @rows
// CHECK: mqa.filtered_rows %{{.*}}[%{{.*}}] counts(%{{.*}}) thresholds(%{{.*}}) meeting(%{{.*}}) sizes(%{{.*}}, %{{.*}}) {limit = 4352 : i64, margin = 2432 : i64, places = 7680 : i64} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>> -> memref<?x?xf32>
// CHECK: mqa.filtered_rows {{.*}} {force_first = 4 : i64, force_last = 64 : i64, limit = 4352 : i64, margin = 2432 : i64, places = 7680 : i64} : {{.*}} -> memref<?x?xbf16>
func.func @rows(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index) -> (memref<?x?xf32>, memref<?x?xbf16>) {
  %0 = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 7680, limit = 4352, margin = 2432} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32>
  %1 = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 7680, limit = 4352, margin = 2432, force_first = 4, force_last = 64} : memref<?xi32>, !counts, !least, !word -> memref<?x?xbf16>
  return %0, %1 : memref<?x?xf32>, memref<?x?xbf16>
}

// CHECK-LABEL: func.func @words
// CHECK: mqa.word_rows %{{.*}}[%{{.*}}] stride(%{{.*}}) sizes(%{{.*}}, %{{.*}}) : memref<?xi32> -> memref<?x?xbf16>
func.func @words(%memory: memref<?xi32>, %first: index, %m: index, %n: index) -> memref<?x?xbf16> {
  %0 = mqa.word_rows %memory[%first] stride(%n) sizes(%m, %n) : memref<?xi32> -> memref<?x?xbf16>
  return %0 : memref<?x?xbf16>
}

// SIMPLE-LABEL: func.func @word_sizes
// SIMPLE-SAME: %[[M:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index)
// SIMPLE-NEXT: return %[[M]], %[[N]] : index, index
func.func @word_sizes(%memory: memref<?xi32>, %first: index, %m: index, %n: index) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = mqa.word_rows %memory[%first] stride(%n) sizes(%m, %n) : memref<?xi32> -> memref<?x?xf32>
  %0 = memref.dim %rows, %c0 : memref<?x?xf32>
  %1 = memref.dim %rows, %c1 : memref<?x?xf32>
  return %0, %1 : index, index
}

// Their sizes are operands: nothing else is left of rows that are not written.
// SIMPLE-LABEL: func.func @sizes
// SIMPLE-SAME: %[[M:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index)
// SIMPLE-NEXT: return %[[M]], %[[N]] : index, index
func.func @sizes(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 7680, limit = 4352, margin = 2432} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32>
  %0 = memref.dim %rows, %c0 : memref<?x?xf32>
  %1 = memref.dim %rows, %c1 : memref<?x?xf32>
  return %0, %1 : index, index
}

// A size of which nobody knows which one it is stays.
// SIMPLE-LABEL: func.func @some_size
// SIMPLE: %[[ROWS:.*]] = mqa.filtered_rows
// SIMPLE: memref.dim %[[ROWS]], %{{.*}} : memref<?x?xf32>
func.func @some_size(%memory: memref<?xi32>, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index, %i: index) -> index {
  %rows = mqa.filtered_rows %memory[%n] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 7680, limit = 4352, margin = 2432} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32>
  %0 = memref.dim %rows, %i : memref<?x?xf32>
  return %0 : index
}

// What all consumers come to is neither removed nor moved, even if it is empty.
// CHECK-LABEL: func.func @meet
// SIMPLE-LABEL: func.func @meet
func.func @meet(%word: !word, %n: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: scf.for
  // SIMPLE: scf.for
  scf.for %i = %c0 to %end step %c1 {
    // CHECK: mqa.meet {
    // CHECK-NEXT: gpu.barrier
    // CHECK-NEXT: }{{$}}
    // SIMPLE-NEXT: mqa.meet
    mqa.meet {
      gpu.barrier
    }
    // CHECK: mqa.meet meeting(%{{.*}} : memref<1xi32, #gpu.address_space<workgroup>>) key(%{{.*}}) until(%{{.*}}) {
    // CHECK-NEXT: } {num_threads = 512 : i64, tile_kv = 128 : i64, turns = 4 : i64}
    // SIMPLE: mqa.meet meeting
    mqa.meet meeting(%word : !word) key(%n) until(%end) {
    } {tile_kv = 128, num_threads = 512, turns = 4}
  }
  return
}

// CHECK-LABEL: func.func @cut
func.func @cut(%memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %ke: memref<?xi32>, %m: index, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  mqa.meet {
    // CHECK: mqa.cut_lists %{{.*}}[%{{.*}}] counts(%{{.*}}) thresholds(%{{.*}}) ranges(%{{.*}}) rows(%{{.*}}) {above = 2048 : i64, ascending, keep = 2048 : i64, places = 7680 : i64, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<8xf32, #gpu.address_space<workgroup>>
    mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 7680, keep = 2048, above = 2048, ties = #mqa.ties<smallest>, ascending} : memref<?xi32>, !counts, !least
    // CHECK: mqa.cut_lists {{.*}} {above = 3200 : i64, force_first = 4 : i64, force_last = 64 : i64, keep = 2048 : i64, places = 7680 : i64, slack = 256 : i64, ties = #mqa.ties<greatest>}
    mqa.cut_lists %memory[%first] counts(%counts) thresholds(%least) ranges(%ranges) rows(%m) {places = 7680, keep = 2048, above = 3200, slack = 256, force_first = 4, force_last = 64, ties = #mqa.ties<greatest>} : memref<?xi32>, !counts, !least
  }
  return
}

// CHECK-LABEL: func.func @append
func.func @append(%v: vector<8x128xf32>, %mask: vector<8x128xi1>, %memory: memref<?xi32>, %first: index, %counts: !counts, %word: !word, %row: index, %n: index) {
  // CHECK: mqa.append_logits %{{.*}} mask %{{.*}} first_key(%{{.*}}) to %{{.*}}[%{{.*}}] counts(%{{.*}}) meeting(%{{.*}}) first_row(%{{.*}}) {limit = 4352 : i64, margin = 2432 : i64, places = 7680 : i64} : vector<8x128xf32>, vector<8x128xi1>, memref<?xi32>, memref<8xi32, #gpu.address_space<workgroup>>, memref<1xi32, #gpu.address_space<workgroup>>
  // SIMPLE: mqa.append_logits
  mqa.append_logits %v mask %mask first_key(%n) to %memory[%first] counts(%counts) meeting(%word) first_row(%row) {places = 7680, limit = 4352, margin = 2432} : vector<8x128xf32>, vector<8x128xi1>, memref<?xi32>, !counts, !word
  return
}
