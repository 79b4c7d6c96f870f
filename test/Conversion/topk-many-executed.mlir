// mqa.topk on rows of 3000 keys, so that the buffer is cut many times, against a
// definition by counting: a key is selected if fewer than k others are better. And
// mqa.merge_topk on what mqa.topk gives on parts of the row, against mqa.topk on all.
// REQUIRES: plugin
// DEFINE: %{lower} = func.func(convert-mqa-topk-to-loops,canonicalize,arith-expand,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(%{lower})' | mlir-runner -O2 -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so,%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s

func.func private @printI64(i64)
func.func private @printNewline()

// Each wrong element of `indices` of the keys in ascending order.
func.func @count_wrong(%logits: memref<8x3000xf32>, %ke: memref<8xi32>, %indices: memref<8x50xi32>, %greatest: i1) -> i64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = arith.constant 8 : index
  %k = arith.constant 50 : index
  %none = arith.constant -1 : i32
  %none64 = arith.constant 0 : i64
  %one64 = arith.constant 1 : i64
  %wrong = scf.for %m = %c0 to %rows step %c1 iter_args(%sum = %none64) -> i64 {
    %end32 = memref.load %ke[%m] : memref<8xi32>
    %end = arith.index_cast %end32 : i32 to index
    %r:2 = scf.for %n = %c0 to %end step %c1 iter_args(%place = %c0, %bad = %sum) -> (index, i64) {
      %x = memref.load %logits[%m, %n] : memref<8x3000xf32>
      %better = scf.for %i = %c0 to %end step %c1 iter_args(%count = %c0) -> index {
        %y = memref.load %logits[%m, %i] : memref<8x3000xf32>
        %above = arith.cmpf ogt, %y, %x : f32
        %equal = arith.cmpf oeq, %y, %x : f32
        %smaller = arith.cmpi ult, %i, %n : index
        %greater = arith.cmpi ugt, %i, %n : index
        %ahead = arith.select %greatest, %greater, %smaller : i1
        %tie = arith.andi %equal, %ahead : i1
        %is = arith.ori %above, %tie : i1
        %next = arith.addi %count, %c1 : index
        %new = arith.select %is, %next, %count : index
        scf.yield %new : index
      }
      %ordered = arith.cmpf ord, %x, %x : f32
      %whole = arith.cmpi ule, %end, %k : index
      %number = arith.ori %ordered, %whole : i1
      %few = arith.cmpi ult, %better, %k : index
      %selected = arith.andi %number, %few : i1
      %s:2 = scf.if %selected -> (index, i64) {
        %found32 = memref.load %indices[%m, %place] : memref<8x50xi32>
        %found = arith.index_cast %found32 : i32 to index
        %differs = arith.cmpi ne, %found, %n : index
        %add = arith.extui %differs : i1 to i64
        %more = arith.addi %bad, %add : i64
        %next = arith.addi %place, %c1 : index
        scf.yield %next, %more : index, i64
      } else {
        scf.yield %place, %bad : index, i64
      }
      scf.yield %s#0, %s#1 : index, i64
    }
    %padded = scf.for %i = %r#0 to %k step %c1 iter_args(%bad = %r#1) -> i64 {
      %found = memref.load %indices[%m, %i] : memref<8x50xi32>
      %differs = arith.cmpi ne, %found, %none : i32
      %add = arith.extui %differs : i1 to i64
      %more = arith.addi %bad, %add : i64
      scf.yield %more : i64
    }
    scf.yield %padded : i64
  }
  return %wrong : i64
}

func.func @count_different(%a: memref<8x50xi32>, %b: memref<8x50xi32>, %x: memref<8x50xf32>, %y: memref<8x50xf32>) -> i64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = arith.constant 8 : index
  %k = arith.constant 50 : index
  %zero = arith.constant 0 : i64
  %r = scf.for %m = %c0 to %rows step %c1 iter_args(%sum = %zero) -> i64 {
    %s = scf.for %i = %c0 to %k step %c1 iter_args(%bad = %sum) -> i64 {
      %p = memref.load %a[%m, %i] : memref<8x50xi32>
      %q = memref.load %b[%m, %i] : memref<8x50xi32>
      %d = arith.cmpi ne, %p, %q : i32
      %v = memref.load %x[%m, %i] : memref<8x50xf32>
      %w = memref.load %y[%m, %i] : memref<8x50xf32>
      %vi = arith.bitcast %v : f32 to i32
      %wi = arith.bitcast %w : f32 to i32
      %e = arith.cmpi ne, %vi, %wi : i32
      %either = arith.ori %d, %e : i1
      %add = arith.extui %either : i1 to i64
      %more = arith.addi %bad, %add : i64
      scf.yield %more : i64
    }
    scf.yield %s : i64
  }
  return %r : i64
}

// Row 0: any bits, NaN and infinities among them. 1: all equal. 2: ascending. 3: descending.
// 4: of 16 values. 5: the same upper 22 bits. 6: -0 and +0. 7: 60 numbers among NaN.
func.func @fill(%logits: memref<8x3000xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 3000 : index
  %row1 = arith.constant 1 : index
  %row2 = arith.constant 2 : index
  %row3 = arith.constant 3 : index
  %row4 = arith.constant 4 : index
  %row5 = arith.constant 5 : index
  %row6 = arith.constant 6 : index
  %row7 = arith.constant 7 : index
  %seed = arith.constant 12345 : i32
  %a = arith.constant 1664525 : i32
  %c = arith.constant 1013904223 : i32
  %high = arith.constant 16 : i32
  %few = arith.constant 15 : i32
  %low = arith.constant 1023 : i32
  %base = arith.constant 0x3f800000 : i32
  %sign = arith.constant -2147483648 : i32
  %fifty = arith.constant 50 : i32
  %zero = arith.constant 0 : i32
  %same = arith.constant -2.5 : f32
  %nan = arith.constant 0x7FC00000 : f32
  scf.for %i = %c0 to %n step %c1 iter_args(%x = %seed) -> i32 {
    %ax = arith.muli %x, %a : i32
    %y = arith.addi %ax, %c : i32
    %bits = arith.shrui %y, %high : i32
    %any = arith.bitcast %y : i32 to f32
    memref.store %any, %logits[%c0, %i] : memref<8x3000xf32>
    memref.store %same, %logits[%row1, %i] : memref<8x3000xf32>
    %i32 = arith.index_cast %i : index to i32
    %up = arith.sitofp %i32 : i32 to f32
    memref.store %up, %logits[%row2, %i] : memref<8x3000xf32>
    %down = arith.negf %up : f32
    memref.store %down, %logits[%row3, %i] : memref<8x3000xf32>
    %value = arith.andi %bits, %few : i32
    %coarse = arith.sitofp %value : i32 to f32
    memref.store %coarse, %logits[%row4, %i] : memref<8x3000xf32>
    %tail = arith.andi %bits, %low : i32
    %near = arith.ori %tail, %base : i32
    %fine = arith.bitcast %near : i32 to f32
    memref.store %fine, %logits[%row5, %i] : memref<8x3000xf32>
    %only = arith.andi %y, %sign : i32
    %zeros = arith.bitcast %only : i32 to f32
    memref.store %zeros, %logits[%row6, %i] : memref<8x3000xf32>
    %rest = arith.remui %i32, %fifty : i32
    %isNumber = arith.cmpi eq, %rest, %zero : i32
    %sparse = arith.select %isNumber, %coarse, %nan : f32
    memref.store %sparse, %logits[%row7, %i] : memref<8x3000xf32>
    scf.yield %y : i32
  }
  return
}

memref.global "private" constant @all : memref<8xi32> = dense<3000>
memref.global "private" constant @ends : memref<8xi32> = dense<[49, 50, 51, 256, 257, 406, 2999, 2700]>
memref.global "private" constant @cuts : memref<4x8xi32> = dense<[
  [0, 0, 0, 0, 0, 0, 0, 0], [1000, 10, 1500, 0, 40, 2950, 1, 100],
  [1000, 60, 1501, 1000, 90, 2960, 2000, 3000], [3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000]]>

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lists = arith.constant 3 : index
  %false = arith.constant false
  %true = arith.constant true
  %logits = memref.alloc() : memref<8x3000xf32>
  %i = memref.alloc() : memref<8x50xi32>
  %j = memref.alloc() : memref<8x50xi32>
  %v = memref.alloc() : memref<8x50xf32>
  %w = memref.alloc() : memref<8x50xf32>
  %li = memref.alloc() : memref<3x8x50xi32>
  %lv = memref.alloc() : memref<3x8x50xf32>
  %all = memref.get_global @all : memref<8xi32>
  %ends = memref.get_global @ends : memref<8xi32>
  %cuts = memref.get_global @cuts : memref<4x8xi32>
  call @fill(%logits) : (memref<8x3000xf32>) -> ()

  mqa.topk ins(%logits, none, %all : memref<8x3000xf32>, memref<8xi32>) outs(%i : memref<8x50xi32>)
  %0 = call @count_wrong(%logits, %all, %i, %false) : (memref<8x3000xf32>, memref<8xi32>, memref<8x50xi32>, i1) -> i64
  mqa.topk ins(%logits, none, %all : memref<8x3000xf32>, memref<8xi32>) outs(%i : memref<8x50xi32>) {order = #mqa.order<any>, tie_break = #mqa.tie_break<greatest>}
  %1 = call @count_wrong(%logits, %all, %i, %true) : (memref<8x3000xf32>, memref<8xi32>, memref<8x50xi32>, i1) -> i64
  // Ranges about as long as k, as a block of columns, and as the buffer.
  mqa.topk ins(%logits, none, %ends : memref<8x3000xf32>, memref<8xi32>) outs(%i : memref<8x50xi32>)
  %2 = call @count_wrong(%logits, %ends, %i, %false) : (memref<8x3000xf32>, memref<8xi32>, memref<8x50xi32>, i1) -> i64
  // CHECK: {{^}}0{{$}}
  call @printI64(%0) : (i64) -> ()
  call @printNewline() : () -> ()
  // CHECK-NEXT: {{^}}0{{$}}
  call @printI64(%1) : (i64) -> ()
  call @printNewline() : () -> ()
  // CHECK-NEXT: {{^}}0{{$}}
  call @printI64(%2) : (i64) -> ()
  call @printNewline() : () -> ()

  // Parts of each row, some of them short or empty; the merged list by score and by key.
  scf.for %r = %c0 to %lists step %c1 {
    %next = arith.addi %r, %c1 : index
    %from = memref.subview %cuts[%r, 0] [1, 8] [1, 1] : memref<4x8xi32> to memref<8xi32, strided<[1], offset: ?>>
    %to = memref.subview %cuts[%next, 0] [1, 8] [1, 1] : memref<4x8xi32> to memref<8xi32, strided<[1], offset: ?>>
    %pi = memref.subview %li[%r, 0, 0] [1, 8, 50] [1, 1, 1] : memref<3x8x50xi32> to memref<8x50xi32, strided<[50, 1], offset: ?>>
    %pv = memref.subview %lv[%r, 0, 0] [1, 8, 50] [1, 1, 1] : memref<3x8x50xf32> to memref<8x50xf32, strided<[50, 1], offset: ?>>
    mqa.topk ins(%logits, %from, %to : memref<8x3000xf32>, memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>) outs(%pi, %pv : memref<8x50xi32, strided<[50, 1], offset: ?>>, memref<8x50xf32, strided<[50, 1], offset: ?>>) {base = #mqa.base<absolute>, order = #mqa.order<score>}
  }
  mqa.topk ins(%logits, none, %all : memref<8x3000xf32>, memref<8xi32>) outs(%i, %v : memref<8x50xi32>, memref<8x50xf32>)
  mqa.merge_topk ins(%li, %lv, none, %all : memref<3x8x50xi32>, memref<3x8x50xf32>, memref<8xi32>) outs(%j, %w : memref<8x50xi32>, memref<8x50xf32>)
  %3 = call @count_different(%i, %j, %v, %w) : (memref<8x50xi32>, memref<8x50xi32>, memref<8x50xf32>, memref<8x50xf32>) -> i64
  mqa.topk ins(%logits, none, %all : memref<8x3000xf32>, memref<8xi32>) outs(%i, %v : memref<8x50xi32>, memref<8x50xf32>) {order = #mqa.order<score>}
  mqa.merge_topk ins(%li, %lv, none, %all : memref<3x8x50xi32>, memref<3x8x50xf32>, memref<8xi32>) outs(%j, %w : memref<8x50xi32>, memref<8x50xf32>) {order = #mqa.order<score>}
  %4 = call @count_different(%i, %j, %v, %w) : (memref<8x50xi32>, memref<8x50xi32>, memref<8x50xf32>, memref<8x50xf32>) -> i64
  // CHECK-NEXT: {{^}}0{{$}}
  call @printI64(%3) : (i64) -> ()
  call @printNewline() : () -> ()
  // CHECK-NEXT: {{^}}0{{$}}
  call @printI64(%4) : (i64) -> ()
  call @printNewline() : () -> ()
  return
}
