// A directory as one .tar.gz, written while it is sent. Its length is known before: the members of the gzip stream are stored as they
// are, since weights do not get smaller and whoever sends them should not wait for that to be found out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::api {

struct ArchiveFile {
  std::string path;  // in the archive
  std::int64_t size = 0;
};

std::int64_t archive_length(const std::vector<ArchiveFile>& files);

class ArchiveWriter {
 public:
  using Sink = std::function<bool(std::string_view)>;  // false: nobody listens any more
  ArchiveWriter(const std::vector<ArchiveFile>& files, Sink sink);

  // For each file in the given order: its head, then exactly its bytes. False: stop.
  bool begin(const ArchiveFile& file);
  bool write(std::string_view bytes);
  bool end();  // after the last one

 private:
  bool add(std::string_view bytes);
  bool pad();

  Sink sink_;
  std::int64_t left_ = 0;        // of the tar stream
  std::int64_t block_left_ = 0;  // of the stored block that has been begun
  std::int64_t tar_bytes_ = 0;
  std::int64_t file_bytes_ = 0;
  std::uint32_t crc_ = 0xFFFFFFFFu;
};

}  // namespace luthier::api
