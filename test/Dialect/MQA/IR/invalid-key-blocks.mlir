// RUN: mqa-opt %s --split-input-file --verify-diagnostics

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{'key_block_size' must be 8 or 16, found 32}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi32>, tensor<?xi32>) of 32 outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{has 'key_blocks', 'num_key_blocks' and 'key_block_size' together}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      outs(%out : tensor<?x?xf32>) {key_block_size = 8 : i64} -> tensor<?x?xf32>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{with 'key_blocks' has no compressed}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x?xf32>) {compressed} -> tensor<?x?xf32>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x4x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{with 'key_blocks' has no key groups}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x16xi32>, %n: tensor<?xi32>, %out: tensor<?x200xf32>) {
  // expected-error@+1 {{dimension 1 of 'out' is 200, but must be at most 128: 8 columns for each of the 16 blocks of a row of 'key_blocks'}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x200xf32>) -> tensor<?x200xf32>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi64>, %n: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'key_blocks' must have element type 'i32', found 'i64'}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi64>, tensor<?xi32>) of 8 outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

!q = tensor<4x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<5xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension M of 'num_key_blocks' is 5, but 'q' has 4}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi32>, tensor<5xi32>) of 8 outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %c: index) {
  %keys = mqa.make_ranges none, %ke keys(%c) {compressed} : memref<?xi32>
  // expected-error@+1 {{operand 'key_ranges' cannot be 'compressed'}}
  %columns = mqa.block_ranges %keys blocks(%b, %n) columns(%c) {block_size = 8} : memref<?x?xi32>, memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %c: index) {
  %keys = mqa.make_ranges none, %ke keys(%c) : memref<?xi32>
  %columns = mqa.block_ranges %keys blocks(%b, %n) columns(%c) {block_size = 8} : memref<?x?xi32>, memref<?xi32>
  // expected-error@+1 {{operand 'key_ranges' must come from an mqa.make_ranges}}
  %again = mqa.block_ranges %columns blocks(%b, %n) columns(%c) {block_size = 8} : memref<?x?xi32>, memref<?xi32>
  return
}

// -----

func.func @f(%ke: memref<?xi32>, %c: index, %v: vector<8x128xf32>, %out: memref<?x?xf32>) {
  %keys = mqa.make_ranges none, %ke keys(%c) : memref<?xi32>
  // expected-error@+1 {{with 'clean' needs ranges of mqa.block_ranges: mqa.clean_rows cleans what is outside of others}}
  mqa.store_logits %v, %keys first_key(%c) outs(%out : memref<?x?xf32>) {clean} : vector<8x128xf32>
  return
}

// -----

func.func @f(%k: memref<?x64x128xbf16>, %t: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{of 'memref<?x64x128xbf16>' cannot give 'memref<?x64xbf16>'}}
  %keys = mqa.gather_pages %k[%t] from %n keys %n {block_size = 8} : memref<?x64x128xbf16>, memref<1x?xi32> -> memref<?x64xbf16>
  return
}

// -----

func.func @f(%k: memref<?x128xbf16>, %t: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{of 'memref<?x128xbf16>' cannot give 'memref<?x128xbf16>'}}
  %keys = mqa.gather_pages %k[%t] from %n keys %n : memref<?x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  return
}

// -----

func.func @f(%k: memref<?x24x128xbf16>, %t: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{needs cache blocks of a power of two of 'block_size' = 8 keys, found 'memref<?x24x128xbf16>'}}
  %keys = mqa.gather_pages %k[%t] from %n keys %n {block_size = 8} : memref<?x24x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  return
}

// -----

func.func @f(%k: memref<?x64xf32>, %ids: i32, %n: index) {
  // expected-error@+1 {{needs cache blocks of a power of two of 'block_size' = 48 keys, found 'memref<?x64xf32>'}}
  %keys = mqa.gather_blocks %k[%ids] from %n {block_size = 48} : memref<?x64xf32> -> memref<?xf32>
  return
}

// -----

func.func @f(%k: memref<?x128xbf16>, %t: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{has 'pages', which are of blocks ('block_size') of a paged cache, found 'memref<?x128xbf16>'}}
  %keys = mqa.gather_pages %k[%t] pages(%t : memref<1x?xi32>) from %n keys %n {block_size = 8} : memref<?x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  return
}

// -----

func.func @f(%k: memref<?x64x128xbf16>, %t: memref<1x?xi32>, %n: index) {
  // expected-error@+1 {{has 'pages', which are of blocks ('block_size') of a paged cache, found 'memref<?x64x128xbf16>'}}
  %keys = mqa.gather_pages %k[%t] pages(%t : memref<1x?xi32>) from %n keys %n : memref<?x64x128xbf16>, memref<1x?xi32> -> memref<?x128xbf16>
  return
}

// -----

!q = tensor<?x64x128xbf16>
!k = tensor<?x128xbf16>
func.func @f(%q: !q, %k: !k, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+2 {{'key_block_size' is given twice: 'of 8', and among the attributes 16 : i64}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, tensor<?xi32>)
      blocks(%b, %n : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x?xf32>) {key_block_size = 16} -> tensor<?x?xf32>
  return
}
