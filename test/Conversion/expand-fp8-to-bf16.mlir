// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512f,avx512vbmi},mqa-expand-fp8)' | FileCheck %s --check-prefixes=CHECK,TABLE
// RUN: mqa-opt %s --mqa-expand-fp8 | FileCheck %s --check-prefixes=CHECK,BITS

// The lower and the upper bytes of 64 elements come from a table each; the sign is the
// element's own. 1 is 0x38 and 0x3f80.
// CHECK-LABEL: func @vector
// CHECK-SAME: %[[X:.*]]: vector<64xf8E4M3FN>
// TABLE-DAG: %[[SIGN:.*]] = arith.constant dense<-128> : vector<64xi8>
// TABLE-DAG: %[[BYTES:.*]] = arith.bitcast %[[X]] : vector<64xf8E4M3FN> to vector<64xi8>
// TABLE: %[[HALVES:.*]] = vector.shuffle %[[BYTES]], %[[BYTES]] [0, 1, 2, 3, 4, 5, 6, 7, 32, 33,
// TABLE: %[[LOWER:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// TABLE-DAG: %[[LOOKED:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[HALVES]], %{{.*}})
// TABLE-DAG: %[[SIGNS:.*]] = arith.andi %[[HALVES]], %[[SIGN]]
// TABLE: %[[UPPER:.*]] = arith.ori %[[LOOKED]], %[[SIGNS]]
// TABLE: vector.shuffle %[[LOWER]], %[[UPPER]] [0, 64, 1, 65, 2, 66, 3, 67, 4, 68, 5, 69, 6, 70, 7, 71, 16, 80,
// TABLE: vector.bitcast %{{.*}} : vector<64xi8> to vector<32xbf16>
// TABLE: vector.shuffle %[[LOWER]], %[[UPPER]] [8, 72,
// BITS-NOT: llvm.call_intrinsic
// BITS: %[[F32:.*]] = arith.bitcast %{{.*}} : vector<64xi32> to vector<64xf32>
// BITS: %[[F32_BITS:.*]] = arith.bitcast %[[F32]] : vector<64xf32> to vector<64xi32>
// BITS: %[[SHIFTED:.*]] = arith.shrui %[[F32_BITS]], %{{.*}}
// BITS: %[[HALF:.*]] = arith.trunci %[[SHIFTED]] : vector<64xi32> to vector<64xi16>
// BITS: arith.bitcast %[[HALF]] : vector<64xi16> to vector<64xbf16>
// CHECK-NOT: arith.extf
func.func @vector(%x: vector<64xf8E4M3FN>) -> vector<64xbf16> {
  %0 = arith.extf %x : vector<64xf8E4M3FN> to vector<64xbf16>
  return %0 : vector<64xbf16>
}

// Two rows of 64.
// CHECK-LABEL: func @rows
// TABLE: vector.shape_cast %{{.*}} : vector<2x64xi8> to vector<128xi8>
// TABLE-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"
// TABLE: vector.shape_cast %{{.*}} : vector<128xbf16> to vector<2x64xbf16>
// CHECK-NOT: f8E5M2 to bf16
func.func @rows(%x: vector<2x64xf8E5M2>) -> vector<2x64xbf16> {
  %0 = arith.extf %x : vector<2x64xf8E5M2> to vector<2x64xbf16>
  return %0 : vector<2x64xbf16>
}

// Elements at even places and at odd ones: words of what the tables have.
// CHECK-LABEL: func @deinterleaved
// TABLE: %[[LOWER:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[BYTES:.*]], %{{.*}})
// TABLE: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[BYTES]], %{{.*}})
// TABLE: %[[UPPER:.*]] = arith.ori
// TABLE-DAG: %[[LOWER_WORDS:.*]] = vector.bitcast %[[LOWER]] : vector<64xi8> to vector<32xi16>
// TABLE-DAG: %[[UPPER_WORDS:.*]] = vector.bitcast %[[UPPER]] : vector<64xi8> to vector<32xi16>
// TABLE: arith.shli %[[UPPER_WORDS]]
// TABLE: %[[EVEN:.*]] = llvm.call_intrinsic "llvm.x86.avx512.pternlog.d.512"
// TABLE: arith.shrui %[[LOWER_WORDS]]
// TABLE: %[[ODD:.*]] = llvm.call_intrinsic "llvm.x86.avx512.pternlog.d.512"
// TABLE-NOT: vector.deinterleave
// BITS: vector.deinterleave
// CHECK-NOT: arith.extf
func.func @deinterleaved(%x: vector<64xf8E4M3FN>) -> (vector<32xbf16>, vector<32xbf16>) {
  %even, %odd = vector.deinterleave %x : vector<64xf8E4M3FN> -> vector<32xf8E4M3FN>
  %0 = arith.extf %even : vector<32xf8E4M3FN> to vector<32xbf16>
  %1 = arith.extf %odd : vector<32xf8E4M3FN> to vector<32xbf16>
  return %0, %1 : vector<32xbf16>, vector<32xbf16>
}

// Elements that are also used as they are.
// CHECK-LABEL: func @used_otherwise
// CHECK: vector.deinterleave
// CHECK-NOT: llvm.call_intrinsic
func.func @used_otherwise(%x: vector<64xf8E4M3FN>) -> (vector<32xbf16>, vector<32xf8E4M3FN>) {
  %even, %odd = vector.deinterleave %x : vector<64xf8E4M3FN> -> vector<32xf8E4M3FN>
  %0 = arith.extf %even : vector<32xf8E4M3FN> to vector<32xbf16>
  return %0, %odd : vector<32xbf16>, vector<32xf8E4M3FN>
}

// Less than a whole vector, and a scalar.
// CHECK-LABEL: func @others
// CHECK-NOT: llvm.call_intrinsic
// CHECK: arith.trunci %{{.*}} : vector<48xi32> to vector<48xi16>
// CHECK: arith.trunci %{{.*}} : i32 to i16
// CHECK-NOT: f8E
func.func @others(%x: vector<48xf8E4M3FN>, %y: f8E5M2) -> (vector<48xbf16>, bf16) {
  %0 = arith.extf %x : vector<48xf8E4M3FN> to vector<48xbf16>
  %1 = arith.extf %y : f8E5M2 to bf16
  return %0, %1 : vector<48xbf16>, bf16
}

// A tensor of static shape, and a named op, which says what its body is no more.
// CHECK-LABEL: func @tensors
// CHECK: arith.trunci %{{.*}} : tensor<4xi32> to tensor<4xi16>
// CHECK: linalg.generic
// CHECK: arith.trunci %{{.*}} : i32 to i16
func.func @tensors(%x: tensor<4xf8E4M3FN>, %y: tensor<4xf8E4M3FN>, %out: tensor<4xbf16>) -> (tensor<4xbf16>, tensor<4xbf16>) {
  %0 = arith.extf %x : tensor<4xf8E4M3FN> to tensor<4xbf16>
  %1 = linalg.map ins(%y : tensor<4xf8E4M3FN>) outs(%out : tensor<4xbf16>)
    (%in: f8E4M3FN, %init: bf16) {
      %2 = arith.extf %in : f8E4M3FN to bf16
      linalg.yield %2 : bf16
    }
  return %0, %1 : tensor<4xbf16>, tensor<4xbf16>
}
