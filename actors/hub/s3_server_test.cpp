// Against a store that is not ours: tests/clients/s3_server.py starts one, fills it and says in the environment where it is. Without
// that there is nothing to do here.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "actors/hub/servers_test.hpp"
#include "events/base/sha256.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

S3 store(const std::string& prefix) {
  return {variable("LUTHIER_S3_ENDPOINT"), variable("LUTHIER_S3_REGION"), "luthier-data", prefix,
          variable("LUTHIER_S3_KEY"),      variable("LUTHIER_S3_SECRET"), "s3v4"};
}

bool is_absent() { return variable("LUTHIER_S3_ENDPOINT").empty(); }

}  // namespace

TEST_CASE("a real store is listed over several pages, and its objects arrive as they were put there", "[s3-server]") {
  if (is_absent()) return;
  const TemporaryDirectory directory;
  const auto many = list(store("many"), quick());
  REQUIRE(many);
  CHECK(many->files.size() == 2'345);
  const auto listing = list(store("files"), quick());
  REQUIRE(listing);
  REQUIRE(listing->files.size() == 5);
  for (const auto& file : listing->files) {
    INFO(file.path);
    const auto digest = fetch(store("files"), *listing, file, directory / file.path, quick());
    REQUIRE(digest);
    // The store's owner has put each object's digest beside it.
    const auto sums = list(store("sums"), quick());
    REQUIRE(sums);
    CHECK(std::any_of(sums->files.begin(), sums->files.end(), [&](const RemoteFile& sum) { return sum.path == *digest; }));
  }
  CHECK(contains(listing->files[3].etag, "-2\""));  // an upload in two parts
  CHECK(*read_range(store("files"), *listing, listing->files[3], 5 << 20, 4, quick()) == "bbbb");
}

TEST_CASE("a real store's refusals are understood", "[s3-server]") {
  if (is_absent()) return;
  auto source = store("files");
  source.bucket = "luthier-nothing";
  const auto missing = list(source, quick());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().field == "bucket");
  const auto listing = list(store("files"), quick());
  REQUIRE(listing);
  const TemporaryDirectory directory;
  auto file = listing->files[0];
  file.etag = "\"" + std::string(32, 'a') + "\"";
  const auto changed = fetch(store("files"), *listing, file, directory / "x", quick());
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == ErrorCode::conflict);
  file.path = "gone";
  file.etag.clear();
  CHECK(fetch(store("files"), *listing, file, directory / "x", quick()).error().field == "path");
}

TEST_CASE("a real store checks our signatures", "[s3-server]") {
  if (is_absent() || variable("LUTHIER_S3_CHECKS_KEYS").empty()) return;
  CHECK(list(store("files"), quick()));
  auto source = store("files");
  source.secret_access_key += "x";
  const auto wrong_secret = list(source, quick());
  REQUIRE_FALSE(wrong_secret);
  CHECK(wrong_secret.error().field == "secret_access_key_secret.value");
  source = store("files");
  source.access_key_id = "AKIAOFNOBODYATALL000";
  const auto wrong_key = list(source, quick());
  REQUIRE_FALSE(wrong_key);
  CHECK(wrong_key.error().field == "access_key_id_secret.value");
}
