// RUN: mqa-opt %s --mqa-raise | FileCheck %s
// RUN: mqa-opt %s --mqa-raise --remarks-filter=mqa-raise --remark-format=emitRemark --verify-diagnostics -o /dev/null

// What is nearly the logits of an op, and what is exactly that though it does not look so.

// A maximum of a sum over some of the heads: what is in front of the maximum is raised alone.
// CHECK-LABEL: func @heads_inside_of_the_maximum(
// CHECK: mqa.logits ins({{.*}}) {{.*}}{activation = #mqa.activation<none>} -> tensor<8x6xf32>
// CHECK: linalg.generic
// CHECK: arith.maximumf
func.func @heads_inside_of_the_maximum(%q: tensor<4x2x2x16xbf16>, %k: tensor<6x16xbf16>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x6xf32>) -> tensor<4x2x6xf32>
  // expected-remark@below {{the maximum is of a sum over heads, not of a score}}
  %s = linalg.generic {indexing_maps = [affine_map<(m,g,n,h,d)->(m,g,h,d)>, affine_map<(m,g,n,h,d)->(n,d)>, affine_map<(m,g,n,h,d)->(m,g,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction","reduction"]} ins(%q, %k : tensor<4x2x2x16xbf16>, tensor<6x16xbf16>) outs(%z : tensor<4x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x6xf32>
  %e2 = tensor.empty() : tensor<4x6xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,g)->(m,g,n)>, affine_map<(m,n,g)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<4x2x6xf32>) outs(%z2 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// The factor of a head is another result of the op, which changes from head to head.
// CHECK-LABEL: func @running_factor(
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @running_factor(%q: tensor<4x3x16xbf16>, %k: tensor<6x16xbf16>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %v1 = tensor.empty() : tensor<4x3x6xf32>
  %v2 = linalg.fill ins(%zero : f32) outs(%v1 : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %v3 = linalg.generic {indexing_maps=[affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>], iterator_types=["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<4x3x16xbf16>, tensor<6x16xbf16>) outs(%v2 : tensor<4x3x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x3x6xf32>
  %v4 = tensor.empty() : tensor<4x6xf32>
  %v5 = linalg.fill ins(%zero : f32) outs(%v4 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %v6 = arith.constant 1.0 : f32
  %v7 = tensor.empty() : tensor<4x6xf32>
  %v8 = linalg.fill ins(%v6 : f32) outs(%v7 : tensor<4x6xf32>) -> tensor<4x6xf32>
  // expected-remark@below {{'linalg.generic' reads a result while it is computed}}
  %rr:2 = linalg.generic {indexing_maps=[affine_map<(m,n,h)->(m,h,n)>,affine_map<(m,n,h)->(m,n)>,affine_map<(m,n,h)->(m,n)>], iterator_types=["parallel","parallel","reduction"]} ins(%v3 : tensor<4x3x6xf32>) outs(%v5, %v8 : tensor<4x6xf32>, tensor<4x6xf32>) {
^bb0(%a: f32, %sum: f32, %decay: f32):
  %two = arith.constant 2.0 : f32
  %next = arith.mulf %decay, %two : f32
  %r = arith.maximumf %a, %zero : f32
  %p = arith.mulf %r, %decay : f32
  %t = arith.addf %sum, %p : f32
  linalg.yield %t, %next : f32, f32
} -> (tensor<4x6xf32>, tensor<4x6xf32>)
  return %rr#0 : tensor<4x6xf32>
}

// The scale of key n is element 2n of a tensor: its first column, when two follow each other.
// CHECK-LABEL: func @column_of_a_reshape(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?xf32>
// CHECK: %[[PAIRS:.+]] = tensor.expand_shape %[[S]]
// CHECK: %[[SCALE:.+]] = linalg.generic {{.*}} ins(%[[PAIRS]] : tensor<?x2xf32>)
// CHECK: mqa.logits ins(%{{.+}}, %{{.+}}, %[[SCALE]], none,
func.func @column_of_a_reshape(%q: tensor<4x2x16xbf16>, %k: tensor<6x16xbf16>, %s12: tensor<?xf32>, %six: index) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %sp = tensor.expand_shape %s12 [[0,1]] output_shape [%six, 2] : tensor<?xf32> into tensor<?x2xf32>
  %s2 = tensor.cast %sp : tensor<?x2xf32> to tensor<6x2xf32>
  %e = tensor.empty() : tensor<4x2x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x6xf32>) -> tensor<4x2x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<4x2x16xbf16>, tensor<6x16xbf16>) outs(%z : tensor<4x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x6xf32>
  %e2 = tensor.empty() : tensor<4x6xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<4x2x6xf32>) outs(%z2 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<4x6xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(n,0)>, affine_map<(m,n)->(m,n)>], iterator_types = ["parallel","parallel"]}
    ins(%r, %s2 : tensor<4x6xf32>, tensor<6x2xf32>) outs(%e2 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %y = arith.mulf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  return %w : tensor<4x6xf32>
}

// A column, of which rows would be taken apart: the factor stays behind the op.
// CHECK-LABEL: func @column_of_keys_in_parts(
// CHECK: mqa.logits
// CHECK: linalg.generic
// CHECK: return
func.func @column_of_keys_in_parts(%q: tensor<4x2x16xbf16>, %k3: tensor<3x?x16xbf16>, %s5: tensor<?x5xf32>, %sc: tensor<?xf32>, %two: index) -> tensor<4x3x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %k = tensor.collapse_shape %k3 [[0,1],[2]] : tensor<3x?x16xbf16> into tensor<?x16xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %e = tensor.empty(%n) : tensor<4x2x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x?xf32>) -> tensor<4x2x?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<4x2x16xbf16>, tensor<?x16xbf16>) outs(%z : tensor<4x2x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x?xf32>
  %e2 = tensor.empty(%n) : tensor<4x?xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x?xf32>) -> tensor<4x?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<4x2x?xf32>) outs(%z2 : tensor<4x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<4x?xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(n,0)>, affine_map<(m,n)->(n)>, affine_map<(m,n)->(m,n)>], iterator_types = ["parallel","parallel"]}
    ins(%r, %s5, %sc : tensor<4x?xf32>, tensor<?x5xf32>, tensor<?xf32>) outs(%e2 : tensor<4x?xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
    // expected-remark@below {{this number is not that of a tensor of the program}}
    %x = arith.mulf %b, %d : f32
    %y = arith.mulf %a, %x : f32
    linalg.yield %y : f32
  } -> tensor<4x?xf32>
  %w3 = tensor.expand_shape %w [[0],[1,2]] output_shape [4,3,%two] : tensor<4x?xf32> into tensor<4x3x?xf32>
  return %w3 : tensor<4x3x?xf32>
}

// Rounded in another way: the op rounds to the nearest number.
// CHECK-LABEL: func @rounded_upward(
// CHECK: mqa.logits {{.*}} -> tensor<4x6xf32>
// CHECK: arith.truncf %{{.+}} upward
func.func @rounded_upward(%q: tensor<4x2x16xbf16>, %k: tensor<6x16xbf16>) -> tensor<4x6xbf16> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4x2x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x6xf32>) -> tensor<4x2x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<4x2x16xbf16>, tensor<6x16xbf16>) outs(%z : tensor<4x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x6xf32>
  %e2 = tensor.empty() : tensor<4x6xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<4x2x6xf32>) outs(%z2 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<4x6xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(m,n)>], iterator_types = ["parallel","parallel"]}
    ins(%r : tensor<4x6xf32>) outs(%e2 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %tt = arith.constant 1.37 : f32
    %out = arith.mulf %a, %tt : f32
    linalg.yield %out : f32
  } -> tensor<4x6xf32>
  %ob = tensor.empty() : tensor<4x6xbf16>
  %w2 = linalg.generic {indexing_maps = [affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(m,n)>], iterator_types = ["parallel","parallel"]} ins(%w : tensor<4x6xf32>) outs(%ob : tensor<4x6xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    // expected-remark@below {{the logits are not rounded to the nearest number}}
    %y = arith.truncf %a upward : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<4x6xbf16>
  return %w2 : tensor<4x6xbf16>
}

// The size of a part is that of no tensor in front of the logits, but a number of the program.
// CHECK-LABEL: func @keys_in_parts_at_the_end(
// CHECK-SAME: %[[PART:[a-z0-9]+]]: index
// CHECK: mqa.logits
// CHECK-NOT: linalg.generic
// CHECK: tensor.expand_shape %{{.+}} {{\[\[}}0], [1, 2]] output_shape [4, 3, %[[PART]]]
func.func @keys_in_parts_at_the_end(%q: tensor<4x2x16xbf16>, %k: tensor<?x16xbf16>, %two: index) -> tensor<4x3x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %n = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %e = tensor.empty(%n) : tensor<4x2x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2x?xf32>) -> tensor<4x2x?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<4x2x16xbf16>, tensor<?x16xbf16>) outs(%z : tensor<4x2x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x?xf32>
  %e2 = tensor.empty(%n) : tensor<4x?xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x?xf32>) -> tensor<4x?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<4x2x?xf32>) outs(%z2 : tensor<4x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<4x?xf32>
  %w3 = tensor.expand_shape %r [[0],[1,2]] output_shape [4,3,%two] : tensor<4x?xf32> into tensor<4x3x?xf32>
  return %w3 : tensor<4x3x?xf32>
}

// CHECK-LABEL: func @queries_in_parts_at_the_end(
// CHECK-SAME: %[[PART:[a-z0-9]+]]: index
// CHECK: mqa.logits
// CHECK-NOT: linalg.generic
// CHECK: tensor.expand_shape %{{.+}} {{\[\[}}0, 1], [2]] output_shape [2, %[[PART]], 6]
func.func @queries_in_parts_at_the_end(%q: tensor<?x2x16xbf16>, %k: tensor<6x16xbf16>, %two: index) -> tensor<2x?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x2x16xbf16>
  %e = tensor.empty(%n) : tensor<?x2x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2x6xf32>) -> tensor<?x2x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<?x2x16xbf16>, tensor<6x16xbf16>) outs(%z : tensor<?x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<?x2x6xf32>
  %e2 = tensor.empty(%n) : tensor<?x6xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x6xf32>) -> tensor<?x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<?x2x6xf32>) outs(%z2 : tensor<?x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<?x6xf32>
  %w3 = tensor.expand_shape %r [[0,1],[2]] output_shape [2,%two,6] : tensor<?x6xf32> into tensor<2x?x6xf32>
  return %w3 : tensor<2x?x6xf32>
}

// The bound depends on the number of the query, of which there is one.
// CHECK-LABEL: func @number_of_the_only_query(
// CHECK: linalg.generic {{.*}} ins(%{{.+}} : tensor<1xi32>)
// CHECK: mqa.logits ins({{.*}}) {{.*}}{clean}
func.func @number_of_the_only_query(%q: tensor<1x2x16xbf16>, %k: tensor<6x16xbf16>, %ke: tensor<1xi32>) -> tensor<1x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x2x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x6xf32>) -> tensor<1x2x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m,h,n,d)->(m,h,d)>, affine_map<(m,h,n,d)->(n,d)>, affine_map<(m,h,n,d)->(m,h,n)>],
    iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%q, %k : tensor<1x2x16xbf16>, tensor<6x16xbf16>) outs(%z : tensor<1x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<1x2x6xf32>
  %e2 = tensor.empty() : tensor<1x6xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x6xf32>) -> tensor<1x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m,n,h)->(m,h,n)>, affine_map<(m,n,h)->(m,n)>], iterator_types = ["parallel","parallel","reduction"]}
    ins(%s : tensor<1x2x6xf32>) outs(%z2 : tensor<1x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %x = arith.maximumf %a, %zero : f32
    %t = arith.addf %o, %x : f32
    linalg.yield %t : f32
  } -> tensor<1x6xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(m)>, affine_map<(m,n)->(m,n)>], iterator_types = ["parallel","parallel"]}
    ins(%r, %ke : tensor<1x6xf32>, tensor<1xi32>) outs(%e2 : tensor<1x6xf32>) {
  ^bb0(%a: f32, %b: i32, %o: f32):
    %i = linalg.index 0 : index
    %m = arith.index_cast %i : index to i32
    %p = arith.addi %m, %b : i32
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %c = arith.cmpi sle, %n, %p : i32
    %out = arith.select %c, %a, %ninf : f32
    linalg.yield %out : f32
  } -> tensor<1x6xf32>
  return %w : tensor<1x6xf32>
}

// A sum of weights times scores times scales is the outer product of two; q times k is the inner one.
// CHECK-LABEL: func @weights_and_scale_in_one_sum(
// CHECK: mqa.logits ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, none, %{{.+}} :
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @weights_and_scale_in_one_sum(%q: tensor<4x2x2x16xbf16>, %k: tensor<6x2x16xbf16>, %sc: tensor<6x2xf32>, %w: tensor<4x2x2xf32>, %ke: tensor<4xi32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %v1 = tensor.empty() : tensor<4x2x2x6xf32>
  %v2 = linalg.fill ins(%zero : f32) outs(%v1 : tensor<4x2x2x6xf32>) -> tensor<4x2x2x6xf32>
  %v3 = linalg.generic {indexing_maps=[affine_map<(m,g,h,n,d)->(m,g,h,d)>, affine_map<(m,g,h,n,d)->(n,g,d)>, affine_map<(m,g,h,n,d)->(m,g,h,n)>], iterator_types=["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<4x2x2x16xbf16>, tensor<6x2x16xbf16>) outs(%v2 : tensor<4x2x2x6xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<4x2x2x6xf32>
  %v4 = tensor.empty() : tensor<4x2x2x6xf32>
  %v5 = linalg.generic {indexing_maps=[affine_map<(m,g,h,n)->(m,g,h,n)>, affine_map<(m,g,h,n)->(m,g,h,n)>], iterator_types=["parallel", "parallel", "parallel", "parallel"]} ins(%v3 : tensor<4x2x2x6xf32>) outs(%v4 : tensor<4x2x2x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<4x2x2x6xf32>
  %v6 = tensor.empty() : tensor<4x2x2x6xf32>
  %v7 = linalg.generic {indexing_maps=[affine_map<(m,g,h,n)->(m,g,h,n)>, affine_map<(m,g,h,n)->(m,g,h)>, affine_map<(m,g,h,n)->(m,g,h,n)>], iterator_types=["parallel", "parallel", "parallel", "parallel"]} ins(%v5, %w : tensor<4x2x2x6xf32>, tensor<4x2x2xf32>) outs(%v6 : tensor<4x2x2x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x2x2x6xf32>
  %v8 = tensor.empty() : tensor<4x2x2x6xf32>
  %v9 = linalg.generic {indexing_maps=[affine_map<(m,g,h,n)->(m,g,h,n)>, affine_map<(m,g,h,n)->(n,g)>, affine_map<(m,g,h,n)->(m,g,h,n)>], iterator_types=["parallel", "parallel", "parallel", "parallel"]} ins(%v7, %sc : tensor<4x2x2x6xf32>, tensor<6x2xf32>) outs(%v8 : tensor<4x2x2x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x2x2x6xf32>
  %v10 = tensor.empty() : tensor<4x6xf32>
  %v11 = linalg.fill ins(%zero : f32) outs(%v10 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %v12 = linalg.generic {indexing_maps=[affine_map<(m,n,g,h)->(m,g,h,n)>, affine_map<(m,n,g,h)->(m,n)>], iterator_types=["parallel", "parallel", "reduction", "reduction"]} ins(%v9 : tensor<4x2x2x6xf32>) outs(%v11 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %o, %a : f32
    linalg.yield %r : f32
  } -> tensor<4x6xf32>
  %v13 = tensor.empty() : tensor<4x6xf32>
  %v14 = linalg.generic {indexing_maps=[affine_map<(m,n)->(m,n)>, affine_map<(m,n)->(m)>, affine_map<(m,n)->(m,n)>], iterator_types=["parallel", "parallel"]} ins(%v12, %ke : tensor<4x6xf32>, tensor<4xi32>) outs(%v13 : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: i32, %o: f32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %x = arith.cmpi slt, %n, %b : i32
    %mm = arith.select %x, %a, %ninf : f32
    linalg.yield %mm : f32
  } -> tensor<4x6xf32>
  return %v14 : tensor<4x6xf32>
}

// An op without use, whose body has what may be logits elsewhere: both go.
// CHECK-LABEL: func @body_of_a_dead_op(
// CHECK-NOT: tensor.extract_slice
// CHECK: return
func.func @body_of_a_dead_op(%t: tensor<8x4xf32>, %u: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %c0 = arith.constant 0 : index
  %0 = linalg.generic {indexing_maps = [affine_map<(d0)->(d0)>], iterator_types = ["parallel"]} outs(%e : tensor<8xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %s = tensor.extract_slice %t[%i, 0] [1, 4] [1, 1] : tensor<8x4xf32> to tensor<4xf32>
    %x = tensor.extract %s[%c0] : tensor<4xf32>
    linalg.yield %x : f32
  } -> tensor<8xf32>
  return %u : tensor<8xf32>
}
