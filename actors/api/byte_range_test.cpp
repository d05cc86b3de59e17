#include "actors/api/byte_range.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace luthier::api {

TEST_CASE("a range is what it asks for, within the file") {
  CHECK(parse_range("bytes=0-0", 10) == ByteRange{0, 0});
  CHECK(parse_range("bytes=2-5", 10) == ByteRange{2, 5});
  CHECK(parse_range("bytes=7-", 10) == ByteRange{7, 9});
  CHECK(parse_range("bytes=-3", 10) == ByteRange{7, 9});
  CHECK(parse_range("bytes=-99", 10) == ByteRange{0, 9});
  CHECK(parse_range("bytes=0-9", 10)->length() == 10);
}

TEST_CASE("a range that cannot be answered is none") {
  for (const std::string header : {"bytes=0-10", "bytes=10-", "bytes=5-2", "rubbish", "bytes=a-b", "bytes=", "bytes=-", "bytes=-0", "bytes=1", "bytes=0-1,3-4",
                                   "items=0-1", "bytes=--5", "bytes=+1-2", "bytes= 0-1", "bytes=0-99999999999999999999"}) {
    INFO(header);
    CHECK_FALSE(parse_range(header, 10));
  }
  CHECK_FALSE(parse_range("bytes=0-", 0));
  CHECK_FALSE(parse_range("bytes=-5", 0));
}

TEST_CASE("a piece of an upload says where it belongs") {
  CHECK(parse_content_range("bytes 0-99/1000") == ContentRange{ByteRange{0, 99}, 1000});
  CHECK(parse_content_range("bytes */1000") == ContentRange{std::nullopt, 1000});
  for (const std::string header : {"bytes 0-99", "bytes 0-99/*", "bytes 0-1000/1000", "bytes 5-4/10", "bytes=0-1/10", "", "bytes -5/10", "bytes 0-0/0"}) {
    INFO(header);
    CHECK_FALSE(parse_content_range(header));
  }
}

}  // namespace luthier::api
