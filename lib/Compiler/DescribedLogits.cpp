//===- DescribedLogits.cpp - The text of an op that C describes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DescribedLogits.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::mqa;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(message);
}

/// `type`, or the default for null; empty if it is not among `allowed`, the
/// first of which is the default.
static StringRef chooseType(const char *type, ArrayRef<StringRef> allowed) {
  if (!type)
    return allowed.front();
  return llvm::is_contained(allowed, type) ? StringRef(type) : StringRef();
}

llvm::Expected<std::string>
mqa::writeDescribedLogits(const mqa_logits_description &op) {
  StringRef input =
      chooseType(op.input_type, {"f8E4M3FN", "f8E5M2", "bf16", "f16"});
  StringRef weights = chooseType(op.weights_type, {"f32", "bf16", "none"});
  StringRef out = chooseType(op.out_type, {"f32", "bf16", "f16"});
  if (input.empty() || weights.empty() || out.empty())
    return makeError(Twine(input.empty()     ? "input_type"
                           : weights.empty() ? "weights_type"
                                             : "out_type") +
                     " is not a type that mqa.logits takes there");
  if (op.activation && !mlir::mqa::symbolizeActivation(op.activation))
    return makeError("activation is none that mqa.logits has, found '" +
                     Twine(op.activation) + "'");
  for (auto [name, value] :
       {std::pair<const char *, int64_t>{"num_queries", op.num_queries},
        {"num_keys", op.num_keys},
        {"num_groups", op.num_groups},
        {"max_seqlen_k", op.max_seqlen_k},
        {"block_max", op.block_max},
        {"key_block_size", op.key_block_size},
        {"max_key_blocks", op.max_key_blocks},
        {"num_heads", op.num_heads},
        {"head_dim", op.head_dim}})
    if (value < 0)
      return makeError(Twine(name) + " must not be negative, found " +
                       Twine(value));
  if (op.max_key_blocks && !op.key_block_size)
    return makeError("max_key_blocks is of queries that have blocks of keys, "
                     "but key_block_size is 0");
  if (op.max_seqlen_k && !op.compressed)
    return makeError("max_seqlen_k is of compressed logits, but compressed is "
                     "0");
  std::optional<int64_t> keysOfBlocks =
      llvm::checkedMul(op.max_key_blocks, op.key_block_size);
  if (!keysOfBlocks)
    return makeError("max_key_blocks times key_block_size must fit 64 bits, "
                     "found " +
                     Twine(op.max_key_blocks) + " times " +
                     Twine(op.key_block_size));
  auto size = [](int64_t value) {
    return value ? std::to_string(value) : std::string("?");
  };
  std::string m = size(op.num_queries), n = size(op.num_keys);
  std::string heads = std::to_string(op.num_heads);
  std::string headDim = std::to_string(op.head_dim);
  // The verifier says what block_max and key_block_size may be.
  int64_t blocks =
      llvm::divideCeil(op.num_keys, std::max<int64_t>(op.block_max, 1));
  std::string columns = size(op.key_block_size ? *keysOfBlocks
                             : op.compressed   ? op.max_seqlen_k
                                               : blocks);
  std::string groups =
      op.num_groups ? "x" + std::to_string(op.num_groups) : std::string();
  auto tensor = [](const Twine &shape, StringRef type) {
    return ("tensor<" + shape + "x" + type + ">").str();
  };
  // Names and types, the type empty for what is left out.
  std::pair<StringRef, std::string> operands[] = {
      {"%q", tensor(m + "x" + heads + "x" + headDim, input)},
      {"%k", tensor(n + groups + "x" + headDim, input)},
      {"%k_scale", op.no_k_scale ? "" : tensor(n + groups, "f32")},
      {"%weights", weights == "none" ? "" : tensor(m + "x" + heads, weights)},
      {"%ks", tensor(m, "i32")},
      {"%ke", tensor(m, "i32")},
  };
  std::string outType = tensor(m + "x" + columns, out);
  SmallVector<std::string> arguments, inputs, types, attributes;
  for (auto &[name, type] : operands) {
    inputs.push_back(type.empty() ? "none" : name.str());
    if (type.empty())
      continue;
    arguments.push_back((name + ": " + type).str());
    types.push_back(type);
  }
  std::string keyBlocks;
  if (op.key_block_size) {
    std::string type = tensor(m + "x" + size(op.max_key_blocks), "i32");
    arguments.push_back("%key_blocks: " + type);
    arguments.push_back("%num_key_blocks: " + tensor(m, "i32"));
    keyBlocks = "    blocks(%key_blocks, %num_key_blocks : " + type + ", " +
                tensor(m, "i32") + ") of " + std::to_string(op.key_block_size) +
                "\n";
  }
  arguments.push_back("%out: " + outType);
  if (op.activation)
    attributes.push_back("activation = #mqa.activation<" +
                         std::string(op.activation) + ">");
  if (op.clean)
    attributes.push_back("clean");
  if (op.compressed)
    attributes.push_back("compressed");
  if (op.block_max)
    attributes.push_back("block_max = " + std::to_string(op.block_max) +
                         " : i64");
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "func.func @\"";
  llvm::printEscapedString(op.name ? op.name : "logits", os);
  os << "\"(" << llvm::join(arguments, ", ") << ") -> " << outType << " {\n"
     << "  %0 = mqa.logits ins(" << llvm::join(inputs, ", ") << " : "
     << llvm::join(types, ", ") << ")\n"
     << keyBlocks << "    outs(%out : " << outType << ") {"
     << llvm::join(attributes, ", ") << "} -> " << outType << "\n"
     << "  return %0 : " << outType << "\n}\n";
  return text;
}
