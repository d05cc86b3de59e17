#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/safetensors.hpp"

namespace luthier::checkpoint {
namespace {

constexpr std::size_t rounded_at_once = std::size_t{1} << 20;

Result<void> write_values(DurableFile& file, std::span<const float> values, StoreAs as) {
  if (as == StoreAs::f32) return file.write(std::as_bytes(values));
  std::vector<std::uint16_t> rounded;
  for (; !values.empty(); values = values.subspan(rounded.size())) {
    rounded.resize(std::min(values.size(), rounded_at_once));
    std::transform(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rounded.size()), rounded.begin(), bf16_of_f32);
    if (auto written = file.write(std::as_bytes(std::span(rounded))); !written) return written;
  }
  return {};
}

}  // namespace

Result<void> write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorToWrite>& tensors,
                               const std::map<std::string, std::string>& metadata, StoreAs as) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto end = at + tensor.values.size() * bytes_per_value(as);
    header[name] = {{"dtype", as == StoreAs::bf16 ? "BF16" : "F32"}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {  // a name that is not UTF-8
    return invalid(path.string() + ": a tensor's name is not UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');  // the data is aligned for whoever maps it

  auto file = DurableFile::create(path);
  if (!file) return file.error();
  const std::uint64_t length = text.size();
  if (auto written = file->write(std::as_bytes(std::span(&length, 1))); !written) return written;
  if (auto written = file->write(std::as_bytes(std::span(text))); !written) return written;
  for (const auto& [name, tensor] : tensors)
    if (auto written = write_values(*file, tensor.values, as); !written) return written;
  return file->commit();
}

}  // namespace luthier::checkpoint
