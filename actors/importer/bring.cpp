#include "actors/importer/bring.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "actors/blobs/blob_writer.hpp"
#include "actors/blobs/descriptor.hpp"
#include "events/base/file.hpp"

namespace luthier::importer {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t piece_bytes = 1 << 20;

// An end is asked for several times a second, however large the file is.
Result<blobs::Blob> keep(const fs::path& from, const std::string& expected_digest, const blobs::BlobStore& blobs, const hub::Transfer& transfer) {
  const blobs::Descriptor file(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return file_error(from, errno);
  auto writer = blobs.writer();
  if (!writer) return writer.error();
  std::string piece(piece_bytes, '\0');
  for (;;) {
    if (transfer.cancel && transfer.cancel()) return Error{ErrorCode::cancelled, "the import was stopped", {}};
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(from, errno);
    if (got == 0) return writer->finish(expected_digest);
    if (auto written = writer->write({piece.data(), static_cast<std::size_t>(got)}); !written) return written.error();
  }
}

// Complete: such a file appears under its name only then. Of another size it is none of ours.
bool is_there(const fs::path& path, std::int64_t size) {
  std::error_code error;
  return fs::is_regular_file(path, error) && static_cast<std::int64_t>(fs::file_size(path, error)) == size && !error;
}

}  // namespace

Result<blobs::Blob> bring(const api::Store& store, const hub::Listing& listing, const hub::RemoteFile& file, const fs::path& through,
                          const blobs::BlobStore& blobs, const hub::Transfer& transfer) {
  if (!file.sha256.empty())
    if (const auto present = blobs.claim(file.sha256); present && *present && (*present)->size == file.size) return **present;
  if (!is_there(through, file.size))
    if (const auto fetched = fetch(store, listing, file, through, transfer); !fetched) return fetched.error();
  auto kept = keep(through, file.sha256, blobs, transfer);
  if (kept || kept.error().code != ErrorCode::invalid) return kept;
  // It was verified when it came, so what lies there now has been damaged since.
  std::error_code ignored;
  fs::remove(through, ignored);
  return Error{ErrorCode::io, file.path + ": the work directory does not give back what was written: " + kept.error().message, {}};
}

}  // namespace luthier::importer
