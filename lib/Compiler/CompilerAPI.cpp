//===- CompilerAPI.cpp - The compiler's C API -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DescribedLogits.h"

#include "mqa/Compiler/Cache.h"
#include "mqa/Compiler/Compile.h"
#include "mqa/Dialect/MQA/Transforms/HostPrograms.h"
#include "mqa/InitAll.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::mqa;

struct mqa_compilation {
  std::string bundle, host, diagnostics;
  bool succeeded = false, cached = false;
  /// Made when they are asked for. All diagnostics are the compilation's and
  /// those of that; what was returned before stays where it is.
  bool triedToBind = false;
  std::string boundHost, allDiagnostics;
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

template <typename DescriptionT>
static mqa_compilation *compileDescribed(const DescriptionT *description,
                                         const mqa_compile_options *options) {
  auto *result = new (std::nothrow) mqa_compilation;
  if (!result)
    return nullptr;
  if (!description)
    return refuse(result, "description is null");
  llvm::Expected<std::string> text = writeDescribedLogits(*description);
  if (!text)
    return refuse(result, llvm::toString(text.takeError()));
  compile(*text, options, *result);
  return result;
}

mqa_compilation *mqa_compile_logits(const mqa_logits_description *description,
                                    const mqa_compile_options *options) {
  return compileDescribed(description, options);
}

mqa_compilation *
mqa_compile_paged_logits(const mqa_paged_logits_description *description,
                         const mqa_compile_options *options) {
  return compileDescribed(description, options);
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
  if (!result->triedToBind && !result->host.empty()) {
    result->triedToBind = true;
    std::string words;
    llvm::raw_string_ostream diagnostics(words);
    llvm::raw_string_ostream text(result->boundHost);
    (void)useModule(result->host, diagnostics, [&](ModuleOp host) {
      if (failed(bindKernels(host, result->bundle)) || failed(verify(host)))
        return failure();
      host.print(text);
      text << "\n";
      return success();
    });
    if (!words.empty())
      result->allDiagnostics = result->diagnostics + words;
  }
  return getText(result->boundHost, size);
}

const char *mqa_compilation_diagnostics(const mqa_compilation *result) {
  if (!result)
    return "error: out of memory\n";
  return result->allDiagnostics.empty() ? result->diagnostics.c_str()
                                        : result->allDiagnostics.c_str();
}

void mqa_compilation_destroy(mqa_compilation *result) { delete result; }
