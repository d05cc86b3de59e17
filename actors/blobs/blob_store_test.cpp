#include "actors/blobs/blob_store.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>

#include "actors/blobs/blob_reader.hpp"
#include "actors/blobs/blob_writer.hpp"
#include "actors/blobs/chunk_list.hpp"
#include "actors/blobs/digest.hpp"
#include "events/base/sha256.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::blobs;
namespace fs = std::filesystem;

namespace {

struct Place {
  BlobStore store() const { return *BlobStore::open(path / "blobs"); }
  TemporaryDirectory held;
  const fs::path& path = held.path();
};

std::function<Result<std::size_t>(char*, std::size_t)> reader(const std::string& bytes) {
  return [&bytes, at = std::size_t{0}](char* buffer, std::size_t size) mutable -> Result<std::size_t> {
    const auto count = std::min(size, bytes.size() - at);
    std::memcpy(buffer, bytes.data() + at, count);
    at += count;
    return count;
  };
}

Result<Blob> put(const BlobStore& store, const std::string& bytes, const std::string& expected = {}) {
  return store.put(reader(bytes), expected, 1 << 30);
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return bytes;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_over(const fs::path& file, std::size_t offset, const std::string& bytes) {
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out << bytes;
}

std::size_t files_below(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) count += entry.is_regular_file();
  return count;
}

}  // namespace

TEST_CASE("a blob is found and read under its digest") {
  const Place place;
  const auto store = place.store();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{chunk_bytes}, std::size_t{chunk_bytes + 1},
                                 std::size_t{2 * chunk_bytes + 77}}) {
    const auto bytes = pattern(size);
    const auto blob = put(store, bytes);
    REQUIRE(blob);
    CHECK(blob->digest == sha256_hex(bytes));
    CHECK(blob->size == static_cast<std::int64_t>(size));
    CHECK((*store.find(blob->digest))->size == blob->size);
    CHECK(*store.read(blob->digest, 0, size + 100) == bytes);
    if (size > 10) CHECK(*store.read(blob->digest, static_cast<std::int64_t>(size) - 5, 5) == bytes.substr(size - 5));
    if (size > chunk_bytes)
      CHECK(*store.read(blob->digest, chunk_bytes - 3, 6) == bytes.substr(chunk_bytes - 3, 6));
    CHECK(store.verify(blob->digest));
    CHECK_FALSE(store.read(blob->digest, static_cast<std::int64_t>(size) + 1, 1));
    CHECK_FALSE(store.read(blob->digest, -1, 1));
  }
}

TEST_CASE("what is not a digest names no blob and no file") {
  const Place place;
  const auto store = place.store();
  const std::vector<std::string> digests{"", "ab", "../../../../etc/passwd", std::string(64, 'g'), std::string(64, 'A'), std::string(65, '0')};
  for (const auto& digest : digests) {
    CHECK(store.find(digest).error().code == ErrorCode::invalid);
    CHECK_FALSE(fs::exists(store.path_of(digest)));
    CHECK_FALSE(store.read(digest, 0, 1));
  }
  CHECK_FALSE(*store.find(std::string(64, '0')));
  CHECK(store.read(std::string(64, '0'), 0, 1).error().code == ErrorCode::not_found);
}

TEST_CASE("bytes of another digest are refused and leave nothing behind") {
  const Place place;
  const auto store = place.store();
  const auto refused = put(store, "other bytes", sha256_hex("these bytes"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid);
  CHECK(put(store, "bytes", "not a digest").error().code == ErrorCode::invalid);
  CHECK(files_below(place.path) == 0);
  CHECK(put(store, "these bytes", sha256_hex("these bytes")));
}

TEST_CASE("a file that is too long, or whose reading fails, leaves nothing behind") {
  const Place place;
  const auto store = place.store();
  const std::string bytes(1000, 'x');
  CHECK(store.put(reader(bytes), {}, 999).error().code == ErrorCode::limit);
  CHECK(store.put(reader(bytes), {}, 1000));
  int calls = 0;
  const auto failed = store.put(
      [&](char*, std::size_t) -> Result<std::size_t> {
        if (++calls == 3) return Error{ErrorCode::io, "the network is gone", {}};
        return std::size_t{7};
      },
      {}, 1 << 20);
  CHECK(failed.error().message == "the network is gone");
  CHECK(files_below(place.path / "blobs" / "incoming") == 0);
  CHECK(files_below(place.path) == 1);
}

TEST_CASE("a writer that was killed leaves nothing that can be seen, and its rest is removed") {
  const Place place;
  const auto bytes = pattern(3 << 20);
  const pid_t writer = fork();
  if (writer == 0) {
    const auto store = place.store();
    std::size_t at = 0;
    (void)store.put(
        [&](char* buffer, std::size_t size) -> Result<std::size_t> {
          if (at == bytes.size()) kill(getpid(), SIGKILL);  // all is written, nothing is published
          const auto count = std::min(size, bytes.size() - at);
          std::memcpy(buffer, bytes.data() + at, count);
          at += count;
          return count;
        },
        {}, 1 << 30);
    _exit(0);
  }
  int status = 0;
  waitpid(writer, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(files_below(place.path / "blobs" / "incoming") == 1);
  const auto store = place.store();
  CHECK_FALSE(*store.find(sha256_hex(bytes)));
  CHECK(files_below(place.path) == 0);
}

TEST_CASE("what another process is writing is not taken for abandoned") {
  const Place place;
  const auto store = place.store();
  int calls = 0;
  const auto blob = store.put(
      [&](char* buffer, std::size_t) -> Result<std::size_t> {
        if (++calls > 2) return std::size_t{0};
        buffer[0] = 'x';
        (void)place.store();  // opened again in the middle
        return std::size_t{1};
      },
      {}, 100);
  REQUIRE(blob);
  CHECK(*store.read(blob->digest, 0, 10) == "xx");
}

TEST_CASE("a list of chunks without its blob is no blob") {
  const Place place;
  const auto store = place.store();
  const auto blob = *put(store, "bytes");
  fs::remove(store.path_of(blob.digest));
  CHECK_FALSE(*store.find(blob.digest));
  CHECK(put(store, "bytes"));
  CHECK(store.verify(blob.digest));
}

TEST_CASE("a flipped bit is found where it is read, and its chunk is named") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(2 * chunk_bytes + 1000);
  const auto blob = *put(store, bytes);
  const std::size_t at = chunk_bytes + 12345;
  write_over(store.path_of(blob.digest), at, std::string(1, static_cast<char>(bytes[at] ^ 1)));

  CHECK(*store.read(blob.digest, 0, 100) == bytes.substr(0, 100));
  CHECK(*store.read(blob.digest, 2 * chunk_bytes, 1000) == bytes.substr(2 * chunk_bytes));
  const auto damaged = store.read(blob.digest, chunk_bytes, 1);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == ErrorCode::corrupt);
  CHECK(damaged.error().message.find("chunk 1") != std::string::npos);
  CHECK(store.verify(blob.digest).error().message.find("chunk 1") != std::string::npos);

  REQUIRE(put(store, bytes));  // storing it again mends it
  CHECK(store.verify(blob.digest));
}

TEST_CASE("a blob of one chunk needs no list, and damage is found in it all the same") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(chunk_bytes);
  const auto blob = *put(store, bytes);
  CHECK(files_below(place.path) == 1);
  write_over(store.path_of(blob.digest), 5, "damage");
  CHECK(store.read(blob.digest, 100, 1).error().message.find("chunk 0") != std::string::npos);
}

TEST_CASE("a blob is written and read in pieces of any length") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(2 * chunk_bytes + 77);
  auto writer = *store.writer();
  for (std::size_t at = 0, size = 1; at < bytes.size(); at += size, size = size * 3 + 1) REQUIRE(writer.write(std::string_view(bytes).substr(at, size)));
  CHECK(writer.size() == static_cast<std::int64_t>(bytes.size()));
  const auto blob = *writer.finish();
  CHECK(blob.digest == sha256_hex(bytes));
  auto reading = *store.reader(blob.digest);
  CHECK(reading.size() == blob.size);
  std::string all;
  while (true) {
    const auto piece = reading.read(static_cast<std::int64_t>(all.size()), 1'000'000);
    REQUIRE(piece);
    if (piece->empty()) break;
    all += *piece;
  }
  CHECK(all == bytes);
  CHECK(*reading.read(5, 3) == bytes.substr(5, 3));
  CHECK_FALSE(reading.read(blob.size + 1, 1));
  CHECK_FALSE(store.reader(std::string(64, '0')));
}

TEST_CASE("damage is found that comes after a chunk was verified") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(chunk_bytes);
  const auto blob = *put(store, bytes);
  auto reading = *store.reader(blob.digest);
  CHECK(*reading.read(0, 10) == bytes.substr(0, 10));
  write_over(store.path_of(blob.digest), 3'000'000, "damage");
  CHECK(*reading.read(1'000'000, 10) == bytes.substr(1'000'000, 10));
  CHECK(reading.read(3'000'000, 10).error().code == ErrorCode::corrupt);
}

TEST_CASE("a blob that is given up leaves nothing behind") {
  const Place place;
  const auto store = place.store();
  {
    auto writer = *store.writer();
    REQUIRE(writer.write("half"));
    CHECK(files_below(place.path) == 1);
  }
  CHECK(files_below(place.path) == 0);
}

TEST_CASE("a truncated blob is found") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(chunk_bytes + 1000);
  const auto blob = *put(store, bytes);
  fs::permissions(store.path_of(blob.digest), fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(store.path_of(blob.digest), chunk_bytes + 10);
  CHECK(store.read(blob.digest, chunk_bytes, 1000).error().code == ErrorCode::corrupt);
  CHECK(store.verify(blob.digest).error().code == ErrorCode::corrupt);
}

TEST_CASE("a lost or damaged list of chunks is made again from a good blob") {
  const Place place;
  const auto store = place.store();
  const auto bytes = pattern(chunk_bytes + 1000);
  const auto blob = *put(store, bytes);
  const fs::path list = store.path_of(blob.digest).string() + ".chunks";
  const auto good = text_of(list);
  SECTION("lost") { fs::remove(list); }
  SECTION("damaged") { write_over(list, 30, "zzzz"); }
  SECTION("of another blob") {
    const auto other = *put(store, pattern(chunk_bytes + 1000).replace(0, 1, "?"));  // of the same size
    fs::remove(list);
    fs::copy(store.path_of(other.digest).string() + ".chunks", list);
  }
  CHECK(*store.read(blob.digest, chunk_bytes, 1000) == bytes.substr(chunk_bytes));
  CHECK(text_of(list) == good);
}

TEST_CASE("a list of chunks is read as it was written, and hostile ones are refused") {
  const ChunkList chunks{sha256_hex("ab"), chunk_bytes + 1, {sha256_hex("a"), sha256_hex("b")}};
  const auto text = encode(chunks);
  CHECK(decode_chunks(text)->digests == chunks.digests);
  CHECK(decode_chunks(text)->size == chunks.size);
  const auto sealed = [](const std::string& lines) { return lines + sha256_hex(lines) + "\n"; };
  const auto head = "luthier chunks 1 " + sha256_hex("ab") + " ";
  for (const std::string& bad : {std::string(), std::string("x"), text.substr(1), text.substr(0, text.size() - 1), text + "\n",
                                sealed(head + "-5\n"), sealed(head + "99999999999999999999\n"),
                                sealed(head + "9223372036854775807\n"), sealed(head + "5\n"), sealed(head + "5\nnothing\n"),
                                sealed(head), sealed("luthier chunks 1 5\n"), sealed("luthier chunks 2" + head.substr(16) + "0\n")})
    CHECK_FALSE(decode_chunks(bad));
  CHECK(decode_chunks(sealed(head + "0\n")));
}

TEST_CASE("a file is copied in, never linked") {
  const Place place;
  const auto store = place.store();
  std::ofstream(place.path / "mine") << "first";
  const auto blob = store.put_file(place.path / "mine");
  REQUIRE(blob);
  std::ofstream(place.path / "mine") << "other";
  CHECK(*store.read(blob->digest, 0, 10) == "first");
  CHECK(store.put_file(place.path / "absent").error().code == ErrorCode::not_found);
  CHECK(store.put_file(place.path).error().code == ErrorCode::invalid);
  CHECK(store.put_file("/dev/zero").error().code == ErrorCode::invalid);
}

TEST_CASE("a fileset becomes a directory of exactly its files, linked to the blobs") {
  const Place place;
  const auto store = place.store();
  const auto one = *put(store, "one"), two = *put(store, "two");
  const auto directory = place.path / "filesets" / "default" / "smol";
  REQUIRE(store.materialise({{"config.json", one.digest, 3}, {"sub/dir/model.bin", two.digest, 3}, {"copy", one.digest, -1}}, directory));
  CHECK(text_of(directory / "config.json") == "one");
  CHECK(text_of(directory / "sub/dir/model.bin") == "two");
  CHECK(fs::hard_link_count(store.path_of(one.digest)) == 3);
  REQUIRE(store.materialise({{"sub", two.digest, 3}}, directory));
  CHECK(files_below(directory) == 1);
  CHECK(text_of(directory / "sub") == "two");
  CHECK(std::distance(fs::directory_iterator(directory.parent_path()), {}) == 1);  // nothing is left beside it
  REQUIRE(store.materialise({}, directory));
  CHECK(fs::is_empty(directory));
}

TEST_CASE("no path escapes from its directory") {
  const Place place;
  const auto store = place.store();
  const auto blob = *put(store, "x");
  const std::vector<std::string> paths{"", "/etc/x", "..", "../x", "a/../../x", "a/./b", "a//b", "a/", "./a", std::string("a\0b", 3),
                                       "a\nb", std::string(1025, 'a'), std::string(256, 'a')};
  for (const auto& path : paths) {
    INFO(path);
    CHECK(store.materialise({{path, blob.digest, 1}}, place.path / "out").error().code == ErrorCode::invalid);
  }
  CHECK_FALSE(fs::exists(place.path / "x"));
  CHECK_FALSE(fs::exists(place.path / "out"));
  CHECK(check_path("..a/b..c/...").operator bool());
}

TEST_CASE("a symbolic link that stands in the way is replaced, never followed") {
  const Place place;
  const auto store = place.store();
  const auto blob = *put(store, "mine");
  fs::create_directories(place.path / "elsewhere");
  std::ofstream(place.path / "elsewhere" / "file") << "precious";
  fs::create_directories(place.path / "out");
  fs::create_directory_symlink(place.path / "elsewhere", place.path / "out" / "sub");
  REQUIRE(store.materialise({{"sub/file", blob.digest, 4}}, place.path / "out"));
  CHECK(text_of(place.path / "out/sub/file") == "mine");
  CHECK(text_of(place.path / "elsewhere/file") == "precious");

  fs::create_directory_symlink(place.path / "elsewhere", place.path / "link");
  REQUIRE(store.materialise({{"file", blob.digest, 4}}, place.path / "link"));
  CHECK(text_of(place.path / "link/file") == "mine");
  CHECK(text_of(place.path / "elsewhere/file") == "precious");
}

TEST_CASE("a fileset with a missing blob, a wrong size or two files in one place is refused and changes nothing") {
  const Place place;
  const auto store = place.store();
  const auto blob = *put(store, "one");
  REQUIRE(store.materialise({{"a", blob.digest, 3}}, place.path / "out"));
  const auto missing = store.materialise({{"a", blob.digest, 3}, {"b", std::string(64, '0'), 1}}, place.path / "out");
  CHECK(missing.error().code == ErrorCode::not_found);
  CHECK(missing.error().message.find("b: ") == 0);
  CHECK(missing.error().message.find(std::string(64, '0')) != std::string::npos);
  CHECK(store.materialise({{"a", blob.digest, 4}}, place.path / "out").error().code == ErrorCode::corrupt);
  CHECK_FALSE(store.materialise({{"a", blob.digest, 3}, {"a/b", blob.digest, 3}}, place.path / "out"));
  CHECK_FALSE(store.materialise({{"a/b", blob.digest, 3}, {"a", blob.digest, 3}}, place.path / "out"));
  CHECK_FALSE(store.materialise({{"a", blob.digest, 3}, {"a", blob.digest, 3}}, place.path / "out"));
  CHECK(text_of(place.path / "out/a") == "one");
  CHECK(files_below(place.path / "out") == 1);
}
