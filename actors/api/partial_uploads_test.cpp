#include "actors/api/partial_uploads.hpp"

#include <catch2/catch.hpp>

#include "events/base/temporary_directory.hpp"

namespace luthier::api {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  Result<TemporaryDirectory> directory = TemporaryDirectory::make(std::filesystem::temp_directory_path());
  Result<blobs::BlobStore> store = blobs::BlobStore::open(directory->path());
  PartialUploads::Time now{1h};

  std::unique_ptr<PartialUpload> upload(const std::string& bytes, std::int64_t total) {
    auto made = std::make_unique<PartialUpload>(PartialUpload{std::move(*store->writer()), total});
    REQUIRE(made->writer.write(bytes));
    return made;
  }
  std::size_t files() const {
    std::filesystem::directory_iterator begin(directory->path() / "incoming"), end;
    return static_cast<std::size_t>(std::distance(begin, end));
  }
};

const PartialUploads::Key key{"ada", "fileset-1", "a.bin"};

}  // namespace

TEST_CASE("what has arrived of an upload is there for the next request") {
  Fixture f;
  PartialUploads uploads;
  CHECK(uploads.received(key, 10, f.now) == 0);
  REQUIRE(*uploads.take(key, 10, f.now) == nullptr);
  uploads.put_back(key, f.upload("abc", 10), f.now);
  CHECK(uploads.received(key, 10, f.now) == 3);
  CHECK(uploads.received({"eve", "fileset-1", "a.bin"}, 10, f.now) == 0);
  CHECK(uploads.received(key, 11, f.now) == 0);
  auto taken = uploads.take(key, 10, f.now);
  REQUIRE(taken);
  REQUIRE((*taken)->writer.write("defghij"));
  const auto blob = (*taken)->writer.finish();
  CHECK(blob->size == 10);
  uploads.put_back(key, nullptr, f.now);
  CHECK(uploads.received(key, 10, f.now) == 0);
}

TEST_CASE("two requests do not write one upload at once") {
  Fixture f;
  PartialUploads uploads;
  REQUIRE(uploads.take(key, 10, f.now));
  CHECK(uploads.take(key, 10, f.now).error().code == ErrorCode::conflict);
  uploads.put_back(key, nullptr, f.now);
  CHECK(uploads.take(key, 10, f.now));
}

TEST_CASE("an upload of another length begins anew, and leaves no file behind") {
  Fixture f;
  PartialUploads uploads;
  REQUIRE(uploads.take(key, 10, f.now));
  uploads.put_back(key, f.upload("abc", 10), f.now);
  CHECK(f.files() == 1);
  CHECK(*uploads.take(key, 11, f.now) == nullptr);
  CHECK(f.files() == 0);
}

TEST_CASE("uploads that nobody goes on with are dropped") {
  Fixture f;
  PartialUploads uploads({.uploads_max = 2, .idle_max = 2h});
  for (const char* path : {"a", "b", "c"}) {
    REQUIRE(uploads.take({"ada", "f", path}, 10, f.now));
    uploads.put_back({"ada", "f", path}, f.upload("abc", 10), f.now += 1min);
  }
  CHECK(uploads.received({"ada", "f", "a"}, 10, f.now) == 0);  // one too many: the oldest went
  CHECK(uploads.received({"ada", "f", "b"}, 10, f.now) == 3);
  CHECK(f.files() == 2);
  CHECK(uploads.received({"ada", "f", "c"}, 10, f.now + 3h) == 0);
  CHECK(f.files() == 0);
}

}  // namespace luthier::api
