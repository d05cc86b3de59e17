// The tensors of a Hugging Face directory: model.safetensors, or the shards that model.safetensors.index.json names.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gpu/checkpoint/safetensors.hpp"

namespace luthier::checkpoint {

class HubDirectory {
 public:
  static Result<HubDirectory> open(const std::filesystem::path& directory);

  struct Found {
    const StoredTensor* tensor;
    std::filesystem::path file;
  };
  // A null tensor when there is none of that name.
  Found find(const std::string& name) const;
  // For an error about a tensor that no file has.
  const std::filesystem::path& listing() const { return listing_; }
  const std::vector<std::pair<std::filesystem::path, SafetensorsFile>>& files() const { return files_; }

 private:
  std::filesystem::path listing_;
  std::vector<std::pair<std::filesystem::path, SafetensorsFile>> files_;
  std::map<std::string, std::size_t> placed_;  // tensor -> index of its file
};

}  // namespace luthier::checkpoint
