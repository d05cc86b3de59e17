#include "gpu/serve/weight_packer.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "gpu/serve/pack_weights.hpp"

namespace luthier::serve {

std::vector<float> padded(std::span<const float> values, std::int64_t multiple) {
  std::vector<float> out(values.begin(), values.end());
  out.resize((out.size() + static_cast<std::size_t>(multiple) - 1) / static_cast<std::size_t>(multiple) *
             static_cast<std::size_t>(multiple));
  return out;
}

std::span<float> WeightPacker::values(const std::string& name) {
  const checkpoint::Tensor* tensor = small_.find(name);
  if (tensor == nullptr && missing_.empty()) missing_ = name;
  return tensor != nullptr ? tensor->values : std::span<float>{};
}

Norm WeightPacker::norm(const std::string& name) {
  Norm out;
  if (name.empty()) return out;
  out.weight = padded(values(name), 16);
  if (decoder_.norm == checkpoint::NormKind::rms_plus_one)
    for (std::size_t i = 0; i < values(name).size(); ++i) out.weight[i] += 1.0F;
  if (decoder_.norm == checkpoint::NormKind::layer)
    out.bias = padded(values(name.substr(0, name.size() - std::string_view("weight").size()) + "bias"), 16);
  return out;
}

void WeightPacker::rows(const checkpoint::LinearLayer& layer, std::int64_t begin, std::int64_t outputs, Linear& into) {
  into.weight = {nullptr, outputs, layer.in, Storage::f32};
  add({layer.name + ".weight", begin * layer.in, layer.in, 1, &into.weight});
  if (!layer.bias) return;
  const auto bias = values(layer.name + ".bias");
  if (!bias.empty()) into.bias = padded(bias.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(outputs)), WeightMatrix::width);
}

void WeightPacker::columns(const std::string& name, std::int64_t expert, std::int64_t inputs, std::int64_t outputs, std::int64_t first,
                           std::int64_t step, Linear& into) {
  into.weight = {nullptr, outputs, inputs, Storage::f32};
  add({name, expert * inputs * outputs * step + first, step, outputs * step, &into.weight});
  if (!decoder_.experts.biases) return;
  const auto bias = values(name + "_bias");
  if (bias.empty()) return;
  for (std::int64_t i = 0; i < outputs; ++i) into.bias.push_back(bias[static_cast<std::size_t>((expert * outputs + i) * step + first)]);
  into.bias = padded(into.bias, WeightMatrix::width);
}

void WeightPacker::table(const std::string& name, Table& into) {
  const auto& shape = tensors_.shapes().at(name);
  into = {nullptr, shape.at(0), shape.at(1), tensors_.storage(name)};
  tables_.push_back({name, &into});
}

void WeightPacker::add(Job job) {
  if (!tensors_.shapes().contains(job.tensor)) {
    if (missing_.empty()) missing_ = job.tensor;
    return;
  }
  auto& list = jobs_of_[job.tensor];
  if (list.empty()) order_.push_back(job.tensor);
  list.push_back(jobs_.size());
  jobs_.push_back(std::move(job));
}

Storage WeightPacker::storage_of(const std::string& name, WeightsKept kept) const {
  switch (kept) {
    case WeightsKept::f32: return Storage::f32;
    case WeightsKept::bf16: return Storage::bf16;
    case WeightsKept::f16: return Storage::f16;
    case WeightsKept::int8: return Storage::int8;
    case WeightsKept::as_stored: break;
  }
  return tensors_.storage(name);
}

Result<Memory> WeightPacker::pack(Team& team, const RowKernels& kernels, WeightsKept kept) {
  std::int64_t bytes = 0, inputs_max = 0;
  const auto take = [&](std::int64_t size) { return std::exchange(bytes, bytes + (size + 63) / 64 * 64); };
  std::vector<std::int64_t> places;
  for (const auto& job : jobs_) {  // in the order in which they are read later
    job.into->storage = storage_of(job.tensor, kept);
    places.push_back(take(job.into->bytes()));
    inputs_max = std::max(inputs_max, job.into->inputs);
  }
  for (const auto& table : tables_) places.push_back(take(table.into->bytes()));
  auto memory = Memory::allocate(static_cast<std::size_t>(bytes) / sizeof(float), "packing the model's weights");
  if (!memory) return memory;
  auto* const begin = reinterpret_cast<std::byte*>(memory->values().data());
  std::vector<std::vector<float>> rooms(static_cast<std::size_t>(team.size()));
  for (auto& room : rooms) room.resize(static_cast<std::size_t>(WeightMatrix::width * inputs_max));
  for (const auto& name : order_)
    if (auto packed = pack_tensor(name, places, begin, team, kernels, rooms); !packed) return packed.error();
  for (std::size_t i = 0; i < tables_.size(); ++i)
    if (auto filled = fill(tables_[i], begin + places[jobs_.size() + i], kernels); !filled) return filled.error();
  return memory;
}

// Everything that is made of one tensor.
Result<void> WeightPacker::pack_tensor(const std::string& name, std::span<const std::int64_t> places, std::byte* memory, Team& team,
                                       const RowKernels& kernels, std::vector<std::vector<float>>& rooms) {
  const std::byte* const halves = tensors_.halves(name);
  checkpoint::Weights wide;
  if (halves == nullptr) {
    auto read = tensors_.read({{name, tensors_.shapes().at(name)}});
    if (!read) return read.error();
    wide = std::move(*read);
  }
  const float* const values = halves == nullptr ? wide.find(name)->values.data() : nullptr;
  for (const std::size_t i : jobs_of_.at(name)) {
    const auto& job = jobs_[i];
    auto& into = *job.into;
    auto* const at = memory + places[i];
    into.data = at;
    const StoredView from{tensors_.storage(name), halves, values, job.first, into.outputs, into.inputs, job.output_stride, job.input_stride};
    team.run([&](Worker& worker) {
      worker.each(into.panels(), [&](std::int64_t panel) {
        pack_stored(from, into, panel, kernels, rooms[static_cast<std::size_t>(worker.index())].data(), at + panel * into.panel_bytes());
      });
    });
  }
  tensors_.let_go(name);
  return {};
}

Result<void> WeightPacker::fill(const NamedTable& table, std::byte* at, const RowKernels& kernels) const {
  auto& into = *table.into;
  into.data = at;
  if (const auto* halves = tensors_.halves(table.name)) {
    std::copy_n(halves, into.bytes(), at);
  } else {
    auto read = tensors_.read({{table.name, tensors_.shapes().at(table.name)}});
    if (!read) return read.error();
    narrow(into.storage, read->find(table.name)->values.data(), into.rows * into.width, kernels, at);
  }
  tensors_.let_go(table.name);
  return {};
}

}  // namespace luthier::serve
