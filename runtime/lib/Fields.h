//===- Fields.h - Takes a manifest apart, field by field --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_FIELDS_H
#define MQA_RUNTIME_LIB_FIELDS_H

#include "Bundle.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace mqa::runtime {

/// A manifest's text as values. Throws InvalidBundle where it is not JSON, is
/// nested too deeply, or has a key twice in one object.
nlohmann::json parseManifestText(const char *begin, const char *end);

/// One object of the manifest. Each getter checks a field and throws
/// InvalidBundle if it is not as it must be, so that nobody reads on.
class Fields {
public:
  using Json = nlohmann::json;
  /// `path` is what messages call the object; "" is the manifest itself.
  Fields(const Json &object, std::string path);

  bool has(const char *key) const { return object->contains(key); }
  bool boolean(const char *key);
  int64_t integer(const char *key, int64_t min, int64_t max);
  /// One line of at most 1024 bytes.
  std::string text(const char *key);
  /// Likewise, and not empty.
  std::string name(const char *key);
  std::vector<uint32_t> integers(const char *key, int64_t min, int64_t max);
  std::vector<std::string> names(const char *key);
  std::vector<Fields> objects(const char *key);

  template <typename T> struct Choice {
    const char *name;
    T value;
  };
  /// A name out of a list.
  template <typename T, size_t N>
  T choice(const char *key, const Choice<T> (&choices)[N]) {
    std::string found = text(key), expected;
    for (size_t i = 0; i < N; ++i) {
      if (found == choices[i].name)
        return choices[i].value;
      expected += (i == 0      ? "'"
                   : i + 1 < N ? ", '"
                               : " or '") +
                  std::string(choices[i].name) + "'";
    }
    refuse(key, expected);
  }

  /// Reports a field, and what it holds.
  [[noreturn]] void refuse(const char *key, const std::string &expected) const;
  /// Refuses a field that nobody asked for: it could change what all others
  /// mean.
  void finish() const;

private:
  const Json &take(const char *key);
  const Json &array(const char *key);
  std::string toText(const Json &value, const char *key, bool mayBeEmpty) const;
  int64_t toInteger(const Json &value, const char *key, int64_t min,
                    int64_t max) const;
  [[noreturn]] void refuse(const char *key, const std::string &expected,
                           const Json &found) const;
  std::string getPath(std::string_view key) const;

  const Json *object;
  std::string path;
  std::vector<std::string_view> taken;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_FIELDS_H
