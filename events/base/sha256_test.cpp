#include "events/base/sha256.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "events/base/file.hpp"

namespace luthier {

// The values of FIPS 180-2, appendix B.
TEST_CASE("SHA-256 gives the published digests") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a digest of pieces is the digest of the whole, and may be asked for on the way") {
  Sha256 sum;
  sum.update("ab");
  CHECK(sum.hex() == sha256_hex("ab"));
  sum.update("c");
  CHECK(sum.hex() == sha256_hex("abc"));
}

TEST_CASE("a file's digest is that of its bytes") {
  const auto path = std::filesystem::temp_directory_path() / ("luthier-sha256-" + std::to_string(::getpid()));
  const std::string text(3'000'001, 'q');
  REQUIRE(write_file_durably(path, text));
  CHECK(*sha256_file(path) == sha256_hex(text));
  std::filesystem::remove(path);
  CHECK(sha256_file(path).error().code == ErrorCode::not_found);
  CHECK(sha256_file("/tmp").error().code == ErrorCode::invalid);
}

}  // namespace luthier
