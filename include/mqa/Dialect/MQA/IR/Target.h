//===- Target.h - The chips that kernels are made for -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What passes ask of the chip, so that none of them has its limits as constants
// of its own. Target.cpp has the table of all known chips.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_TARGET_H
#define MQA_DIALECT_MQA_IR_TARGET_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <string>

namespace mlir {
class Operation;
class Type;

namespace mqa {
class StagedLayoutAttr;
class TargetAttr;

/// What a matrix unit multiplies: heads of queries, as rows or as columns, and
/// keys, which lie alike as either.
enum class OperandRole { QueryRows, QueryColumns, Keys };

/// How the rows of q and k lie in shared memory: a unit reads rows of one
/// swizzle, so others are cut into chunks, zero behind their end.
struct RowChunks {
  /// Chunks of a row, and elements of a chunk.
  int64_t count, elements;
};

/// What fp8 is when a matrix unit multiplies it.
enum class Fp8Operand { Fp8, F16, BF16 };

/// What multiplies matrices, and the shape of one of its instructions.
struct MatrixUnit {
  StringLiteral name;
  /// Threads that start an instruction together.
  int64_t threads;
  /// Of a GPU, rows are heads, and columns keys. A CPU has them the other way
  /// round: its keys then lie as they do in memory.
  int64_t rows, maxColumns;
  /// Bytes of K that one instruction takes, and bytes of a row of an operand at
  /// most.
  int64_t stepBytes, maxRowBytes;
  /// Whether a product is started, and waited for when it is needed. Else
  /// several are computed at once, which share what they read.
  bool isAsync;
  Fp8Operand fp8;

  /// The type that elements of `input` have when it multiplies them: what it
  /// cannot multiply becomes a wider one, exactly, on its way to the unit. Null
  /// if there is none.
  Type getOperandType(Type input) const;
  /// The widest chunks that waste nothing of rows of `rowSize` elements, but
  /// for rounding up to the step that one instruction takes.
  RowChunks getRowChunks(int64_t rowSize, Type element) const;
  /// How an operand lies in shared memory for the unit to read it: a tile of
  /// queries x heads x d, or of keys x d. Its last dim is rounded up to whole
  /// chunks.
  StagedLayoutAttr getOperandLayout(OperandRole role, ArrayRef<int64_t> tile,
                                    Type element) const;
};

/// What copies tiles to shared memory beside the threads.
struct CopyEngine {
  StringLiteral name;
  /// Elements of a box in each dimension.
  int64_t maxBoxDim;
  /// Where a swizzled box starts: a multiple of this.
  int64_t alignment;
  /// Whether one thread starts the copy of a box that a tensor map describes;
  /// else the lanes of a warp copy 16 bytes each.
  bool usesTensorMaps;
};

/// Of sm_90a (PTX ISA, "wgmma" and "Tensor map").
inline constexpr MatrixUnit kWgmma{
    "WGMMA", 128, 64, 256, 32, 128, /*isAsync=*/true, Fp8Operand::Fp8};
inline constexpr CopyEngine kTma{"TMA", 256, 1024, /*usesTensorMaps=*/true};
/// Of the others (PTX ISA, "mma.sync.m16n8k16" and "cp.async"): four warps that
/// have 16 rows each are what a warpgroup is for WGMMA.
inline constexpr MatrixUnit kMmaSyncF16{"mma.sync",
                                        128,
                                        64,
                                        256,
                                        32,
                                        128,
                                        /*isAsync=*/false,
                                        Fp8Operand::F16};
inline constexpr MatrixUnit kMmaSync{"mma.sync",
                                     128,
                                     64,
                                     256,
                                     32,
                                     128,
                                     /*isAsync=*/false,
                                     Fp8Operand::Fp8};
inline constexpr CopyEngine kCpAsync{"cp.async", 256, 1024,
                                     /*usesTensorMaps=*/false};

/// Of CPUs: matrix tiles, and dot products of pairs in vector registers (Intel
/// 64 and IA-32 Architectures Software Developer's Manual, "TDPBF16PS" and
/// "VDPBF16PS"; Arm Architecture Reference Manual, "BFDOT").
inline constexpr MatrixUnit kAmx{
    "AMX", 1, 16, 16, 64, 64, /*isAsync=*/false, Fp8Operand::BF16};
inline constexpr MatrixUnit kAvx512Bf16{
    "AVX-512 BF16", 1, 1, 16, 4, 4, /*isAsync=*/false, Fp8Operand::BF16};
inline constexpr MatrixUnit kNeonBf16{
    "NEON BF16", 1, 1, 4, 4, 4, /*isAsync=*/false, Fp8Operand::BF16};

/// One chip, and what a kernel may use of it.
struct ChipInfo {
  StringLiteral name;
  /// What LLVM's NVPTX target must be allowed beside the chip's own.
  StringLiteral ptxFeatures;
  /// Threads of a block, at most.
  int64_t blockThreads;
  /// Registers of a multiprocessor, and of a thread at most; they are handed
  /// out in steps of `registerGranule` a thread.
  int64_t registers, threadRegisters, registerGranule;
  /// Bytes of shared memory that one block may use.
  int64_t blockSharedMemory;
  int64_t l2Bytes;
  /// Whether warps can hand registers to others (setmaxnreg); else all threads
  /// of a block have the same number.
  bool movesRegisters;
  /// Whether a thread sleeps while it waits for an mbarrier (try_wait); else it
  /// asks again and again.
  bool sleepsAtBarriers;
  /// Whether a launch may overlap the end of the one before (griddepcontrol).
  bool overlapsLaunches;
  /// Null where there is none; that of a CPU is `TargetAttr::getMatrixUnit`.
  const MatrixUnit *matrixUnit;
  const CopyEngine *copyEngine;

  /// Whether kernels for it are made of a schedule; a CPU has tasks.
  bool isGpu() const { return matrixUnit; }

  /// Null if the chip is not known.
  static const ChipInfo *lookUp(StringRef name);
  /// The names of all known chips, for a message: "a, b or c".
  static std::string listNames();
};

inline constexpr StringLiteral kDefaultChip = "sm_90a", kCpu = "cpu";

/// The target of the closest module around `op` that has one, or of `op`
/// itself; null if there is none.
TargetAttr getTarget(Operation *op);

/// The matrix unit of `getTarget(op)` if that is a CPU; null if it is not, not
/// known, or has none.
const MatrixUnit *getCpuMatrixUnit(Operation *op);

/// The chip of `getTarget(op)`, which must be a GPU; else an error of `op`.
FailureOr<const ChipInfo *> requireGpu(Operation *op);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_TARGET_H
