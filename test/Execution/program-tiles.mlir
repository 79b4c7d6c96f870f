// Tiles of keys in a loop: each is launched as an op of its own, whose ranges count from its own first key.
// RUN: mqa-compile %s --target=cpu -o %t.mqa --mqa-host=%t.host.mlir
// RUN: mqa-run %t.mqa --list | FileCheck %s --check-prefix=LIST
// LIST-COUNT-3: main_{{[a-z_0]+}}: mqa.{{.*}}logits for cpu
// RUN: mqa-opt %t.host.mlir --mqa-bind-kernels=bundle=%t.mqa -o %t.bound.mlir
// RUN: mlir-opt %t.bound.mlir %lower_host -o %t.llvm.mlir
// RUN: mlir-runner %t.llvm.mlir -e main --entry-point-result=void --shared-libs=%runtime_library,%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s
// The kernels are those of a GPU too.
// RUN: mqa-compile %s --target=sm_90a --mqa-no-cubin -o %t.gpu.mqa --mqa-host=%t.gpu.host.mlir
// RUN: diff %t.host.mlir %t.gpu.host.mlir

// The logit of key n is 16 n. Ranges are [-1, 12), [3, 7) and [5, 5).
// CHECK: ( ( 0, 16, 32, 48, 64, 80, 96, 112, 128, 144 ), ( -inf, -inf, -inf, 48, 64, 80, 96, -inf, -inf, -inf ), ( -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf ) )
// Three new queries of one sequence, which see 68, 69 and 70 keys: sums of the logits of each.
// CHECK: ( 2278, 2346, 2415 )
// Blocks of 8 of 32 keys, four of which each query may have: 3, 0, 2 and 1; twice block 1, of which it sees four keys, and one that
// is none; block 2 alone.
// CHECK: ( ( 384, 400, 416, 432, 448, 464, 480, 496, 0, 16, 32, 48, 64, 80, 96, 112, 256, 272, 288, 304, 320, 336, 352, 368, 128, 144, 160, 176, 192, 208, 224, 240 ), ( 128, 144, 160, 176, -inf, -inf, -inf, -inf, 128, 144, 160, 176, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf ), ( 256, 272, 288, 304, 320, 336, 352, 368, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf ) )

func.func @main() {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c10 = arith.constant 10 : index
  %c32 = arith.constant 32 : index
  %c96 = arith.constant 96 : index
  %zero = arith.constant 0.0 : f32
  %seven = arith.constant 7.0 : f32
  %one = arith.constant 1.0 : bf16
  %ks = arith.constant dense<[-1, 3, 5]> : tensor<3xi32>
  %ke = arith.constant dense<[12, 7, 5]> : tensor<3xi32>
  %q_init = tensor.empty() : tensor<3x1x16xbf16>
  %q = linalg.fill ins(%one : bf16) outs(%q_init : tensor<3x1x16xbf16>) -> tensor<3x1x16xbf16>
  %k_init = tensor.empty() : tensor<10x16xbf16>
  %k = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      outs(%k_init : tensor<10x16xbf16>) {
  ^bb0(%o: bf16):
    %n = linalg.index 0 : index
    %n_i32 = arith.index_cast %n : index to i32
    %r = arith.sitofp %n_i32 : i32 to bf16
    linalg.yield %r : bf16
  } -> tensor<10x16xbf16>

  %init = tensor.empty() : tensor<3x10xf32>
  %sevens = linalg.fill ins(%seven : f32) outs(%init : tensor<3x10xf32>) -> tensor<3x10xf32>
  %logits = scf.for %i = %c0 to %c10 step %c4 iter_args(%acc = %sevens) -> tensor<3x10xf32> {
    %size = affine.min affine_map<(i) -> (4, 10 - i)>(%i)
    %keys = tensor.extract_slice %k[%i, 0] [%size, 16] [1, 1] : tensor<10x16xbf16> to tensor<?x16xbf16>
    %columns = tensor.extract_slice %acc[0, %i] [3, %size] [1, 1] : tensor<3x10xf32> to tensor<3x?xf32>
    %0 = mqa.logits ins(%q, %keys, none, none, %ks, %ke : tensor<3x1x16xbf16>, tensor<?x16xbf16>, tensor<3xi32>, tensor<3xi32>)
        key_offset(%i) outs(%columns : tensor<3x?xf32>) {clean, activation = #mqa.activation<none>} -> tensor<3x?xf32>
    %next = tensor.insert_slice %0 into %acc[0, %i] [3, %size] [1, 1] : tensor<3x?xf32> into tensor<3x10xf32>
    scf.yield %next : tensor<3x10xf32>
  }
  %v = vector.transfer_read %logits[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<3x10xf32>, vector<3x10xf32>
  vector.print %v : vector<3x10xf32>

  // The logit of key n is n. Tiles of 32 keys are two cache blocks. The last tile has columns behind the table, which has five.
  %lens = arith.constant dense<[[68, 69, 70]]> : tensor<1x3xi32>
  %table = arith.constant dense<[[0, 1, 2, 3, 4]]> : tensor<1x5xi32>
  %pq = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [1, 3, 1, 16] : tensor<3x1x16xbf16> into tensor<1x3x1x16xbf16>
  %cache_init = tensor.empty() : tensor<6x16x16xbf16>
  %sixteenth = arith.constant 0.0625 : bf16
  %cache = linalg.generic {indexing_maps = [affine_map<(c, p, d) -> (c, p, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%cache_init : tensor<6x16x16xbf16>) {
  ^bb0(%o: bf16):
    %c = linalg.index 0 : index
    %p = linalg.index 1 : index
    %sixteen = arith.constant 16 : index
    %first = arith.muli %c, %sixteen : index
    %n = arith.addi %first, %p : index
    %n_i32 = arith.index_cast %n : index to i32
    %r = arith.sitofp %n_i32 : i32 to bf16
    %s = arith.mulf %r, %sixteenth : bf16
    linalg.yield %s : bf16
  } -> tensor<6x16x16xbf16>
  %paged_init = tensor.empty() : tensor<3x96xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%paged_init : tensor<3x96xf32>) -> tensor<3x96xf32>
  %paged = scf.for %i = %c0 to %c96 step %c32 iter_args(%acc = %zeros) -> tensor<3x96xf32> {
    %columns = tensor.extract_slice %acc[0, %i] [3, 32] [1, 1] : tensor<3x96xf32> to tensor<3x32xf32>
    %0 = mqa.paged_logits ins(%pq, %cache, none, none, %lens, %table :
            tensor<1x3x1x16xbf16>, tensor<6x16x16xbf16>, tensor<1x3xi32>, tensor<1x5xi32>)
        key_offset(%i) outs(%columns : tensor<3x32xf32>) -> tensor<3x32xf32>
    %next = tensor.insert_slice %0 into %acc[0, %i] [3, 32] [1, 1] : tensor<3x32xf32> into tensor<3x96xf32>
    scf.yield %next : tensor<3x96xf32>
  }
  %sum_init = tensor.empty() : tensor<3xf32>
  %sum_zero = linalg.fill ins(%zero : f32) outs(%sum_init : tensor<3xf32>) -> tensor<3xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>],
                          iterator_types = ["parallel", "reduction"]}
      ins(%paged : tensor<3x96xf32>) outs(%sum_zero : tensor<3xf32>) {
  ^bb0(%x: f32, %sum: f32):
    %r = arith.addf %sum, %x : f32
    linalg.yield %r : f32
  } -> tensor<3xf32>
  %vs = vector.transfer_read %sums[%c0], %zero {in_bounds = [true]} : tensor<3xf32>, vector<3xf32>
  vector.print %vs : vector<3xf32>

  %c16 = arith.constant 16 : index
  %more_init = tensor.empty() : tensor<32x16xbf16>
  %more = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      outs(%more_init : tensor<32x16xbf16>) {
  ^bb0(%o: bf16):
    %n = linalg.index 0 : index
    %n_i32 = arith.index_cast %n : index to i32
    %r = arith.sitofp %n_i32 : i32 to bf16
    linalg.yield %r : bf16
  } -> tensor<32x16xbf16>
  %blocks = arith.constant dense<[[3, 0, 2, 1], [1, 1, 9, 0], [2, 3, 0, 1]]> : tensor<3x4xi32>
  %num = arith.constant dense<[4, 3, 1]> : tensor<3xi32>
  %ends = arith.constant dense<[32, 12, 32]> : tensor<3xi32>
  %columns_init = tensor.empty() : tensor<3x32xf32>
  %columns_sevens = linalg.fill ins(%seven : f32) outs(%columns_init : tensor<3x32xf32>) -> tensor<3x32xf32>
  %of_blocks = scf.for %i = %c0 to %c32 step %c16 iter_args(%acc = %columns_sevens) -> tensor<3x32xf32> {
    %columns = tensor.extract_slice %acc[0, %i] [3, 16] [1, 1] : tensor<3x32xf32> to tensor<3x16xf32>
    %0 = mqa.logits ins(%q, %more, none, none, none, %ends : tensor<3x1x16xbf16>, tensor<32x16xbf16>, tensor<3xi32>)
        key_offset(%i) blocks(%blocks, %num : tensor<3x4xi32>, tensor<3xi32>) of 8
        outs(%columns : tensor<3x16xf32>) {clean, activation = #mqa.activation<none>} -> tensor<3x16xf32>
    %next = tensor.insert_slice %0 into %acc[0, %i] [3, 16] [1, 1] : tensor<3x16xf32> into tensor<3x32xf32>
    scf.yield %next : tensor<3x32xf32>
  }
  %vb = vector.transfer_read %of_blocks[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<3x32xf32>, vector<3x32xf32>
  vector.print %vb : vector<3x32xf32>
  return
}
