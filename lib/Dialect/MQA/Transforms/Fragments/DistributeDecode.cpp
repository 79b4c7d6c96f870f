//===- DistributeDecode.cpp - Packed keys in the registers of a product ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread has a quarter of two rows of the product, 8 keys apart: one piece of
// each key's bytes, of one block. So it reads its part of a key at once, and
// needs one table for it, which it reads from shared memory.
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "Loops/InlinePtx.h"
#include "Rings/Fp4Tables.h"
#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;

static int64_t getNumBlocks(DecodeMxOp op) {
  return op.getKeys().getType().getDimSize(1) / mx::kBlock;
}

Value MxTables::get() {
  if (memory)
    return memory;
  constexpr int64_t kCount = Fp4Tables::kMaxFp8Halvings + 1, kWords = 2;
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  memory = addWorkgroupVariable(kernel, {kCount, kWords}, b.getI32Type(),
                                kernel.getLoc());
  b.setInsertionPointToStart(&kernel.getBody().front());
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  Value isIn = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread,
                                     arith::ConstantIndexOp::create(b, kCount));
  auto branch = scf::IfOp::create(b, isIn, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  Value halvings = arith::IndexCastOp::create(b, b.getI32Type(), thread);
  Fp4Tables fp4(b, Float8E4M3FNType::get(b.getContext()));
  for (auto [i, word] : llvm::enumerate(fp4.buildTable(halvings)))
    memref::StoreOp::create(
        b, word, memory,
        ValueRange{thread, arith::ConstantIndexOp::create(b, i)});
  b.setInsertionPointAfter(branch);
  gpu::BarrierOp::create(b);
  return memory;
}

namespace {
/// What one thread does of an mqa.decode_mx.
class KeyDecoder {
public:
  KeyDecoder(OpBuilder &builder, KeyRowsLayout &layout, MxTables &tables,
             DecodeMxOp op)
      : b(op.getLoc(), builder), layout(layout), tables(tables), op(op) {}

  /// The operand.
  Value build();
  /// After `build`: the greatest block scale of the key whose sum this lane
  /// ends with.
  Element buildExponent();

private:
  Value constant(int64_t value) {
    return arith::ConstantIntOp::create(b, value, 32);
  }
  /// Bytes of two words as `selector` says.
  Value permute(Value first, Value second, Value selector) {
    return NVVM::PermuteOp::create(b, b.getI32Type(), first, second, selector,
                                   NVVM::PermuteMode::DEFAULT);
  }
  /// The maximum or minimum of both halves.
  Value compareHalves(StringRef instruction, Value lhs, Value rhs) {
    return emitPtx(b, b.getI32Type(), {lhs, rhs},
                   (instruction + ".u16x2 $0, $1, $2;").str(), "=r,r,r",
                   /*hasEffects=*/false);
  }
  Value loadBytes(Value key);
  Value getHalvings(ArrayRef<Value> words);
  SmallVector<Value> loadTable(Value halvings, int64_t half);

  ImplicitLocOpBuilder b;
  KeyRowsLayout &layout;
  MxTables &tables;
  DecodeMxOp op;
  /// Of both keys.
  Value greatest;
};
} // namespace

/// The words of this lane's part of a key.
Value KeyDecoder::loadBytes(Value key) {
  int64_t bytes = op.getPacked().getType().getDimSize(1) / mx::kKeyLanes;
  Value column = arith::MulIOp::create(
      b, layout.getQuadLane(), arith::ConstantIndexOp::create(b, bytes));
  Value loaded = vector::LoadOp::create(
      b, VectorType::get(bytes, b.getI8Type()), op.getPacked(),
      ValueRange{key, column}, /*nontemporal=*/false, llvm::Align(bytes));
  return vector::BitCastOp::create(
      b, VectorType::get(bytes / 4, b.getI32Type()), loaded);
}

/// How far the scale of this lane's block is below the greatest, for the key of
/// each of two words of block scales. Both keys are handled at once: each half
/// of a register has one's byte twice, so that halves compare as bytes do.
Value KeyDecoder::getHalvings(ArrayRef<Value> words) {
  constexpr int64_t kFirstOfBoth = 0x4400, kNext = 0x1111;
  int64_t numBlocks = getNumBlocks(op);
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value bytes =
        permute(words[0], words[1], constant(kFirstOfBoth + i * kNext));
    greatest = i ? compareHalves("max", greatest, bytes) : bytes;
  }
  Value lane =
      arith::IndexCastOp::create(b, b.getI32Type(), layout.getQuadLane());
  Value block =
      arith::DivUIOp::create(b, lane, constant(mx::kKeyLanes / numBlocks));
  Value selector =
      arith::AddIOp::create(b, arith::MulIOp::create(b, block, constant(kNext)),
                            constant(kFirstOfBoth));
  // The greatest byte is at least as large, so the subtraction borrows nothing.
  Value below =
      arith::SubIOp::create(b, greatest, permute(words[0], words[1], selector));
  constexpr int64_t kEachByte = 0x01010101;
  return compareHalves("min", below,
                       constant(Fp4Tables::kMaxFp8Halvings * kEachByte));
}

/// The table of key `half`.
SmallVector<Value> KeyDecoder::loadTable(Value halvings, int64_t half) {
  // The byte of the key; a byte of the other word is zero.
  Value own = permute(halvings, constant(0), constant(half ? 0x4442 : 0x4440));
  constexpr int64_t kWords = 2;
  Value words = vector::LoadOp::create(
      b, VectorType::get(kWords, b.getI32Type()), tables.get(),
      ValueRange{arith::IndexCastOp::create(b, b.getIndexType(), own),
                 arith::ConstantIndexOp::create(b, 0)},
      /*nontemporal=*/false, llvm::Align(4 * kWords));
  SmallVector<Value> table;
  for (int64_t i = 0; i < kWords; ++i)
    table.push_back(vector::ExtractOp::create(b, words, i));
  return table;
}

Value KeyDecoder::build() {
  // All loads are under way before the first is waited for.
  SmallVector<Value> words, bytes;
  for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half) {
    Coordinate at = layout.getKey(half);
    Value key = arith::AddIOp::create(
        b, at.base, arith::ConstantIndexOp::create(b, at.offset));
    words.push_back(memref::LoadOp::create(b, op.getWords(), key));
    bytes.push_back(loadBytes(key));
  }
  Value halvings = getHalvings(words);
  VectorType keys = op.getKeys().getType();
  Fp4Tables fp4(b, cast<FloatType>(keys.getElementType()));
  auto type = OperandFragmentType::get(b.getContext(), keys);
  SmallVector<Value> registers(type.getNumRegisters());
  for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half) {
    SmallVector<Value> table = loadTable(halvings, half), decoded;
    int64_t numWords = cast<VectorType>(bytes[half].getType()).getDimSize(0);
    for (int64_t i = 0; i < numWords; ++i)
      fp4.lookUp(table, vector::ExtractOp::create(b, bytes[half], i), decoded);
    for (auto [i, four] : llvm::enumerate(decoded))
      registers[FragmentLayout::kRowHalves * i + half] = four;
  }
  return PackOperandOp::create(b, type, registers);
}

Element KeyDecoder::buildExponent() {
  // A sum over the quad leaves each lane one of its keys, by its lowest bit. A
  // byte of the other word is zero.
  constexpr int64_t kBit = 0, kFirst = 0x4440, kSecond = 0x4442;
  Value selector = arith::SelectOp::create(b, layout.getLaneBit(kBit),
                                           constant(kSecond), constant(kFirst));
  return {{layout.select(layout.getKey(0), FragmentLayout::kHalfRows, kBit)},
          permute(greatest, constant(0), selector)};
}

void mqa::distributeDecode(IRRewriter &b, KeyRowsLayout &layout,
                           VectorScalars &scalars, MxTables &tables,
                           DecodeMxOp op) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  KeyDecoder decoder(b, layout, tables, op);
  scalars.setOperand(op, decoder.build());
  scalars.setElements(op.getExponents(), decoder.buildExponent());
}
