// JSON that somebody else wrote: bounded in length and depth, with errors that name the file, the line and the member.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

constexpr std::size_t config_bytes_max = std::size_t{16} << 20;

// `name` is what an error calls it. The text must be one JSON object.
Result<nlohmann::json> parse_object(std::string_view text, const std::string& name);
Result<nlohmann::json> read_object(const std::filesystem::path& path, std::size_t bytes_max = config_bytes_max);
Result<nlohmann::json> read_array(const std::filesystem::path& path, std::size_t bytes_max = config_bytes_max);

// Reads the members of one object and keeps the first error, so that a caller asks once at the end. A member that is
// null counts as one that is missing. An optional `otherwise` makes a member optional.
class Members {
 public:
  // `place` is put in front of every error: "config.json", "config.json: rope_scaling".
  Members(const nlohmann::json& object, std::string place) : object_(object), place_(std::move(place)) {}

  bool has(const std::string& key) const;
  bool is_null(const std::string& key) const;  // it is there, and null
  const nlohmann::json* find(const std::string& key) const;  // nullptr: missing or null

  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t> otherwise = {});
  double number(const std::string& key, double least, double most, std::optional<double> otherwise = {});
  bool boolean(const std::string& key, std::optional<bool> otherwise = {});
  std::string text(const std::string& key, std::optional<std::string> otherwise = {});
  std::vector<double> numbers(const std::string& key, std::size_t count);
  // One integer or a list of them.
  std::vector<std::int64_t> integers(const std::string& key, std::int64_t least, std::int64_t most);
  std::vector<std::string> texts(const std::string& key);

  void refuse(const std::string& key, const std::string& why);
  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  const std::string& place() const { return place_; }

 private:
  const nlohmann::json* wanted(const std::string& key, bool is_optional);
  std::int64_t integer_of(const nlohmann::json& value, const std::string& key, std::int64_t least, std::int64_t most);

  const nlohmann::json& object_;
  std::string place_;
  std::optional<Error> error_;
};

}  // namespace luthier::checkpoint
