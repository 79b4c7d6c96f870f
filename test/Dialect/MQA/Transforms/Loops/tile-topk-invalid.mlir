// RUN: mqa-opt %s --split-input-file --mqa-tile-topk --verify-diagnostics

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func @tensors(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    // expected-error@+1 {{must be bufferized before it is tiled}}
    %0 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %0 : tensor<?x16xi32>
  }
}

// -----

module attributes {mqa.target = #mqa.target<chip = "cpu">} {
  func.func @cpu(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
    // expected-error@+1 {{GPU}}
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
    return
  }
}

// -----

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func @two(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
    // expected-error@+1 {{a kernel function must consist of one mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk on its arguments, found also 'mqa.topk'}}
    mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
    return
  }
}

// -----

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func @merge_tensors(%lists: tensor<?x?x16xi32>, %scores: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    // expected-error@+1 {{'mqa.merge_topk' op must be bufferized before it is tiled}}
    %0 = mqa.merge_topk ins(%lists, %scores, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %0 : tensor<?x16xi32>
  }
}

// -----

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func @tile(%lists: memref<?x?x16xi32>, %scores: memref<?x?x16xf32>, %ke: memref<?xi32>, %n: index, %indices: memref<?x16xi32>) {
    // expected-error@+1 {{with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel}}
    mqa.merge_topk ins(%lists, %scores, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32>, memref<?xi32>) num_keys(%n) outs(%indices : memref<?x16xi32>)
    return
  }
}
