//===- DescribedLogits.cpp - The text of an op that C describes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DescribedLogits.h"

#include "mqa/Dialect/MQA/IR/KeyBlocks.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::mqa;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(message);
}

//===----------------------------------------------------------------------===//
// What both descriptions have
//===----------------------------------------------------------------------===//

/// `type`, or the default for null; empty if it is not among `allowed`, the
/// first of which is the default.
static StringRef chooseType(const char *type, ArrayRef<StringRef> allowed) {
  if (!type)
    return allowed.front();
  return llvm::is_contained(allowed, type) ? StringRef(type) : StringRef();
}

namespace {
struct Types {
  StringRef input, weights, out;
};

/// An operand, without a type if it is left out.
using Described = std::pair<StringRef, std::string>;
} // namespace

/// The types of `op`, if nothing is wrong that the verifier cannot see. It says
/// what sizes may be.
template <typename DescriptionT>
static llvm::Expected<Types>
checkDescription(const DescriptionT &op, StringRef mnemonic,
                 ArrayRef<std::pair<StringRef, int64_t>> others) {
  Types types{chooseType(op.input_type, {"f8E4M3FN", "f8E5M2", "bf16", "f16"}),
              chooseType(op.weights_type, {"f32", "bf16", "none"}),
              chooseType(op.out_type, {"f32", "bf16", "f16"})};
  for (auto [name, type] : {std::pair("input_type", types.input),
                            std::pair("weights_type", types.weights),
                            std::pair("out_type", types.out)})
    if (type.empty())
      return makeError(Twine(name) + " is not a type that " + mnemonic +
                       " takes there");
  if (op.activation && !symbolizeActivation(op.activation))
    return makeError("activation is none that " + mnemonic + " has, found '" +
                     Twine(op.activation) + "'");
  if (op.head_reduction && !symbolizeHeadReduction(op.head_reduction))
    return makeError("head_reduction must be \"sum\" or \"max\", found \"" +
                     Twine(op.head_reduction) + "\"");
  for (auto [name, format] : {std::pair("mx_keys", op.mx_keys),
                              std::pair("mx_queries", op.mx_queries)})
    if (format && chooseType(format, {"MXFP4", "MXFP8"}).empty())
      return makeError(Twine(name) +
                       " must be \"MXFP4\" or \"MXFP8\", found \"" + format +
                       "\"");
  if (op.mx_keys && op.no_k_scale)
    return makeError("no_k_scale is of keys without block scales, but mx_keys "
                     "is \"" +
                     Twine(op.mx_keys) + "\"");
  if (op.mx_keys && op.mx_queries && op.input_type)
    return makeError("input_type is of queries or keys without block scales, "
                     "but there are both mx_keys and mx_queries, found \"" +
                     Twine(op.input_type) + "\"");
  SmallVector<std::pair<StringRef, int64_t>> numbers(others);
  numbers.append({{"block_max", op.block_max},
                  {"key_block_size", op.key_block_size},
                  {"max_key_blocks", op.max_key_blocks},
                  {"num_heads", op.num_heads},
                  {"head_dim", op.head_dim}});
  for (auto [name, value] : numbers)
    if (value < 0)
      return makeError(name + " must not be negative, found " + Twine(value));
  if (op.max_key_blocks && !op.key_block_size)
    return makeError("max_key_blocks is of queries that have key blocks, but "
                     "key_block_size is 0");
  if (!countKeyBlockColumns(op.max_key_blocks, op.key_block_size))
    return makeError("max_key_blocks times key_block_size must fit 64 bits, "
                     "found " +
                     Twine(op.max_key_blocks) + " times " +
                     Twine(op.key_block_size));
  return types;
}

/// A size that is 0 is given at launch.
static std::string writeSize(int64_t value) {
  return value ? std::to_string(value) : std::string("?");
}

static std::string makeTensor(ArrayRef<std::string> sizes, StringRef type) {
  return "tensor<" + llvm::join(sizes, "x") + "x" + type.str() + ">";
}

/// Columns of `out`: of key blocks, of maxima, or of `keys`.
template <typename DescriptionT>
static std::string countColumns(const DescriptionT &op, int64_t keys) {
  if (op.key_block_size)
    return writeSize(
        *countKeyBlockColumns(op.max_key_blocks, op.key_block_size));
  return writeSize(llvm::divideCeil(keys, std::max<int64_t>(op.block_max, 1)));
}

/// Vectors of the head dim, with block scales of `format` if it is not null and
/// else of `type`; `sizes` are the leading ones.
static std::string makeVectors(SmallVector<std::string> sizes, int64_t headDim,
                               const char *format, StringRef type) {
  bool isPacked = format && format == StringRef("MXFP4");
  sizes.push_back(std::to_string(isPacked ? headDim / 2 : headDim));
  return makeTensor(sizes, isPacked ? "i8" : format ? "f8E4M3FN" : type);
}

/// k and k_scale, whose leading sizes are `sizes`.
template <typename DescriptionT>
static std::array<Described, 2> describeKeys(const DescriptionT &op,
                                             StringRef input,
                                             ArrayRef<std::string> sizes) {
  return {Described{"k", makeVectors(SmallVector<std::string>(sizes),
                                     op.head_dim, op.mx_keys, input)},
          Described{"k_scale",
                    op.no_k_scale
                        ? ""
                        : makeTensor(sizes, op.mx_keys ? "i32" : "f32")}};
}

/// The function of the op: `inputs` are operands in a row, `clause`, the key
/// blocks and the block scales of queries stand behind them.
template <typename DescriptionT>
static std::string
writeFunction(const DescriptionT &op, StringRef mnemonic,
              ArrayRef<Described> inputs, const Described &clause,
              std::array<std::string, 2> outSizes, StringRef outType) {
  std::string out = makeTensor(outSizes, outType);
  SmallVector<std::string> arguments, names, types, attributes;
  auto addArgument = [&](StringRef name, StringRef type) {
    arguments.push_back(("%" + name + ": " + type).str());
  };
  for (auto &[name, type] : inputs) {
    names.push_back(type.empty() ? "none" : "%" + name.str());
    if (type.empty())
      continue;
    addArgument(name, type);
    types.push_back(type);
  }
  std::string clauses;
  llvm::raw_string_ostream clauseOs(clauses);
  auto addClause = [&](StringRef name, StringRef type) {
    addArgument(name, type);
    clauseOs << "    " << name << "(%" << name << " : " << type << ")\n";
  };
  if (auto &[name, type] = clause; !type.empty())
    addClause(name, type);
  if (op.key_block_size) {
    std::string lists = makeTensor({outSizes[0], writeSize(op.max_key_blocks)},
                                   "i32"),
                counts = makeTensor({outSizes[0]}, "i32");
    addArgument("key_blocks", lists);
    addArgument("num_key_blocks", counts);
    clauseOs << "    blocks(%key_blocks, %num_key_blocks : " << lists << ", "
             << counts << ") of " << op.key_block_size << "\n";
  }
  if (op.mx_queries)
    addClause("q_scale",
              makeTensor({outSizes[0], std::to_string(op.num_heads)}, "i32"));
  addArgument("out", out);
  if (op.activation)
    attributes.push_back("activation = #mqa.activation<" +
                         std::string(op.activation) + ">");
  if (op.head_reduction)
    attributes.push_back("head_reduction = #mqa.head_reduction<" +
                         std::string(op.head_reduction) + ">");
  if (op.clean)
    attributes.push_back("clean");
  if (op.block_max)
    attributes.push_back("block_max = " + std::to_string(op.block_max) +
                         " : i64");
  if constexpr (std::is_same_v<DescriptionT, mqa_logits_description>) {
    if (op.compressed)
      attributes.push_back("compressed");
  } else if (op.rows_per_sequence) {
    attributes.push_back("rows_per_sequence = " +
                         std::to_string(op.rows_per_sequence) + " : i64");
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "func.func @\"";
  llvm::printEscapedString(op.name ? op.name : mnemonic, os);
  os << "\"(" << llvm::join(arguments, ", ") << ") -> " << out << " {\n"
     << "  %0 = mqa." << mnemonic << " ins(" << llvm::join(names, ", ") << " : "
     << llvm::join(types, ", ") << ")\n"
     << clauses << "    outs(%out : " << out << ") {"
     << llvm::join(attributes, ", ") << "} -> " << out << "\n"
     << "  return %0 : " << out << "\n}\n";
  return text;
}

//===----------------------------------------------------------------------===//
// mqa.logits
//===----------------------------------------------------------------------===//

llvm::Expected<std::string>
mqa::writeDescribedLogits(const mqa_logits_description &op) {
  llvm::Expected<Types> types =
      checkDescription(op, "mqa.logits",
                       {{"num_queries", op.num_queries},
                        {"num_keys", op.num_keys},
                        {"num_groups", op.num_groups},
                        {"max_seqlen_k", op.max_seqlen_k}});
  if (!types)
    return types.takeError();
  if (op.max_seqlen_k && !op.compressed)
    return makeError("max_seqlen_k is of compressed logits, but compressed is "
                     "0");
  std::string m = writeSize(op.num_queries),
              heads = std::to_string(op.num_heads);
  SmallVector<std::string> keySizes{writeSize(op.num_keys)};
  if (op.num_groups)
    keySizes.push_back(std::to_string(op.num_groups));
  auto [k, kScale] = describeKeys(op, types->input, keySizes);
  bool hasWeights = types->weights != "none";
  Described operands[] = {
      {"q", makeVectors({m, heads}, op.head_dim, op.mx_queries, types->input)},
      k,
      kScale,
      {"weights", hasWeights ? makeTensor({m, heads}, types->weights) : ""},
      {"ks", makeTensor({m}, "i32")},
      {"ke", makeTensor({m}, "i32")},
  };
  std::string columns = op.compressed && !op.key_block_size
                            ? writeSize(op.max_seqlen_k)
                            : countColumns(op, op.num_keys);
  return writeFunction(op, "logits", operands, {}, {m, columns}, types->out);
}

//===----------------------------------------------------------------------===//
// mqa.paged_logits
//===----------------------------------------------------------------------===//

llvm::Expected<std::string>
mqa::writeDescribedLogits(const mqa_paged_logits_description &op) {
  llvm::Expected<Types> types =
      checkDescription(op, "mqa.paged_logits",
                       {{"next_n", op.next_n},
                        {"block_kv", op.block_kv},
                        {"batch", op.batch},
                        {"num_rows", op.num_rows},
                        {"num_blocks", op.num_blocks},
                        {"max_blocks", op.max_blocks},
                        {"max_context_len", op.max_context_len},
                        {"rows_per_sequence", op.rows_per_sequence}});
  if (!types)
    return types.takeError();
  if (op.has_sequence && (op.next_n > 1 || op.lens_per_query))
    return makeError(Twine(op.next_n > 1 ? "next_n" : "lens_per_query") +
                     " is of queries in the order of their sequences, but "
                     "has_sequence is 1");
  if (op.num_rows && !op.has_sequence)
    return makeError("num_rows is of rows that name their sequences, but "
                     "has_sequence is 0");
  if (op.max_context_len && op.key_block_size)
    return makeError("max_context_len is of logits of all keys, but "
                     "key_block_size is " +
                     Twine(op.key_block_size));
  int64_t nextN = std::max<int64_t>(op.next_n, 1);
  std::optional<int64_t> numRows = op.num_rows;
  if (!op.has_sequence)
    numRows = llvm::checkedMul(op.batch, nextN);
  if (!numRows)
    return makeError("batch times next_n must fit 64 bits, found " +
                     Twine(op.batch) + " times " + Twine(nextN));
  std::string b = writeSize(op.batch), rows = writeSize(*numRows),
              t = std::to_string(nextN), heads = std::to_string(op.num_heads);
  auto [k, kScale] =
      describeKeys(op, types->input,
                   {writeSize(op.num_blocks), std::to_string(op.block_kv)});
  bool hasWeights = types->weights != "none";
  SmallVector<std::string> queries{b, t, heads}, lengths{b};
  if (op.has_sequence) {
    queries = {rows, heads};
    lengths = {rows};
  } else if (op.lens_per_query) {
    lengths.push_back(t);
  }
  Described operands[] = {
      {"q", makeVectors(queries, op.head_dim, op.mx_queries, types->input)},
      k,
      kScale,
      {"weights", hasWeights ? makeTensor({rows, heads}, types->weights) : ""},
      {"context_lens", makeTensor(lengths, "i32")},
      {"block_table", makeTensor({b, writeSize(op.max_blocks)}, "i32")},
  };
  Described sequence("sequence",
                     op.has_sequence ? makeTensor({rows}, "i32") : "");
  return writeFunction(op, "paged_logits", operands, sequence,
                       {rows, countColumns(op, op.max_context_len)},
                       types->out);
}
