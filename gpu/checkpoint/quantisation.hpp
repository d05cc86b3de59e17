// How ggml stores the values of a tensor: blocks of a fixed number of values in a fixed number of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

struct GgmlFormat {
  std::uint32_t type;
  std::string_view name;        // as a Decoder's dtype says it, in upper case
  std::int64_t values_per_block;
  std::uint64_t bytes_per_block;
  StoredKind kind;              // under which a matrix of it may be kept
};

const GgmlFormat* find_format(std::uint32_t type);  // nullptr: not one that we read
const GgmlFormat* find_format(StoredKind kind);
std::string ggml_format_names();                    // of all that we read: "F32, F16 and BF16"
std::string ggml_type_name(std::uint32_t type);     // of any, for error messages

}  // namespace luthier::checkpoint
