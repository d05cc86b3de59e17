// One file from an outside store into the blob store. A call that is broken off goes on where it was, by the next.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "actors/api/outside_store.hpp"
#include "actors/blobs/blob_store.hpp"

namespace luthier::importer {

// `through` is where the file is meanwhile; it is still there afterwards. Every digest that the listing has is verified. A content that
// the blob store has already is not fetched again. `transfer` says how to go about it, and ends it.
Result<blobs::Blob> bring(const api::Store& store, const hub::Listing& listing, const hub::RemoteFile& file, const std::filesystem::path& through,
                          const blobs::BlobStore& blobs, const hub::Transfer& transfer);

}  // namespace luthier::importer
