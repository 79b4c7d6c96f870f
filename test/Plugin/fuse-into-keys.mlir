// A loop over the keys of compressed logits writes whole rows again and again: nothing may be fused into it, and the op says why.
// REQUIRES: plugin
// RUN: not mlir-opt %s --load-dialect-plugin=%plugin --transform-interpreter --remarks-filter=mqa-tiling --remark-format=emitRemark 2>&1 | FileCheck %s
// CHECK: remark: {{.*}}not tiled: the tiles of 'compressed' logits would each write whole rows
// Over queries alone it is tiled, and rows are filled first.
// RUN: sed 's/\[4, 20\]/[4, 0]/; s/%%l:2/%%l/; s/!transform.any_op, !transform.any_op, !transform.any_op/!transform.any_op, !transform.any_op/' %s | mlir-opt --load-dialect-plugin=%plugin --transform-interpreter --canonicalize | FileCheck %s --check-prefix=ROWS
// ROWS: scf.for
// ROWS-NOT: scf.for
// ROWS: linalg.fill {{.*}} outs(%{{.*}} : tensor<4x100xf32>)
// ROWS: mqa.logits ins(%{{.*}}, %arg1, none, none, %{{.*}}, %{{.*}} : {{.*}}) outs(%{{.*}} : tensor<4x100xf32>) {compressed}
// Of others, each tile has columns of its own, which what makes the destination fills first.
// RUN: sed 's/{compressed}/{clean}/' %s | mlir-opt --load-dialect-plugin=%plugin --transform-interpreter --canonicalize | FileCheck %s --check-prefix=COLUMNS
// COLUMNS: scf.for
// COLUMNS: scf.for
// COLUMNS: linalg.fill {{.*}} outs(%{{.*}} : tensor<4x20xf32>)
// COLUMNS: mqa.logits {{.*}} outs(%{{.*}} : tensor<4x20xf32>)
module {
  func.func @f(%q: tensor<8x4x32xbf16>, %k: tensor<100x32xbf16>, %ks: tensor<8xi32>, %ke: tensor<8xi32>) -> tensor<8x100xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8x100xf32>
    %fill = linalg.fill ins(%zero : f32) outs(%e : tensor<8x100xf32>) -> tensor<8x100xf32>
    %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<8x4x32xbf16>, tensor<100x32xbf16>, tensor<8xi32>, tensor<8xi32>)
                    outs(%fill : tensor<8x100xf32>) {compressed} -> tensor<8x100xf32>
    return %0 : tensor<8x100xf32>
  }
  module attributes {transform.with_named_sequence} {
    transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
      %0 = transform.structured.match ops{["mqa.logits"]} in %root : (!transform.any_op) -> !transform.any_op
      %a, %l:2 = transform.structured.fuse %0 tile_sizes [4, 20] {apply_cleanup} : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
      transform.yield
    }
  }
}
