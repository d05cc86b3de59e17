// /internal/v1/blobs/{digest}: file contents, for workers that do not share our disk.
#pragma once

#include <string>

#include "actors/gateway/http_server.hpp"

namespace luthier::gateway {

// The bearer token of /internal/: read from its file, which is made when it is not there.
Result<std::string> load_token(const std::filesystem::path& file);

void serve_blob(Exchange& exchange, const blobs::BlobStore& store, const std::string& token, const std::string& digest);

}  // namespace luthier::gateway
