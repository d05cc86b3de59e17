// Bringing one file over, from whichever store: goes on where an earlier try or call ended, and believes nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "actors/hub/exchange.hpp"
#include "actors/hub/hub.hpp"

namespace luthier::hub {

// What a store has to say about reading one of its files.
struct Download {
  std::string place;     // "huggingface.co: model Qwen/Qwen3-0.6B: model.safetensors"
  std::string identity;  // of the content: equal texts mean equal bytes
  std::function<Result<Request>()> request;                                  // anew for each try: signatures grow old
  std::function<Result<void>(const Head&)> check = [](const Head&) -> Result<void> { return {}; };  // each answer, redirects included
  std::function<Error(const Head&, const std::string& body)> explain;        // why the status is not that of an answer with content
  std::function<bool(const Head&)> etag_is_md5 = [](const Head&) { return false; };
};

// Empties what is of no use, and returns the SHA-256.
Result<std::string> download(const Download& from, const RemoteFile& file, const std::filesystem::path& to, const Transfer& transfer);

Result<std::string> download_range(const Download& from, const RemoteFile& file, std::int64_t offset, std::int64_t length,
                                   const Transfer& transfer);

}  // namespace luthier::hub
