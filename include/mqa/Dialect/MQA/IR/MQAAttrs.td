//===- MQAAttrs.td - Attributes and types of the mqa dialect *- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_ATTRS_TD
#define MQA_ATTRS_TD

include "mqa/Dialect/MQA/IR/MQADialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/EnumAttr.td"

def MQA_ReluAttr : I32EnumAttr<"Relu", "How a score becomes non-negative", [
    I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"IntegerMax", 1, "integer_max">,
    I32EnumAttrCase<"AddAbs", 2, "add_abs">, I32EnumAttrCase<"Mixed", 3, "mixed">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_ReluEnumAttr : EnumAttr<MQA_Dialect, MQA_ReluAttr, "relu"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_ActivationAttr : I32EnumAttr<"Activation", "What becomes of a score before it is weighted", [
    I32EnumAttrCase<"Relu", 0, "relu">, I32EnumAttrCase<"None", 1, "none">,
    I32EnumAttrCase<"ReluNanAsZero", 2, "relu_nan_as_zero">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_ActivationEnumAttr : EnumAttr<MQA_Dialect, MQA_ActivationAttr, "activation"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_HeadReductionAttr : I32EnumAttr<"HeadReduction", "How the heads of a query and a key become one logit", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_HeadReductionEnumAttr : EnumAttr<MQA_Dialect, MQA_HeadReductionAttr, "head_reduction"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_ReductionAttr : I32EnumAttr<"Reduction", "The type that heads are summed in", [
    I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"F16", 1, "f16">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_ReductionEnumAttr : EnumAttr<MQA_Dialect, MQA_ReductionAttr, "reduction"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_RowsAttr : I32EnumAttr<"Rows", "What the rows of a product are", [
    I32EnumAttrCase<"Heads", 0, "heads">, I32EnumAttrCase<"Keys", 1, "keys">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_RowsEnumAttr : EnumAttr<MQA_Dialect, MQA_RowsAttr, "rows"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_SplitAttr : I32EnumAttr<"Split", "How work is handed to the blocks of the grid", [
    I32EnumAttrCase<"Tiles", 0, "tiles">, I32EnumAttrCase<"Blocks", 1, "blocks">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_RoleAttr : I32EnumAttr<"Role", "Which warps of a specialised kernel execute an op", [
    I32EnumAttrCase<"Producer", 0, "producer">, I32EnumAttrCase<"Consumer", 1, "consumer">,
    I32EnumAttrCase<"Cleaner", 2, "cleaner">, I32EnumAttrCase<"Converter", 3, "converter">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_RoleEnumAttr : EnumAttr<MQA_Dialect, MQA_RoleAttr, "role"> {
  let assemblyFormat = "`<` $value `>`";
}

def MQA_FillKindAttr : I32EnumAttr<"FillKind", "How a tile of a slot is filled", [
    I32EnumAttrCase<"TensorMap", 0, "tensor_map">, I32EnumAttrCase<"AsyncChunks", 1, "async_chunks">,
    I32EnumAttrCase<"Chunks", 2, "chunks">, I32EnumAttrCase<"Elements", 3, "elements">]> {
  let cppNamespace = "::mlir::mqa";
  let genSpecializedAttr = 0;
}

def MQA_FillKindEnumAttr : EnumAttr<MQA_Dialect, MQA_FillKindAttr, "fill_kind"> {
  let assemblyFormat = "$value";
}

def MQA_ScheduleAttr : AttrDef<MQA_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "All sizes and choices of one kernel for a GPU";
  let description = [{
    | parameter | meaning | unit |
    | --- | --- | --- |
    | `block_q` | queries of a query block, which share every key that is read; a multiple of `tile_q` | rows of q |
    | `block_kv` | keys that the consumer groups of a block work on at a time; a multiple of `tile_kv` | rows of k |
    | `rows` | what the 64 rows of a product are. `heads`: heads of `tile_q` queries; its columns are keys. `keys`: keys; its columns are heads of `tile_q` queries | |
    | `tile_q` | queries of one product: 1, 2, 4, 8, 16 or 32. With `rows = heads`, it has 64 / `tile_q` heads of each query; with `rows = keys`, all heads, or equal parts of them that have at most 128 columns, and `tile_q` is at most 16 | rows of q |
    | `tile_kv` | keys of one tile; a multiple of 32. With `rows = heads`, a tile is one product. With `tile_q` of 2 or 1, `tile_kv` is then a multiple of 64 or 128, because each warp of a query stores 32 keys. With `rows = keys`, a multiple of 64: a product has 64 of these keys, and the products of a tile are computed one after the other | rows of k |
    | `query_stages` | stages of the query ring. With 2, the queries of the next block load while the last keys of this block are worked on | 1 or 2 |
    | `stages` | stages of the key ring in shared memory | stages of `tile_kv` keys |
    | `accumulators` | products of a consumer group in flight. With 2, one product is reduced while the next one is computed | 1 or 2 |
    | `relu` | `max`: floating-point maximum; `integer_max`: maximum of the bits; `add_abs`: x + abs(x), with half the weight; `mixed`: `add_abs` and `integer_max` in turn. The results are the same; the forms use different units of the chip | |
    | `reduction` | `f32`: exact. `f16`: relu, weights and sum over the heads in packed half precision. Powers of two scale queries and weights, so that nothing overflows. The error is at most 1e-3. It is for sums over the heads alone | |
    | `split` | `tiles`: every block of the grid gets the same number of key tiles; `blocks`: blocks of the grid take whole query blocks in turn | |
    | `block_heads` | heads that are staged at a time, with their keys, in a loop over all heads (or over those of a key group); a multiple of 64 / `tile_q`. 0: all heads at once, and queries are staged once per query block | heads |
    | `block_cost` | the time that it takes to begin a query block. It counts when tiles are shared | tiles of `tile_kv` keys |

    A consumer group takes `tile_q` queries and a stage of `tile_kv` keys. So there are
    (block_q / tile_q) * (block_kv / tile_kv) consumer groups. Those that have the same queries take stages in turn.
    `TilePlan` computes everything else (threads, bytes, registers, limits), and says which limit a schedule breaks.

    With more queries and fewer heads in a product, a sum over the heads crosses fewer lanes: a warp has 16 rows, which are
    `tile_q` / 4 queries of 64 / `tile_q` heads. With fewer than 4 queries, two or all four warps have heads of the same query,
    and exchange their sums in shared memory. But all heads of a block's queries lie in shared memory, or `block_heads` of
    them, which are then loaded again for every key tile.

    With `rows = keys`, a thread adds up a quarter of the heads of its two keys, and then exchanges sums with three other
    lanes. That costs less where a product has few queries. It costs more where there are many, because a thread then has the weights of all of
    them, and shared memory is read more often. It is for WGMMA, and for sums in f32 that are stored one by one.

    Examples:

    ```mlir
    #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>
    ```

    ```mlir
    #mqa.schedule<block_q = 2, block_kv = 512, tile_q = 2, tile_kv = 128, stages = 6, rows = keys>
    ```
  }];
  let parameters = (ins "int64_t":$block_q, "int64_t":$block_kv,
      DefaultValuedParameter<"int64_t", "4">:$tile_q,
      "int64_t":$tile_kv,
      DefaultValuedParameter<"int64_t", "2">:$query_stages,
      "int64_t":$stages,
      DefaultValuedParameter<"int64_t", "1">:$accumulators,
      DefaultValuedParameter<"::mlir::mqa::Relu",
                             "::mlir::mqa::Relu::AddAbs">:$relu,
      DefaultValuedParameter<"::mlir::mqa::Reduction",
                             "::mlir::mqa::Reduction::F32">:$reduction,
      DefaultValuedParameter<"::mlir::mqa::Split",
                             "::mlir::mqa::Split::Tiles">:$split,
      DefaultValuedParameter<"int64_t", "1">:$block_cost,
      DefaultValuedParameter<"int64_t", "0">:$block_heads,
      DefaultValuedParameter<"::mlir::mqa::Rows",
                             "::mlir::mqa::Rows::Heads">:$rows);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Consumer groups of a block: along the queries, along the keys, all.
    int64_t getQueryGroups() const { return getBlockQ() / getTileQ(); }
    int64_t getKeyGroups() const { return getBlockKv() / getTileKv(); }
    int64_t getConsumerGroups() const { return getQueryGroups() * getKeyGroups(); }
    /// Heads of each query of a product, where `heads` are staged.
    int64_t getTileHeads(int64_t heads) const;
    /// Warps of a consumer group that have heads of the same query.
    int64_t getQueryWarps() const;
  }];
}

def MQA_TargetAttr : AttrDef<MQA_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "The chip that a module is for";
  let description = [{
    Stands on a module as `mqa.target` (`mqa-attach-target`) before a schedule is chosen. One table, `Target.cpp`, has the
    limits and units of all chips. A chip that is not in the table is an error.

    The chip `cpu` has `features`: instruction sets by LLVM's names, separated by ','. They decide which matrix unit the
    passes use: AMX with `amx-bf16`, else AVX-512 BF16 with `avx512bf16`, else NEON's dot product with `bf16`, else none.

    Examples:

    ```mlir
    module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {}
    ```

    ```mlir
    module attributes {mqa.target = #mqa.target<chip = "cpu", features = "avx512f,amx-bf16">} {}
    ```
  }];
  let parameters = (ins StringRefParameter<>:$chip,
                        StringRefParameter<"", "\"\"">:$features);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of a module's attribute.
    static constexpr ::llvm::StringLiteral getAttrName() { return "mqa.target"; }
    const ::mlir::mqa::ChipInfo &getInfo() const;
    /// Whether `name` is one of `features`.
    bool hasFeature(::llvm::StringRef name) const;
    /// The chip's matrix unit, or the best that a CPU's features have; null if there
    /// is none.
    const ::mlir::mqa::MatrixUnit *getMatrixUnit() const;
  }];
}

def MQA_SelectionAttr : AttrDef<MQA_Dialect, "Selection"> {
  let mnemonic = "selection";
  let summary = "What a kernel of mqa.topk or mqa.merge_topk selects, and how";
  let description = [{
    `k`, and the attributes of `mqa.topk` that have the same names. `next_n` is T if rows are in the order of their
    sequences, else 0. `block_kv` is 0 without a block table. For an `mqa.merge_topk`, only `k`, `tie_break`, `order`
    and `base` are given.

    Example:

    ```mlir
    #mqa.selection<k = 2048, order = score>
    ```
  }];
  let parameters = (ins "int64_t":$k,
      DefaultValuedParameter<"::mlir::mqa::TieBreak",
                             "::mlir::mqa::TieBreak::Smallest">:$tie_break,
      DefaultValuedParameter<"::mlir::mqa::Order", "::mlir::mqa::Order::Key">:$order,
      DefaultValuedParameter<"::mlir::mqa::IndexBase",
                             "::mlir::mqa::IndexBase::Relative">:$base,
      DefaultValuedParameter<"int64_t", "0">:$force_first,
      DefaultValuedParameter<"int64_t", "0">:$force_last,
      DefaultValuedParameter<"int64_t", "0">:$block_kv,
      DefaultValuedParameter<"int64_t", "0">:$next_n);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def MQA_KernelAttr : AttrDef<MQA_Dialect, "Kernel"> {
  let mnemonic = "kernel";
  let summary = "From which op a function was made, and what a launch of it needs";
  let description = [{
    Stands on a function as `mqa.kernel`. The pass that makes the function of one op, or of a fused pair of logits and
    `mqa.topk`, adds the attribute. The manifest of the bundle is written from it.

    | parameter | meaning |
    | --- | --- |
    | `op`, `activation`, `head_reduction`, `clean`, `compressed`, `block_max` | the op that the function computes, and attributes of the op |
    | `schedule` | for a GPU: the schedule by which the kernel was made. No pass after `mqa-stage-tiles` reads it |
    | `dynamic_shared_memory` | for a GPU: bytes, once the rings are lowered |
    | `overlaps_launches` | for a GPU: whether the kernel may start while the kernel ahead of it ends |
    | `task_sizes` | for a CPU: queries and keys of one task. An op that selects has rows alone. A fused kernel has queries of a task, and keys of the tiles that the task goes through |
    | `selection` | for a kernel that selects: what it selects, and how |
    | `logits_type` | for a fused kernel: the sizes of the logits, and the type to which they are rounded |
    | `list_places` | for a fused kernel on a GPU: places of each list of candidates; 0 if it has no such lists |
    | `key_block_size` | for logits with `key_blocks`, and for `mqa.topk` behind them: keys of a block; else 0 |
    | `rows_per_sequence` | that of `mqa.paged_logits`; else 0 |

    Example:

    ```mlir
    #mqa.kernel<op = "mqa.logits", clean = true, task_sizes = [16, 128]>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$op,
      DefaultValuedParameter<"::mlir::mqa::Activation",
                             "::mlir::mqa::Activation::Relu">:$activation,
      DefaultValuedParameter<"::mlir::mqa::HeadReduction",
                             "::mlir::mqa::HeadReduction::Sum">:$head_reduction,
      DefaultValuedParameter<"bool", "false">:$clean,
      DefaultValuedParameter<"bool", "false">:$compressed,
      OptionalParameter<"::mlir::mqa::ScheduleAttr">:$schedule,
      DefaultValuedParameter<"int64_t", "0">:$dynamic_shared_memory,
      DefaultValuedParameter<"bool", "false">:$overlaps_launches,
      OptionalParameter<"::mlir::DenseI64ArrayAttr">:$task_sizes,
      OptionalParameter<"::mlir::mqa::SelectionAttr">:$selection,
      OptionalParameter<"::mlir::RankedTensorType">:$logits_type,
      DefaultValuedParameter<"int64_t", "0">:$list_places,
      DefaultValuedParameter<"int64_t", "0">:$block_max,
      DefaultValuedParameter<"int64_t", "0">:$key_block_size,
      DefaultValuedParameter<"int64_t", "0">:$rows_per_sequence);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of a function's attribute.
    static constexpr ::llvm::StringLiteral getAttrName() { return "mqa.kernel"; }
    /// What `op` asks for, and `topk` where it is fused with that; before a
    /// target's parameters are set.
    static KernelAttr get(::mlir::mqa::KernelOpInterface op, ::mlir::mqa::ScheduleAttr schedule,
                          ::mlir::DenseI64ArrayAttr taskSizes,
                          ::mlir::mqa::TopkOp topk);
    static KernelAttr get(::mlir::mqa::KernelOpInterface op, ::mlir::mqa::ScheduleAttr schedule,
                          ::mlir::DenseI64ArrayAttr taskSizes);
    bool isPaged() const;
    /// Whether it computes logits, and whether it selects keys. A fused kernel
    /// does both.
    bool isOfLogits() const;
    bool selects() const { return static_cast<bool>(getSelection()); }
    bool isFused() const { return isOfLogits() && selects(); }
    /// The ranks that operand `name` of `op` may have, 0 for an index; none if
    /// there is no such operand.
    ::llvm::ArrayRef<int64_t> getOperandRanks(::llvm::StringRef name) const;
    KernelAttr withDynamicSharedMemory(int64_t bytes) const;
    KernelAttr withOverlappingLaunches() const;
    KernelAttr withListPlaces(int64_t places) const;
  }];
}

def MQA_OperandAttr : AttrDef<MQA_Dialect, "Operand"> {
  let mnemonic = "operand";
  let summary = "Which operand of its op an argument of a kernel is";
  let description = [{
    Stands on an argument as `mqa.operand`. It has the operand's name, and the operand's shape and element type in the op.
    The argument itself may no longer say them: a tensor map has the shape of a box. `box_dims` has the operand's dims in the
    order of that box, if it is not their own order. `alignment` counts bytes: the operand's address, and the distance of its
    rows, must be a multiple of it.

    Example:

    ```mlir
    #mqa.operand<"q", tensor<?x64x128xf8E4M3FN>, box_dims = [1, 0, 2]>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$name, "::mlir::Type":$type,
                        OptionalArrayRefParameter<"int64_t">:$box_dims,
                        DefaultValuedParameter<"int64_t", "1">:$alignment);
  let assemblyFormat = [{
    `<` $name `,` $type (`,` `box_dims` `=` `[` $box_dims^ `]`)?
    (`,` `alignment` `=` $alignment^)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of an argument's attribute.
    static constexpr ::llvm::StringLiteral getAttrName() { return "mqa.operand"; }
    /// Of an operand that has `type`, a memref or tensor, or index.
    static OperandAttr get(::llvm::StringRef name, ::mlir::Type type);
    OperandAttr withBoxDims(::llvm::ArrayRef<int64_t> dims) const;
    OperandAttr withAlignment(int64_t alignment) const;
    /// Null for an index.
    ::mlir::RankedTensorType getTensorType() const {
      return ::llvm::dyn_cast<::mlir::RankedTensorType>(getType());
    }
  }];
}

def MQA_LaunchAttr : AttrDef<MQA_Dialect, "Launch"> {
  let mnemonic = "launch";
  let summary = "Which kernel a call in a host program launches, and on what";
  let description = [{
    Stands as `mqa.launch` on a function that `mqa-outline-kernels` declares in a host program.
    A call of the function is a launch:

    | parameter | meaning |
    | --- | --- |
    | `kernel` | the name of the kernel in the bundle |
    | `function` | the function of the runtime's C API that launches it |
    | `operands` | for each argument of the function, the operand that it is, by its name in the structures of `mqa/LaunchArgs.h`. `num_keys` is an index, others are memrefs |

    Example:

    ```mlir
    func.func private @indexer_logits(memref<?x64x128xbf16, strided<[?, 128, 1], offset: ?>>,
        memref<?x128xbf16, strided<[?, 1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>,
        memref<?x?xf32, strided<[?, 1], offset: ?>>) attributes {
      mqa.launch = #mqa.launch<kernel = "indexer_logits", function = "mqa_logits_launch",
                               operands = ["q", "k", "ke", "out"]>}
    ```
  }];
  let parameters = (ins StringRefParameter<>:$kernel, StringRefParameter<>:$function,
                        "::mlir::ArrayAttr":$operands);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of a function's attribute.
    static constexpr ::llvm::StringLiteral getAttrName() { return "mqa.launch"; }
    /// The name of the attribute of a module that holds the kernels.
    static constexpr ::llvm::StringLiteral getKernelsAttrName() { return "mqa.kernels"; }
  }];
}

def MQA_StagedLayoutAttr : AttrDef<MQA_Dialect, "StagedLayout", [
    DeclareAttrInterfaceMethods<MemRefLayoutAttrInterface,
        ["isIdentity", "verifyLayout", "getStridesAndOffset"]>]> {
  let mnemonic = "staged";
  let summary = "Where the elements of a staged tile lie in shared memory";
  let description = [{
    The layout of a memref that is indexed as [query, head, d] or [key, d]. Its memory has other dims, in the order in which a
    matrix unit reads them and a copy engine fills them.

    | parameter | meaning |
    | --- | --- |
    | `shape` | sizes of the dims of memory, from the outermost on |
    | `dims` | for each dim of memory, the dim of the tile that it counts. If several dims of memory count the same dim of the tile, they are its digits: the last one counts elements; one step of an earlier one is the product of the sizes of the later ones |
    | `swizzle` | the number of elements in 16 bytes. These elements stay together. 16-byte column c of a row lies in the place of column c xor (number of its 128-byte line mod number of columns). A row, the last dim of memory, has 2, 4 or 8 columns (32, 64 or 128 bytes). 0: no swizzle |

    A tile begins in its buffer at a multiple of the bytes after which its swizzle repeats (256, 512 or 1024). Its type does not
    say where, as with `offset: ?`. The layout is not strided, so that upstream does not lower views and loads as if it were:
    `mqa.subtile` is the view of a part, and `mqa-lower-layouts` lowers accesses.

    Example: 8 queries x 64 heads x 128 as WGMMA reads them. A head tile has four warps of 2 queries x 8 heads each. Element
    [q, h, d] is at [h / 8, q / 2, h mod 8, q mod 2, d], swizzled.

    ```mlir
    memref<8x64x128xf8E4M3FN, #mqa.staged<shape = [8, 4, 8, 2, 128], dims = [1, 0, 1, 0, 2], swizzle = 16>,
           #gpu.address_space<workgroup>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, ArrayRefParameter<"int64_t">:$dims,
                        DefaultValuedParameter<"int64_t", "0">:$swizzle);
  let assemblyFormat = [{
    `<` `shape` `=` `[` $shape `]` `,` `dims` `=` `[` $dims `]`
    (`,` `swizzle` `=` $swizzle^)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// As a unit reads it: rows of one swizzle each, chunk behind chunk.
    struct Matrix {
      int64_t chunks, rows, rowElements;
    };

    /// The layout of `type`; of an identity layout one that says the same; null
    /// where it is another one.
    static StagedLayoutAttr of(::mlir::MemRefType type);

    /// Dims of the tile, and their sizes.
    int64_t getNumDims() const;
    ::llvm::SmallVector<int64_t> getTileShape() const;
    int64_t getNumElements() const;
    /// From places in memory to indices of the tile, and back. Without swizzle.
    ::mlir::AffineMap getTileMap() const;
    ::mlir::AffineMap getMemoryMap() const;
    /// The memory that a tile of `type`, which has this layout, lies in.
    ::mlir::MemRefType getMemoryType(::mlir::MemRefType type) const;

    /// 16-byte columns of a row that are exchanged; 0 without a swizzle.
    int64_t getColumns() const {
      return getSwizzle() ? getShape().back() / getSwizzle() : 0;
    }
    /// Rows of a 128-byte line, whose columns are exchanged alike.
    int64_t getRowsPerLine() const { return getSwizzle() ? 8 / getColumns() : 0; }
    /// Elements after which the swizzle repeats; 1 without one.
    int64_t getPeriod() const {
      return getSwizzle() ? 8 * getColumns() * getSwizzle() : 1;
    }
    /// The bytes of a row where it is swizzled, else 0.
    int64_t getSwizzleBytes() const { return 16 * getColumns(); }
    /// Whether elements of `type` are as wide as the swizzle has it.
    bool fits(::mlir::Type type) const;

    /// The dims of the tile that the last dims of memory are, each once: a box of them
    /// is copied as one. Fails if there is none.
    ::llvm::FailureOr<::llvm::SmallVector<int64_t>> getBoxDims() const;
    /// The dims of memory ahead of the box.
    ::llvm::ArrayRef<int64_t> getBoxCounts() const {
      return getShape().drop_back(getNumDims());
    }
    /// The matrix whose columns are the tile's last dim, if it is one.
    ::llvm::FailureOr<Matrix> getMatrix() const;
    /// Whether the elements are in the same order in memory as those of `other`.
    bool isSameOrder(StagedLayoutAttr other) const;

    /// With so many of these tiles behind each other along these dims, the first the
    /// outermost.
    StagedLayoutAttr getRepeated(::llvm::ArrayRef<int64_t> counts,
                                 ::llvm::ArrayRef<int64_t> dims) const;
    /// The layout of equal parts of `shape` that lie behind each other: without the
    /// first dims of memory, which count them. Fails where there are no such parts.
    ::llvm::FailureOr<StagedLayoutAttr> getPart(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

class MQA_Type<string name, string typeMnemonic>
    : TypeDef<MQA_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def MQA_RangesType : MQA_Type<"Ranges", "ranges"> {
  let summary = "Which keys each of some queries sees";
  let description = [{
    A range of keys for each row of a number of rows. `mqa.make_ranges` makes such a value from bounds or lengths in memory.
    `mqa.narrow_ranges` takes some of its rows. Every op that needs a bound, a mask or a column takes the ranges as one value.
    The op reads the memory when it is executed. Only results of these two ops have this type: no block has an argument of this
    type.

    Example:

    ```mlir
    !mqa.ranges
    ```
  }];
}

def MQA_RingType : MQA_Type<"Ring", "ring"> {
  let summary = "A ring of shared-memory stages that producers fill and consumers empty";
  let description = [{
    The ring has `stages` slots. Each slot holds one buffer of every tile type. A slot is empty or full. `mqa.ring_put` fills an
    empty slot (`mqa.ring_acquire`, fills and `mqa.ring_commit` together do the same). `mqa.ring_get` waits for a full slot.
    `mqa.ring_release` gives the slot back. A tile has the layout `#mqa.staged` or none.

    Example: two stages of 128 keys, as a matrix unit reads them, and their scales.

    ```mlir
    !mqa.ring<2, memref<128x128xf8E4M3FN, #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>,
                 memref<128xf32, #gpu.address_space<workgroup>>>
    ```
  }];
  let parameters = (ins "int64_t":$stages,
                        ArrayRefParameter<"::mlir::MemRefType">:$tiles);
  let assemblyFormat = "`<` $stages `,` $tiles `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Tile `i` as a slot holds it: a view at some offset of the ring. A staged
    /// layout does not say the offset.
    ::mlir::MemRefType getSlotType(unsigned i) const;
  }];
}

def MQA_FragmentType : MQA_Type<"Fragment", "fragment"> {
  let summary = "The accumulator of a product of 64 rows, spread over the registers of a consumer group";
  let description = [{
    A 64 x N tile of f32. Each of the 128 threads holds N/2 of its values. Value `4j + 2i + e` of the thread with lane `l` in
    warp `w` is the element (16w + l/4 + 8i, 8j + 2(l mod 4) + e), with i and e in {0, 1} (PTX ISA, "Register fragments for
    wgmma.mma_async.m64nNk32").

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

def MQA_OperandFragmentType : MQA_Type<"OperandFragment", "operand_fragment"> {
  let summary = "The 64 rows of operand A of a product, spread over the registers of a consumer group";
  let description = [{
    A 64 x K tile of 8-bit or 16-bit floats. A register has E neighbours of a row: 4 or 2. Register `4j + 2h + i` of the
    thread with lane `l` in warp `w` begins with the element (16w + l/4 + 8i, E (8j + 4h + l mod 4)), with h and i in {0, 1}
    (PTX ISA, "Register fragments for wgmma.mma_async.m64nNk32" and "m64nNk16").

    ```mlir
    !mqa.operand_fragment<vector<64x128xf8E4M3FN>>
    ```
  }];
  let parameters = (ins "::mlir::VectorType":$tile);
  let assemblyFormat = "`<` $tile `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Registers that one thread holds, of 32 bits.
    int64_t getNumRegisters() const {
      return getTile().getNumElements() * getTile().getElementTypeBitWidth() / (128 * 32);
    }
  }];
}

#endif // MQA_ATTRS_TD
