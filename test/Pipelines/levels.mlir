// Each level in turn, on the example.
// RUN: mqa-opt %examples/logits.mlir --mqa-to-nvvm --mlir-print-ir-after-all --mlir-disable-threading 2>&1 | FileCheck %s

// CHECK: IR Dump After {{.*}}mqa-verify-kernel-functions

// Level 2: a schedule; then memrefs.
// CHECK: IR Dump After {{.*}}mqa-select-schedule
// CHECK: mqa.logits {{.*}} {schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>} -> tensor<?x?xf32>
// CHECK: IR Dump After {{.*}}mqa-bufferize
// CHECK: func.func @logits(%{{.*}}: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1], offset: ?>>

// Level 3: a persistent kernel on tiles.
// CHECK: IR Dump After {{.*}}mqa-tile-logits
// CHECK: gpu.func @logits
// CHECK: mqa.tile_share
// CHECK: mqa.key_range
// CHECK: mqa.logits {{.*}} key_offset
// CHECK: gpu.func @logits_clean
// CHECK: mqa.clean_rows

// Level 4: staged, then specialised.
// CHECK: IR Dump After {{.*}}mqa-stage-tiles
// CHECK: mqa.ring_put
// CHECK: mqa.ring_get
// CHECK: mqa.tile_logits
// CHECK: IR Dump After {{.*}}mqa-specialize-warps
// CHECK: nvvm.setmaxregister increase 112

// Level 5: vectors of whole tiles.
// CHECK: IR Dump After {{.*}}mqa-vectorize-tiles
// CHECK: vector.contract
// CHECK: vector.multi_reduction

// Level 6: fragments, then barriers and TMA loads.
// CHECK: IR Dump After {{.*}}mqa-distribute-vectors
// CHECK: mqa.wgmma
// CHECK: mqa.unpack_fragment
// CHECK: IR Dump After {{.*}}mqa-tighten-slots
// CHECK: IR Dump After {{.*}}mqa-expand-row-ops
// CHECK-NOT: mqa.key_range
// CHECK: IR Dump After {{.*}}mqa-expand-fit-queries
// CHECK: IR Dump After {{.*}}mqa-expand-tile-share
// CHECK-NOT: mqa.tile_share
// CHECK: gpu.return
// CHECK: IR Dump After {{.*}}mqa-expand-puts
// CHECK: mqa.fill_tile {{.*}} by tensor_map
// CHECK-NOT: mqa.ring_put
// CHECK: gpu.return
// CHECK: IR Dump After {{.*}}mqa-lower-rings
// CHECK: nvgpu.mbarrier.try_wait.parity
// CHECK: nvgpu.tma.async.load

// Level 7: NVVM.
// CHECK: IR Dump After {{.*}}convert-mqa-to-nvvm
// CHECK-NOT: mqa.wgmma
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: nvvm.wgmma.mma_async
