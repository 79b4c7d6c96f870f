// RUN: mqa-compile %examples/logits.mlir --emit=ptx -o - | FileCheck %s

// CHECK: .target sm_90a
// CHECK: .extern .shared .align 1024 .b8 mqa_dynamic_shared_memory[];
// CHECK: .visible .entry logits(
// CHECK: .param .align 64 .b8 logits_param_0[128]
// CHECK: .maxntid 640
// CHECK: .minnctapersm 1
// CHECK-DAG: mbarrier.init.shared.b64
// CHECK-DAG: setmaxnreg.inc.sync.aligned.u32 112
// CHECK-DAG: setmaxnreg.dec.sync.aligned.u32 32
// CHECK-DAG: mbarrier.try_wait.parity.shared.b64
// CHECK-DAG: mbarrier.arrive.expect_tx.shared.b64
// CHECK-DAG: cp.async.bulk.tensor.3d.shared::cluster.global
// CHECK-DAG: cp.async.bulk.tensor.2d.shared::cluster.global
// CHECK-DAG: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3
// CHECK-DAG: max.NaN.f32
// CHECK-DAG: shfl.sync.bfly.b32
// CHECK: .visible .entry logits_clean(
// CHECK: st.global.v4.b32
