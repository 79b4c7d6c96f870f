//===- MQAAttrs.td - Attributes and types of the mqa dialect *- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_ATTRS_TD
#define MQA_ATTRS_TD

include "mqa/Dialect/MQA/IR/MQADialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypeInterfaces.td"

def MQA_ScheduleAttr : AttrDef<MQA_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "Every size that shapes a Hopper kernel";
  let description = [{
    | parameter | meaning | unit |
    | --- | --- | --- |
    | `block_q` | queries of one block: they share every key read | rows of q |
    | `block_kv` | keys of one stage | rows of k |
    | `warpgroups` | consumer warpgroups; each takes 64 keys of a stage | 128 threads |
    | `stages` | stages of the key ring in shared memory | stages of `block_kv` keys |

    Everything else (threads, bytes, registers, limits) follows and is computed
    by `TilePlan`, which also says which limit a schedule breaks.

    Example:

    ```mlir
    #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 4>
    ```
  }];
  let parameters = (ins "int64_t":$block_q, "int64_t":$block_kv,
                        "int64_t":$warpgroups, "int64_t":$stages);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

class MQA_Type<string name, string typeMnemonic>
    : TypeDef<MQA_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def MQA_RingType : MQA_Type<"Ring", "ring"> {
  let summary = "A ring of shared-memory stages that threads hand to and fro";
  let description = [{
    `stages` slots; each slot holds one buffer of every tile type. A slot is
    empty or full: `mqa.ring_put` fills an empty one, `mqa.ring_get` waits for
    a full one and `mqa.ring_release` gives it back.

    Example: four stages of 256 keys and their scales.

    ```mlir
    !mqa.ring<4, memref<256x128xf8E4M3FN, #gpu.address_space<workgroup>>,
                 memref<256xf32, #gpu.address_space<workgroup>>>
    ```
  }];
  let parameters = (ins "int64_t":$stages,
                        ArrayRefParameter<"::mlir::MemRefType">:$tiles);
  let assemblyFormat = "`<` $stages `,` $tiles `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of one slot: what one `mqa.ring_put` transfers.
    int64_t getSlotBytes() const;
    /// Tile `i` as a slot holds it: a view at some offset of the ring.
    ::mlir::MemRefType getSlotType(unsigned i) const;
  }];
}

def MQA_FragmentType : MQA_Type<"Fragment", "fragment"> {
  let summary = "The accumulator of one warpgroup's WGMMA, spread over its registers";
  let description = [{
    A 64 x N tile of f32 of which each of the 128 threads holds N/2 values.
    Value `4j + 2i + e` of the thread with lane `l` in warp `w` is the element
    (16w + l/4 + 8i, 8j + 2(l mod 4) + e), i and e in {0, 1} (PTX ISA, "Register
    fragments for wgmma.mma_async.m64nNk32").

    ```mlir
    !mqa.fragment<vector<64x128xf32>>
    ```
  }];
  let parameters = (ins "::mlir::VectorType":$tile);
  let assemblyFormat = "`<` $tile `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Registers that one thread holds.
    int64_t getNumRegisters() const { return getTile().getDimSize(1) / 2; }
  }];
}

#endif // MQA_ATTRS_TD
