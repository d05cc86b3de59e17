#include "actors/hub/hub.hpp"

#include "actors/blobs/digest.hpp"
#include "actors/hub/download.hpp"
#include "actors/hub/source.hpp"

namespace luthier::hub {
namespace {

Result<Download> prepared(const Source& source, const Listing& listing, const RemoteFile& file, const Transfer& transfer) {
  if (auto fine = blobs::check_path(file.path); !fine) return fine.error();
  if (file.size < 0 || file.size > transfer.bytes_max)
    return Error{
        ErrorCode::limit,
        file.path + " has " + std::to_string(file.size) + " bytes, and at most " + std::to_string(transfer.bytes_max) + " are taken",
        "bytes"};
  return std::visit([&](const auto& kind) { return download_of(kind, listing, file, transfer); }, source);
}

}  // namespace

Result<Listing> list(const Source& source, const Transfer& transfer) {
  return std::visit([&](const auto& kind) { return list_files(kind, transfer); }, source);
}

Result<std::string> fetch(const Source& source, const Listing& listing, const RemoteFile& file, const std::filesystem::path& to,
                          const Transfer& transfer) {
  const auto from = prepared(source, listing, file, transfer);
  if (!from) return from.error();
  return download(*from, file, to, transfer);
}

Result<std::string> read_range(const Source& source, const Listing& listing, const RemoteFile& file, std::int64_t offset,
                               std::int64_t length, const Transfer& transfer) {
  const auto from = prepared(source, listing, file, transfer);
  if (!from) return from.error();
  return download_range(*from, file, offset, length, transfer);
}

}  // namespace luthier::hub
