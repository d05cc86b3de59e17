#include "gpu/checkpoint/stored_matrix.hpp"

#include <cmath>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

std::vector<std::byte> bytes_of(const SafetensorsFile& file, const std::string& name) {
  const auto* tensor = file.find(name);
  if (!tensor) return {};
  return {tensor->bytes.begin(), tensor->bytes.end()};
}

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<float> values(tensor.count());
  REQUIRE(to_f32(tensor, values));
  return values;
}

}  // namespace

TEST_CASE("codes, scales and values of bf16 are torch's, of int8 and NF4 those of an implementation in Python") {
  const auto file = SafetensorsFile::open(goldens / "stored.safetensors");
  REQUIRE(file);
  int judged = 0;
  for (const auto& [kind, name] : {std::pair{StoredKind::bf16, "bf16"}, {StoredKind::int8, "int8"}, {StoredKind::nf4, "nf4"}})
    for (const std::string matrix : {"square", "odd", "outliers", "zeros"}) {
      const std::string key = std::string(name) + "." + matrix;
      INFO(key);
      const auto values = values_of(*file->find(matrix + ".values"));
      std::vector<std::byte> codes(bytes_of_codes(kind, values.size())), scales(bytes_of_scales(kind, values.size()));
      encode(kind, values, codes.data(), scales.data());
      CHECK(codes == bytes_of(*file, key + ".codes"));
      CHECK(scales == bytes_of(*file, key + ".scales"));
      const auto expected = values_of(*file->find(key + ".decoded"));
      std::vector<float> decoded(values.size());
      decode_plain({kind, 0, codes.data(), scales.data()}, 0, decoded);
      CHECK(decoded == expected);
      ++judged;
    }
  CHECK(judged == 12);
}

TEST_CASE("a model is kept in fewer bits: its matrices, not its norms, and the bytes are those that were promised") {
  const std::filesystem::path path = "tests/golden/models/llama-tiny-untied";
  const auto wide = load_model(path);
  REQUIRE(wide);
  for (const auto storage : {BaseStorage::bf16, BaseStorage::int8, BaseStorage::nf4}) {
    INFO(to_string(storage));
    const auto model = load_model(path, 0, storage);
    REQUIRE(model);
    CHECK(model->weights.bytes() == weight_bytes(model->decoder, storage).kept);
    CHECK(model->weights.bytes() < wide->weights.bytes());
    int stored = 0;
    for (const auto& [name, tensor] : model->weights.tensors()) {
      INFO(name);
      const auto& exact = wide->weights.find(name)->values;
      CHECK(static_cast<bool>(tensor.stored) == (tensor.shape.size() == 2));
      if (!tensor.stored) {
        CHECK(std::equal(exact.begin(), exact.end(), tensor.values.begin(), tensor.values.end()));
        continue;
      }
      ++stored;
      const bool outer = name == "lm_head.weight" || name == "model.embed_tokens.weight";
      if (storage == BaseStorage::nf4) CHECK(tensor.stored.kind == (outer ? StoredKind::bf16 : StoredKind::nf4));
      std::vector<float> got(exact.size());
      decode_plain(tensor.stored, 0, got);
      double error = 0, square = 0;
      for (std::size_t i = 0; i < got.size(); ++i) error += std::pow(got[i] - exact[i], 2), square += std::pow(exact[i], 2);
      const double limit = tensor.stored.kind == StoredKind::bf16 ? 0.002 : tensor.stored.kind == StoredKind::int8 ? 0.008 : 0.11;
      CHECK(std::sqrt(error / square) < limit);
    }
    CHECK(stored > 10);
  }
}

TEST_CASE("as_stored keeps the bytes of a checkpoint in bf16, and MXFP4 experts") {
  const std::filesystem::path path = "tests/golden/families/gpt-oss-mxfp4";
  const auto model = load_model(path, 0, BaseStorage::as_stored), wide = load_model(path);
  REQUIRE(model);
  REQUIRE(wide);
  int experts = 0;
  for (const auto& [name, tensor] : model->weights.tensors()) {
    if (tensor.stored.kind != StoredKind::mxfp4) continue;
    INFO(name);
    ++experts;
    const auto& exact = wide->weights.find(name)->values;
    std::vector<float> got(exact.size());
    decode_plain(tensor.stored, 0, got);  // [experts, out, in], where f32 has [experts, in, out]
    const std::int64_t in = tensor.shape[1], out = tensor.shape[2];
    bool same = true;
    for (std::int64_t e = 0; e < tensor.shape[0]; ++e)
      for (std::int64_t i = 0; i < in; ++i)
        for (std::int64_t o = 0; o < out; ++o)
          same = same && got[static_cast<std::size_t>((e * out + o) * in + i)] == exact[static_cast<std::size_t>((e * in + i) * out + o)];
    CHECK(same);
  }
  CHECK(experts == 2 * model->decoder.num_layers);
}

TEST_CASE("as_stored keeps every matrix of a GGUF file as the blocks that it is, also those whose rows change places") {
  std::map<StoredKind, int> kinds;
  std::vector<std::filesystem::path> files;
  for (const auto* directory : {"tests/golden/gguf", "tests/golden/checkpoint"})
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  for (const auto& path : files) {
    INFO(path.string());
    const auto model = load_model(path, 0, BaseStorage::as_stored), wide = load_model(path);
    REQUIRE((model ? "" : model.error().message) == "");
    REQUIRE(wide);
    CHECK(model->weights.bytes() == weight_bytes(model->decoder, BaseStorage::as_stored).kept);
    for (const auto& [name, tensor] : model->weights.tensors()) {
      INFO(name);
      const auto& exact = wide->weights.find(name)->values;
      if (tensor.shape.size() == 3) continue;  // which lie otherwise
      ++kinds[tensor.stored.kind];
      std::vector<float> got(exact.size());
      if (tensor.stored) decode_plain(tensor.stored, 0, got);
      else std::copy(tensor.values.begin(), tensor.values.end(), got.begin());
      CHECK(std::equal(got.begin(), got.end(), exact.begin()));
    }
  }
  for (const auto kind : {StoredKind::f16, StoredKind::bf16, StoredKind::q4_1, StoredKind::q8_0}) CHECK(kinds[kind] > 1);
}

TEST_CASE("as_stored keeps a checkpoint in f16 as f16") {
  const auto path = std::filesystem::path("tests/golden/checkpoint/llama-biased-f16");
  const auto model = load_model(path, 0, BaseStorage::as_stored), wide = load_model(path);
  REQUIRE(model);
  REQUIRE(wide);
  CHECK(model->weights.bytes() < wide->weights.bytes() * 6 / 10);
  int matrices = 0;
  for (const auto& [name, tensor] : model->weights.tensors()) {
    if (!tensor.stored) continue;
    ++matrices;
    CHECK(tensor.stored.kind == StoredKind::f16);
    const auto& exact = wide->weights.find(name)->values;
    std::vector<float> got(exact.size());
    decode_plain(tensor.stored, 0, got);
    CHECK(std::equal(got.begin(), got.end(), exact.begin()));
  }
  CHECK(matrices == 8);
}

TEST_CASE("storages have names") {
  for (const auto name : base_storage_names) CHECK(to_string(*base_storage_of(name)) == name);
  CHECK_FALSE(base_storage_of("fp8"));
}

}  // namespace luthier::checkpoint
