// MXFP4 keys that consumers decode, from the op to NVVM. All of them permute the
// queries, and meet at a barrier.
// RUN: mqa-opt %s --mqa-to-nvvm | FileCheck %s

// CHECK-LABEL: llvm.func @paged_logits
// CHECK-SAME: nvvm.maxntid = array<i32: 640, 1, 1>
// 64 of 640 threads' warps permute 4 rows each, once.
// CHECK: nvvm.bar.warp.sync
// CHECK: llvm.store {{.*}} : vector<16xi8>, !llvm.ptr<3>
// CHECK: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
// 16 bytes of each of two keys, tables, lookups.
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<16xi8>
// CHECK: llvm.inline_asm {{.*}}"max.u16x2
// CHECK-COUNT-32: nvvm.prmt
// CHECK: wgmma.fence.sync.aligned; wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3
// CHECK: wgmma.wait_group.sync.aligned 0;
// Nobody converts.
// CHECK: nvvm.cp.async.bulk.tensor
// CHECK-NOT: nvvm.fence.proxy
// CHECK: llvm.return
func.func @paged_logits(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x64xi8>, %k_scale: tensor<?x64xi32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x64xi8>, tensor<?x64xi32>, tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 8, rows = keys>} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
