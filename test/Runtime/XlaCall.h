//===- XlaCall.h - Custom calls made by hand --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_XLACALL_H
#define MQA_TEST_RUNTIME_XLACALL_H

#include "XlaInterface.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace mqa::runtime::xla {
/// As XLA makes them.
struct Error {
  std::string message;
  int code;
};
struct ExecutionContext {
  void *stream = nullptr;
  bool hasStream = true;
};
} // namespace mqa::runtime::xla

namespace mqa::test {

namespace xla = mqa::runtime::xla;

/// What XLA gives a handler: buffers, attributes, and its own functions.
class XlaCall {
public:
  explicit XlaCall(const std::string &op) {
    api.header.size = sizeof(api);
    api.version = {{sizeof(xla::Version), nullptr}, 0, 7};
    api.createError = [](xla::ErrorCreateArgs *args) {
      return new xla::Error{args->message, args->code};
    };
    api.destroyError = [](xla::ErrorDestroyArgs *args) { delete args->error; };
    api.getStream = [](xla::StreamGetArgs *args) -> xla::Error * {
      if (!args->context->hasStream)
        return new xla::Error{"no stream", xla::kInternal};
      args->stream = args->context->stream;
      return nullptr;
    };
    setText("op", op);
  }

  void addOperand(xla::DataType type, void *data, std::vector<int64_t> dims) {
    add(operands, type, data, std::move(dims));
  }
  void addResult(xla::DataType type, void *data, std::vector<int64_t> dims) {
    add(results, type, data, std::move(dims));
  }
  void setText(const std::string &name, const std::string &text) {
    texts.push_back(text);
    values.push_back({texts.back().data(), texts.back().size()});
    addAttribute(name, xla::kString, &values.back());
  }
  void setInteger(const std::string &name, int64_t value) {
    integers.push_back(value);
    scalars.push_back({xla::DataType::S64, &integers.back()});
    addAttribute(name, xla::kScalar, &scalars.back());
  }
  xla::Buffer &getOperand(int i) {
    return *static_cast<xla::Buffer *>(operands[i]);
  }
  void dropOperand() { operands.pop_back(); }

  /// The handler's error and its code, or "" and 0.
  std::pair<std::string, int> run(void *(*handler)(void *),
                                  xla::Stage stage = xla::Stage::Execute) {
    std::vector<int> operandTypes(operands.size(), xla::kBuffer),
        resultTypes(results.size(), xla::kBuffer);
    auto count = [](const auto &list) {
      return static_cast<int64_t>(list.size());
    };
    xla::CallFrame frame{};
    frame.header.size = sizeof(frame);
    frame.api = &api;
    frame.context = &context;
    frame.stage = stage;
    frame.operands = {
        {}, count(operands), operandTypes.data(), operands.data()};
    frame.results = {{}, count(results), resultTypes.data(), results.data()};
    frame.attributes = {{},
                        count(attributes),
                        attributeTypes.data(),
                        attributeNames.data(),
                        attributes.data()};
    auto *error = static_cast<xla::Error *>(handler(&frame));
    if (!error)
      return {"", 0};
    std::pair<std::string, int> result{error->message, error->code};
    delete error;
    return result;
  }

  xla::Api api{};
  xla::ExecutionContext context;

private:
  void add(std::vector<void *> &list, xla::DataType type, void *data,
           std::vector<int64_t> dims) {
    shapes.push_back(std::move(dims));
    buffers.push_back({{sizeof(xla::Buffer), nullptr},
                       type,
                       data,
                       static_cast<int64_t>(shapes.back().size()),
                       shapes.back().data()});
    list.push_back(&buffers.back());
  }
  void addAttribute(const std::string &name, int type, void *value) {
    texts.push_back(name);
    names.push_back({texts.back().data(), texts.back().size()});
    attributeNames.push_back(&names.back());
    attributeTypes.push_back(type);
    attributes.push_back(value);
  }

  // What pointers lead to stays where it is.
  std::deque<std::vector<int64_t>> shapes;
  std::deque<xla::Buffer> buffers;
  std::deque<std::string> texts;
  std::deque<xla::Text> values, names;
  std::deque<int64_t> integers;
  std::deque<xla::Scalar> scalars;
  std::vector<void *> operands, results, attributes;
  std::vector<int> attributeTypes;
  std::vector<xla::Text *> attributeNames;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_XLACALL_H
