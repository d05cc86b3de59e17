#include "actors/node/fileset_links.hpp"

#include <fstream>

#include "events/base/temporary_directory.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::node {
namespace {

using namespace events;
namespace fs = std::filesystem;

// The read models as they are now, of a log in memory.
class PresentReadModels final : public projections::ReadModels {
 public:
  explicit PresentReadModels(const projections::StoryLog& told) : told_(told) {}
  Position position() const override { return told_.log.head().position; }
  Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace, const std::string& name) const override {
    return now()->get(entity, workspace, name);
  }
  Result<projections::Page> list(const std::string& entity, const std::string& workspace, const std::string& after, std::size_t limit) const override {
    return now()->list(entity, workspace, after, limit);
  }

 private:
  std::unique_ptr<projections::ReadModels> now() const { return std::move(*projections::read_models_at(told_.log, position())); }
  const projections::StoryLog& told_;
};

struct Fixture {
  TemporaryDirectory directory;
  blobs::BlobStore store = *blobs::BlobStore::open(directory / "blobs");
  projections::StoryLog told;
  PresentReadModels models{told};
  std::vector<std::string> warnings;
  std::unique_ptr<FilesetLinks> links;
  Position heard = 0;

  Fixture() { told.must("default", CreateWorkspace{}, "system"); }

  void open() { links = std::make_unique<FilesetLinks>(store, models, directory / "filesets", [&](std::string text) { warnings.push_back(std::move(text)); }); }
  // What the projector does.
  void tell() {
    const auto records = *told.log.read(heard + 1, 1000);
    const auto facts = projections::facts_of(records);
    links->changed(facts);
    heard += static_cast<Position>(records.size());
  }
  PutFile put(const std::string& path, const std::string& content) {
    bool is_read = false;
    const auto blob = store.put([&](char* to, std::size_t) -> Result<std::size_t> {
      if (std::exchange(is_read, true)) return std::size_t{0};
      std::copy(content.begin(), content.end(), to);
      return content.size();
    }, "", 1 << 20);
    return {path, blob->digest, blob->size};
  }
  std::string content(const std::string& path) const {
    std::ifstream file(directory / "filesets" / path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool is_there(const std::string& path) const { return fs::exists(directory / "filesets" / path); }
};

}  // namespace

TEST_CASE("a file of a fileset is a hard link to its blob as soon as it was put") {
  Fixture f;
  f.open();
  f.told.must("rows", CreateFileset{});
  f.tell();
  CHECK(f.is_there("default/rows"));
  f.told.must("rows", f.put("a/b.txt", "one"));
  f.tell();
  CHECK(f.content("default/rows/a/b.txt") == "one");
  CHECK(fs::hard_link_count(f.directory / "filesets/default/rows/a/b.txt") == 2);
  f.told.must("rows", f.put("a/b.txt", "two"));
  f.told.must("rows", f.put("c.txt", "two"));
  f.tell();
  CHECK(f.content("default/rows/a/b.txt") == "two");
  CHECK(fs::hard_link_count(f.directory / "filesets/default/rows/c.txt") == 3);
  f.told.must("rows", DeleteFile{"a/b.txt"});
  f.tell();
  CHECK_FALSE(f.is_there("default/rows/a"));
  CHECK(f.content("default/rows/c.txt") == "two");
  f.told.must("rows", f.put("a", "a file now"));
  f.tell();
  CHECK(f.content("default/rows/a") == "a file now");
  f.told.must("rows", DeleteFileset{});
  f.tell();
  CHECK_FALSE(f.is_there("default/rows"));
  CHECK(f.warnings.empty());
}

TEST_CASE("a fileset that is made again under its name has only its own files") {
  Fixture f;
  f.open();
  f.told.must("rows", CreateFileset{});
  f.told.must("rows", f.put("old.txt", "old"));
  f.told.must("rows", DeleteFileset{});
  f.told.must("rows", CreateFileset{});
  f.told.must("rows", f.put("new.txt", "new"));
  f.tell();  // all at once: the read models are ahead of what is told
  CHECK_FALSE(f.is_there("default/rows/old.txt"));
  CHECK(f.content("default/rows/new.txt") == "new");
  f.links->wait();
  CHECK(fs::is_empty(f.directory / "filesets/.gone"));
}

TEST_CASE("what was missed or spoilt while nobody looked is put right at the start") {
  Fixture f;
  f.told.must("rows", CreateFileset{});
  f.told.must("rows", f.put("a/b.txt", "one"));
  f.told.must("rows", f.put("kept.txt", "kept"));
  fs::create_directories(f.directory / "filesets/default/rows");
  fs::create_directories(f.directory / "filesets/default/gone");
  fs::create_directories(f.directory / "filesets/nowhere/rows");
  std::ofstream(f.directory / "filesets/default/rows/a") << "a file where a directory is needed";
  std::ofstream(f.directory / "filesets/default/rows/kept.txt") << "other bytes";
  std::ofstream(f.directory / "filesets/default/rows/stray.txt") << "of nobody";
  fs::create_symlink("/etc", f.directory / "filesets/default/rows/etc");
  f.open();
  f.heard = f.told.log.head().position;
  f.links->start();
  f.links->wait();
  CHECK(f.content("default/rows/a/b.txt") == "one");
  CHECK(f.content("default/rows/kept.txt") == "kept");
  CHECK_FALSE(f.is_there("default/rows/stray.txt"));
  CHECK_FALSE(fs::is_symlink(f.directory / "filesets/default/rows/etc"));
  CHECK(fs::exists("/etc/passwd"));
  CHECK_FALSE(f.is_there("default/gone"));
  CHECK_FALSE(f.is_there("nowhere"));
  CHECK(f.warnings.empty());
}

TEST_CASE("a blob that is missing is a warning that names the fileset") {
  Fixture f;
  f.open();
  f.told.must("rows", CreateFileset{});
  f.told.must("rows", PutFile{"a.txt", std::string(64, 'a'), 1});
  f.tell();
  REQUIRE(f.warnings.size() == 1);
  CHECK(f.warnings[0].find("default/rows") != std::string::npos);
}

}  // namespace luthier::node
