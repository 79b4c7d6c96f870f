//===- ListSelection.h - Selection from lists -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_LISTSELECTION_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_LISTSELECTION_H

#include "FusedSelection.h"

namespace mlir {
namespace mqa {

/// Each block of the grid has a list of candidates for each row of a query
/// block. Consumers append what they compute and may be among the best
/// (mqa.filtered_rows). When a list gets full, they all meet and cut it, and
/// again behind the last tile of a query block. Where several blocks of the
/// grid share a query block, the last one takes the candidates of the others.
class ListSelection final : public FusedSelection {
public:
  ListSelection(TopkOp op, Value scratch, const TilePlan &plan,
                int64_t blockRows);

  KernelAttr describe(KernelAttr attr) const override {
    return attr.withListPlaces(places);
  }
  void allocate(OpBuilder &b, Value numBlocks) override;
  Value open(OpBuilder &b, const QueryBlock &block, MemRefType type) override;
  /// Lists that get full are cut.
  void beginTile(OpBuilder &b, const QueryBlock &block, Value key) override;
  void close(OpBuilder &b, const QueryBlock &block) override;

private:
  /// A row of the query block, and its list.
  struct Row {
    /// In the query block.
    Value number;
    Value logits, keys;
    /// Its range.
    Value start, end, length, isLong;
  };
  /// The last place of a list tells other blocks of the grid how many there
  /// are.
  static constexpr int64_t kReservedPlaces = 1;
  /// A cut may keep so many candidates too many, if that saves a search step.
  static constexpr int64_t kSlack = 128;
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  Value getListOf(DeviceBuilder &b, Value block, Value area, Value row);
  Value getCountWord(DeviceBuilder &b, Value list) {
    return b.add(list, b.index(places - 1));
  }
  std::pair<Value, Value> getSharers(DeviceBuilder &b, const QueryBlock &block);
  std::pair<Value, Value> getViews(DeviceBuilder &b, Value first);
  Row getRow(DeviceBuilder &b, const QueryBlock &block, Value number);
  void cut(DeviceBuilder &b, const QueryBlock &block, int64_t above,
           int64_t slack, bool ascend);
  void publishCounts(DeviceBuilder &b, const QueryBlock &block);
  void forRows(DeviceBuilder &b, const QueryBlock &block,
               function_ref<void(Value)> body);
  Value take(DeviceBuilder &b, const QueryBlock &block, Value other);
  void takeOthers(DeviceBuilder &b, const QueryBlock &block);
  Value dropNaN(DeviceBuilder &b, const Row &row, Value count);
  void sort(DeviceBuilder &b, const Row &row, Value count);
  std::pair<Value, Value> read(DeviceBuilder &b, const Row &row, Value place);
  void finish(DeviceBuilder &b, const QueryBlock &block, Value number);

  int64_t margin, places, limit;
  /// Where the lists begin, and that of the query block's first row.
  Value lists, first;
  /// Shared by the threads: of each row its candidates, its threshold, and how
  /// many of another list were taken; when to meet.
  Value counts, thresholds, taken, meeting;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_LISTSELECTION_H
