#include "tests/faults/fault_disk.hpp"

#include <algorithm>
#include <random>

namespace luthier::faults {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::size_t part_of(std::size_t whole, const Remains& remains, std::mt19937_64& random) {
  if (remains.part == Remains::nothing) return 0;
  return remains.part == Remains::everything ? whole : random() % (whole + 1);
}

}  // namespace

FaultDisk::Counts FaultDisk::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void FaultDisk::fail_write(std::int64_t nth, Fault fault, std::size_t bytes_through) {
  const std::lock_guard lock(mutex_);
  failing_write_ = Planned{counts_.writes + nth, fault, bytes_through};
}

void FaultDisk::fail_sync(std::int64_t nth, Fault fault) {
  const std::lock_guard lock(mutex_);
  failing_sync_ = Planned{counts_.syncs + nth, fault, 0};
}

void FaultDisk::set_capacity(std::optional<std::size_t> bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void FaultDisk::cut_power() {
  const std::lock_guard lock(mutex_);
  off_ = true;
}

void FaultDisk::cut_power_at(std::int64_t nth, std::size_t bytes_through) {
  const std::lock_guard lock(mutex_);
  cut_at_ = counts_.all() + nth;
  cut_bytes_through_ = bytes_through;
}

bool FaultDisk::is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

void FaultDisk::restore_power(Remains remains) {
  const std::lock_guard lock(mutex_);
  std::mt19937_64 random(remains.seed);
  const auto changes = part_of(unsynced_changes_.size(), remains, random);
  for (std::size_t i = 0; i < changes; ++i) synced_names_[unsynced_changes_[i].path] = unsynced_changes_[i].file;
  std::erase_if(synced_names_, [](const auto& name) { return !name.second; });
  for (const auto& [path, file] : synced_names_) {
    const auto unsynced = file->bytes.size() - file->synced_bytes;
    file->bytes.resize(file->synced_bytes + (file->is_sync_broken ? 0 : part_of(unsynced, remains, random)));
    file->synced_bytes = file->bytes.size();
    file->is_sync_broken = false;
  }
  names_ = synced_names_;
  unsynced_changes_.clear();
  locks_.clear();
  ++generation_;
  off_ = false;
  cut_at_.reset();
}

std::vector<std::string> FaultDisk::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [path, file] : names_) out.push_back(path);
  return out;
}

FaultDisk::FileRef FaultDisk::file(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  return off_ || found == names_.end() ? nullptr : found->second;
}

std::uint64_t FaultDisk::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

bool FaultDisk::is_dead(std::uint64_t generation, std::int64_t& count) {
  if (off_ || generation != generation_) return true;
  ++count;
  off_ = cut_at_ && counts_.all() >= *cut_at_;
  return off_;
}

FaultDisk::Failure FaultDisk::append(std::uint64_t generation, File& file, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const bool was_off = off_ || generation != generation_;
  if (is_dead(generation, counts_.writes)) {
    if (!was_off) file.bytes += bytes.substr(0, cut_bytes_through_);
    return Fault::io_error;
  }
  if (failing_write_ && counts_.writes == failing_write_->at) {
    file.bytes += bytes.substr(0, failing_write_->bytes_through);
    return failing_write_->fault;
  }
  if (capacity_) {
    const auto used = used_bytes_locked();
    const auto room = used < *capacity_ ? *capacity_ - used : 0;
    if (room < bytes.size()) {
      file.bytes += bytes.substr(0, room);
      return Fault::disk_full;
    }
  }
  file.bytes += bytes;
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::truncate(std::uint64_t generation, File& file, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation, counts_.writes)) return Fault::io_error;
  file.bytes.resize(std::min(bytes, file.bytes.size()));
  file.synced_bytes = std::min(file.synced_bytes, file.bytes.size());
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::sync(std::uint64_t generation, File& file) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation, counts_.syncs)) return Fault::io_error;
  if (failing_sync_ && counts_.syncs == failing_sync_->at) {
    file.is_sync_broken = true;
    return failing_sync_->fault;
  }
  if (!file.is_sync_broken) file.synced_bytes = file.bytes.size();
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::sync_directory(std::uint64_t generation, const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation, counts_.syncs)) return Fault::io_error;
  if (failing_sync_ && counts_.syncs == failing_sync_->at) return failing_sync_->fault;
  for (const auto& change : unsynced_changes_) {
    if (parent_of(change.path) != directory) continue;
    if (change.file) synced_names_[change.path] = change.file;
    else synced_names_.erase(change.path);
  }
  std::erase_if(unsynced_changes_, [&](const Change& change) { return parent_of(change.path) == directory; });
  return std::nullopt;
}

void FaultDisk::change(std::string path, FileRef file) {
  if (file) names_[path] = file;
  else names_.erase(path);
  unsynced_changes_.push_back({std::move(path), std::move(file)});
}

FaultDisk::Failure FaultDisk::create(const std::string& path, FileRef& file) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation_, counts_.directory_changes)) return Fault::io_error;
  file = std::make_shared<File>();
  change(path, file);
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation_, counts_.directory_changes)) return Fault::io_error;
  change(path, nullptr);
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation_, counts_.directory_changes)) return Fault::io_error;
  // The new name first: a cut between the two shows both, and never none.
  change(to, names_[from]);
  change(from, nullptr);
  return std::nullopt;
}

FaultDisk::Failure FaultDisk::link(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (is_dead(generation_, counts_.directory_changes)) return Fault::io_error;
  change(to, names_[from]);
  return std::nullopt;
}

void FaultDisk::make_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  directories_.insert(path);
}

bool FaultDisk::has_directory(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return directories_.count(path) > 0;
}

std::optional<std::vector<std::string>> FaultDisk::children(const std::string& directory) const {
  const std::lock_guard lock(mutex_);
  if (off_ || directories_.count(directory) == 0) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& [path, file] : names_)
    if (parent_of(path) == directory) out.push_back(path.substr(directory.size() + 1));
  for (const auto& path : directories_)
    if (parent_of(path) == directory) out.push_back(path.substr(directory.size() + 1));
  return out;
}

bool FaultDisk::lock(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return !off_ && locks_.insert(path).second;
}

void FaultDisk::unlock(std::uint64_t generation, const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (generation == generation_) locks_.erase(path);
}

std::size_t FaultDisk::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_locked();
}

std::size_t FaultDisk::used_bytes_locked() const {
  std::size_t bytes = 0;
  for (const auto& [path, file] : names_) bytes += file->bytes.size();
  return bytes;
}

}  // namespace luthier::faults
