//===- ShardingInterfaceImpl.h - Sharding of mqa ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_SHARDINGINTERFACEIMPL_H
#define MQA_DIALECT_MQA_TRANSFORMS_SHARDINGINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace mqa {
/// Lets `--sharding-propagation` and `--shard-partition` handle `mqa.logits`,
/// `mqa.paged_logits`, `mqa.topk` and `mqa.merge_topk`.
void registerShardingInterfaceExternalModels(DialectRegistry &registry);
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_SHARDINGINTERFACEIMPL_H
