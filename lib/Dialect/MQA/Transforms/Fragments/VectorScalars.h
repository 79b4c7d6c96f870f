//===- VectorScalars.h - Elements of group-level vectors --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORSCALARS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORSCALARS_H

#include "FragmentLayout.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace mqa {

/// An element of a vector that this thread holds, or two neighbours in f16.
struct Element {
  Coordinates at;
  Value value;
};

/// Computes single elements of vectors: every vector op is repeated as a scalar
/// op at just the elements that are asked for, where the vector op stands, and
/// once.
class VectorScalars {
public:
  VectorScalars(IRRewriter &b, const FragmentLayout &layout)
      : b(b), layout(layout) {}

  /// The scalar at `at` of `vector`. Elements of contractions and reductions
  /// must have been set.
  FailureOr<Value> emit(Value vector, const Coordinates &at);
  /// As `emit`, but two f16 of neighbouring columns, `at` and the next, in one
  /// register.
  FailureOr<Value> emitPair(Value vector, const Coordinates &at);
  /// The single elements of such pairs.
  SmallVector<Element> unpackPairs(Location loc, ArrayRef<Element> pairs);
  /// A coordinate as an index, at the insertion point.
  Value emitCoordinate(Location loc, Coordinate at);

  /// The registers of the fragment that `contract` became.
  void setRegisters(vector::ContractionOp contract, ValueRange values) {
    registers[contract] = llvm::to_vector(values);
  }
  bool hasRegisters(vector::ContractionOp contract) const {
    return registers.contains(contract);
  }
  /// The operand of products that the keys of `decode` became; null if they did
  /// not yet.
  Value getOperand(DecodeMxOp decode) const { return operands.lookup(decode); }
  void setOperand(DecodeMxOp decode, Value operand) {
    operands[decode] = operand;
  }
  /// The elements of `vector` that this thread holds.
  void setElements(Value vector, ArrayRef<Element> elements) {
    cache[vector] = llvm::to_vector(elements);
  }
  ArrayRef<Element> getElements(Value vector) { return cache[vector]; }

private:
  FailureOr<Value> emitUncached(Operation *op, const Coordinates &at);
  FailureOr<Value> emitContraction(vector::ContractionOp op,
                                   const Coordinates &at);
  FailureOr<Value> emitBroadcast(vector::BroadcastOp op, const Coordinates &at);
  FailureOr<Value> emitShapeCast(vector::ShapeCastOp op, const Coordinates &at);
  FailureOr<Value> emitRead(vector::TransferReadOp read, const Coordinates &at);
  FailureOr<Value> emitInsertion(vector::InsertStridedSliceOp op,
                                 const Coordinates &at);
  FailureOr<Value> emitGather(GatherColumnsOp op, const Coordinates &at);
  FailureOr<Value> emitElementwise(Operation *op, const Coordinates &at);

  IRRewriter &b;
  const FragmentLayout &layout;
  DenseMap<Value, SmallVector<Element>> cache, pairs;
  DenseMap<Operation *, SmallVector<Value>> registers;
  DenseMap<Operation *, Value> operands;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORSCALARS_H
