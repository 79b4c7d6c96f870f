// Modules that are more than kernel functions, for a CPU and for a GPU.
// RUN: rm -rf %t
// RUN: split-file %s %t
// RUN: sh -c 'for f in %t/*.mlir; do for t in cpu sm_90a; do mqa-compile $f --target=$t --mqa-no-cubin -o $f.$t.mqa --mqa-host=$f.host.mlir && mqa-run $f.$t.mqa --list || exit 1; done; done'
// Casts around an op fold, and a kernel function is left, which knows its sizes. It has no host program.
// RUN: split-file %s %t.casts
// RUN: not mqa-compile %t.casts/casts.txt --target=cpu -o %t.mqa --mqa-host=%t.host.mlir 2>&1 | FileCheck %s --check-prefix=NO-HOST
// NO-HOST: error: the input has kernel functions alone, and no host program for --mqa-host
// RUN: mqa-compile %t.casts/casts.txt --target=cpu -o %t.mqa 2>&1 | count 0
// RUN: mqa-compile %t.casts/casts.txt --mqa-no-cubin -o %t.mqa 2>&1 | count 0
// RUN: mqa-run %t.mqa --list | FileCheck %s --check-prefix=CASTS
// CASTS: casts: mqa.logits for sm_90a
// CASTS: num_queries=8
// What mqa-raise and front ends make allocates its logits: the kernel has them as an argument.
// RUN: FileCheck %s --check-prefix=EMPTY < %t/empty.mlir.host.mlir
// EMPTY: operands = ["q", "k", "ke", "out"]
// EMPTY: memref.alloc
// EMPTY: call @empty_logits
// A kernel function that others call is the kernel, under its name.
// RUN: mqa-run %t/called.mlir.cpu.mqa --list | FileCheck %s --check-prefix=CALLED
// CALLED: kernel: mqa.logits for cpu
// RUN: FileCheck %s --check-prefix=CALLER < %t/called.mlir.host.mlir
// CALLER: func.func private @kernel(
// CALLER: func.func @caller(
// CALLER: memref.alloc
// CALLER: call @kernel(
// Half of each head is copied.
// RUN: FileCheck %s --check-prefix=SLICE < %t/slice.mlir.host.mlir
// SLICE: memref.copy
// SLICE: call @slice_logits
// RUN: FileCheck %s --check-prefix=BLOCKS < %t/blocks.mlir.host.mlir
// BLOCKS: cf.cond_br
// BLOCKS: call @blocks_logits
// Several targets are one bundle, and one host program.
// RUN: mqa-compile %t/empty.mlir --target=cpu,sm_80,sm_90a --mqa-no-cubin -o %t.all.mqa --mqa-host=%t.all.mlir
// RUN: diff %t.all.mlir %t/empty.mlir.host.mlir
// Code without a bundle is that of the kernels.
// RUN: mqa-compile %t/empty.mlir --emit=ptx -o - 2> %t.warning | FileCheck %s --check-prefix=PTX
// PTX: .entry empty_logits(

//--- casts.txt
func.func @casts(%q: tensor<8x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x256xf32>) -> tensor<8x256xf32> {
  %qd = tensor.cast %q : tensor<8x4x32xbf16> to tensor<?x4x32xbf16>
  %od = tensor.cast %out : tensor<8x256xf32> to tensor<?x?xf32>
  %ked = tensor.cast %ke : tensor<8xi32> to tensor<?xi32>
  %0 = mqa.logits ins(%qd, %k, none, none, none, %ked : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%od : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  %r = tensor.cast %0 : tensor<?x?xf32> to tensor<8x256xf32>
  return %r : tensor<8x256xf32>
}
//--- empty.mlir
func.func @empty(%q: tensor<8x4x32xbf16>, %k: tensor<256x32xbf16>, %ke: tensor<8xi32>) -> tensor<8x256xf32> {
  %e = tensor.empty() : tensor<8x256xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<256x32xbf16>, tensor<8xi32>) outs(%e : tensor<8x256xf32>) {clean} -> tensor<8x256xf32>
  return %0 : tensor<8x256xf32>
}
//--- called.mlir
func.func @kernel(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %w: tensor<?x4xf32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, %w, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @caller(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %w: tensor<?x4xf32>, %ke: tensor<?xi32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %0 = call @kernel(%q, %k, %w, %ke, %e) : (tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
//--- slice.mlir
func.func @slice(%qkv: tensor<8x4x64xbf16>, %k: tensor<256x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x256xf32>) -> tensor<8x256xf32> {
  %q = tensor.extract_slice %qkv[0, 0, 0] [8, 4, 32] [1, 1, 1] : tensor<8x4x64xbf16> to tensor<8x4x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<256x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x256xf32>) {clean} -> tensor<8x256xf32>
  return %0 : tensor<8x256xf32>
}
//--- blocks.mlir
func.func @blocks(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %c: i1) -> tensor<?x?xf32> {
  cf.cond_br %c, ^a, ^b
^a:
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
^b:
  return %out : tensor<?x?xf32>
}
//--- global.mlir
ml_program.global private mutable @seed(dense<0> : tensor<i64>) : tensor<i64>
func.func @global(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32>, f32) {
  %c0 = arith.constant 0 : index
  %t = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %x = tensor.extract %t[%c0] : tensor<2xf32>
  %y = math.exp %x : f32
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0, %y : tensor<?x?xf32>, f32
}
