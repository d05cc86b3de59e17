// Reads a JSON configuration member by member. The first mistake is kept with its path ("pre_tokenizer.pretokenizers[1].type")
// and everything after it reads as empty, so that a reader of a file checks for an error once, at its end.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::text {

class ConfigReader {
 public:
  // `failure` outlives the reader and all that are made from it.
  ConfigReader(const nlohmann::json& value, std::string path, std::optional<Error>& failure)
      : value_(&value), path_(std::move(path)), failure_(&failure) {}

  bool is_null() const;
  bool is_text() const;
  bool is_object() const;
  bool is_list() const;
  bool has(std::string_view name) const;  // and it is not null

  ConfigReader operator[](std::string_view name) const;  // null when it is not there
  ConfigReader operator[](std::size_t index) const;
  std::size_t size() const;  // of a list; a mistake when it is none

  std::string as_text() const;
  std::int64_t as_integer() const;
  std::string text(std::string_view name) const { return (*this)[name].as_text(); }
  std::string text(std::string_view name, std::string_view otherwise) const;
  bool flag(std::string_view name, bool otherwise) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;

  void fail(std::string_view why) const;
  void fail(const Error& error) const { fail(error.message); }
  bool failed() const { return failure_->has_value(); }
  const nlohmann::json& json() const { return *value_; }
  const std::string& path() const { return path_; }

 private:
  const nlohmann::json* value_;
  std::string path_;
  std::optional<Error>* failure_;
};

}  // namespace luthier::text
