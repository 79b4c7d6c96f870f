//===- CompilerAPI.cpp - The compiler's C API -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler.h"

#include "mqa/Compiler/Cache.h"
#include "mqa/Compiler/Compile.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/HostPrograms.h"
#include "mqa/InitAll.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::mqa;

struct mqa_compilation {
  std::string bundle, host, boundHost, diagnostics;
  bool succeeded = false, cached = false;
};

int mqa_compiler_api_version(void) { return MQA_COMPILER_API_VERSION; }

const char *mqa_compiler_version(void) { return MQA_VERSION; }

/// A line of its own: "error: ..." of the input as a whole.
static mqa_compilation *refuse(mqa_compilation *result, const Twine &message) {
  result->diagnostics += ("error: " + message + "\n").str();
  return result;
}

static void printDiagnostic(llvm::raw_ostream &os,
                            const Diagnostic &diagnostic) {
  if (auto at = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    os << at.getLine() << ":" << at.getColumn() << ": ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    os << "note: ";
    break;
  }
  os << diagnostic << "\n";
}

/// Calls `use` with the module in `text`; diagnostics go to `os`.
template <typename Use>
static auto useModule(StringRef text, llvm::raw_ostream &os, Use use)
    -> decltype(use(ModuleOp())) {
  DialectRegistry registry;
  registerAllDialects(registry);
  // The caller has threads of its own.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  // The whole module behind one line of an error helps nobody.
  context.printOpOnDiagnostic(false);
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    printDiagnostic(os, diagnostic);
    return success();
  });
  ParserConfig config(&context);
  if (failed(checkNesting(&context, text)))
    return failure();
  auto module = parseSourceString<ModuleOp>(text, config, "input");
  if (!module)
    return failure();
  return use(*module);
}

static void compile(StringRef text, const mqa_compile_options *given,
                    mqa_compilation &result) {
  CompileOptions options;
  if (given && given->target)
    options.target = given->target;
  if (given && given->schedule)
    options.schedule = given->schedule;
  llvm::raw_string_ostream diagnostics(result.diagnostics);
  auto compileText = [&](const CompileOptions &options) {
    return useModule(text, diagnostics, [&](ModuleOp module) {
      return compileToText(module, options);
    });
  };
  FailureOr<CachedText> compiled = failure();
  if (given && given->cache) {
    auto warn = [&](const Twine &message) {
      diagnostics << "warning: " << message << "\n";
    };
    compiled = compileWithCache(given->cache, text, options, compileText, warn);
  } else if (FailureOr<CompiledText> fresh = compileText(options);
             succeeded(fresh)) {
    compiled = CachedText{std::move(*fresh), /*fromCache=*/false};
  }
  if (failed(compiled))
    return;
  result.bundle = std::move(compiled->output);
  result.host = std::move(compiled->host);
  result.succeeded = true;
  result.cached = compiled->fromCache;
}

mqa_compilation *mqa_compile_text(const char *text, size_t size,
                                  const mqa_compile_options *options) {
  auto *result = new (std::nothrow) mqa_compilation;
  if (!result)
    return nullptr;
  if (!text)
    return refuse(result, "text is null");
  // The lexer looks for the 0 behind the text.
  std::string copy(text, size);
  compile(copy, options, *result);
  return result;
}

//===----------------------------------------------------------------------===//
// Descriptions
//===----------------------------------------------------------------------===//

/// `type`, or the default for null; empty if it is not among `allowed`, the
/// first of which is the default.
static StringRef chooseType(const char *type, ArrayRef<StringRef> allowed) {
  if (!type)
    return allowed.front();
  return llvm::is_contained(allowed, type) ? StringRef(type) : StringRef();
}

/// Writes the op; an empty string and a diagnostic where it cannot be.
static std::string writeOp(const mqa_logits_description &op,
                           mqa_compilation &result) {
  StringRef input =
      chooseType(op.input_type, {"f8E4M3FN", "f8E5M2", "bf16", "f16"});
  StringRef weights = chooseType(op.weights_type, {"f32", "bf16", "none"});
  StringRef out = chooseType(op.out_type, {"f32", "bf16", "f16"});
  if (input.empty() || weights.empty() || out.empty()) {
    refuse(&result, Twine(input.empty()     ? "input_type"
                          : weights.empty() ? "weights_type"
                                            : "out_type") +
                        " is not a type that mqa.logits takes there");
    return {};
  }
  if (op.activation && !mlir::mqa::symbolizeActivation(op.activation)) {
    refuse(&result, "activation is none that mqa.logits has, found '" +
                        Twine(op.activation) + "'");
    return {};
  }
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
    if (value < 0) {
      refuse(&result,
             Twine(name) + " must not be negative, found " + Twine(value));
      return {};
    }
  auto size = [](int64_t value) {
    return value ? std::to_string(value) : std::string("?");
  };
  std::string m = size(op.num_queries), n = size(op.num_keys);
  std::string heads = std::to_string(op.num_heads);
  std::string headDim = std::to_string(op.head_dim);
  // The verifier says what block_max and key_block_size may be.
  int64_t blocks =
      llvm::divideCeil(op.num_keys, std::max<int64_t>(op.block_max, 1));
  std::string columns =
      size(op.key_block_size ? op.max_key_blocks * op.key_block_size
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

mqa_compilation *mqa_compile_logits(const mqa_logits_description *description,
                                    const mqa_compile_options *options) {
  auto *result = new (std::nothrow) mqa_compilation;
  if (!result)
    return nullptr;
  if (!description)
    return refuse(result, "description is null");
  std::string text = writeOp(*description, *result);
  if (!text.empty())
    compile(text, options, *result);
  return result;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

int mqa_compilation_succeeded(const mqa_compilation *result) {
  return result && result->succeeded;
}

int mqa_compilation_was_cached(const mqa_compilation *result) {
  return result && result->cached;
}

const void *mqa_compilation_bundle(const mqa_compilation *result,
                                   size_t *size) {
  bool exists = mqa_compilation_succeeded(result);
  if (size)
    *size = exists ? result->bundle.size() : 0;
  return exists ? result->bundle.data() : nullptr;
}

/// `text` and its size; null and 0 if it is empty.
static const char *getText(const std::string &text, size_t *size) {
  if (size)
    *size = text.size();
  return text.empty() ? nullptr : text.c_str();
}

const char *mqa_compilation_host(const mqa_compilation *result, size_t *size) {
  static const std::string none;
  return getText(result ? result->host : none, size);
}

const char *mqa_compilation_bound_host(mqa_compilation *result, size_t *size) {
  if (!result)
    return mqa_compilation_host(result, size);
  if (result->boundHost.empty() && !result->host.empty()) {
    llvm::raw_string_ostream diagnostics(result->diagnostics);
    llvm::raw_string_ostream text(result->boundHost);
    (void)useModule(result->host, diagnostics, [&](ModuleOp host) {
      LogicalResult bound = bindKernels(host, result->bundle);
      if (succeeded(bound)) {
        host.print(text);
        text << "\n";
      }
      return bound;
    });
  }
  return getText(result->boundHost, size);
}

const char *mqa_compilation_diagnostics(const mqa_compilation *result) {
  return result ? result->diagnostics.c_str() : "error: out of memory\n";
}

void mqa_compilation_destroy(mqa_compilation *result) { delete result; }
