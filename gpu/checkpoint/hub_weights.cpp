#include "gpu/checkpoint/hub_weights.hpp"

#include <algorithm>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/mapped_file.hpp"
#include "gpu/checkpoint/mxfp4.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

std::string dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16: return "float16";
    case Dtype::bf16: return "bfloat16";
    case Dtype::f32: case Dtype::i64: case Dtype::i32: case Dtype::u8: break;
  }
  return "float32";
}

// GPT-OSS publishes its experts as two tensors of bytes each.
struct Mxfp4Pair {
  HubDirectory::Found blocks, scales;
};
Mxfp4Pair find_mxfp4(const HubDirectory& stored, const std::string& name) {
  return {stored.find(name + "_blocks"), stored.find(name + "_scales")};
}

Error refused(const std::filesystem::path& file, const std::string& name, const std::string& why) {
  return invalid(file.string() + ": tensor " + name + ": " + why, name);
}

Result<void> check_bytes(const HubDirectory::Found& found, const std::string& name, const std::vector<std::int64_t>& shape) {
  if (!found.tensor) return refused(found.file, name, "is missing");
  if (found.tensor->dtype != Dtype::u8) return refused(found.file, name, "does not hold bytes");
  if (found.tensor->shape != shape)
    return refused(found.file, name, "has shape " + shape_text(found.tensor->shape) + ", not " + shape_text(shape));
  return {};
}

Result<void> check_mxfp4(const Mxfp4Pair& pair, const std::string& name, const std::vector<std::int64_t>& shape) {
  if (shape.size() != 3) return refused(pair.blocks.file, name + "_blocks", "only stacked experts may be stored as MXFP4");
  const auto shapes = mxfp4_shapes(shape);
  if (!shapes) return with_context(shapes.error(), pair.blocks.file.string() + ": tensor " + name);
  if (auto good = check_bytes(pair.blocks, name + "_blocks", shapes->blocks); !good) return good;
  return check_bytes(pair.scales, name + "_scales", shapes->scales);
}

}  // namespace

std::string tensor_prefix_of(const HubDirectory& stored, const Decoder& decoder) {
  auto tried = decoder;
  for (const auto* prefix : {"model.", "", "bert.", "roberta."}) {
    tried.tensor_prefix = prefix;
    if (stored.find(outer_tensors(tried).embedding).tensor) return prefix;
  }
  return decoder.tensor_prefix;
}

Result<void> check_hub_tensors(const HubDirectory& stored, const Weights::Shapes& shapes) {
  for (const auto& [name, shape] : shapes) {
    const auto [tensor, file] = stored.find(name);
    if (!tensor) {
      const auto pair = find_mxfp4(stored, name);
      if (!pair.blocks.tensor) return refused(file, name, "is missing");
      if (auto good = check_mxfp4(pair, name, shape); !good) return good;
      continue;
    }
    if (tensor->shape != shape) return refused(file, name, "has shape " + shape_text(tensor->shape) + ", not " + shape_text(shape));
    if (tensor->dtype != Dtype::f32 && tensor->dtype != Dtype::f16 && tensor->dtype != Dtype::bf16)
      return refused(file, name, "holds integers where floating point values are needed");
  }
  return {};
}

std::string hub_dtype(const HubDirectory& stored, const Weights::Shapes& shapes) {
  std::map<std::string, std::size_t> values;
  for (const auto& [name, shape] : shapes) {
    if (const auto* tensor = stored.find(name).tensor) values[dtype_name(tensor->dtype)] += tensor->count();
    else values["mxfp4"] += 2 * find_mxfp4(stored, name).blocks.tensor->count();
  }
  return std::max_element(values.begin(), values.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

StoredKinds hub_kinds(const HubDirectory& stored, const Weights::Shapes& shapes) {
  StoredKinds kinds;
  for (const auto& [name, shape] : shapes) {
    const auto* tensor = stored.find(name).tensor;
    if (!tensor) kinds.of.emplace(name, StoredKind::mxfp4);
    else if (tensor->dtype == Dtype::bf16) kinds.of.emplace(name, StoredKind::bf16);
    else if (tensor->dtype == Dtype::f16) kinds.of.emplace(name, StoredKind::f16);
  }
  return kinds;
}

Result<void> read_hub_weights(const HubDirectory& stored, Weights& weights) {
  return weights.fill([&](const std::string& name, const Tensor& tensor) -> Result<void> {
    const auto [source, file] = stored.find(name);
    if (!source) {
      const auto pair = find_mxfp4(stored, name);
      if (tensor.stored.kind == StoredKind::mxfp4) {
        std::ranges::copy(pair.blocks.tensor->bytes, tensor.stored.codes);
        std::ranges::copy(pair.scales.tensor->bytes, tensor.stored.scales);
      } else {
        widen_mxfp4(pair.blocks.tensor->bytes, pair.scales.tensor->bytes, tensor.shape, tensor.values);
      }
      let_go(pair.blocks.tensor->bytes);
      return {};
    }
    if (auto read = to_f32(*source, tensor.values); !read) return with_context(read.error(), file.string() + ": tensor " + name);
    let_go(source->bytes);
    return {};
  });
}

}  // namespace luthier::checkpoint
