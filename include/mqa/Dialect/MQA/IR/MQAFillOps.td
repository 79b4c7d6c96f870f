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
    Executed by the ring's `producers` warps, whole and converged, as all that fills
    the slot is. What fills it stands between this op and the `mqa.ring_commit` of
    the same position, which follows in the same block: `mqa.fill_tile`s, and any
    other ops that write the tiles. Every thread of these warps
    executes each op that is not an `mqa.fill_tile`, so all of them must write the same value to
    the same place. To share work, use an `scf.forall`: `mqa-specialize-warps` divides its
    iterations among the threads.

  }] # positionDoc # [{
    ```mlir
    %tile = mqa.ring_acquire %ring[%i] : !mqa.ring<...> -> memref<...>
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
    `tile` is a result of an `mqa.ring_acquire`; the whole of it is filled, as its layout says.
    `source` is as that of `mqa.ring_put`: what lies behind the end of the source becomes
    zero, or is unspecified in a dim that has boxes.

    | kind | who copies | the slot is full when |
    | --- | --- | --- |
    | `tensor_map` | one lane starts copies of boxes, which a tensor map describes | all their bytes are there |
    | `async_chunks` | each lane starts copies of 16 bytes (`mqa.async_copy`) | the copies of all lanes are there |
    | `chunks` | each lane loads, converts where types differ, and stores 16 bytes at a time | all lanes have stored theirs |
    | `elements` | each lane loads, widens where types differ, and stores one element at a time; what the source does not have is zero | all lanes have stored theirs |

    `tensor_map` and `async_chunks` convert nothing. Rows of a source that is copied by `elements` may
    begin at any address; the other kinds need rows at multiples of 16 bytes. The tile of `elements` is
    a matrix or a vector without a `#mqa.staged` layout.

    Why this op exists: the kind of copy says who arrives at a slot's barrier and
    how often, so it stands in the IR.

    ```mlir
    mqa.fill_tile %rows into %tile by tensor_map
        : memref<?x128xf8E4M3FN, strided<[128, 1], offset: ?>>
        into memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
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
    Does not wait. Follows the `mqa.ring_acquire` of the same position in its block;
    the slot's tiles are not used behind it. Executed by the ring's `producers` warps.

  }] # positionDoc # [{
    ```mlir
    mqa.ring_commit %ring[%i] : !mqa.ring<...>
    ```
  }];
  let arguments = (ins MQA_RingType:$ring, I32:$position);
  let assemblyFormat = "$ring `[` $position `]` attr-dict `:` type($ring)";
}

#endif // MQA_FILL_OPS_TD
