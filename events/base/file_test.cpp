#include "events/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "events/base/temporary_directory.hpp"

namespace luthier {
namespace {

std::size_t entries(const std::filesystem::path& directory) {
  const auto all = std::filesystem::directory_iterator(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("what is written durably is read back, and replaces what was there") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "a.txt";
  REQUIRE(write_file_durably(path, "first"));
  REQUIRE(write_file_durably(path, std::string_view("second\0!", 8), 0600));
  CHECK(*read_text(path, 100) == std::string("second\0!", 8));
  CHECK(read_file(path, 8)->size() == 8);
  CHECK(entries(directory.path()) == 1);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a file that is not committed leaves the old content and no trace") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "a.txt";
  REQUIRE(write_file_durably(path, "old"));
  {
    auto file = DurableFile::create(path);
    REQUIRE(file);
    REQUIRE(file->write(std::as_bytes(std::span("new"))));
    DurableFile moved = std::move(*file);
    CHECK(entries(directory.path()) == 2);
  }
  CHECK(entries(directory.path()) == 1);
  CHECK(*read_text(path, 100) == "old");
}

TEST_CASE("a file is refused with a code that fits and its name") {
  TemporaryDirectory directory;
  const auto absent = read_text(directory.path() / "absent", 100);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == ErrorCode::not_found);
  CHECK(absent.error().message == (directory.path() / "absent").string() + ": No such file or directory");

  REQUIRE(write_file_durably(directory.path() / "long", std::string(1000, 'x')));
  CHECK(read_text(directory.path() / "long", 999).error().code == ErrorCode::limit);
  CHECK(read_text(directory.path() / "long", 1000)->size() == 1000);

  CHECK(read_text(directory.path(), 100).error().code == ErrorCode::invalid);
  REQUIRE(::mkfifo((directory.path() / "pipe").c_str(), 0600) == 0);
  CHECK(read_text(directory.path() / "pipe", 100).error().code == ErrorCode::invalid);
  CHECK(write_file_durably(directory.path() / "no" / "where", "x").error().code == ErrorCode::not_found);
}

TEST_CASE("a file that says it is empty is read to its end all the same") {
  CHECK(read_text("/proc/self/status", 1 << 20)->find("VmRSS") != std::string::npos);
}

}  // namespace luthier
