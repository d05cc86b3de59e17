#include "actors/api/jobs_archive.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::api {

TEST_CASE("an archive has the length that was said, and tar unpacks it") {
  const TemporaryDirectory directory;
  const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'f') + ".txt";
  std::string large(200'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 251);
  const std::vector<std::pair<std::string, std::string>> contents{{"many/a.txt", "a"}, {"many/empty", ""}, {"many/" + deep, "deep"}, {"many/large", large}};
  std::vector<ArchiveFile> files;
  for (const auto& [path, content] : contents) files.push_back({path, static_cast<std::int64_t>(content.size())});
  std::string written;
  ArchiveWriter writer(files, [&](std::string_view bytes) {
    written += bytes;
    return true;
  });
  for (std::size_t i = 0; i < files.size(); ++i) {
    REQUIRE(writer.begin(files[i]));
    for (std::size_t at = 0; at < contents[i].second.size(); at += 30'001)
      REQUIRE(writer.write(std::string_view(contents[i].second).substr(at, 30'001)));
  }
  REQUIRE(writer.end());
  CHECK(static_cast<std::int64_t>(written.size()) == archive_length(files));

  std::ofstream(directory / "a.tar.gz", std::ios::binary) << written;
  REQUIRE(std::system(("tar -xzf " + (directory / "a.tar.gz").string() + " -C " + directory.path().string()).c_str()) == 0);
  for (const auto& [path, content] : contents) CHECK(read_text(directory / path, 1 << 20).operator*() == content);
}

TEST_CASE("an archive stops when nobody listens any more") {
  const std::vector<ArchiveFile> files{{"a", 3}};
  ArchiveWriter writer(files, [](std::string_view) { return false; });
  CHECK_FALSE(writer.begin(files[0]));
}

}  // namespace luthier::api
