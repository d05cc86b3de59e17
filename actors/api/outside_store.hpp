// The stores that the storage of a fileset can name: outside ones (actors/hub), and a directory of this machine where the operator
// allows that. Three questions, whatever the kind; each blocks its caller.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "actors/hub/hub.hpp"
#include "actors/rest/json.hpp"

namespace luthier::api {

class SecretValues;
struct ApiSettings;

struct LocalDirectory {
  std::filesystem::path path;
};
using Store = std::variant<hub::Source, LocalDirectory>;

// From a fileset's `storage`, with the values of the secrets that it names. not_found: one of them is gone.
Result<Store> store_of(const rest::Json& storage, const std::string& workspace, SecretValues* secrets);
// Proxies and bounds as the operator has them.
hub::Transfer transfer_for(const ApiSettings& settings);

// As in hub.hpp. Of a directory: its regular files; what is reached through a symbolic link is not there.
Result<hub::Listing> list(const Store& store, const hub::Transfer& transfer);
Result<std::string> fetch(const Store& store, const hub::Listing& listing, const hub::RemoteFile& file, const std::filesystem::path& to,
                          const hub::Transfer& transfer);
Result<std::string> read_range(const Store& store, const hub::Listing& listing, const hub::RemoteFile& file, std::int64_t offset,
                               std::int64_t length, const hub::Transfer& transfer);

}  // namespace luthier::api
