// The high-water mark outside the database: up to where this log was acknowledged. RocksDB opens a log whose WAL was cut or
// deleted without a word; the mark is how that is noticed.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "events/log/event_log.hpp"

namespace luthier::log {

struct AnchorMark {
  std::string log_id;
  Position position = 0;
  Hash hash;  // of the record at `position`
  bool operator==(const AnchorMark&) const = default;
};

// Written after each commit, by the log alone.
class Anchor {
 public:
  virtual ~Anchor() = default;
  // The newest mark that is whole; nullopt: none was ever written, or none can be read any more.
  virtual Result<std::optional<AnchorMark>> read() const = 0;
  virtual Result<void> write(const AnchorMark& mark) = 0;
  virtual Result<void> sync() = 0;
};

// A file with two slots that are written in turn, each with a checksum, so that a torn write leaves the mark before it.
//
// A mark is written with pwrite and reaches the page cache, which survives the death of the process; it is synced only now
// and then. That is enough, because the mark is a lower bound: it is written after its commit has been synced, so one that
// is too old after a power cut can make the check weaker but never refuse a good log. A sync for each would double the cost
// of a commit and buy only the case of a power cut together with a truncated WAL.
class FileAnchor final : public Anchor {
 public:
  static Result<std::unique_ptr<FileAnchor>> open(const std::filesystem::path& file);
  ~FileAnchor() override;
  FileAnchor(const FileAnchor&) = delete;
  FileAnchor& operator=(const FileAnchor&) = delete;

  Result<std::optional<AnchorMark>> read() const override;
  Result<void> write(const AnchorMark& mark) override;
  Result<void> sync() override;

 private:
  FileAnchor(std::filesystem::path file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}

  std::filesystem::path file_;
  int descriptor_;
  std::int64_t writes_ = 0;  // counted on in the file: the higher number is the newer slot
};

// Reads the mark of a file that may be in use, without creating it.
Result<std::optional<AnchorMark>> read_anchor_file(const std::filesystem::path& file);

// In memory, for the simulation: what a file in the page cache does, down to what a power cut leaves of it.
class MemoryAnchor final : public Anchor {
 public:
  Result<std::optional<AnchorMark>> read() const override { return written_; }
  Result<void> write(const AnchorMark& mark) override {
    written_ = mark;
    return {};
  }
  Result<void> sync() override {
    synced_ = written_;
    return {};
  }
  void cut_power() { written_ = synced_; }

 private:
  std::optional<AnchorMark> written_, synced_;
};

}  // namespace luthier::log
