// RUN: mqa-compile %examples/logits.mlir --emit=ptx -o - | FileCheck %s
// RUN: mqa-compile %examples/logits.mlir --mqa-schedule=fast --emit=ptx -o - | FileCheck %s --check-prefix=FAST
// RUN: mqa-compile %examples/logits.mlir --emit=ptx -o - | FileCheck %s --check-prefix=WAIT
// RUN: mqa-compile %examples/logits.mlir --mqa-schedule=fast --emit=ptx -o - | FileCheck %s --check-prefix=WAIT
// RUN: mqa-compile %examples/paged_logits.mlir --emit=ptx -o - | FileCheck %s --check-prefix=WAIT

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
// CHECK-DAG: redux.sync.min.s32
// CHECK-DAG: shfl.sync.bfly.b32
// CHECK: .visible .entry logits_clean(
// CHECK: st.global.v4.b32

// In half precision: relu and conversion of two scores in one instruction, two
// multiply-adds in one.
// FAST: .visible .entry logits(
// FAST-DAG: cvt.rn.relu.f16x2.f32
// FAST-DAG: fma.rn.f16x2
// FAST-DAG: fence.proxy.async.shared::cta
// FAST-DAG: cvt.rn.f16x2.e4m3x2
// FAST-DAG: cvt.rn.satfinite.e4m3x2.f16x2

// Nothing of the kernel ahead in the stream is touched before it is over, and
// LLVM, to which the wait touches no memory, moved nothing above it.
// WAIT: .visible .entry
// WAIT-NOT: {{ld[.]global|st[.]global|cp[.]async|atom[.]|red[.]global}}
// WAIT: griddepcontrol.wait
// WAIT: .visible .entry
// WAIT-NOT: {{ld[.]global|st[.]global|cp[.]async|atom[.]|red[.]global}}
// WAIT: griddepcontrol.wait
// WAIT-NOT: griddepcontrol
// WAIT: st.global
