// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
!counts = memref<8xi32, #smem>
!least = memref<8xf32, #smem>
!word = memref<1xi32, #smem>
gpu.module @kernels {
  // The thresholds of a consumer group's rows, which its view begins with, are read anew for each
  // tile. NaN is appended too.
  // CHECK-LABEL: gpu.func @filtered
  // CHECK-SAME: (%[[LOGITS:[a-z0-9]+]]: vector<4x64xf32>, %{{.*}}: memref<?xi32>, %{{.*}}: memref<?xi32>, %[[MEMORY:[a-z0-9]+]]: memref<?xi32>, %[[FIRST:[a-z0-9]+]]: index, %[[COUNTS:[a-z0-9]+]]: memref<8xi32, #gpu.address_space<workgroup>>, %[[LEAST:[a-z0-9]+]]: memref<8xf32, #gpu.address_space<workgroup>>, %[[WORD:[a-z0-9]+]]: memref<1xi32, #gpu.address_space<workgroup>>, %{{.*}}: index, %{{.*}}: index, %[[ROW:[a-z0-9]+]]: index)
  // CHECK-NOT: vector.transfer_read %[[LEAST]]
  // CHECK: scf.for %[[N:.*]] = %c0
  // CHECK: arith.cmpi sge
  // CHECK: arith.cmpi slt
  // CHECK: %[[IN_RANGE:.*]] = arith.andi
  // CHECK: %[[OWN:.*]] = arith.addi %c0, %[[ROW]] : index
  // CHECK: %[[T:.*]] = vector.transfer_read %[[LEAST]][%[[OWN]]], %{{.*}} {in_bounds = [true]} : memref<8xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  // CHECK: %[[COLUMN:.*]] = vector.shape_cast %[[T]] : vector<4xf32> to vector<4x1xf32>
  // CHECK: %[[TS:.*]] = vector.broadcast %[[COLUMN]] : vector<4x1xf32> to vector<4x64xf32>
  // CHECK: %[[WANTED:.*]] = arith.cmpf uge, %[[LOGITS]], %[[TS]] : vector<4x64xf32>
  // CHECK-NOT: arith.ori
  // CHECK: %[[MASK:.*]] = arith.andi %[[IN_RANGE]], %[[WANTED]]
  // CHECK: mqa.append_logits %[[LOGITS]] mask %[[MASK]] first_key(%[[N]]) to %[[MEMORY]][%[[FIRST]]] counts(%[[COUNTS]]) meeting(%[[WORD]]) first_row(%[[OWN]]) {limit = 512 : i64, margin = 256 : i64, places = 1024 : i64}
  // CHECK-NOT: mqa.store_logits
  gpu.func @filtered(%logits: vector<4x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index, %row: index) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 1024, limit = 512, margin = 256} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32, strided<[?, 1]>>
    %own = memref.subview %rows[%row, 0] [%m, %n] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    scf.for %i = %c0 to %n step %c64 {
      mqa.store_logits %logits, %ranges first_key(%i) outs(%own : memref<?x?xf32, strided<[?, 1], offset: ?>>) : vector<4x64xf32>
    }
    gpu.return
  }

  // The first three and the last five keys of a range, whatever their logits are.
  // CHECK-LABEL: gpu.func @forced
  // CHECK: %[[STARTED:.*]] = arith.cmpi sge, %[[KEY:.*]], %[[START:.*]] : vector<4x64xindex>
  // CHECK: %[[NOT_ENDED:.*]] = arith.cmpi slt, %[[KEY]], %[[END:.*]] : vector<4x64xindex>
  // CHECK: %[[IN_RANGE:.*]] = arith.andi %[[STARTED]], %[[NOT_ENDED]]
  // CHECK: %[[WANTED:.*]] = arith.cmpf uge
  // CHECK: %[[BEHIND:.*]] = vector.broadcast %c-3 : index to vector<4x64xindex>
  // CHECK: %[[KEY_BEHIND:.*]] = arith.addi %[[KEY]], %[[BEHIND]]
  // CHECK: %[[IS_FIRST:.*]] = arith.cmpi slt, %[[KEY_BEHIND]], %[[START]]
  // CHECK: %[[OR_FIRST:.*]] = arith.ori %[[WANTED]], %[[IS_FIRST]]
  // CHECK: %[[AHEAD:.*]] = vector.broadcast %c5 : index to vector<4x64xindex>
  // CHECK: %[[KEY_AHEAD:.*]] = arith.addi %[[KEY]], %[[AHEAD]]
  // CHECK: %[[IS_LAST:.*]] = arith.cmpi sge, %[[KEY_AHEAD]], %[[END]]
  // CHECK: %[[OR_LAST:.*]] = arith.ori %[[OR_FIRST]], %[[IS_LAST]]
  // CHECK: %[[MASK:.*]] = arith.andi %[[IN_RANGE]], %[[OR_LAST]]
  // CHECK: mqa.append_logits %{{.*}} mask %[[MASK]] {{.*}} first_row(%c0)
  gpu.func @forced(%logits: vector<4x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index, %row: index) kernel {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 1024, limit = 512, margin = 256, force_first = 3, force_last = 5} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32, strided<[?, 1]>>
    mqa.store_logits %logits, %ranges first_key(%first) outs(%rows : memref<?x?xf32, strided<[?, 1]>>) : vector<4x64xf32>
    gpu.return
  }

  // Logits are what a kernel that stores them would select from: 16-bit ones are rounded first.
  // CHECK-LABEL: gpu.func @half
  // CHECK-SAME: (%[[LOGITS:[a-z0-9]+]]: vector<4x64xf32>
  // CHECK: %[[ROUNDED:.*]] = arith.truncf %[[LOGITS]] : vector<4x64xf32> to vector<4x64xbf16>
  // CHECK: %[[IN_RANGE:.*]] = arith.cmpi slt, {{.*}} : vector<4x64xindex>
  // CHECK: %[[AGAIN:.*]] = arith.extf %[[ROUNDED]] : vector<4x64xbf16> to vector<4x64xf32>
  // CHECK: %[[WANTED:.*]] = arith.cmpf uge, %[[AGAIN]], %{{.*}}
  // CHECK: %[[MASK:.*]] = arith.andi %[[IN_RANGE]], %[[WANTED]]
  // CHECK: mqa.append_logits %[[AGAIN]] mask %[[MASK]]
  gpu.func @half(%logits: vector<4x64xf32>, %ke: memref<?xi32>, %memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index, %row: index) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 1024, limit = 512, margin = 256} : memref<?xi32>, !counts, !least, !word -> memref<?x?xbf16, strided<[?, 1]>>
    mqa.store_logits %logits, %ranges first_key(%first) outs(%rows : memref<?x?xbf16, strided<[?, 1]>>) : vector<4x64xf32>
    gpu.return
  }

  // Views of views add up.
  // CHECK-LABEL: gpu.func @views
  // CHECK-SAME: %[[ROW:[a-z0-9]+]]: index) kernel
  // CHECK: %[[INNER:.*]] = arith.addi %c0, %[[ROW]]
  // CHECK: %[[OWN:.*]] = arith.addi %[[INNER]], %c4
  // CHECK: vector.transfer_read %{{.*}}[%[[OWN]]], %{{.*}} : memref<8xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  // CHECK: mqa.append_logits {{.*}} first_row(%[[OWN]])
  gpu.func @views(%logits: vector<4x64xf32>, %ke: memref<?xi32>, %memory: memref<?xi32>, %first: index, %counts: !counts, %least: !least, %word: !word, %m: index, %n: index, %row: index) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %rows = mqa.filtered_rows %memory[%first] counts(%counts) thresholds(%least) meeting(%word) sizes(%m, %n) {places = 1024, limit = 512, margin = 256} : memref<?xi32>, !counts, !least, !word -> memref<?x?xf32, strided<[?, 1]>>
    %some = memref.subview %rows[4, 0] [%m, %n] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    %own = memref.subview %some[%row, %first] [%m, %n] [1, 1] : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    mqa.store_logits %logits, %ranges first_key(%first) outs(%own : memref<?x?xf32, strided<[?, 1], offset: ?>>) : vector<4x64xf32>
    gpu.return
  }
}
