// Every matrix of a model packed into one block of memory; used by network_load.cpp alone.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/serve/network_parts.hpp"
#include "gpu/serve/stored_tensors.hpp"

namespace luthier::serve {

std::vector<float> padded(std::span<const float> values, std::int64_t multiple);

// First every matrix is named, then one tensor after the other is read and packed: beside the packed ones there is never more than one
// of them. What is filled must stay where it is until pack() has returned.
class WeightPacker {
 public:
  // `small`: every tensor that is no matrix of a product.
  WeightPacker(const StoredTensors& tensors, const checkpoint::Weights& small) : decoder_(tensors.decoder()), tensors_(tensors), small_(small) {}

  std::span<float> values(const std::string& name);  // of a small tensor
  Norm norm(const std::string& name);                // no name: none
  // Rows [begin, begin + outputs) of a layer's matrix.
  void rows(const checkpoint::LinearLayer& layer, std::int64_t begin, std::int64_t outputs, Linear& into);
  void whole(const checkpoint::LinearLayer& layer, Linear& into) { rows(layer, 0, layer.out, into); }
  // Every `step`th column of one expert's [in, step * outputs], from `first` on: stacked ones lie transposed, gate and up in turn.
  void columns(const std::string& name, std::int64_t expert, std::int64_t inputs, std::int64_t outputs, std::int64_t first,
               std::int64_t step, Linear& into);
  // Rows as they are, to be looked up.
  void table(const std::string& name, Table& into);

  const std::string& missing() const { return missing_; }  // the first name that the checkpoint does not have
  Result<Memory> pack(Team& team, const RowKernels& kernels, WeightsKept kept);

 private:
  struct Job {
    std::string tensor;
    std::int64_t first = 0, output_stride = 0, input_stride = 0;  // in values
    WeightMatrix* into = nullptr;
  };
  struct NamedTable {
    std::string name;
    Table* into = nullptr;
  };

  void add(Job job);
  Storage storage_of(const std::string& name, WeightsKept kept) const;
  Result<void> pack_tensor(const std::string& name, std::span<const std::int64_t> places, std::byte* memory, Team& team, const RowKernels& kernels,
                           std::vector<std::vector<float>>& rooms);
  Result<void> fill(const NamedTable& table, std::byte* at, const RowKernels& kernels) const;

  const checkpoint::Decoder& decoder_;
  const StoredTensors& tensors_;
  const checkpoint::Weights& small_;
  std::vector<Job> jobs_;
  std::vector<std::string> order_;  // of tensors
  std::map<std::string, std::vector<std::size_t>> jobs_of_;
  std::vector<NamedTable> tables_;
  std::string missing_;
};

}  // namespace luthier::serve
