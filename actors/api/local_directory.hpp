// A directory of this machine as a store. It belongs to somebody else: its files may change under our hands, and a path in it may lead
// out of it through a symbolic link, so that every part of a path is opened without following one.
#pragma once

#include <filesystem>
#include <string>

#include "actors/hub/hub.hpp"

namespace luthier::api {

// Regular files alone. Each has an ETag of ours, from its inode, size and time, by which a later reading sees that it has changed.
Result<hub::Listing> list_directory(const std::filesystem::path& directory, const hub::Transfer& transfer);
// A copy, which appears complete or not at all, and its SHA-256. conflict: the file is not the one that was listed.
Result<std::string> copy_file_of(const std::filesystem::path& directory, const hub::RemoteFile& file, const std::filesystem::path& to,
                                 const hub::Transfer& transfer);
Result<std::string> read_range_of(const std::filesystem::path& directory, const hub::RemoteFile& file, std::int64_t offset, std::int64_t length);

}  // namespace luthier::api
