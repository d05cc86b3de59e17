// What each kind of store has to answer; hub.cpp asks.
#pragma once

#include "actors/hub/download.hpp"
#include "actors/hub/hub.hpp"

namespace luthier::hub {

Result<Listing> list_files(const HuggingFace& source, const Transfer& transfer);
Result<Listing> list_files(const Ngc& source, const Transfer& transfer);
Result<Listing> list_files(const S3& source, const Transfer& transfer);

// These must outlive what they return.
Result<Download> download_of(const HuggingFace& source, const Listing& listing, const RemoteFile& file, const Transfer& transfer);
Result<Download> download_of(const Ngc& source, const Listing& listing, const RemoteFile& file, const Transfer& transfer);
Result<Download> download_of(const S3& source, const Listing& listing, const RemoteFile& file, const Transfer& transfer);

}  // namespace luthier::hub
