// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-prefetch-block-ids,canonicalize,cse)))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},canonicalize,cse)))' | FileCheck %s --check-prefix=ZERO

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128x128xf8E4M3FN, #smem>, memref<128xf32, #smem>>
gpu.module @kernels {
  // Two iterations ahead: those of the first two are read before the loop. What
  // is read does not depend on how many keys there are; what is used does.
  // CHECK-LABEL: gpu.func @loop
  // CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN>, %[[SCALES:[a-z0-9]+]]: memref<?x64xf32>, %[[TABLE:[a-z0-9]+]]: memref<1x?xi32>, %[[LO:[a-z0-9]+]]: index, %[[HI:[a-z0-9]+]]: index
  // CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
  // CHECK: %[[BLOCK:.*]] = arith.addi %{{.*}}, %[[LANE]]
  // CHECK: %[[SIZE:.*]] = memref.dim %[[TABLE]], %c1
  // CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[BLOCK]], %[[SIZE]]
  // CHECK: %[[FIRST:.*]] = scf.if %[[EXISTS]]
  // CHECK-NEXT: memref.load %[[TABLE]][%c0, %[[BLOCK]]]
  // CHECK: else
  // CHECK-NEXT: scf.yield %c-1_i32
  // CHECK: %[[SECOND:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[TABLE]]
  // CHECK: scf.for %[[N:.*]] = %[[LO]] to %[[HI]] step %c128 iter_args(%[[IDS:.*]] = %[[FIRST]], %[[NEXT:.*]] = %[[SECOND]]) -> (i32, i32)
  // CHECK: %[[LATER:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[TABLE]]
  // CHECK: %[[COUNT:.*]] = arith.minsi
  // CHECK: %[[AHEAD:.*]] = arith.muli %[[LANE]], %c64
  // CHECK: %[[NEEDED:.*]] = arith.cmpi slt, %[[AHEAD]], %[[COUNT]]
  // CHECK: %[[USED:.*]] = arith.select %[[NEEDED]], %[[IDS]], %c-1_i32
  // CHECK: %[[K:.*]] = mqa.gather_blocks %[[CACHE]][%[[USED]]] from %[[N]]
  // CHECK: %[[S:.*]] = mqa.gather_blocks %[[SCALES]][%[[USED]]] from %[[N]]
  // CHECK: mqa.ring_put %{{.*}}, %[[K]], %[[S]]
  // CHECK: scf.yield %[[NEXT]], %[[LATER]] : i32, i32
  // ZERO-LABEL: gpu.func @loop
  // ZERO: scf.for %[[N:.*]] = %{{.*}} step %c128 {
  // ZERO: %[[READ:.*]] = scf.if
  // ZERO: %[[IDS:.*]] = arith.select %{{.*}}, %[[READ]], %c-1_i32
  // ZERO: mqa.gather_blocks %{{.*}}[%[[IDS]]] from %[[N]]
  gpu.func @loop(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %lo: index, %hi: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    scf.for %n = %lo to %hi step %c128 {
      %rest = arith.subi %hi, %n : index
      %count = arith.minsi %rest, %c128 : index
      %k = mqa.gather_pages %cache[%table] from %n keys %count : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      %s = mqa.gather_pages %scales[%table] from %n keys %count : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
      mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    }
    gpu.return
  }

  // Keys that follow no loop: read where they are needed.
  // CHECK-LABEL: gpu.func @alone
  // CHECK: %[[READ:.*]] = scf.if
  // CHECK: %[[IDS:.*]] = arith.select %{{.*}}, %[[READ]], %c-1_i32
  // CHECK: mqa.gather_blocks %{{.*}}[%[[IDS]]]
  gpu.func @alone(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %n: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    %k = mqa.gather_pages %cache[%table] from %n keys %c128 : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %s = mqa.gather_pages %scales[%table] from %n keys %c128 : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    gpu.return
  }

  // Read as soon as the table and the first key are known, before what else
  // there is in front of the loop.
  // CHECK-LABEL: gpu.func @early
  // CHECK: arith.muli
  // CHECK: memref.load
  // CHECK: memref.load
  // CHECK: mqa.key_range
  // CHECK: scf.for
  gpu.func @early(%cache: memref<?x64x128xf8E4M3FN>, %table: memref<1x?xi32>, %lens: memref<1xi32>, %tile: index, %p: i32) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<128x128xf8E4M3FN, #smem>>
    %c128 = arith.constant 128 : index
    %ranges = mqa.make_ranges none, %lens keys(%c128) : memref<1xi32>
    %begin = arith.muli %tile, %c128 : index
    %lo, %hi = mqa.key_range %ranges {max_rows = 1 : i64}
    scf.for %n = %begin to %hi step %c128 {
      %k = mqa.gather_pages %cache[%table] from %n keys %c128 : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      mqa.ring_put %ring[%p], %k : !mqa.ring<4, memref<128x128xf8E4M3FN, #smem>>, memref<?x128xf8E4M3FN>
    }
    gpu.return
  }

  // Not ahead of the wait for the kernel that wrote the table. Two groups of
  // gathers in a loop each have a load of their own.
  // CHECK-LABEL: gpu.func @behind_wait
  // CHECK-NOT: memref.load
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-COUNT-4: memref.load
  // CHECK: scf.for
  // CHECK-COUNT-2: memref.load
  // CHECK-COUNT-2: mqa.gather_blocks
  gpu.func @behind_wait(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %other: memref<1x?xi32>, %lo: index, %hi: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    nvvm.griddepcontrol wait
    scf.for %n = %lo to %hi step %c128 {
      %k = mqa.gather_pages %cache[%table] from %n keys %c128 : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      %s = mqa.gather_pages %scales[%other] from %n keys %c128 : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
      mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    }
    gpu.return
  }

  // Blocks of a list, whose pages a table says. The numbers in the list are read
  // an iteration ahead of the entries of the table. One beyond the table has no
  // page.
  // CHECK-LABEL: gpu.func @blocks_of_pages
  // CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN>, %[[SCALES:[a-z0-9]+]]: memref<?x64xf32>, %[[LIST:[a-z0-9]+]]: memref<1x?xi32>, %[[LINE:[a-z0-9]+]]: memref<1x?xi32>
  // CHECK-COUNT-3: memref.load %[[LIST]]
  // CHECK-COUNT-2: memref.load %[[LINE]]
  // CHECK: scf.for {{.*}} iter_args(%[[N0:.*]] = %{{.*}}, %[[N1:.*]] = %{{.*}}, %[[N2:.*]] = %{{.*}}, %[[P0:.*]] = %{{.*}}, %[[P1:.*]] = %{{.*}}) -> (i32, i32, i32, i32, i32)
  // CHECK: %[[LATER:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[LIST]]
  // CHECK: %[[SHIFTED:.*]] = arith.shrsi %[[N2]], %c3_i32
  // CHECK: %[[PAGE:.*]] = arith.index_cast %[[SHIFTED]]
  // CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[PAGE]], %{{.*}} : index
  // CHECK: %[[ENTRY:.*]] = scf.if %{{.*}} -> (i32)
  // CHECK-NEXT: memref.load %[[LINE]][%c0, %[[PAGE]]]
  // CHECK-NEXT: scf.yield
  // CHECK-NEXT: else
  // CHECK-NEXT: scf.yield %c-1_i32
  // CHECK: %[[FIRST:.*]] = arith.muli %[[P0]], %c8_i32
  // CHECK: %[[IN_PAGE:.*]] = arith.andi %[[N0]], %c7_i32
  // CHECK: %[[ID:.*]] = arith.addi %[[FIRST]], %[[IN_PAGE]]
  // CHECK: %[[USED:.*]] = arith.select %{{.*}}, %[[ID]], %c-1_i32
  // CHECK: mqa.gather_blocks %[[CACHE]][%[[USED]]] from %{{.*}} {block_size = 8 : i64} : memref<?x64x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
  // CHECK: mqa.gather_blocks %[[SCALES]][%[[USED]]] from %{{.*}} {block_size = 8 : i64}
  // CHECK: scf.yield %[[N1]], %[[N2]], %[[LATER]], %[[P1]], %[[ENTRY]] : i32, i32, i32, i32, i32
  gpu.func @blocks_of_pages(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %list: memref<1x?xi32>, %line: memref<1x?xi32>, %lo: index, %hi: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    scf.for %n = %lo to %hi step %c128 {
      %k = mqa.gather_pages %cache[%list] pages(%line : memref<1x?xi32>) from %n keys %c128 {block_size = 8} : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      %s = mqa.gather_pages %scales[%list] pages(%line : memref<1x?xi32>) from %n keys %c128 {block_size = 8} : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
      mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    }
    gpu.return
  }
}
