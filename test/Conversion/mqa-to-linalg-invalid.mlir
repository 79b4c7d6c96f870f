// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' --verify-diagnostics

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{must be bufferized before it is converted to linalg}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
