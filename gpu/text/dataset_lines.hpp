// The lines of a file on disk, read from its beginning once: each with its place, all bytes with their digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "events/base/sha256.hpp"

namespace luthier::text {

// A file opened to be read at any place, by one owner.
class DataFile {
 public:
  static Result<DataFile> open(const std::filesystem::path& path);  // `invalid` when it is no regular file
  DataFile(DataFile&& other) noexcept;
  DataFile& operator=(DataFile&& other) noexcept;
  ~DataFile();

  Result<std::size_t> read(std::uint64_t begin, char* bytes, std::size_t count) const;  // fewer at the end alone
  std::uint64_t size() const { return size_; }  // when it was opened

 private:
  DataFile(std::filesystem::path path, int descriptor, std::uint64_t size) : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

class DataLines {
 public:
  DataLines(const DataFile& file, std::size_t line_bytes_max) : file_(file), line_bytes_max_(line_bytes_max) {}

  Result<bool> next();  // false at the end
  std::string_view line() const { return line_; }   // without its newline; valid until next()
  bool is_too_long() const { return too_long_; }    // then line() is only its beginning
  std::uint64_t begin() const { return begin_; }    // its place in the file
  std::int64_t number() const { return number_; }   // from 1
  std::uint64_t bytes_read() const { return read_; }
  std::string digest() const { return digest_.hex(); }  // SHA-256 of the file, once next() was false

 private:
  Result<bool> fill();  // false at the end of the file
  void take(std::string_view part);

  const DataFile& file_;
  std::size_t line_bytes_max_;
  std::string block_, line_;
  std::size_t at_ = 0;             // in block_
  std::uint64_t read_ = 0, begin_ = 0, next_begin_ = 0;
  std::int64_t number_ = 0;
  bool too_long_ = false;
  Sha256 digest_;
};

}  // namespace luthier::text
