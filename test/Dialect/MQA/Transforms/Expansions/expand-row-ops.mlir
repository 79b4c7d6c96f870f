// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-row-ops,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @key_range
  // CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32>, %[[KE:[a-z0-9]+]]: memref<?xi32>, %[[N:[a-z0-9]+]]: index
  // A row per lane; lanes past the last row read it again.
  // CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
  // CHECK: %[[ROW:.*]] = arith.minsi %[[LANE]]
  // CHECK: memref.load %[[KS]][%[[ROW]]]
  // CHECK: arith.maxsi
  // CHECK: memref.load %[[KE]][%[[ROW]]]
  // CHECK: arith.minsi
  // An empty range must not widen the others.
  // CHECK: %[[SOME:.*]] = arith.cmpi slt
  // CHECK: arith.select %[[SOME]], %{{.*}}, %[[N]]
  // CHECK: gpu.subgroup_reduce maxsi %{{.*}} uniform
  // CHECK: gpu.subgroup_reduce minsi %{{.*}} uniform
  // The start is aligned.
  // CHECK: arith.minsi
  // CHECK: arith.remui
  // CHECK: arith.subi
  // CHECK: "test.use"
  gpu.func @key_range(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index) kernel {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %lo, %hi = mqa.key_range %ranges {align = 16 : i64, max_rows = 8 : i64}
    "test.use"(%lo, %hi) : (index, index) -> ()
    gpu.return
  }

  // CHECK-LABEL: gpu.func @clean_rows
  // CHECK-DAG: %[[INF:.*]] = arith.constant 0xFF800000 : f32
  // CHECK-DAG: %[[GROUP:.*]] = arith.constant dense<0xFF800000> : vector<4xf32>
  // Both ends of every row; groups of four where all of it is outside the range.
  // CHECK: scf.for
  // CHECK: memref.load
  // CHECK: memref.load
  // CHECK: memref.extract_aligned_pointer_as_index
  // CHECK: scf.for
  // CHECK: scf.if
  // CHECK-NEXT: vector.store %[[GROUP]], {{.*}} {alignment = 16 : i64}
  // CHECK: else
  // CHECK-COUNT-4: memref.store %[[INF]]
  gpu.func @clean_rows(%out: memref<?x?xf32, strided<[?, 1]>>, %ks: memref<?xi32>, %ke: memref<?xi32>, %t: index, %n: index) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    mqa.clean_rows %out, %ranges threads %t of %n : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }

  // A compressed row has its range in front: -inf from the length on.
  // CHECK-LABEL: gpu.func @clean_compressed
  // CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index
  // CHECK: %[[START:.*]] = arith.maxsi %{{.*}}, %c0
  // CHECK: memref.load
  // CHECK: %[[END:.*]] = arith.minsi %{{.*}}, %[[NUM_KEYS]]
  // CHECK: %[[STOP:.*]] = arith.maxsi %[[END]], %[[START]]
  // CHECK: %[[LENGTH:.*]] = arith.subi %[[STOP]], %[[START]]
  // CHECK: %[[CUT:.*]] = arith.minsi %[[LENGTH]], %{{.*}}
  // CHECK: arith.select %{{.*}}, %c0{{.*}}, %[[CUT]]
  gpu.func @clean_compressed(%out: memref<?x?xf32, strided<[?, 1]>>, %ks: memref<?xi32>, %ke: memref<?xi32>, %num_keys: index) kernel {
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) {compressed} : memref<?xi32>, memref<?xi32>
    mqa.clean_rows %out, %ranges : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }

  // The rows are the last queries of one sequence of ke[0] keys: row i of R sees
  // R - 1 - i fewer, and none more than there is room for.
  // CHECK-LABEL: gpu.func @clean_causal
  // CHECK-SAME: %[[KE:[a-z0-9]+]]: memref<1xi32>, %[[NUM_KEYS:[a-z0-9]+]]: index
  // CHECK: %[[ROW:.*]] = arith.divui
  // CHECK: memref.load %[[KE]][%c0]
  // CHECK: %[[BEHIND:.*]] = arith.subi %c2, %[[ROW]]
  // CHECK: %[[LESS:.*]] = arith.subi %{{.*}}, %[[BEHIND]]
  // CHECK: %[[END:.*]] = arith.addi %[[LESS]], %c1
  // CHECK: arith.minsi %[[END]], %[[NUM_KEYS]]
  gpu.func @clean_causal(%out: memref<2x?xf32, strided<[?, 1]>>, %ke: memref<1xi32>, %num_keys: index) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {next_n = 2 : i64} : memref<1xi32>
    mqa.clean_rows %out, %ranges : memref<2x?xf32, strided<[?, 1]>>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @range_from_0
  // CHECK-COUNT-1: memref.load
  // CHECK: %[[HI:.*]] = gpu.subgroup_reduce maxsi
  // CHECK-NOT: gpu.subgroup_reduce
  // CHECK: %[[END:.*]] = arith.index_cast %[[HI]]
  // CHECK: "test.use"(%c0, %[[END]])
  gpu.func @range_from_0(%ke: memref<2xi32>, %n: index) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<2xi32>
    %lo, %hi = mqa.key_range %ranges {max_rows = 2, align = 32}
    "test.use"(%lo, %hi) : (index, index) -> ()
    gpu.return
  }

  // In loops and in any order: a range behind what cleans, and two of them.
  // CHECK-LABEL: gpu.func @any_order
  // CHECK: scf.for
  // CHECK: vector.store
  // CHECK: "test.other"
  // CHECK: gpu.subgroup_reduce maxsi
  // CHECK: "test.use"
  // CHECK: scf.for
  // CHECK: gpu.subgroup_reduce maxsi
  // CHECK: "test.use"
  // CHECK-NOT: mqa.
  // CHECK: gpu.return
  gpu.func @any_order(%out: memref<?x?xf32>, %ke: memref<?xi32>, %m: index, %n: index) kernel {
    %ranges2 = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<?xi32>
    scf.for %i = %m to %n step %n {
      mqa.clean_rows %out, %ranges : memref<?x?xf32>
      "test.other"() : () -> ()
      %lo, %hi = mqa.key_range %ranges2 {max_rows = 2, align = 32}
      "test.use"(%lo, %hi) : (index, index) -> ()
      scf.for %j = %lo to %hi step %n {
        %ranges3 = mqa.make_ranges none, %ke keys(%j) : memref<?xi32>
        %lo2, %hi2 = mqa.key_range %ranges3 {max_rows = 2, align = 32}
        "test.use"(%lo2, %hi2) : (index, index) -> ()
      }
    }
    gpu.return
  }

  // Rows narrowed twice, in a loop; ranges that others use stay.
  // CHECK-LABEL: gpu.func @narrowed_twice
  // CHECK-SAME: %[[KE:[a-z0-9]+]]: memref<?xi32>
  // CHECK: %[[RANGES:.*]] = mqa.make_ranges
  // CHECK: scf.for %[[I:.*]] =
  // CHECK: %[[BLOCK:.*]] = memref.subview %[[KE]][%[[I]]] [8]
  // CHECK: %[[OWN:.*]] = memref.subview %[[BLOCK]][%{{.*}}] [4]
  // CHECK: memref.load %[[OWN]]
  // CHECK: "test.use"
  // CHECK: "test.ranges"(%[[RANGES]])
  gpu.func @narrowed_twice(%ke: memref<?xi32>, %n: index) kernel {
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    scf.for %i = %c4 to %n step %c8 {
      %block = mqa.narrow_ranges %ranges[%i] rows %c8
      %own = mqa.narrow_ranges %block[%n] rows %c4
      %lo, %hi = mqa.key_range %own {max_rows = 4}
      "test.use"(%lo, %hi) : (index, index) -> ()
    }
    "test.ranges"(%ranges) : (!mqa.ranges) -> ()
    gpu.return
  }

  // The last query of a whole causal sequence sees what the others see; of a part of
  // one, each row is read.
  // CHECK-LABEL: gpu.func @sequences
  // CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32>, %[[S:[a-z0-9]+]]: index
  // CHECK: %[[OWN:.*]] = memref.subview %[[LENS]][%[[S]]] [1]
  // CHECK: memref.load %[[OWN]]
  // CHECK-NOT: arith.divui
  // CHECK: "test.use"
  // CHECK: arith.divui %{{.*}}, %c4
  // CHECK: arith.remui %{{.*}}, %c4
  // CHECK: memref.load %[[LENS]]
  // CHECK: "test.use"
  gpu.func @sequences(%lens: memref<?xi32>, %s: index, %n: index) kernel {
    %c4 = arith.constant 4 : index
    %ranges = mqa.make_ranges none, %lens keys(%n) {next_n = 4} : memref<?xi32>
    %row = affine.apply affine_map<(d0) -> (d0 * 4)>(%s)
    %whole = mqa.narrow_ranges %ranges[%row] rows %c4
    %lo, %hi = mqa.key_range %whole {max_rows = 4}
    "test.use"(%lo, %hi) : (index, index) -> ()
    %part = mqa.narrow_ranges %ranges[%s] rows %c4
    %lo2, %hi2 = mqa.key_range %part {max_rows = 4}
    "test.use"(%lo2, %hi2) : (index, index) -> ()
    gpu.return
  }

  // Columns of blocks that have a key of the range are left alone: from the block of the first key to that of the last one.
  // CHECK-LABEL: gpu.func @blocks
  // CHECK: %[[SOME:.*]] = arith.cmpi slt, %[[FIRST:.*]], %[[END:.*]] : index
  // CHECK: arith.subi
  // CHECK: %[[LAST:.*]] = arith.divui %{{.*}}, %c64
  // CHECK: %[[BEHIND:.*]] = arith.addi %[[LAST]], %c1
  // CHECK: %[[COLUMN:.*]] = arith.divui %[[FIRST]], %c64
  // CHECK: arith.select %[[SOME]], %[[BEHIND]], %[[COLUMN]]
  gpu.func @blocks(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32, strided<[?, 1]>>) kernel {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) {block_max = 64} : memref<?xi32>, memref<?xi32>
    mqa.clean_rows %out, %ranges : memref<?x?xf32, strided<[?, 1]>>
    gpu.return
  }

  // A row for each lane; the run ends at the first lane of another sequence. A
  // row without a key does not read its sequence.
  // CHECK-LABEL: gpu.func @row_run
  // CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32>, %[[SEQUENCE:[a-z0-9]+]]: memref<?xi32>
  // CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
  // CHECK: memref.load %[[LENS]]
  // CHECK: arith.cmpi sgt
  // CHECK: scf.if
  // CHECK-NEXT: memref.load %[[SEQUENCE]]
  // A sequence that is none, or behind the last: the row sees no key.
  // CHECK: arith.cmpi ult
  // CHECK: gpu.shuffle idx
  // CHECK: %[[OWN:.*]] = arith.select %{{.*}}, %c8, %[[LANE]]
  // CHECK: gpu.subgroup_reduce minsi %{{.*}} uniform
  // CHECK: gpu.subgroup_reduce maxsi %{{.*}} uniform
  // CHECK: "test.use"
  gpu.func @row_run(%lens: memref<?xi32>, %sequence: memref<?xi32>, %n: index, %s: index, %row: index) kernel {
    %ranges = mqa.make_ranges none, %lens keys(%n) : memref<?xi32>
    %rows = mqa.name_sequences %ranges, %sequence of %s : memref<?xi32>
    %count, %line, %end = mqa.row_run %rows[%row] {max_rows = 8}
    "test.use"(%count, %line, %end) : (index, index, index) -> ()
    gpu.return
  }
}
