//===- KernelPasses.td - Functions, schedules, tiled kernels -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_KERNEL_PASSES_TD
#define MQA_KERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def MQAPackMxTypesPass : Pass<"mqa-pack-mx-types", "::mlir::ModuleOp"> {
  let summary = "Makes bytes and words of typed elements and block scales";
  let description = [{
    The operands `q`, `k`, `q_scale` and `k_scale` of `mqa.logits` and `mqa.paged_logits` may be typed: of f4E2M1FN, or of
    f8E8M0FNU. The pass makes bytes and words of them, which are the same in memory and which all other passes know:

    - f4E2M1FN: two elements are a byte (i8). The last dimension, the strides and the offset are halved.
    - f8E8M0FNU with a last dimension of 4: these four are a word (i32). The last dimension goes, and the strides and the
      offset are divided by 4.

    The pass changes the functions that have such an op, those that they call and that call them, and the ops through which
    the values come: calls, structured control flow, branches, casts, dims, copies, uninitialised tensors and memrefs,
    slices of whole bytes and words, and reshapes that leave the last dimension alone. The caller of a public function
    passes memrefs of bytes and words.

    What else MLIR stores of f4E2M1FN has a byte for each element. So it is an error if another op computes or reads a value
    of such an operand, or if a function without a body has it; the error names the op. A function in which no such value
    is stays as it is.

    ```mlir
    func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>,
                      %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
          outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %0 : tensor<?x?xf32>
    }
    // becomes
    func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64xi8>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x64xi8>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %0 : tensor<?x?xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def MQAFuseTopkPass : Pass<"mqa-fuse-topk"> {
  let summary = "Fuses logits with the mqa.topk that is their only reader";
  let description = [{
    Fuses an `mqa.logits` or `mqa.paged_logits` with an `mqa.topk` if the `mqa.topk` selects from the logits and
    nothing else reads them. The two ops then become one kernel, which gives the logits to nobody (for some chips,
    `mqa-split-topk` makes two of them again). The pass replaces the destination of the logits, a `tensor.empty` or
    `memref.alloc`, by an `mqa.unstored_logits`. It drops `clean`, which concerns only logits that somebody reads.

    The pass fuses a pair only if all of these hold:

    - Both ops have the same ranges: the same `ks` and `ke`, or the same `context_lens` and `next_n`.
    - With a paged cache and `base = slot`, both ops have the same `block_table`, `block_kv` and `sequence`. Ranges then
      end where the table ends.
    - The rows are not `compressed`, and neither op is a tile.
    - Both ops have the same `key_blocks`, or none. With `key_blocks`, `mqa.topk` is told how many keys there are: by
      `num_keys`, which is dimension 0 of `k`, or with a paged cache by `block_table`.
    - With `sequence` or `key_blocks`, a GPU needs two kernels with the logits in scratch (`mqa-split-topk`), so the pair
      must be one that can be split: if the number of queries is static, the number of columns is static too, and the
      logits have at most 512 MiB. With a paged cache and a static number of columns, `mqa.topk` has a `block_table`.
      This rule holds for all targets.
    - On memrefs, no op between the two has effects on memory. (On tensors, the first op moves to the second one.)

    A remark tells why a pair is left as it is.

    ```mlir
    func.func @select(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ke: tensor<?xi32>,
                      %indices: tensor<?x2048xi32>, %m: index, %n: index) -> tensor<?x2048xi32> {
      %init = tensor.empty(%m, %n) : tensor<?x?xf32>
      %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>)
          outs(%init : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
      %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>)
          outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
      return %best : tensor<?x2048xi32>
    }
    // becomes
    %init = mqa.unstored_logits(%m, %n) : tensor<?x?xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : ...) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, none, %ke : ...) outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::mqa::MQADialect"];
}

def MQALocalizeBoundsPass : Pass<"mqa-localize-bounds"> {
  let summary = "Replaces tiles of keys by whole ops, whose bounds count from the first key of the tile";
  let description = [{
    No kernel takes a `key_offset`. A program may have tiles with a `key_offset` in a loop over keys, for instance those
    that upstream's tiling makes. The pass replaces such a tile by an op without `key_offset`. An op in front of it
    computes its bounds, which count from the first key of the tile:

    - `mqa.logits`: the offset is subtracted from `ks` and `ke`, also with `block_max`. With `key_blocks`, the tile gets
      the blocks of its columns. The offset and the number of columns must be known to be multiples of a block.
    - `mqa.paged_logits`: the offset is subtracted from the lengths, and the columns ahead of it are left out of the
      block table. The offset must be known to be a multiple of a cache block: a constant, a product, or the variable of
      a loop whose start and step are. With `key_blocks`, as `mqa.logits`.
    - `mqa.merge_topk`: `ke` is cut at `num_keys`.

    New bounds of an op on memrefs are in a new buffer, which upstream's deallocation passes free, like all others.

    The pass leaves other tiles as they are: those with `ranges` or `compressed` rows, and tiles of key blocks that are
    known to end behind the list. A remark says why. A tile whose offset is not known must lie in the columns of the
    whole op.

    ```mlir
    func.func @tile(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<8xi32>, %out: tensor<?x?xf32>, %n: index) -> tensor<?x?xf32> {
      %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<8xi32>)
          key_offset(%n) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %0 : tensor<?x?xf32>
    }
    // becomes
    %offset = arith.index_cast %n : index to i64
    %init = tensor.empty() : tensor<8xi32>
    %own = linalg.generic {...} ins(%ke : tensor<8xi32>) outs(%init : tensor<8xi32>) {
      ...
      %own_end = arith.subi %end, %offset : i64
      ...
    } -> tensor<8xi32>
    %0 = mqa.logits ins(%q, %k, none, none, none, %own : ...) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

def MQASplitTopkPass : Pass<"mqa-split-topk", "::mlir::ModuleOp"> {
  let summary = "Makes two kernels of logits and top-k where one is slower";
  let description = [{
    On some chips, a kernel that selects from its own logits takes longer than two kernels: consumers that filter
    logits keep the matrix unit waiting, and consumers that select leave it idle. There, the pass makes two functions
    of a function `f` that is a fused pair: `f$logits`, which stores the logits, and `f$topk`, which selects from them.
    The attribute `mqa.steps` of the module says which functions belong together. In a bundle, both are one kernel with
    the name `f`. The runtime launches them one behind the other, and the logits lie in the scratch. If the number of
    queries is dynamic, the runtime takes the rows in pieces, whose logits have at most 512 MiB or are those of one block
    of queries. A pair with a static number of queries (of any operand) is split only if all of its logits fit 512 MiB.

    The pass splits pairs for chips with WGMMA (sm_90a). It leaves a pair of a paged cache fused if the
    number of columns is static, unless base is `slot`: a line of the block table may end before the last column, and
    `mqa.topk` alone does not know where. It also leaves a pair fused if the module has another function of one of the
    two names.

    No GPU has a kernel that selects from its own logits if rows name their sequences (`sequence`) or have `key_blocks`.
    The pass splits such a pair for every GPU. It is an error if the module has another function of one of the two names.

    ```mlir
    module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
      func.func @select(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ke: tensor<?xi32>,
                        %indices: tensor<?x2048xi32>) -> tensor<?x2048xi32> {
        %c0 = arith.constant 0 : index
        %m = tensor.dim %q, %c0 : tensor<?x64x128xf8E4M3FN>
        %n = tensor.dim %k, %c0 : tensor<?x128xf8E4M3FN>
        %unstored = mqa.unstored_logits(%m, %n) : tensor<?x?xf32>
        %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>)
            outs(%unstored : tensor<?x?xf32>) -> tensor<?x?xf32>
        %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>)
            outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
        return %best : tensor<?x2048xi32>
      }
    }
    // becomes
    module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}, mqa.target = #mqa.target<chip = "sm_90a">} {
      func.func @select$logits(%q: ..., %k: ..., %ke: ..., %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
        %0 = mqa.logits ins(%q, %k, none, none, none, %ke : ...) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
        return %0 : tensor<?x?xf32>
      }
      func.func @select$topk(%ends: ..., %indices: ..., %stored: tensor<?x?xf32>) -> tensor<?x2048xi32> {
        %1 = mqa.topk ins(%stored, none, %ends : ...) outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
        return %1 : tensor<?x2048xi32>
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::mqa::MQADialect"];
}

def MQAVerifyKernelFunctionsPass : Pass<"mqa-verify-kernel-functions", "::mlir::ModuleOp"> {
  let summary = "Checks that each function of an op that kernels are made of can become a kernel";
  let description = [{
    Both pipelines run this pass first (only `mqa-pack-mx-types` and `mqa-fuse-topk` are ahead of it), so they accept
    the same functions. The pass changes nothing. A `func.func` that holds an `mqa.logits`, `mqa.paged_logits`,
    `mqa.topk` or `mqa.merge_topk` is a kernel function. The pass leaves other functions alone. It checks these rules
    for a kernel function:

    - **Place.** The function lies in the outermost module. Nothing in the module refers to it. Nothing could refer
      to it unseen, as an op of an unknown dialect with a region might.
    - **Name.** The name is a letter followed by letters, digits, `_` and `$`. No function of the C library has
      the name. The name does not begin with the compiler's prefix (`mqa_task_`). It is not the name of a
      parameter in PTX, as `f_param_0` is beside a kernel `f`.
    - **Body.** The function has one block with the op, which is no tile, and a return. A fused pair (see
      `mqa-fuse-topk`) has the two ops in the block, with their `mqa.unstored_logits` and ops that compute its
      sizes from sizes of the arguments.
    - **Arguments.** Each argument is one operand of the op, and each operand is an argument. For a fused pair
      they are the operands of both ops, and an operand that both ops have is one argument. With a paged cache, a
      fused pair may have one more argument, an index: the number of columns of the logits.
    - **Results.** On tensors, the function returns the results of the op. On memrefs, it returns nothing or `out`.
      For a fused pair, the results are those of the `mqa.topk`.
    - **Attributes.** The function, its arguments and its results have no attributes of the dialects `mqa`,
      `bufferization`, `gpu`, `llvm` and `nvvm`.
    - **Sizes.** A static size is at most 2^31 - 1025.
    - **Types.** No operand is of f4E2M1FN or f8E8M0FNU: `mqa-pack-mx-types` makes bytes and words of them.
    - **Memrefs.** A memref lies in the default memory space. Its offset is 0 or dynamic. It is contiguous, or has
      a dynamic stride in dimension 0. If it is contiguous, the kernel takes any stride in dimension 0 too, except
      for scales that are one to a key.

    ```mlir
    func.func @logits(%q: memref<?x64x128xbf16>, %k: memref<?x128xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
      mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xbf16>, memref<?x128xbf16>, memref<?xi32>)
          outs(%out : memref<?x?xf32>)
      return
    }
    func.func @caller() {
      %logits = func.constant @logits : (memref<?x64x128xbf16>, memref<?x128xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()
      return
    }
    // error: refers to kernel function 'logits', which only the runtime can launch
    ```
  }];
}

def MQAAttachTargetPass : Pass<"mqa-attach-target", "::mlir::ModuleOp"> {
  let summary = "Says which chip a module is for";
  let description = [{
    Attaches `mqa.target` to the module. Schedules, plans and lowerings ask `mqa.target` for the limits and units
    of the chip, so this pass comes before them. An unknown chip is an error that lists the known ones. If the
    module has another target already, that is an error too.

    ```mlir
    module {
    }
    // becomes
    module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
    }
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"::mlir::mqa::kDefaultChip.str()",
           "The chip that kernels are made for">,
    Option<"features", "features", "std::string", /*default=*/"",
           "For a CPU: its instruction sets by LLVM's names, separated by ','">
  ];
  let dependentDialects = ["::mlir::mqa::MQADialect"];
}

def MQASelectSchedulePass : Pass<"mqa-select-schedule"> {
  let summary = "Gives every mqa.logits and mqa.paged_logits a schedule (level 1 to 2)";
  let description = [{
    Attaches `#mqa.schedule` to each `mqa.logits` or `mqa.paged_logits` that has none. The schedule comes from the
    first of these that has one:

    1. the option `schedule`, if it gives sizes;
    2. the table `schedules.json`, which was filled by measurement, for the module's target and the op's types, H, D
       and number of queries;
    3. a rule that derives a schedule from the limits of the target.

    A schedule that breaks a limit of the target is an error that names the limit. That holds for a schedule that
    the op already had, too.

    Some entries are for stored logits alone. A kernel that selects (`mqa.topk` fused with the logits) does not use
    them. Nor does a kernel of the same module that stores logits of the same heads and types. So both kernels add up
    the heads in the same order, and their logits have the same bits.

    Contract: the module has an `mqa.target` that is a GPU (`mqa-attach-target`). The same holds for every pass
    below that asks for limits of the chip: `mqa-tile-logits`, `mqa-stage-tiles`, `mqa-specialize-warps`,
    `mqa-expand-puts`, `mqa-lower-rings` and `convert-mqa-to-nvvm`.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-nvvm
    %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : ...) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
    // becomes
    %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : ...) outs(%out : tensor<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 512, ...>} -> tensor<?x?xf32>
    ```
  }];
  let options = [
    Option<"schedule", "schedule", "std::string", /*default=*/"\"\"",
           "The schedule of every op that has none: 'exact' (default) or "
           "'fast' of the table, or for instance 'block_q = 8, block_kv = 256, tile_kv = 128, stages = 2'">
  ];
}

def MQABufferizePass : Pass<"mqa-bufferize", "::mlir::ModuleOp"> {
  let summary = "One-Shot Bufferize with rows that may be strided";
  let description = [{
    Runs upstream's One-Shot Bufferize over the whole module. A tensor argument becomes a memref whose rows are
    contiguous, and whose row stride and offset are dynamic. So callers may pass slices, and kernels may load whole
    rows. (Of a function that others in the module call, it becomes a contiguous memref.) An operand whose rows are not
    contiguous, such as a slice of each row, is copied.

    The pass also changes memref arguments of a function that nothing calls, if only our ops use them: they become
    such memrefs too. A static size of zero becomes a dynamic size, because the kernels below are the same for no
    element and for any number of elements.

    Contract: results are buffers of the function. If a result is bufferized in place, it is the argument itself.

    ```mlir
    func.func @logits(%q: tensor<?x64x128xbf16>, %k: tensor<?x128xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x64x128xbf16>, tensor<?x128xbf16>, tensor<?xi32>)
          outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %0 : tensor<?x?xf32>
    }
    // becomes
    func.func @logits(%q: memref<?x64x128xbf16, strided<[?, 128, 1], offset: ?>>, %k: memref<?x128xbf16, strided<[?, 1], offset: ?>>, ...) -> memref<?x?xf32, strided<[?, 1], offset: ?>> {
      mqa.logits ins(%q, %k, none, none, none, %ke : ...) outs(%out : memref<?x?xf32, strided<[?, 1], offset: ?>>)
      return %out : memref<?x?xf32, strided<[?, 1], offset: ?>>
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def MQAOutlineKernelsPass : Pass<"mqa-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Splits a program into kernels and the host program that launches them";
  let description = [{
    Each `mqa.logits`, `mqa.paged_logits`, `mqa.topk` and `mqa.merge_topk`, and each pair that
    `mqa-fuse-topk` has fused, becomes a call of a declared function. The function says by
    `mqa.launch` which kernel a call launches, and which operand each argument is. The kernels are
    kernel functions in a module inside of the program, `@mqa_kernels`, which has the attribute
    `mqa.kernels`; it is a module for `mqa-to-nvvm` or `mqa-to-cpu`.

    - The ops may stand anywhere in functions of the module: in loops, in branches, in several
      blocks, several of them. Other ops stay as they are.
    - Ops that differ in nothing but their values share a kernel. Strides of rows and offsets are no
      part of a kernel's type, so that a view of some rows needs no kernel of its own.
    - A kernel is named after the first function that launches it: `indexer_logits`,
      `indexer_logits_topk`. A function that is itself a kernel function, and is only called, keeps
      its name and becomes the kernel.
    - The caller owns all memory. A launch writes its destinations and allocates nothing.
      A launch on a GPU is enqueued; one on a CPU is done when the call returns.

    Contract: ops are on memrefs. Ops in functions of other modules, in code for a device, and tiles
    (which `mqa-localize-bounds` has left) are errors, as are fused pairs between which memory may change.

    ```mlir
    func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.for %i = %c0 to %n step %c1 {
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>)
            outs(%out : memref<?x?xf32>)
      }
      return
    }
    // becomes
    func.call @f_logits(%q_cast, %k_cast, %ke_cast, %out_cast) : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def MQABindKernelsPass : Pass<"mqa-bind-kernels", "::mlir::ModuleOp"> {
  let summary = "Makes the declared kernels of a host program call the runtime";
  let description = [{
    Gives each function that `mqa-outline-kernels` has declared a body that launches its
    kernel through the runtime (`mqa/Program.h`), and puts the bundle into the program as a
    constant. The program then has ops of upstream alone. Upstream's passes lower it, and it is
    linked with `libmqa_runtime`.

    A body writes the address, sizes and strides of each operand to memory on the stack, and calls
    `mqa_program_launch`, by the C interface of upstream's memrefs.

    Contract: the kernels have been taken out of the program (`mqa-compile` does that), and the
    bundle is theirs. Operands are at most of rank 4, and lie where the device that runs the
    kernel reads them. Without the file of the bundle, as here, the pass fails.

    ```mlir
    func.func private @f_logits(memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>, memref<?x32xbf16, strided<[?, 1], offset: ?>>,
        memref<?xi32, strided<[?], offset: ?>>, memref<?x?xf32, strided<[?, 1], offset: ?>>) attributes
        {mqa.launch = #mqa.launch<kernel = "f_logits", function = "mqa_logits_launch", operands = ["q", "k", "ke", "out"]>}
    // error: option 'bundle' of mqa-bind-kernels: cannot open input file ''
    ```
  }];
  let options = [
    Option<"bundle", "bundle", "std::string", /*default=*/"",
           "The file of the bundle that has the kernels">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def MQATileLogitsPass : Pass<"mqa-tile-logits", "::mlir::ModuleOp"> {
  let summary = "Makes a persistent kernel of each function of an mqa.logits or mqa.paged_logits (level 2 to 3)";
  let description = [{
    Makes a `gpu.func` of each `func.func` that consists of one scheduled `mqa.logits` or `mqa.paged_logits` on its
    memref arguments. The `gpu.func` has the same name.

    - **Loops.** A block of the grid goes over its query blocks, and for each of them over the key blocks between the
      first and the last key that any of the queries sees. With `split = tiles`, it takes its work share
      (`mqa.tile_share`), which may begin and end inside of a query block. With `split = blocks`, it takes every
      n-th query block, where n is the number of blocks of the grid. Any grid (dimension x) computes the same.
    - **Ranges.** One `mqa.make_ranges` makes the ranges of all queries. `mqa.narrow_ranges` takes those of a query
      block.
    - **Body.** The body is the same op on tiles, made by the op's TilingInterface. With `clean`, `mqa.clean_rows`
      covers the rest of the rows.
    - **Paged caches.** A query block of `mqa.paged_logits` is a sequence. A tile of keys is an `mqa.gather_pages`.
      The op on the tile is an `mqa.logits` too.
    - **Key blocks.** With `key_blocks`, a query block is one query, also of a paged cache, and its ranges count columns
      (`mqa.block_ranges`). A tile of columns is an `mqa.gather_pages` of the query's list of blocks; that of a paged
      cache has the line of the block table too. If rows name their sequences, `mqa.row_run` says which line that is.
    - **Rows of sequences.** If rows name their sequences (`mqa.name_sequences`), a query block is a run: up to `block_q`
      neighbouring rows of one sequence. `mqa.run_share` shares the tiles of all runs. The loop goes from run to run, and
      carries the row at which a run begins. `mqa.row_run` says how many rows the run has.
    - **Attributes.** The kernel gets `known_block_size` and `mqa.kernel`. Each argument gets `mqa.operand`, which
      says which operand of the op the argument is, and its shape.

    If an `mqa.topk` is fused with the op (the destination of the logits is an `mqa.unstored_logits`), the kernel has
    one more argument, `scratch`. There are two ways to select:

    - `mqa.paged_logits` has few queries. Its tiles write `mqa.word_rows` in the scratch. In an `mqa.meet` behind the
      last tile of a sequence, all consumers select from the rows of the sequence.
    - For `mqa.logits`, and where the selected keys are in the order of their logits, tiles write
      `mqa.filtered_rows`, which append to lists. In an `mqa.meet` ahead of a tile, all consumers cut the lists that
      get full. In another one behind the last tile of a query block, they select. Such a kernel has `list_places` in
      its `mqa.kernel`.

    ```mlir
    // mqa-opt test/Examples/logits.mlir --mqa-to-nvvm
    func.func @logits_clean(%q: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1], offset: ?>>, ...) ... {
      mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : ...) outs(%out : ...) {clean, schedule = ...}
      return %out : ...
    }
    // becomes
    gpu.func @logits_clean(%q: memref<?x64x128xf8E4M3FN, ...> {mqa.operand = ...}, ...) kernel attributes {known_block_size = ..., mqa.kernel = ...} {
      ...
      %all = mqa.make_ranges %ks, %ke keys(%num_keys) : ...
      ...
      scf.for %m = ... {
        ...
        mqa.clean_rows ...
        ...
      %b, %t, %b_end, %t_end = mqa.tile_share %all share %block of %grid {...}
      ...
      scf.for %query_block = %b to %b_end step %c1 {
        ...
        %ranges = mqa.narrow_ranges %all[...] rows ...
        ...
        %lo, %hi = mqa.key_range %ranges {...}
        ...
        scf.for %n = ... step %c128 {
          ...
          mqa.logits ins(...) ranges(%ranges) key_offset(%n) outs(...) {schedule = ...}
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect"];
}

def MQATileTopkPass : Pass<"mqa-tile-topk", "::mlir::ModuleOp"> {
  let summary = "Makes a kernel of each mqa.topk and mqa.merge_topk on memrefs";
  let description = [{
    A workgroup selects from one row at a time. It has 1024 threads, or 384 if another kernel stores the logits of many
    queries for it (a step of `mqa-split-topk`).

    From a row of up to 8192 keys, a workgroup of 1024 threads first tries to select in registers. Each thread has 8 logits:

    1. A histogram between the row's least and greatest logit finds the bin that has the worst of the best. If the bin has
       more than 32 logits, it is cut into narrower bins.
    2. The logits of the bin are compared with each other. That gives a logit and a column. The keys of greater logits
       are selected, and of equal ones those up to the column.
    3. Each thread counts how many of its keys are selected. Sums over lanes and warps say where they go.

    From a row that is longer than the list, or any row of a workgroup of 384 threads, it first tries to select without
    barriers between tiles:

    1. A sample tells which logits are about among the best.
    2. Each warp takes chunks of 512 logits. The keys that may be among the best get places in a list in shared memory that
       follow each other, by an atomic addition.
    3. A histogram of the list finds the worst of the best. The keys that are selected are put in order.

    If this fails (too few or too many candidates, or too many equal ones), or the row is too long, it goes over the row
    tile by tile:

    1. If the row does not fit the list in shared memory, a sample tells which logits are about among the best.
    2. It goes over the row's keys. Each thread has two vectors of logits. Keys that may be among the best are appended
       to the list.
    3. When the list is full, only the best candidates stay. A key that is appended from then on must be better than
       the worst of these.
    4. If there are too few candidates, because the sample was misleading, all keys are looked at again.
    5. At the end the best candidates of the list are written, in the order of their keys or sorted by their logits.

    For `mqa.merge_topk`, the kernel reads the lists in the place of keys. The lists are in any order, so the list
    in shared memory is too. So keys decide ties, and `order = key` needs a sort.

    Contract: as for `mqa-tile-logits`, for functions that consist of one `mqa.topk` or `mqa.merge_topk`.

    ```mlir
    module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
      func.func @topk(%logits: memref<?x?xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %indices: memref<?x512xi32>) {
        mqa.topk ins(%logits, %ks, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) outs(%indices : memref<?x512xi32>)
        return
      }
    }
    // becomes
    gpu.func @topk(%logits: memref<?x?xf32, ...> {...}, ...) kernel attributes {known_block_size = array<i32: 1024, 1, 1>, ...} {
      ...
      scf.for %m = %block to %rows step %grid {
        ...
            %estimate = mqa.estimate_threshold %samples count %number rank %rank : vector<4xf32>
            ...
          %found = scf.while (%begin = %guess) : (f32) -> index {
            ...
            %row:2 = scf.for %n = ... iter_args(%count = ..., %threshold = ...) -> (index, f32) {
              ...
              %new_count, %fits = mqa.append_candidates %some from %key threshold(%threshold) turn(%turn) outs(%codes, %keys count %count : ...) : vector<4xf32>
              ...
                %least = mqa.cut_candidates %codes, %keys count %count keep 512 : ...
                ...
            %last = mqa.cut_candidates %codes, %keys count %found keep 512 : ...
            ...
        %indices_of_row = mqa.row_block %indices[%m] rows ... : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MQAOverlapLaunchesPass : Pass<"mqa-overlap-launches", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Lets a kernel start while the one before it in the stream ends";
  let description = [{
    Makes a kernel fit for programmatic dependent launch. With such a launch, the blocks of the kernel start when
    those of the kernel ahead of it in the stream end, and do not wait until its writes can be seen by all. So all
    threads wait for that in front of the first op that may touch memory that a kernel can share with another one.
    Ops above the wait (they initialise mbarriers and fetch tensor maps) then cost no time.

    In an ordinary launch, there is nothing to wait for. If the kernel has an `mqa.kernel`, that attribute then says
    that the kernel may be launched so. A kernel that already waits in time gets no other wait.

    ```mlir
    gpu.func @example(%lens: memref<?xi32>, %i: index, %value: i32)
        workgroup(%own: memref<1xi32, #gpu.address_space<workgroup>>) kernel {
      %c0 = arith.constant 0 : index
      memref.store %value, %own[%c0] : memref<1xi32, #gpu.address_space<workgroup>>
      %length = memref.load %lens[%i] : memref<?xi32>
      memref.store %length, %own[%c0] : memref<1xi32, #gpu.address_space<workgroup>>
      gpu.return
    }
    // becomes
    memref.store %value, %own[%c0] : memref<1xi32, #gpu.address_space<workgroup>>
    nvvm.griddepcontrol wait
    %length = memref.load %lens[%i] : memref<?xi32>
    ```
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

#endif // MQA_KERNEL_PASSES_TD
