// RUN: mqa-opt %s --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 8, 128], dims = [0, 1, 2], swizzle = 16>
func.func @f(%q: memref<1x8x128xf8E4M3FN, #queries, #smem>, %i: index) {
  // expected-error@+1 {{'thread' and 'num_threads' come together}}
  "mqa.permute_queries"(%q, %i) {operandSegmentSizes = array<i32: 1, 1, 0>} : (memref<1x8x128xf8E4M3FN, #queries, #smem>, index) -> ()
  return
}

// -----

func.func @f(%q: memref<1x8x128xf8E4M3FN>) {
  // expected-error@+1 {{operand 'q' must lie in workgroup memory}}
  mqa.permute_queries %q : memref<1x8x128xf8E4M3FN>
  return
}

// -----

func.func @f(%q: memref<1x8x128xf8E4M3FN, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'q' must have the layout #mqa.staged}}
  mqa.permute_queries %q : memref<1x8x128xf8E4M3FN, #gpu.address_space<workgroup>>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [3, 1, 8, 32], dims = [2, 0, 1, 2], swizzle = 16>
func.func @f(%q: memref<1x8x96xf8E4M3FN, #queries, #smem>) {
  // expected-error@+1 {{'q' must have rows of 32, 64 or 128 elements, found}}
  mqa.permute_queries %q : memref<1x8x96xf8E4M3FN, #queries, #smem>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
func.func @f(%packed: memref<64x48xi8, #smem>, %words: memref<64xi32, #smem>) {
  // expected-error@+1 {{'packed' must have rows of 16, 32 or 64 bytes}}
  %keys, %exponents = mqa.decode_mx %packed, %words : memref<64x48xi8, #smem>, memref<64xi32, #smem> -> vector<64x96xf8E4M3FN>, vector<64xi32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
func.func @f(%packed: memref<64x64xi8, strided<[128, 1]>, #smem>, %words: memref<64xi32, #smem>) {
  // expected-error@+1 {{operand 'packed' must have rows of packed keys behind each other}}
  %keys, %exponents = mqa.decode_mx %packed, %words : memref<64x64xi8, strided<[128, 1]>, #smem>, memref<64xi32, #smem> -> vector<64x128xf8E4M3FN>, vector<64xi32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
func.func @f(%packed: memref<64x64xi8, #smem>, %words: memref<32xi32, #smem>) {
  // expected-error@+1 {{needs 64 'words', and gives 64 x 128 elements and as many exponents, found}}
  %keys, %exponents = mqa.decode_mx %packed, %words : memref<64x64xi8, #smem>, memref<32xi32, #smem> -> vector<64x128xf8E4M3FN>, vector<64xi32>
  return
}

// -----

func.func @f(%packed: memref<64x64xi8>, %words: memref<64xi32>) {
  // expected-error@+1 {{operand 'packed' must lie in workgroup memory}}
  %keys, %exponents = mqa.decode_mx %packed, %words : memref<64x64xi8>, memref<64xi32> -> vector<64x128xf8E4M3FN>, vector<64xi32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
func.func @f(%q: !q, %packed: memref<64x64xi8, #smem>, %words: memref<64xi32, #smem>) {
  // expected-error@+1 {{with packed keys needs 'rows' keys, and 'q' of f8E4M3FN with a head dim of 32, 64 or 128}}
  %logits = mqa.tile_logits ins(%q, %packed, %words, none : !q, memref<64x64xi8, #smem>, memref<64xi32, #smem>) : vector<1x64xf32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #smem>
func.func @f(%q: !q, %packed: memref<64x64xi8, #smem>, %scales: memref<64xf32, #smem>) {
  // expected-error@+1 {{with packed keys needs words of block scales (i32) as 'k_scale'}}
  %logits = mqa.tile_logits ins(%q, %packed, %scales, none : !q, memref<64x64xi8, #smem>, memref<64xf32, #smem>) {rows = #mqa.rows<keys>} : vector<1x64xf32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 64, 128], dims = [0, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
func.func @f(%q: !q, %k: !k, %scales: memref<64xi32, #smem>) {
  // expected-error@+1 {{'k_scale' must be of f32, but for packed keys}}
  %logits = mqa.tile_logits ins(%q, %k, %scales, none : !q, !k, memref<64xi32, #smem>) {rows = #mqa.rows<keys>} : vector<1x64xf32>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
!b = memref<8x64xf8E4M3FN, #mqa.staged<shape = [8, 64], dims = [0, 1], swizzle = 16>, #smem>
func.func @f(%r: i32, %b: !b) {
  %a = mqa.pack_operand %r, %r, %r, %r : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
  // expected-error@+1 {{operands must agree in K and type, found 'vector<64x32xf8E4M3FN>'}}
  %d = mqa.wgmma %a, %b : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>, !b -> !mqa.fragment<vector<64x8xf32>>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
!b = memref<8x32xf8E4M3FN, #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>, #smem>
func.func @f(%r: i32, %b: !b) {
  %a = mqa.pack_operand %r, %r, %r, %r : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
  // expected-error@+1 {{of 8 rows of 'b' does not give the fragment 'vector<64x16xf32>'}}
  %d = mqa.wgmma %a, %b : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>, !b -> !mqa.fragment<vector<64x16xf32>>
  return
}

// -----

func.func @f(%r: i32) {
  // expected-error@+1 {{needs 4 registers, found 1}}
  %a = mqa.pack_operand %r : !mqa.operand_fragment<vector<64x32xf8E4M3FN>>
  return
}

// -----

// expected-error@+1 {{an operand fragment is a vector of 64xK 8-bit or 16-bit floats, found 'vector<32x32xf8E4M3FN>'}}
func.func private @f(!mqa.operand_fragment<vector<32x32xf8E4M3FN>>)

// -----

// expected-error@+1 {{an operand fragment's rows must be a multiple of 32 bytes up to 512, found 16}}
func.func private @f(!mqa.operand_fragment<vector<64x8xbf16>>)
