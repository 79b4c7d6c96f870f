//===- MQALayoutOps.td - Views of staged tiles -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LAYOUT_OPS_TD
#define MQA_LAYOUT_OPS_TD

include "mqa/Dialect/MQA/IR/MQAOps.td"
include "mlir/Interfaces/ViewLikeInterface.td"

//===----------------------------------------------------------------------===//
// Levels 4 to 6: tiles with a layout
//===----------------------------------------------------------------------===//

def MQA_SubtileOp : MQA_Op<"subtile", [
    Pure, DeclareOpInterfaceMethods<ViewLikeOpInterface>]> {
  let summary = "One of the equal parts of a staged tile";
  let description = [{
    The op cuts the tile into equal parts of the result's shape. `parts` says which part, counted in each dim. The outermost
    dims of memory in the `#mqa.staged` layout must count the parts, so that each part is one piece of memory. The layout
    of the result is the layout of the tile without these dims. The first dim that it keeps may count parts too, and is
    then that much smaller.

    Why this op exists: `memref.subview` is for strided memrefs, and a staged tile is no strided memref.

    ```mlir
    %head_tile = mqa.subtile %q[%c0, %t, %c0]
        : memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [8, 4, 8, 2, 128], dims = [1, 0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
        to memref<8x8x128xf8E4M3FN, #mqa.staged<shape = [4, 8, 2, 128], dims = [0, 1, 0, 2], swizzle = 16>, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins AnyMemRef:$tile, Variadic<Index>:$parts);
  let results = (outs AnyMemRef:$part);
  let assemblyFormat = [{
    $tile `[` $parts `]` attr-dict `:` type($tile) `to` type($part)
  }];
  let extraClassDeclaration = [{
    /// The parts of `shape` of a tile of `type`; null where it has none.
    static ::mlir::MemRefType getPartType(::mlir::MemRefType type,
                                          ::llvm::ArrayRef<int64_t> shape);
  }];
  let hasVerifier = 1;
}

def MQA_LayoutCastOp : MQA_Op<"layout_cast", [
    Pure, DeclareOpInterfaceMethods<ViewLikeOpInterface>]> {
  let summary = "A staged tile as the memory that it lies in, or the other way round";
  let description = [{
    One of the two types has the layout `#mqa.staged`. The other one has the `shape` of that layout, with its elements one
    behind the other. The op copies nothing: the same elements have other indices. Indices of the tile are logical. Indices
    of the memory say where elements lie, swizzled.

    ```mlir
    %tile = mqa.layout_cast %memory
        : memref<2x64x64xf8E4M3FN, strided<[4096, 64, 1], offset: ?>, #gpu.address_space<workgroup>>
        to memref<64x128xf8E4M3FN, #mqa.staged<shape = [2, 64, 64], dims = [1, 0, 1], swizzle = 16>, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins AnyMemRef:$source);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // MQA_LAYOUT_OPS_TD
