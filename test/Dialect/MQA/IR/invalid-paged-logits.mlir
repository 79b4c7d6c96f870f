// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must have shape BxTxHxD (rank 4), found rank 3}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf32>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must have element type 'f8E4M3FN' or 'f8E5M2' or 'bf16' or 'f16', found 'f32'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf32>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xbf16>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have element type 'f8E4M3FN', found 'bf16'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xbf16>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have shape CxPxD (rank 3), found rank 2}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x64xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension D of 'k' is 64, but 'q' has 128}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x64xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x32xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension P of 'k_scale' is 32, but 'k' has 64}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi64>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'context_lens' must have element type 'i32', found 'i64'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi64>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x3xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension T of 'context_lens' is 3, but 'q' has 2}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x3xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2x1xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'context_lens' must have shape B (rank 1), found rank 3}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2x1xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'block_table' must have shape BxS (rank 2), found rank 1}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<3x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<4x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension B of 'block_table' is 4, but 'q' has 3}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<3x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x9x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{next_n T (dimension 1 of 'q') must be from 1 to 8, found 9}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x9x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{next_n T (dimension 1 of 'q') must be from 1 to 8, found a dynamic one}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x48x128xf8E4M3FN>, %s: tensor<?x48xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{block_kv P (dimension 1 of 'k') must be a power of two from 16 to 256, found 48}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x48x128xf8E4M3FN>, tensor<?x48xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x?x128xf8E4M3FN>, %s: tensor<?x?xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{block_kv P (dimension 1 of 'k') must be a power of two from 16 to 256, found a dynamic one}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x?x128xf8E4M3FN>, tensor<?x?xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x129x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x129xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{number of heads H (dimension 2 of 'q') must be from 1 to 128, found 129}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x129x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x129xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x40xf8E4M3FN>, %k: tensor<?x64x40xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{head dim D (dimension 3 of 'q') must be a multiple of 16 up to 256, found 40}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x40xf8E4M3FN>, tensor<?x64x40xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<7x?xf32>) {
  // expected-error@+1 {{dimension 0 of 'out' is 7, but must be next_n = 2 for each sequence of 'q'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<7x?xf32>) -> tensor<7x?xf32>
  return
}

// -----

func.func @f(%q: tensor<3x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<8x64xf32>, %l: tensor<3x2xi32>, %t: tensor<3x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension 0 of 'weights' is 8, but must be next_n = 2 for each sequence of 'q'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<3x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<8x64xf32>, tensor<3x2xi32>, tensor<3x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operands must be all tensors or all memrefs: 'out' is 'tensor<?x?xf32>' and 'k' is 'memref<?x64x128xf8E4M3FN>'}}
  %0 = mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[8448, 132, 1]>>, %s: memref<?x64xf32>, %w: memref<?x64xf32>, %l: memref<?x2xi32>, %t: memref<?x?xi32>, %o: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must be contiguous inside a row: stride of dimension 1 must be 128, found 132}}
  mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[8448, 132, 1]>>, memref<?x64xf32>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%o : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %l: tensor<?x2xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{on tensors must have a result of type 'tensor<?x?xf32>'}}
  mqa.paged_logits ins(%q, %k, %s, %w, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>)
  return
}

// -----

// Rows that name their sequences.
func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %s: tensor<?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must have shape RxHxD (rank 3), found rank 4}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<?x?xi32>) sequence(%s : tensor<?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?x1xi32>, %t: tensor<?x?xi32>, %s: tensor<?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'context_lens' must have shape R (rank 1), found rank 2}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x1xi32>, tensor<?x?xi32>) sequence(%s : tensor<?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<7x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<3x?xi32>, %s: tensor<6xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension R of 'sequence' is 6, but 'q' has 7}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<7x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<3x?xi32>) sequence(%s : tensor<6xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %s: tensor<?xi64>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'sequence' must have element type 'i32', found 'i64'}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<?x?xi32>) sequence(%s : tensor<?xi64>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x129x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %s: tensor<?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{number of heads H (dimension 1 of 'q') must be from 1 to 128, found 129}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x129x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<?x?xi32>) sequence(%s : tensor<?xi32>) outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %l: memref<?xi32>, %t: memref<?x?xi32>, %s: memref<?xi32, strided<[2]>>, %o: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'sequence' must be contiguous inside a row: stride of dimension 0 must be 1, found 2}}
  mqa.paged_logits ins(%q, %k, none, none, %l, %t : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?xi32>, memref<?x?xi32>) sequence(%s : memref<?xi32, strided<[2]>>) outs(%o : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %s: tensor<?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{'rows_per_sequence' must be from 1 to 8, found 9}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<?x?xi32>) sequence(%s : tensor<?xi32>) outs(%o : tensor<?x?xf32>) {rows_per_sequence = 9} -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %o: tensor<?x?xf32>) {
  // expected-error@+1 {{has 'rows_per_sequence', which is for rows that name their sequences (operand 'sequence')}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?xi32>, tensor<?x?xi32>) outs(%o : tensor<?x?xf32>) {rows_per_sequence = 2} -> tensor<?x?xf32>
  return
}

// -----

// expected-error @+1 {{'rows_per_sequence' is from 1 to 8, of a kernel of mqa.paged_logits, found 4}}
func.func private @kernel() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [16, 128], rows_per_sequence = 4>}
