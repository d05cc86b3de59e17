// The headers Range ("bytes=0-99") and Content-Range ("bytes 0-99/1000"), as far as the contract has them: one range, in bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace luthier::api {

struct ByteRange {
  std::int64_t first = 0, last = 0;  // both are in it
  std::int64_t length() const { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

// Of a file with so many bytes. Nothing: it is not such a header, or it asks for what is not there. An end past the last byte is that,
// too; a suffix that is longer than the file is the whole file.
std::optional<ByteRange> parse_range(std::string_view header, std::int64_t size);

struct ContentRange {
  std::optional<ByteRange> range;  // without: "bytes */1000", a question
  std::int64_t total = 0;
  bool operator==(const ContentRange&) const = default;
};
std::optional<ContentRange> parse_content_range(std::string_view header);

}  // namespace luthier::api
