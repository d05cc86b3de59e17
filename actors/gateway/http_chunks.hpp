// The chunked transfer coding, read and written by Boost.Beast.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::gateway {

class ChunkReader {
 public:
  struct Step {
    std::size_t used = 0;   // of the input; what is left of it must come again, with more behind it
    std::size_t given = 0;  // bytes of the body
    bool is_complete = false;
  };

  explicit ChunkReader(std::int64_t bytes_max);
  ~ChunkReader();

  // limit: the chunks announce more than `bytes_max`. invalid: this is not the coding.
  Result<Step> read(std::string_view input, char* to, std::size_t size);

 private:
  struct Parser;
  const std::int64_t bytes_max_;
  std::unique_ptr<Parser> parser_;
};

std::string chunk_begin(std::size_t bytes);  // then the bytes, then chunk_end
inline constexpr std::string_view chunk_end = "\r\n";
const std::string& last_chunk();

}  // namespace luthier::gateway
