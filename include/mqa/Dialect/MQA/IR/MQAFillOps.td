//===- MQAFillOps.td - A put in its three parts ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_FILL_OPS_TD
#define MQA_FILL_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"

//===----------------------------------------------------------------------===//
// Level 6: a put is acquire, fill, commit
//===----------------------------------------------------------------------===//

def MQA_RingAcquireOp : MQA_RingOp<"ring_acquire", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
  let summary = "Waits for an empty slot and returns its tiles, to be filled";
  let description = [{
    The ring's `producers` warps execute this op, whole and converged, and also all ops that fill the slot. These ops stand
    between this op and the `mqa.ring_commit` of the same position, which follows in the same block. They are
    `mqa.fill_tile`s, and any other ops that write the tiles. Every thread of the warps executes each op that is not an
    `mqa.fill_tile`. So all threads must write the same value to the same place. To share work, use an `scf.forall`:
    `mqa-specialize-warps` divides its iterations among the threads.

  }] # positionDoc # [{
    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    !tile = memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    %ring = mqa.ring_create : !ring
    %tile = mqa.ring_acquire %ring[%i] : !ring -> !tile
    mqa.fill_tile %scales into %tile by tensor_map : memref<?xf32> into !tile
    mqa.ring_commit %ring[%i] : !ring
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let results = (outs Variadic<AnyMemRef>:$tiles);
  let builders = [
    /// The tiles are the ring's.
    OpBuilder<(ins "::mlir::Value":$ring, "::mlir::Value":$position)>];
  let assemblyFormat = [{
    $ring `[` $position `]` attr-dict `:` type($ring) `->` type($tiles)
  }];
  let hasVerifier = 1;
}

def MQA_FillTileOp : MQA_Op<"fill_tile", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
  let summary = "Fills a tile of an acquired slot from global memory";
  let description = [{
    `tile` is a result of an `mqa.ring_acquire`. The op fills all of it, as its layout says. `source` obeys the rules of a
    source of `mqa.ring_put`. What lies behind the end of the source becomes zero; in a dim that has boxes, it is
    unspecified.

    | kind | how the tile is copied | the slot is full when |
    | --- | --- | --- |
    | `tensor_map` | one lane starts copies of boxes, which a tensor map describes | all bytes of the boxes are there |
    | `async_chunks` | each lane starts copies of 16 bytes (`mqa.async_copy`) | the copies of all lanes are there |
    | `chunks` | each lane loads 16 bytes at a time, converts them if the types differ, and stores them | all lanes have stored their part |
    | `elements` | each lane loads one element at a time, widens it if the types differ, and stores it; an element that the source does not have is zero | all lanes have stored their part |

    `tensor_map` and `async_chunks` convert nothing. With `elements`, the rows of the source may begin at any address; the
    other kinds need rows at multiples of 16 bytes. With `elements`, the tile is a matrix or a vector without a
    `#mqa.staged` layout.

    Why this op exists: the kind of copy decides who arrives at a slot's barrier, and how often. So the kind stands in the
    IR.

    ```mlir
    !tile = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    %ring = mqa.ring_create : !mqa.ring<4, !tile>
    %tile = mqa.ring_acquire %ring[%i] : !mqa.ring<4, !tile> -> !tile
    mqa.fill_tile %rows into %tile by tensor_map : memref<?x128xf8E4M3FN, strided<[128, 1], offset: ?>> into !tile
    mqa.ring_commit %ring[%i] : !mqa.ring<4, !tile>
    ```
  }];
  let arguments = (ins AnyMemRef:$source, AnyMemRef:$tile, MQA_FillKindEnumAttr:$kind);
  let assemblyFormat = [{
    $source `into` $tile `by` $kind attr-dict `:` type($source) `into` type($tile)
  }];
  let extraClassDeclaration = [{
    /// Where the tile's slot comes from.
    RingAcquireOp getAcquire();
    /// Which tile of its ring it is, and the type that the ring says.
    unsigned getTileIndex();
    MemRefType getTileType();
    /// Whether elements are converted on their way.
    bool isConverted() {
      return cast<MemRefType>(getSource().getType()).getElementType() !=
             getTileType().getElementType();
    }
  }];
  let hasVerifier = 1;
}

def MQA_RingCommitOp : MQA_RingOp<"ring_commit", [DeclareOpInterfaceMethods<MQA_RoleOpInterface>]> {
  let summary = "Makes an acquired slot full, once all that fills it is there";
  let description = [{
    The op does not wait. It follows the `mqa.ring_acquire` of the same position in the same block. No op behind it uses
    the slot's tiles. The ring's `producers` warps execute it.

  }] # positionDoc # [{
    ```mlir
    !ring = !mqa.ring<4, memref<256xf32, #gpu.address_space<workgroup>>>
    %ring = mqa.ring_create : !ring
    %tile = mqa.ring_acquire %ring[%i] : !ring -> memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    memref.store %scale, %tile[%n] : memref<256xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    mqa.ring_commit %ring[%i] : !ring
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let assemblyFormat = "$ring `[` $position `]` attr-dict `:` type($ring)";
}

#endif // MQA_FILL_OPS_TD
