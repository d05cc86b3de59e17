// A disk in memory that remembers what has been synced, loses the rest in a power cut, and fails when told to. The same
// calls and seeds always give the same disk.
//
// It is as strict as POSIX allows: bytes are durable after a sync of their file, and names (of files that were made, renamed
// or deleted) after a sync of their directory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::faults {

enum class Fault { io_error, disk_full };

// What a power cut leaves of what was not synced. Files keep a beginning of what was written to them, directories a beginning
// of what was done to them.
struct Remains {
  enum Part { nothing, everything, some } part = nothing;
  std::uint64_t seed = 0;  // of `some`: how much, for each file
};

class FaultDisk {
 public:
  struct File {
    std::string bytes;
    std::size_t synced_bytes = 0;
    bool is_sync_broken = false;  // after a failed sync the kernel calls dirty pages clean: they never reach the disk
  };
  using FileRef = std::shared_ptr<File>;

  struct Counts {
    std::int64_t writes = 0, syncs = 0, directory_changes = 0;
    std::int64_t all() const { return writes + syncs + directory_changes; }
  };
  Counts counts() const;

  // The n-th write or sync from now fails; 1: the next one. A failing write still gets its first bytes through.
  void fail_write(std::int64_t nth, Fault fault, std::size_t bytes_through = 0);
  void fail_sync(std::int64_t nth, Fault fault);
  // Writes that would make the files longer than this together fail with disk_full. nullopt: no bound.
  void set_capacity(std::optional<std::size_t> bytes);

  // The power goes off now, or at the n-th operation from now (1: the next one; a write that it hits gets its first bytes as
  // far as the page cache). From then on everything fails until restore_power().
  void cut_power();
  void cut_power_at(std::int64_t nth, std::size_t bytes_through = 0);
  bool is_off() const;
  // What is on the disk after the cut becomes what is there. Handles and locks from before are dead.
  void restore_power(Remains remains);

  // For damage: bytes that a test may read and change behind everybody's back.
  std::vector<std::string> paths() const;
  FileRef file(const std::string& path) const;
  std::size_t used_bytes() const;  // of all files together

  // What a file system does. Errors: nullopt is success.
  using Failure = std::optional<Fault>;
  std::uint64_t generation() const;
  Failure append(std::uint64_t generation, File& file, std::string_view bytes);
  Failure truncate(std::uint64_t generation, File& file, std::size_t bytes);
  Failure sync(std::uint64_t generation, File& file);
  Failure sync_directory(std::uint64_t generation, const std::string& directory);
  Failure create(const std::string& path, FileRef& file);  // replaces what has the name
  Failure remove(const std::string& path);
  Failure rename(const std::string& from, const std::string& to);
  Failure link(const std::string& from, const std::string& to);
  void make_directory(const std::string& path);
  bool has_directory(const std::string& path) const;
  std::optional<std::vector<std::string>> children(const std::string& directory) const;
  bool lock(const std::string& path);  // false: somebody has it
  void unlock(std::uint64_t generation, const std::string& path);

 private:
  struct Change {  // of a directory: `path` means `file` now, or nothing
    std::string path;
    FileRef file;
  };
  using Names = std::map<std::string, FileRef>;

  // Counts an operation and says whether the power is off or goes off with it.
  bool is_dead(std::uint64_t generation, std::int64_t& count);
  void change(std::string path, FileRef file);
  std::size_t used_bytes_locked() const;

  mutable std::mutex mutex_;
  Names names_, synced_names_;
  std::vector<Change> unsynced_changes_;
  std::set<std::string> directories_, locks_;
  Counts counts_;
  std::uint64_t generation_ = 1;
  bool off_ = false;
  std::optional<std::int64_t> cut_at_;  // of counts_.all()
  std::size_t cut_bytes_through_ = 0;
  std::optional<std::size_t> capacity_;
  struct Planned {
    std::int64_t at;
    Fault fault;
    std::size_t bytes_through;
  };
  std::optional<Planned> failing_write_, failing_sync_;
};

}  // namespace luthier::faults
