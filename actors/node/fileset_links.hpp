// filesets/<workspace>/<name>/<path>: hard links to the blobs, so that a fileset is a directory that programs on this disk can read. The
// read models are the truth; what is here can be made anew from them.
//
// changed() is called by the projector for each commit, in order and after the read models have it: a link or an unlink each, and a
// directory that goes is only moved aside. So a file is there as soon as its upload is answered. What takes long (removing what was
// moved aside, comparing everything with the read models at the start) has a thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>

#include "actors/blobs/blob_store.hpp"
#include "events/world/command.hpp"
#include "projections/projections.hpp"

namespace luthier::node {

class FilesetLinks {
 public:
  using Warn = std::function<void(std::string)>;
  // `root` is "<data>/filesets", of ours alone. All outlive it.
  FilesetLinks(const blobs::BlobStore& store, const projections::ReadModels& models, std::filesystem::path root, Warn warn);
  ~FilesetLinks();

  void changed(std::span<const events::Fact> facts);
  // Begins to compare everything, in the background. After the read models have caught up.
  void start();
  // The comparison has ended, and so have removals. For tests.
  void wait();

 private:
  void work();
  void compare_all();
  void compare(const std::string& workspace, const std::string& name);
  void put_right(const std::string& workspace, const std::string& name, const std::string& path);
  void on(const events::Fact& fact);
  Result<void> link(const std::filesystem::path& fileset, const events::File& file);
  void unlink(const std::filesystem::path& fileset, const std::string& path);
  void move_aside(const std::filesystem::path& path);
  void warn_of(const std::string& workspace, const std::string& name, const Result<void>& done);
  bool is_stopping();

  const blobs::BlobStore& store_;
  const projections::ReadModels& models_;
  const std::filesystem::path root_, aside_;
  const Warn warn_;
  std::mutex disk_;  // held for one change at a time
  std::uint64_t counter_ = 0;  // of names that are used once

  std::mutex mutex_;
  std::condition_variable told_;
  bool stops_ = false, compares_ = false, is_busy_ = false, has_aside_ = true;
  std::set<std::pair<std::string, std::string>> again_;  // filesets where something failed: compared once more a little later
  std::thread thread_;
};

}  // namespace luthier::node
