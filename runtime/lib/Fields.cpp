//===- Fields.cpp - Takes a manifest apart, field by field ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fields.h"

#include <algorithm>

using namespace mqa::runtime;
using nlohmann::json;

/// A manifest has six levels.
static constexpr size_t kMaxDepth = 16;
static constexpr size_t kMaxTextBytes = 1024;

namespace {
/// What becomes values without a word, but must not: of a key that comes twice,
/// readers of JSON take the one or the other.
class TextChecker final : public nlohmann::json_sax<json> {
public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t &key) override {
    std::vector<std::string> &seen = keys.back();
    if (std::find(seen.begin(), seen.end(), key) != seen.end())
      throw InvalidBundle{"the manifest has the field '" +
                          key.substr(0, kMaxTextBytes) +
                          "' twice in one object"};
    if (seen.size() == kMaxKeys)
      throw InvalidBundle{"the manifest has an object of more than " +
                          std::to_string(kMaxKeys) + " fields"};
    seen.push_back(key);
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const json::exception &) override {
    throw InvalidBundle{"the manifest is not JSON at its byte " +
                        std::to_string(position)};
  }

private:
  /// Three times what a kernel has.
  static constexpr size_t kMaxKeys = 100;
  bool open() {
    if (keys.size() == kMaxDepth)
      throw InvalidBundle{"the manifest is nested more than " +
                          std::to_string(kMaxDepth) + " deep"};
    keys.emplace_back();
    return true;
  }
  bool close() {
    keys.pop_back();
    return true;
  }
  /// Of each open object or array.
  std::vector<std::vector<std::string>> keys;
};
} // namespace

json mqa::runtime::parseManifestText(const char *begin, const char *end) {
  // The parser would take it for the end, and leave what is behind it unread.
  if (const char *null = std::find(begin, end, '\0'); null != end)
    throw InvalidBundle{"the manifest is not JSON at its byte " +
                        std::to_string(null - begin + 1)};
  TextChecker checker;
  json::sax_parse(begin, end, &checker);
  return json::parse(begin, end);
}

Fields::Fields(const Json &object, std::string path)
    : object(&object), path(std::move(path)) {
  if (!object.is_object())
    throw InvalidBundle{this->path.empty() ? "the manifest is not a JSON object"
                                           : "manifest field '" + this->path +
                                                 "' must be an object"};
}

std::string Fields::getPath(std::string_view key) const {
  return (path.empty() ? path : path + ".") + std::string(key);
}

void Fields::refuse(const char *key, const std::string &expected,
                    const Json &found) const {
  std::string text = found.dump(-1, ' ', /*ensure_ascii=*/true,
                                json::error_handler_t::replace);
  constexpr size_t kMax = 60;
  if (text.size() > kMax)
    text = text.substr(0, kMax) + "...";
  throw InvalidBundle{"manifest field '" + getPath(key) + "' must be " +
                      expected + ", found " + text};
}

void Fields::refuse(const char *key, const std::string &expected) const {
  auto found = object->find(key);
  if (found != object->end())
    refuse(key, expected, *found);
  throw InvalidBundle{"manifest field '" + getPath(key) + "' must be " +
                      expected + ", found none"};
}

const json &Fields::take(const char *key) {
  auto found = object->find(key);
  if (found == object->end())
    throw InvalidBundle{"manifest field '" + getPath(key) + "' is missing"};
  taken.push_back(key);
  return *found;
}

void Fields::finish() const {
  for (const auto &field : object->items())
    if (std::find(taken.begin(), taken.end(), field.key()) == taken.end())
      throw InvalidBundle{
          "manifest field '" + getPath(field.key().substr(0, kMaxTextBytes)) +
          "' is none of version " + std::to_string(kBundleVersion)};
}

bool Fields::boolean(const char *key) {
  const json &value = take(key);
  if (!value.is_boolean())
    refuse(key, "true or false", value);
  return value.get<bool>();
}

int64_t Fields::toInteger(const Json &value, const char *key, int64_t min,
                          int64_t max) const {
  // What is above 2^63 would be negative as a signed number.
  bool fits = value.is_number_unsigned()
                  ? value.get<uint64_t>() <= static_cast<uint64_t>(max) &&
                        value.get<int64_t>() >= min
                  : value.is_number_integer() && value.get<int64_t>() >= min &&
                        value.get<int64_t>() <= max;
  if (!fits)
    refuse(key,
           "an integer from " + std::to_string(min) + " to " +
               std::to_string(max),
           value);
  return value.get<int64_t>();
}

int64_t Fields::integer(const char *key, int64_t min, int64_t max) {
  return toInteger(take(key), key, min, max);
}

std::string Fields::toText(const Json &value, const char *key,
                           bool mayBeEmpty) const {
  auto isControl = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const std::string *text = value.get_ptr<const std::string *>();
  if (!text || text->size() > kMaxTextBytes || (text->empty() && !mayBeEmpty) ||
      std::any_of(text->begin(), text->end(), isControl))
    refuse(key,
           std::string("a string of ") + (mayBeEmpty ? "0" : "1") + " to " +
               std::to_string(kMaxTextBytes) +
               " bytes without control characters",
           value);
  return *text;
}

std::string Fields::text(const char *key) {
  return toText(take(key), key, /*mayBeEmpty=*/true);
}

std::string Fields::name(const char *key) {
  return toText(take(key), key, /*mayBeEmpty=*/false);
}

const json &Fields::array(const char *key) {
  const json &value = take(key);
  if (!value.is_array())
    refuse(key, "an array", value);
  return value;
}

std::vector<uint32_t> Fields::integers(const char *key, int64_t min,
                                       int64_t max) {
  std::vector<uint32_t> values;
  for (const json &value : array(key))
    values.push_back(static_cast<uint32_t>(toInteger(value, key, min, max)));
  return values;
}

std::vector<std::string> Fields::names(const char *key) {
  std::vector<std::string> values;
  for (const json &value : array(key))
    values.push_back(toText(value, key, /*mayBeEmpty=*/false));
  return values;
}

std::vector<Fields> Fields::objects(const char *key) {
  std::vector<Fields> values;
  for (const json &value : array(key))
    values.emplace_back(value, getPath(key) + "[" +
                                   std::to_string(values.size()) + "]");
  return values;
}
