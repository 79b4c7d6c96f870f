// What is selected from logits that are never stored is, bit for bit, what is selected
// from those that the op alone stores: several blocks of rows, tiles of keys that
// ranges begin and end in, ties, NaN, forced keys, logits of 16 bits, pages.
// DEFINE: %{lower} = func.func(convert-linalg-to-loops,arith-expand{include-bf16=true},convert-vector-to-scf{full-unroll=true},lower-affine,convert-scf-to-cf),expand-strided-metadata,lower-affine,convert-vector-to-llvm,finalize-memref-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-topk-to-loops,canonicalize,convert-mqa-to-linalg,canonicalize,mqa-vectorize-linalg))' | mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so,%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s

func.func private @printI64(i64)
func.func private @printNewline()

// Element i is (i * step mod modulus) - modulus / 2: few numbers, so that sums are often equal.
func.func @fill(%to: memref<?xbf16>, %step: index, %modulus: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %size = memref.dim %to, %c0 : memref<?xbf16>
  %half = arith.divui %modulus, %c2 : index
  scf.for %i = %c0 to %size step %c1 {
    %0 = arith.muli %i, %step : index
    %1 = arith.divui %i, %modulus : index
    %2 = arith.addi %0, %1 : index
    %3 = arith.remui %2, %modulus : index
    %4 = arith.subi %3, %half : index
    %5 = arith.index_cast %4 : index to i32
    %6 = arith.sitofp %5 : i32 to bf16
    memref.store %6, %to[%i] : memref<?xbf16>
  }
  return
}

// Scales of keys, NaN for every 37th.
func.func @fill_scales(%to: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c37 = arith.constant 37 : index
  %nan = arith.constant 0x7FC00000 : f32
  %size = memref.dim %to, %c0 : memref<?xf32>
  scf.for %i = %c0 to %size step %c1 {
    %0 = arith.remui %i, %c3 : index
    %1 = arith.index_cast %0 : index to i32
    %2 = arith.sitofp %1 : i32 to f32
    %3 = arith.remui %i, %c37 : index
    %4 = arith.cmpi eq, %3, %c1 : index
    %5 = arith.select %4, %nan, %2 : f32
    memref.store %5, %to[%i] : memref<?xf32>
  }
  return
}

// Bounds of rows: (i * step mod modulus) - 3.
func.func @fill_bounds(%to: memref<?xi32>, %step: index, %modulus: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %size = memref.dim %to, %c0 : memref<?xi32>
  scf.for %i = %c0 to %size step %c1 {
    %0 = arith.muli %i, %step : index
    %1 = arith.remui %0, %modulus : index
    %2 = arith.subi %1, %c3 : index
    %3 = arith.index_cast %2 : index to i32
    memref.store %3, %to[%i] : memref<?xi32>
  }
  return
}

// How many elements differ, and how many are of no padding.
func.func @compare(%a: memref<20x16xi32>, %b: memref<20x16xi32>, %x: memref<20x16xf32>, %y: memref<20x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c20 = arith.constant 20 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %none = arith.constant -1 : i32
  %sums:2 = scf.for %m = %c0 to %c20 step %c1 iter_args(%w = %zero, %k = %zero) -> (i64, i64) {
    %row:2 = scf.for %i = %c0 to %c16 step %c1 iter_args(%wrong = %w, %keys = %k) -> (i64, i64) {
      %0 = memref.load %a[%m, %i] : memref<20x16xi32>
      %1 = memref.load %b[%m, %i] : memref<20x16xi32>
      %2 = memref.load %x[%m, %i] : memref<20x16xf32>
      %3 = memref.load %y[%m, %i] : memref<20x16xf32>
      %4 = arith.bitcast %2 : f32 to i32
      %5 = arith.bitcast %3 : f32 to i32
      %6 = arith.cmpi ne, %0, %1 : i32
      %7 = arith.cmpi ne, %4, %5 : i32
      %8 = arith.ori %6, %7 : i1
      %9 = arith.select %8, %one, %zero : i64
      %10 = arith.addi %wrong, %9 : i64
      %11 = arith.cmpi ne, %0, %none : i32
      %12 = arith.select %11, %one, %zero : i64
      %13 = arith.addi %keys, %12 : i64
      scf.yield %10, %13 : i64, i64
    }
    scf.yield %row#0, %row#1 : i64, i64
  }
  call @printI64(%sums#0) : (i64) -> ()
  call @printNewline() : () -> ()
  call @printI64(%sums#1) : (i64) -> ()
  call @printNewline() : () -> ()
  return
}

!q = memref<20x4x16xbf16>
!k = memref<300x16xbf16>
!pages = memref<19x16x16xbf16>
!i = memref<20x16xi32>
!v = memref<20x16xf32>

func.func @contiguous(%q: !q, %k: !k, %s: memref<300xf32>, %ks: memref<20xi32>, %ke: memref<20xi32>, %a: !i, %b: !i, %x: !v, %y: !v) {
  %stored = memref.alloc() : memref<20x300xf32>
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : !q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>) outs(%stored : memref<20x300xf32>)
  mqa.topk ins(%stored, %ks, %ke : memref<20x300xf32>, memref<20xi32>, memref<20xi32>) outs(%a, %x : !i, !v)
  memref.dealloc %stored : memref<20x300xf32>
  %unstored = mqa.unstored_logits() : memref<20x300xf32>
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : !q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>) outs(%unstored : memref<20x300xf32>)
  mqa.topk ins(%unstored, %ks, %ke : memref<20x300xf32>, memref<20xi32>, memref<20xi32>) outs(%b, %y : !i, !v)
  return
}

// Rounded ones are equal more often.
func.func @forced(%q: !q, %k: !k, %s: memref<300xf32>, %ks: memref<20xi32>, %ke: memref<20xi32>, %a: !i, %b: !i, %x: !v, %y: !v) {
  %stored = memref.alloc() : memref<20x300xbf16>
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : !q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>) outs(%stored : memref<20x300xbf16>)
  mqa.topk ins(%stored, %ks, %ke : memref<20x300xbf16>, memref<20xi32>, memref<20xi32>) outs(%a, %x : !i, !v) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>, base = #mqa.base<absolute>, force_first = 3, force_last = 2}
  memref.dealloc %stored : memref<20x300xbf16>
  %unstored = mqa.unstored_logits() : memref<20x300xbf16>
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : !q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>) outs(%unstored : memref<20x300xbf16>)
  mqa.topk ins(%unstored, %ks, %ke : memref<20x300xbf16>, memref<20xi32>, memref<20xi32>) outs(%b, %y : !i, !v) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>, base = #mqa.base<absolute>, force_first = 3, force_last = 2}
  return
}

func.func @paged(%q: memref<10x2x4x16xbf16>, %k: !pages, %s: memref<19x16xf32>, %lens: memref<10x2xi32>, %table: memref<10x17xi32>, %n: index, %a: !i, %b: !i, %x: !v, %y: !v) {
  %stored = memref.alloc(%n) : memref<20x?xf16>
  mqa.paged_logits ins(%q, %k, %s, none, %lens, %table : memref<10x2x4x16xbf16>, !pages, memref<19x16xf32>, memref<10x2xi32>, memref<10x17xi32>) outs(%stored : memref<20x?xf16>)
  mqa.topk ins(%stored, none, none : memref<20x?xf16>) context_lens(%lens : memref<10x2xi32>) block_table(%table : memref<10x17xi32>) outs(%a, %x : !i, !v) {base = #mqa.base<slot>, block_kv = 16}
  memref.dealloc %stored : memref<20x?xf16>
  %unstored = mqa.unstored_logits(%n) : memref<20x?xf16>
  mqa.paged_logits ins(%q, %k, %s, none, %lens, %table : memref<10x2x4x16xbf16>, !pages, memref<19x16xf32>, memref<10x2xi32>, memref<10x17xi32>) outs(%unstored : memref<20x?xf16>)
  mqa.topk ins(%unstored, none, none : memref<20x?xf16>) context_lens(%lens : memref<10x2xi32>) block_table(%table : memref<10x17xi32>) outs(%b, %y : !i, !v) {base = #mqa.base<slot>, block_kv = 16}
  return
}

func.func @main() {
  %c5 = arith.constant 5 : index
  %c7 = arith.constant 7 : index
  %c11 = arith.constant 11 : index
  %c13 = arith.constant 13 : index
  %c16 = arith.constant 16 : index
  %c29 = arith.constant 29 : index
  %c61 = arith.constant 61 : index
  %c250 = arith.constant 250 : index
  %c310 = arith.constant 310 : index
  %q = memref.alloc() : memref<1280xbf16>
  %k = memref.alloc() : memref<4864xbf16>
  %s = memref.alloc() : memref<304xf32>
  %ks = memref.alloc() : memref<20xi32>
  %ke = memref.alloc() : memref<20xi32>
  %table = memref.alloc() : memref<170xi32>
  %qs = memref.cast %q : memref<1280xbf16> to memref<?xbf16>
  %keys = memref.cast %k : memref<4864xbf16> to memref<?xbf16>
  %scales = memref.cast %s : memref<304xf32> to memref<?xf32>
  %starts = memref.cast %ks : memref<20xi32> to memref<?xi32>
  %ends = memref.cast %ke : memref<20xi32> to memref<?xi32>
  %blocks = memref.cast %table : memref<170xi32> to memref<?xi32>
  call @fill(%qs, %c11, %c5) : (memref<?xbf16>, index, index) -> ()
  call @fill(%keys, %c13, %c7) : (memref<?xbf16>, index, index) -> ()
  call @fill_scales(%scales) : (memref<?xf32>) -> ()
  call @fill_bounds(%starts, %c29, %c61) : (memref<?xi32>, index, index) -> ()
  call @fill_bounds(%ends, %c61, %c310) : (memref<?xi32>, index, index) -> ()
  call @fill_bounds(%blocks, %c5, %c16) : (memref<?xi32>, index, index) -> ()
  %a = memref.alloc() : !i
  %b = memref.alloc() : !i
  %x = memref.alloc() : !v
  %y = memref.alloc() : !v
  %q3 = memref.reinterpret_cast %q to offset: [0], sizes: [20, 4, 16], strides: [64, 16, 1] : memref<1280xbf16> to !q
  %q4 = memref.reinterpret_cast %q to offset: [0], sizes: [10, 2, 4, 16], strides: [128, 64, 16, 1] : memref<1280xbf16> to memref<10x2x4x16xbf16>
  %k2 = memref.reinterpret_cast %k to offset: [0], sizes: [300, 16], strides: [16, 1] : memref<4864xbf16> to !k
  %k3 = memref.reinterpret_cast %k to offset: [0], sizes: [19, 16, 16], strides: [256, 16, 1] : memref<4864xbf16> to !pages
  %s1 = memref.reinterpret_cast %s to offset: [0], sizes: [300], strides: [1] : memref<304xf32> to memref<300xf32>
  %s2 = memref.reinterpret_cast %s to offset: [0], sizes: [19, 16], strides: [16, 1] : memref<304xf32> to memref<19x16xf32>
  %lens = memref.reinterpret_cast %ke to offset: [0], sizes: [10, 2], strides: [2, 1] : memref<20xi32> to memref<10x2xi32>
  %pages = memref.reinterpret_cast %table to offset: [0], sizes: [10, 17], strides: [17, 1] : memref<170xi32> to memref<10x17xi32>
  // CHECK: {{^}}0
  // CHECK-NEXT: {{^}}285
  call @contiguous(%q3, %k2, %s1, %ks, %ke, %a, %b, %x, %y) : (!q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>, !i, !i, !v, !v) -> ()
  call @compare(%a, %b, %x, %y) : (!i, !i, !v, !v) -> ()
  // CHECK-NEXT: {{^}}0
  // CHECK-NEXT: {{^}}285
  call @forced(%q3, %k2, %s1, %ks, %ke, %a, %b, %x, %y) : (!q, !k, memref<300xf32>, memref<20xi32>, memref<20xi32>, !i, !i, !v, !v) -> ()
  call @compare(%a, %b, %x, %y) : (!i, !i, !v, !v) -> ()
  // CHECK-NEXT: {{^}}0
  // CHECK-NEXT: {{^}}304
  call @paged(%q4, %k3, %s2, %lens, %pages, %c250, %a, %b, %x, %y) : (memref<10x2x4x16xbf16>, !pages, memref<19x16xf32>, memref<10x2xi32>, memref<10x17xi32>, index, !i, !i, !v, !v) -> ()
  call @compare(%a, %b, %x, %y) : (!i, !i, !v, !v) -> ()
  return
}
