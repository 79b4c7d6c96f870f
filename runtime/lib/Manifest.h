//===- Manifest.h - Reads the manifest of a bundle --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_MANIFEST_H
#define MQA_RUNTIME_LIB_MANIFEST_H

#include "Bundle.h"

#include <nlohmann/json.hpp>

#include <limits>

namespace mqa::runtime {

using nlohmann::json;

/// Reads fields of JSON objects; remembers the first that is not as it must be.
class Reader {
public:
  std::string error;

  const json &array(const json &parent, const char *key) {
    static const json empty = json::array();
    const json *value = find(parent, key);
    if (value && value->is_array())
      return *value;
    note(key, "an array");
    return empty;
  }
  std::string string(const json &parent, const char *key) {
    const json *value = find(parent, key);
    if (value && value->is_string())
      return value->get<std::string>();
    note(key, "a string");
    return {};
  }
  bool boolean(const json &parent, const char *key) {
    const json *value = find(parent, key);
    if (value && value->is_boolean())
      return value->get<bool>();
    note(key, "true or false");
    return false;
  }
  int64_t integer(const json &parent, const char *key, int64_t min,
                  int64_t max = std::numeric_limits<int32_t>::max()) {
    const json *value = find(parent, key);
    if (value)
      return toInteger(*value, key, min, max);
    note(key, "an integer");
    return min;
  }
  int64_t toInteger(const json &value, const char *key, int64_t min,
                    int64_t max) {
    if (value.is_number_integer() && value >= min && value <= max)
      return value.get<int64_t>();
    note(key, "an integer from " + std::to_string(min) + " to " +
                  std::to_string(max));
    return min;
  }
  void note(const char *key, const std::string &expected) {
    if (error.empty())
      error = std::string("manifest field '") + key + "' must be " + expected;
  }

private:
  static const json *find(const json &parent, const char *key) {
    if (!parent.is_object())
      return nullptr;
    auto it = parent.find(key);
    return it == parent.end() ? nullptr : &*it;
  }
};

/// Target and kernels; what is wrong is in the reader.
void readManifest(Reader &reader, const json &manifest, Bundle &bundle);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_MANIFEST_H
