// REQUIRES: x86
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: python3 %S/cpu_object.py extract %t.mqa %t.so
// RUN: llvm-nm -D %t.so | FileCheck %s --implicit-check-not={{.}}
// RUN: llvm-readelf -d %t.so | FileCheck %s --check-prefix=DYNAMIC

// Kernels that are called like functions that a host has, of keys in groups, whose
// scratch has more than a megabyte, with fills and copies. Only the entry points are
// seen, and nothing is needed of the host.
// CHECK: {{[0-9a-f]+}} T mqa_task_dlopen
// CHECK-NEXT: {{[0-9a-f]+}} T mqa_task_mqa_kernel_load
// CHECK-NEXT: {{[0-9a-f]+}} T mqa_task_pthread_create
// CHECK-NEXT: {{[0-9a-f]+}} T mqa_task_sched_yield

// DYNAMIC-NOT: NEEDED
// DYNAMIC-NOT: JMPREL

func.func @dlopen(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x32x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x32x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @mqa_kernel_load(%q: tensor<?x64x128xf16>, %k: tensor<?x32x128xf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf16>, tensor<?x32x128xf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @pthread_create(%q: tensor<?x64x128xbf16>, %k: tensor<?x32x128xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xbf16>, tensor<?x32x128xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @sched_yield(%q: tensor<?x64x128xf8E5M2>, %k: tensor<?x32x128xf8E5M2>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E5M2>, tensor<?x32x128xf8E5M2>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
