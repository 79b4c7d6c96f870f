// RUN: mqa-opt %s --split-input-file --verify-diagnostics

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{'filler' must be producer or converter, found consumer}}
  %ring = mqa.ring_create {filler = #mqa.role<consumer>} : !ring
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{'reader' must be consumer or converter, found cleaner}}
  %ring = mqa.ring_create {reader = #mqa.role<cleaner>} : !ring
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{'filler' and 'reader' must not both be converter: a converter stands between two rings}}
  %ring = mqa.ring_create {filler = #mqa.role<converter>, reader = #mqa.role<converter>} : !ring
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{returns one tile per tile of the ring: expected 1, found 2}}
  %t:2 = mqa.ring_acquire %r[%i] : !ring -> !t, !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  // expected-error@+1 {{result 0 must be a view of 'memref<4xf32, #gpu.address_space<workgroup>>', found 'memref<4xi32}}
  %t = mqa.ring_acquire %r[%i] : !ring -> memref<4xi32, #gpu.address_space<workgroup>>
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  %t = mqa.ring_get %r[%i] : !ring -> !t
  // expected-error@+1 {{'tile' must be what an mqa.ring_acquire returns}}
  mqa.fill_tile %a into %t by elements : memref<4xf32> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  %v = memref.subview %t[0] [4] [1] : !t to !t
  // expected-error@+1 {{'tile' must be what an mqa.ring_acquire returns}}
  mqa.fill_tile %a into %v by elements : memref<4xf32> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf16>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{by tensor_map converts no elements, found 'memref<4xf16>' and 'memref<4xf32, #gpu.address_space<workgroup>>'}}
  mqa.fill_tile %a into %t by tensor_map : memref<4xf16> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf16>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{by async_chunks converts no elements}}
  mqa.fill_tile %a into %t by async_chunks : memref<4xf16> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<5xf32>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{source is larger than the ring's tile in dimension 0: 5 > 4}}
  mqa.fill_tile %a into %t by chunks : memref<5xf32> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf64>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{source is 'memref<4xf64>', which does not fit the ring's tile}}
  mqa.fill_tile %a into %t by elements : memref<4xf64> into !t
  return
}

// -----

#layout = #mqa.staged<shape = [16, 2, 2], dims = [1, 0, 0]>
!ring = !mqa.ring<2, memref<4x16xf32, #layout, #gpu.address_space<workgroup>>>
!t = memref<4x16xf32, #layout, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4x16xf32>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{tile must have memory that ends with a box of its dims, found #mqa.staged<shape = [16, 2, 2], dims = [1, 0, 0]>}}
  mqa.fill_tile %a into %t by chunks : memref<4x16xf32> into !t
  return
}

// -----

#layout = #mqa.staged<shape = [2, 8, 32], dims = [1, 0, 1], swizzle = 8>
!ring = !mqa.ring<2, memref<8x64xf16, #layout, #gpu.address_space<workgroup>>>
func.func @f(%r: !ring, %i: i32) {
  // expected-error@+1 {{result 0 must be a view of 'memref<8x64xf16, #mqa.staged<shape = [2, 8, 32], dims = [1, 0, 1], swizzle = 8>, #gpu.address_space<workgroup>>', found 'memref<8x64xf16, strided<[64, 1], offset: ?>}}
  %t = mqa.ring_acquire %r[%i] : !ring -> memref<8x64xf16, strided<[64, 1], offset: ?>, #gpu.address_space<workgroup>>
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32, #gpu.address_space<workgroup>>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+1 {{operand 'source' must lie in global memory}}
  mqa.fill_tile %a into %t by elements : memref<4xf32, #gpu.address_space<workgroup>> into !t
  return
}

// -----

!ring = !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>
!t = memref<4xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
func.func @f(%r: !ring, %i: i32, %a: memref<4xf32>) {
  %t = mqa.ring_acquire %r[%i] : !ring -> !t
  // expected-error@+2 {{expected ::mlir::mqa::FillKind to be one of: tensor_map, async_chunks, chunks, elements}}
  // expected-error@+1 {{failed to parse MQA_FillKindEnumAttr parameter 'value'}}
  mqa.fill_tile %a into %t by magic : memref<4xf32> into !t
  return
}
