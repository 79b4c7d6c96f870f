// Operands that are slices, bufferized with default options: the program copies what is not contiguous, and nothing else.
// RUN: mqa-opt %s --one-shot-bufferize=bufferize-function-boundaries -o %t.memrefs.mlir
// RUN: mqa-compile %t.memrefs.mlir --target=cpu -o %t.mqa --mqa-host=%t.host.mlir
// RUN: mqa-opt %t.host.mlir --mqa-bind-kernels=bundle=%t.mqa -o %t.bound.mlir
// RUN: mlir-opt %t.bound.mlir %lower_host -o %t.llvm.mlir
// RUN: mlir-runner %t.llvm.mlir -e main --entry-point-result=void --shared-libs=%runtime_library,%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s
// The same by the pipeline, whose arguments have known strides.
// RUN: mqa-compile %s --target=cpu -o %t.mqa --mqa-host=%t.host.mlir
// RUN: mqa-opt %t.host.mlir --mqa-bind-kernels=bundle=%t.mqa -o %t.bound.mlir
// RUN: mlir-opt %t.bound.mlir %lower_host -o %t.llvm.mlir
// RUN: mlir-runner %t.llvm.mlir -e main --entry-point-result=void --shared-libs=%runtime_library,%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s

// Of the halves of q, and of all keys: (3 - 1) * 64, and so on. Key 2 is not seen by query 0.
// CHECK: ( ( 0, 32, -7 ), ( 0, 64, 128 ) )
// CHECK: ( ( 0, -32, -7 ), ( 0, -64, -128 ) )
// Contiguous ones, on every second key, to every second column.
// CHECK: ( ( 0, -7, 32, -7, -7, -7 ), ( 0, -7, 64, -7, 128, -7 ) )

func.func private @scores(%q: tensor<2x1x16xbf16>, %k: tensor<3x16xbf16>, %ke: tensor<2xi32>, %out: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<2x1x16xbf16>, tensor<3x16xbf16>, tensor<2xi32>)
      outs(%out : tensor<2x3xf32>) {activation = #mqa.activation<none>} -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

func.func @main() {
  %i0 = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %seven = arith.constant -7.0 : f32
  %sixteen = arith.constant 16 : index
  %one = arith.constant 1.0 : bf16
  %minus = arith.constant -1.0 : bf16
  %ke = arith.constant dense<[2, 3]> : tensor<2xi32>
  // q[m, 0, d] = m + 1 in the first 16 elements of a row, and -(m + 1) in the others. k[n, d] = 2 * (n / 2).
  %wide_init = tensor.empty() : tensor<2x1x32xbf16>
  %wide = linalg.generic {indexing_maps = [affine_map<(m, h, d) -> (m, h, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%wide_init : tensor<2x1x32xbf16>) {
  ^bb0(%o: bf16):
    %m = linalg.index 0 : index
    %d = linalg.index 2 : index
    %m_i32 = arith.index_cast %m : index to i32
    %m_bf16 = arith.sitofp %m_i32 : i32 to bf16
    %value = arith.addf %m_bf16, %one : bf16
    %first = arith.cmpi ult, %d, %sixteen : index
    %sign = arith.select %first, %one, %minus : bf16
    %r = arith.mulf %value, %sign : bf16
    linalg.yield %r : bf16
  } -> tensor<2x1x32xbf16>
  %keys_init = tensor.empty() : tensor<6x16xbf16>
  %c2 = arith.constant 2 : index
  %keys = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      outs(%keys_init : tensor<6x16xbf16>) {
  ^bb0(%o: bf16):
    %n = linalg.index 0 : index
    %half = arith.divui %n, %c2 : index
    %twice = arith.muli %half, %c2 : index
    %n_i32 = arith.index_cast %twice : index to i32
    %r = arith.sitofp %n_i32 : i32 to bf16
    linalg.yield %r : bf16
  } -> tensor<6x16xbf16>
  %k = tensor.extract_slice %keys[0, 0] [3, 16] [2, 1] : tensor<6x16xbf16> to tensor<3x16xbf16>

  %out_init = tensor.empty() : tensor<2x3xf32>
  %out = linalg.fill ins(%seven : f32) outs(%out_init : tensor<2x3xf32>) -> tensor<2x3xf32>
  %first = tensor.extract_slice %wide[0, 0, 0] [2, 1, 16] [1, 1, 1] : tensor<2x1x32xbf16> to tensor<2x1x16xbf16>
  %a = call @scores(%first, %k, %ke, %out) : (tensor<2x1x16xbf16>, tensor<3x16xbf16>, tensor<2xi32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %va = vector.transfer_read %a[%c0, %c0], %i0 {in_bounds = [true, true]} : tensor<2x3xf32>, vector<2x3xf32>
  vector.print %va : vector<2x3xf32>

  %second = tensor.extract_slice %wide[0, 0, 16] [2, 1, 16] [1, 1, 1] : tensor<2x1x32xbf16> to tensor<2x1x16xbf16>
  %b = call @scores(%second, %k, %ke, %out) : (tensor<2x1x16xbf16>, tensor<3x16xbf16>, tensor<2xi32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %vb = vector.transfer_read %b[%c0, %c0], %i0 {in_bounds = [true, true]} : tensor<2x3xf32>, vector<2x3xf32>
  vector.print %vb : vector<2x3xf32>

  // Every second element of a row of the destination, of which one is not written.
  %more_init = tensor.empty() : tensor<2x6xf32>
  %more = linalg.fill ins(%seven : f32) outs(%more_init : tensor<2x6xf32>) -> tensor<2x6xf32>
  %columns = tensor.extract_slice %more[0, 0] [2, 3] [1, 2] : tensor<2x6xf32> to tensor<2x3xf32>
  %c = call @scores(%first, %k, %ke, %columns) : (tensor<2x1x16xbf16>, tensor<3x16xbf16>, tensor<2xi32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %all = tensor.insert_slice %c into %more[0, 0] [2, 3] [1, 2] : tensor<2x3xf32> into tensor<2x6xf32>
  %vc = vector.transfer_read %all[%c0, %c0], %i0 {in_bounds = [true, true]} : tensor<2x6xf32>, vector<2x6xf32>
  vector.print %vc : vector<2x6xf32>
  return
}
