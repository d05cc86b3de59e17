#include "events/base/result.hpp"

#include <array>

namespace luthier {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 11> spellings{{
    {ErrorCode::invalid, "invalid"},
    {ErrorCode::not_found, "not_found"},
    {ErrorCode::forbidden, "forbidden"},
    {ErrorCode::conflict, "conflict"},
    {ErrorCode::limit, "limit"},
    {ErrorCode::out_of_memory, "out_of_memory"},
    {ErrorCode::unavailable, "unavailable"},
    {ErrorCode::cancelled, "cancelled"},
    {ErrorCode::corrupt, "corrupt"},
    {ErrorCode::io, "io"},
    {ErrorCode::internal, "internal"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [value, text] : spellings)
    if (value == code) return text;
  return "internal";
}

std::optional<ErrorCode> parse_error_code(std::string_view text) {
  for (const auto& [value, spelling] : spellings)
    if (spelling == text) return value;
  return std::nullopt;
}

Error with_context(Error error, std::string_view doing) {
  error.message = std::string(doing) + ": " + error.message;
  return error;
}

}  // namespace luthier
