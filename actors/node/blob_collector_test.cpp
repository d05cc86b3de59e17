#include "actors/node/blob_collector.hpp"

#include <filesystem>

#include "events/base/temporary_directory.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::node {
namespace {

using namespace events;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Fixture {
  TemporaryDirectory directory;
  blobs::BlobStore store = *blobs::BlobStore::open(directory / "blobs");
  projections::StoryLog told;

  Fixture() { told.workshop(); }

  File stored(const std::string& path, const std::string& content) {
    bool is_read = false;
    const auto blob = store.put([&](char* to, std::size_t) -> Result<std::size_t> {
      if (std::exchange(is_read, true)) return std::size_t{0};
      std::copy(content.begin(), content.end(), to);
      return content.size();
    }, "", 1 << 20);
    return {path, blob->digest, blob->size};
  }
  void put(const std::string& fileset, const File& file) { told.must(fileset, PutFile{file.path, file.digest, file.size}); }
  bool has(const File& file) const { return store.find(file.digest)->has_value(); }
  // As if all that has happened were longer ago than the grace.
  Result<Collected> collect(const std::function<bool()>& is_cancelled = nullptr) const {
    const auto models = *projections::read_models_at(told.log, told.log.head().position);
    return collect_blobs(store, *models, told.log, std::chrono::system_clock::now() + 1s, is_cancelled);
  }
};

}  // namespace

TEST_CASE("contents go when no fileset names them any more, and not before") {
  Fixture f;
  const auto kept = f.stored("kept.txt", "kept"), replaced = f.stored("a.txt", "first"), replacing = f.stored("a.txt", "second");
  const auto never = f.stored("never", "an upload that no command followed"), shared = f.stored("shared", "of two filesets");
  f.told.must("things", CreateFileset{});
  f.told.must("others", CreateFileset{});
  for (const auto* file : {&kept, &replaced, &replacing, &shared}) f.put("things", *file);
  f.put("others", shared);
  auto collected = f.collect();
  REQUIRE(collected);
  CHECK(collected->blobs == 2);
  CHECK(collected->bytes == replaced.size + never.size);
  CHECK_FALSE(f.has(replaced));
  CHECK_FALSE(f.has(never));
  f.told.must("things", DeleteFileset{});
  REQUIRE(f.collect());
  CHECK_FALSE(f.has(kept));
  CHECK_FALSE(f.has(replacing));
  CHECK(f.has(shared));
  CHECK(f.collect()->blobs == 0);
}

TEST_CASE("what a job was given stays until the job has ended, whatever becomes of its dataset") {
  Fixture f;
  const auto rows = f.stored("train.jsonl", "{}");
  auto start = f.told.story.start_job("fine");
  start.inputs->dataset = rows;
  f.told.must("tune", start);
  REQUIRE(f.collect());
  CHECK(f.has(rows));
  f.told.must("tune", CancelJob{});
  REQUIRE(f.collect());
  CHECK_FALSE(f.has(rows));
}

TEST_CASE("a teacher's files stay as long as the job that learns from them, named as it was begun and as it was prepared") {
  Fixture f;
  const auto weights = f.stored("big.safetensors", "weights");
  f.told.must("big-files", CreateFileset{"", "model", {weights}});
  f.told.must("big", CreateModel{"big-files", "", "", {}});
  f.told.must("big", f.told.story.spec_of("big"));
  auto start = f.told.story.start_job("small", "full");
  start.config.text = R"({"distillation":{},"method":"full"})";
  start.teacher = "big";
  const auto& big = f.told.story.model("big");
  start.seen_teacher = JobTeacher{"default/big", big.id, big.fileset_id, {weights}};
  f.told.must("tune", start);
  f.told.must("big-files", DeleteFile{weights.path});
  REQUIRE(f.collect());
  CHECK(f.has(weights));
  f.told.must("tune", CancelJob{});
  REQUIRE(f.collect());
  CHECK_FALSE(f.has(weights));
}

TEST_CASE("contents that were stored, claimed or linked to a moment ago stay") {
  Fixture f;
  const auto file = f.stored("a", "fresh");
  const auto before = std::chrono::system_clock::now() - 1h;
  const auto models = *projections::read_models_at(f.told.log, f.told.log.head().position);
  CHECK(collect_blobs(f.store, *models, f.told.log, before)->blobs == 0);
  REQUIRE(*f.store.claim(file.digest));
  const auto soon = std::chrono::system_clock::now() + 1s;
  fs::create_hard_link(f.store.path_of(file.digest), f.directory / "elsewhere");
  CHECK(f.store.idle_since(soon).empty());
  CHECK_FALSE(*f.store.remove_if_idle_since(file.digest, soon));
  CHECK(f.collect()->blobs == 0);
  fs::remove(f.directory / "elsewhere");
  CHECK(f.collect()->blobs == 1);
}

TEST_CASE("where it cannot be known what is named, nothing is removed") {
  Fixture f;
  const auto file = f.stored("a", "content");
  const auto collected = f.collect([] { return true; });
  REQUIRE_FALSE(collected);
  CHECK(collected.error().code == ErrorCode::cancelled);
  CHECK(f.has(file));
}

}  // namespace luthier::node
