// RUN: mqa-opt %examples/paged_logits.mlir --mqa-to-nvvm | FileCheck %s
// RUN: mqa-opt %examples/paged_logits.mlir --mqa-to-cpu | FileCheck %s --check-prefix=CPU

// Keys and scales of the cache, and they alone, leave the L2 cache first, unless
// there can be no more of them than it holds: 50 MiB / 128 bytes, two logits each.
// CHECK-LABEL: llvm.func @paged_logits(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval
// CHECK-SAME: %[[K:[a-z0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval
// CHECK-SAME: %[[S:[a-z0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval
// CHECK: %[[LIMIT:.*]] = llvm.mlir.constant(819200 : i64)
// CHECK: %[[FITS:.*]] = llvm.icmp "sle" %{{.*}}, %[[LIMIT]]
// CHECK: %[[HINT:.*]] = llvm.select %[[FITS]]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[Q]], %{{.*}}, box[{{.*}}] :
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[K]], {{.*}} l2_cache_hint = %[[HINT]]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[S]], {{.*}} l2_cache_hint = %[[HINT]]
// CHECK: llvm.func @paged_logits_clean(

// CPU: llvm.func @paged_logits(
// CPU: llvm.func @_mlir_ciface_paged_logits(
