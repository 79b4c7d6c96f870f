// What the compiler does for 5 heads of 80 elements in f16, of which nothing is a
// multiple of what the tensor cores and TMA take.
//
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-select-schedule,mqa-tile-logits,gpu.module(gpu.func(cse,mqa-stage-tiles)))' | FileCheck %s --check-prefix=STAGED
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-select-schedule,mqa-tile-logits,gpu.module(gpu.func(cse,mqa-stage-tiles,mqa-specialize-warps,canonicalize,mqa-vectorize-tiles)))' | FileCheck %s --check-prefix=VECTORS
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-select-schedule,mqa-tile-logits,gpu.module(gpu.func(cse,mqa-stage-tiles,mqa-specialize-warps,canonicalize,mqa-vectorize-tiles,mqa-distribute-vectors)))' | FileCheck %s --check-prefix=FRAGMENTS
// RUN: mqa-compile %s --emit=ptx -o - | FileCheck %s --check-prefix=PTX

// 160 bytes of a row are 5 chunks of 32; 3 head tiles of 2 heads, the sixth of
// which is padding.
// STAGED-DAG: #[[Q:.*]] = #mqa.staged<shape = [1, 3, 5, 4, 2, 8, 16], dims = [0, 1, 2, 0, 1, 0, 2], swizzle = 8>
// STAGED-DAG: #[[K:.*]] = #mqa.staged<shape = [5, 128, 16], dims = [1, 0, 1], swizzle = 8>
// STAGED-LABEL: gpu.func @odd
// STAGED: %[[QUERIES:.*]] = mqa.ring_create : <{{.*}}, memref<32x6x80xf16, #[[Q]], {{.*}}>, memref<32x10xf32, {{.*}}>>
// STAGED: %[[KEYS:.*]] = mqa.ring_create : <{{.*}}, memref<128x80xf16, #[[K]], {{.*}}>>
// Rows of 20 bytes are not for TMA.
// STAGED: %[[WEIGHTS:.*]] = mqa.row_block %{{.*}} : memref<?x5xf32
// STAGED: mqa.ring_put %[[QUERIES]][%{{.*}}], %{{.*}}, %[[WEIGHTS]] :
// STAGED: mqa.ring_put %[[KEYS]][%{{.*}}], %{{.*}} :
// STAGED: mqa.tile_logits {{.*}} num_heads(%c5{{.*}})

// VECTORS: vector.contract {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// An infinite key times the zeros of the padding is NaN, and must not count.
// VECTORS: %[[HEAD:.*]] = vector.step : vector<2xindex>
// VECTORS: arith.cmpi slt, %[[HEAD]]
// VECTORS: arith.select %{{.*}} : vector<32x2x128xi1>, vector<32x2x128xf32>
// Not x + abs(x), which is NaN for -inf.
// VECTORS: arith.maxsi %{{.*}} : vector<32x2x128xi32>
// VECTORS: arith.truncf %{{.*}} : vector<32x128xf32> to vector<32x128xbf16>

// FRAGMENTS-COUNT-3: mqa.wgmma {{.*}} : memref<32x2x80xf16, {{.*}}>, memref<128x80xf16, {{.*}}> -> <vector<64x128xf32>>
// FRAGMENTS: memref.store %{{.*}} : memref<?x?xbf16

// PTX-LABEL: .entry odd
// The first lane for what TMA loads, and each for what it copies of the weights.
// PTX: mov.b32 %[[ARRIVALS:.*]], 33;
// PTX: mbarrier.init.shared.b64 [{{.*}}], %[[ARRIVALS]];
// PTX-COUNT-5: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
func.func @odd(%q: memref<?x5x80xf16>, %k: memref<?x80xf16>, %s: memref<?xf32>, %w: memref<?x5xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x5x80xf16>, memref<?x80xf16>, memref<?xf32>, memref<?x5xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xbf16>)
  return
}
