// RUN: mqa-opt %examples/paged_logits.mlir --mqa-to-nvvm | FileCheck %s
// RUN: mqa-opt %examples/paged_logits.mlir --mqa-to-cpu | FileCheck %s --check-prefix=CPU
// RUN: mqa-opt %examples/paged_rows.mlir --mqa-to-nvvm | FileCheck %s --check-prefix=ROWS
// RUN: sed 's/{clean}/{block_max = 64 : i64, clean}/' %examples/paged_logits.mlir | mqa-opt --mqa-to-nvvm | FileCheck %s --check-prefix=MAXIMA

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

// Many rows of a sequence read its keys again and again; a few rows, once for all of them.
// ROWS-LABEL: llvm.func @paged_rows(
// ROWS-NOT: l2_cache_hint
// ROWS-LABEL: llvm.func @paged_rows_decode(
// ROWS: %[[LIMIT:.*]] = llvm.mlir.constant(1638400 : i64)
// ROWS: %[[FITS:.*]] = llvm.icmp "sle" %{{.*}}, %[[LIMIT]]
// ROWS: %[[HINT:.*]] = llvm.select %[[FITS]]
// ROWS: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} l2_cache_hint = %[[HINT]]

// A column of maxima stands for 64 keys.
// MAXIMA-LABEL: llvm.func @paged_logits_clean(
// MAXIMA: llvm.mlir.constant(12800 : i64)
// MAXIMA: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} l2_cache_hint

// CPU: llvm.func @paged_logits(
// CPU: llvm.func @_mlir_ciface_paged_logits(
