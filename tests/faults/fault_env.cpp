#include "tests/faults/fault_env.hpp"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstring>

namespace luthier::faults {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus to_status(const FaultDisk::Failure& failure, const std::string& path) {
  if (!failure) return IOStatus::OK();
  if (*failure == Fault::disk_full) return IOStatus::NoSpace("No space left on device", path);
  return IOStatus::IOError("Input/output error", path);
}

// RocksDB spells one path in several ways ("/db//LOCK", "/db/").
std::string normal(const std::string& path) {
  std::string out;
  for (const char c : path)
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

Slice read_at(const FaultDisk::File& file, std::uint64_t offset, std::size_t size, char* scratch) {
  const auto begin = std::min<std::size_t>(offset, file.bytes.size());
  const auto count = std::min(size, file.bytes.size() - begin);
  std::memcpy(scratch, file.bytes.data() + begin, count);
  return {scratch, count};
}

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  explicit Sequential(FaultDisk::FileRef file) : file_(std::move(file)) {}
  IOStatus Read(size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    *result = read_at(*file_, offset_, size, scratch);
    offset_ += result->size();
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t size) override {
    offset_ += size;
    return IOStatus::OK();
  }

 private:
  FaultDisk::FileRef file_;
  std::uint64_t offset_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccess(FaultDisk::FileRef file) : file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) const override {
    *result = read_at(*file_, offset, size, scratch);
    return IOStatus::OK();
  }

 private:
  FaultDisk::FileRef file_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(FaultDisk& disk, FaultDisk::FileRef file, std::string path)
      : disk_(disk), generation_(disk.generation()), file_(std::move(file)), path_(std::move(path)) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& bytes, const IOOptions&, IODebugContext*) override {
    return to_status(disk_.append(generation_, *file_, bytes.ToStringView()), path_);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    return to_status(disk_.truncate(generation_, *file_, size), path_);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return to_status(disk_.sync(generation_, *file_), path_); }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return file_->bytes.size(); }

 private:
  FaultDisk& disk_;
  std::uint64_t generation_;
  FaultDisk::FileRef file_;
  std::string path_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FaultDisk& disk, std::string path) : disk_(disk), generation_(disk.generation()), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return to_status(disk_.sync_directory(generation_, path_), path_);
  }

 private:
  FaultDisk& disk_;
  std::uint64_t generation_;
  std::string path_;
};

struct Lock final : public rocksdb::FileLock {
  Lock(std::string path, std::uint64_t generation) : path(std::move(path)), generation(generation) {}
  std::string path;
  std::uint64_t generation;
};

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class FaultFileSystem final : public rocksdb::FileSystem {
 public:
  explicit FaultFileSystem(FaultDisk& disk) : disk_(disk) {}
  const char* Name() const override { return "FaultFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&, std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    return open(path, [&](auto file) { result->reset(new Sequential(std::move(file))); });
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext*) override {
    return open(path, [&](auto file) { result->reset(new RandomAccess(std::move(file))); });
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    FaultDisk::FileRef file;
    if (const auto failure = disk_.create(normal(path), file)) return to_status(failure, path);
    result->reset(new Writable(disk_, std::move(file), path));
    return IOStatus::OK();
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) override {
    auto file = disk_.file(normal(path));
    if (!file) return NewWritableFile(path, options, result, context);
    result->reset(new Writable(disk_, std::move(file), path));
    return IOStatus::OK();
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    if (disk_.is_off()) return to_status(Fault::io_error, path);
    result->reset(new Directory(disk_, normal(path)));
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    const bool there = disk_.file(normal(path)) || disk_.has_directory(normal(path));
    return there ? IOStatus::OK() : IOStatus::NotFound(path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result, IODebugContext*) override {
    auto names = disk_.children(normal(path));
    if (!names) return IOStatus::NotFound(path);
    *result = std::move(*names);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (!disk_.file(normal(path))) return IOStatus::NotFound(path);
    return to_status(disk_.remove(normal(path)), path);
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    disk_.make_directory(normal(path));
    return IOStatus::OK();
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* context) override {
    return CreateDir(path, options, context);
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("DeleteDir", path);
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* result, IODebugContext*) override {
    return open(path, [&](auto file) { *result = file->bytes.size(); });
  }
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions&, uint64_t* result, IODebugContext*) override {
    return open(path, [&](auto) { *result = 0; });
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    if (!disk_.file(normal(from))) return IOStatus::NotFound(from);
    return to_status(disk_.rename(normal(from), normal(to)), from);
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    if (!disk_.file(normal(from))) return IOStatus::NotFound(from);
    return to_status(disk_.link(normal(from), normal(to)), from);
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) override {
    if (!disk_.lock(normal(path))) return IOStatus::IOError("While lock file", path);
    *lock = new Lock(normal(path), disk_.generation());
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    const std::unique_ptr<Lock> held(static_cast<Lock*>(lock));
    disk_.unlock(held->generation, held->path);
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/test";
    return IOStatus::OK();
  }
  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>* result, IODebugContext*) override {
    *result = std::make_shared<SilentLogger>();  // what a database writes for people is nothing to a simulated disk
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result, IODebugContext*) override {
    *result = normal(path);
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* result, IODebugContext*) override {
    *result = disk_.has_directory(normal(path));
    return IOStatus::OK();
  }

 private:
  template <class Use>
  IOStatus open(const std::string& path, Use use) {
    if (disk_.is_off()) return to_status(Fault::io_error, path);
    auto file = disk_.file(normal(path));
    if (!file) return IOStatus::PathNotFound(path);
    use(std::move(file));
    return IOStatus::OK();
  }

  FaultDisk& disk_;
};

}  // namespace

FaultEnv::FaultEnv() : env_(rocksdb::NewCompositeEnv(std::make_shared<FaultFileSystem>(disk_))) {}
FaultEnv::~FaultEnv() = default;

}  // namespace luthier::faults
