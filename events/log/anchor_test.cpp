#include "events/log/anchor.hpp"

#include <catch2/catch.hpp>

#include <fstream>

#include "events/base/file.hpp"
#include "events/log/log_fixture.hpp"
#include "events/log/rocks_log.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;

namespace {

AnchorMark mark(Position position) { return {"0123456789abcdef0123456789abcdef", position, Hash(64, 'a')}; }

void overwrite(const std::filesystem::path& file, std::size_t offset, const std::string& bytes) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out << bytes;
  REQUIRE(out.flush());
}

}  // namespace

TEST_CASE("an anchor gives its last mark, also when opened again") {
  const LogDirectory directory;
  const auto file = directory.path() / "anchor";
  CHECK_FALSE(*read_anchor_file(file));
  {
    const auto anchor = FileAnchor::open(file);
    REQUIRE(anchor);
    CHECK_FALSE(*(*anchor)->read());
    for (Position position = 1; position <= 5; ++position) {
      REQUIRE((*anchor)->write(mark(position)));
      CHECK(*(*anchor)->read() == mark(position));
      CHECK(*read_anchor_file(file) == mark(position));  // another process sees it without a sync
    }
    REQUIRE((*anchor)->sync());
  }
  const auto again = FileAnchor::open(file);
  CHECK(*(*again)->read() == mark(5));
  REQUIRE((*again)->write(mark(6)));
  CHECK(*(*again)->read() == mark(6));
}

TEST_CASE("a torn or damaged mark leaves the one before it") {
  const LogDirectory directory;
  const auto file = directory.path() / "anchor";
  for (std::size_t torn = 0; torn < 200; torn += 3) {
    std::filesystem::remove(file);
    {
      const auto anchor = FileAnchor::open(file);
      for (Position position = 1; position <= 4; ++position) REQUIRE((*anchor)->write(mark(position)));
    }
    const auto line_bytes = read_text(file, 1 << 20)->find('\n');  // the fourth mark is in the first slot
    overwrite(file, torn, "#");
    const auto anchor = FileAnchor::open(file);
    INFO("byte " << torn);
    const auto read = (*anchor)->read();
    REQUIRE(read);
    REQUIRE(*read);
    CHECK(**read == mark(torn <= line_bytes ? 3 : 4));
    REQUIRE((*anchor)->write(mark(5)));
    CHECK(*(*anchor)->read() == mark(5));
  }
}

TEST_CASE("an anchor of nonsense is no mark") {
  const LogDirectory directory;
  const auto file = directory.path() / "anchor";
  for (const auto& bytes : {std::string("x"), std::string(20'000, 'x'), std::string(8192, '\0'), std::string(5000, ' ')}) {
    std::ofstream(file, std::ios::binary) << bytes;
    const auto read = read_anchor_file(file);
    REQUIRE(read);
    CHECK_FALSE(*read);
  }
}

TEST_CASE("a lost anchor is made again with a warning, and then guards again") {
  const LogDirectory directory;
  RocksLogOptions options;
  options.directory = directory.path() / "log";
  options.anchor_file = directory.path() / "anchor";
  std::vector<std::string> warnings;
  options.on_warning = [&](const std::string& warning) { warnings.push_back(warning); };
  for (int round = 0; round < 3; ++round) {
    auto log = RocksLog::open(options);
    REQUIRE(log);
    REQUIRE(append_alone(**log, append_one(std::to_string(round), "a", round)));
    CHECK(warnings.size() == static_cast<std::size_t>(round));
    log->reset();
    if (round == 0) std::filesystem::remove(options.anchor_file);
    else std::ofstream(options.anchor_file) << "garbage";
  }
  CHECK(warnings[0].find("the high-water mark was missing or unreadable; it is made again at position 1") != std::string::npos);

  REQUIRE(RocksLog::open(options));
  std::filesystem::remove_all(options.directory);
  const auto log = RocksLog::open(options);
  REQUIRE_FALSE(log);
  CHECK(log.error().code == ErrorCode::corrupt);
  CHECK(log.error().message.find("the log ends at position 0, but position 3 was acknowledged") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(options.directory));  // and nothing was made that looks like a log
}
