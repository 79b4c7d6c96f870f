!q = tensor<2147483648x16x32xf8E4M3FN>
!k = tensor<?x32xf8E4M3FN>
!w = tensor<2147483648x16xf32>
!r = tensor<2147483648xi32>
!out = tensor<2147483648x?xf32>
func.func @logits(%q: !q, %k: !k, %s: tensor<?xf32>, %w: !w, %ks: !r, %ke: !r, %out: !out) -> !out {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : !q, !k, tensor<?xf32>, !w, !r, !r) outs(%out : !out) -> !out
  return %0 : !out
}
