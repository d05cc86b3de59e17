#include <set>

#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

void check_equal(const Weights& a, const Weights& b) {
  REQUIRE(a.tensors().size() == b.tensors().size());
  for (const auto& [name, tensor] : a.tensors()) {
    INFO(name);
    CHECK(b.find(name)->shape == tensor.shape);
    CHECK(digest(*b.find(name)) == digest(tensor));
  }
}

std::set<std::string> files_in(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename().string());
  return names;
}

// A copy of the sharded golden model, with one member of its index changed.
std::string index_refusal(const std::string& tensor, const nlohmann::json& shard) {
  TemporaryDirectory directory;
  const auto model = copy_model(models / "llama-tiny-untied", directory.path());
  const auto path = model / "model.safetensors.index.json";
  auto index = read_json(path);
  index["weight_map"][tensor] = shard;
  write_bytes(path, index.dump());
  std::filesystem::create_symlink(std::filesystem::absolute(models / "llama-tiny" / "model.safetensors"), model / "link.safetensors");
  write_bytes(directory.path() / "outside.safetensors", read_bytes(models / "llama-tiny" / "model.safetensors"));
  const auto loaded = load_model(model);
  return loaded ? "" : loaded.error().message.substr(model.string().size() + 1);
}

}  // namespace

TEST_CASE("a model that is saved and loaded again is the same, whatever it came from") {
  for (const auto& path : {models / "llama-tiny", models / "llama-tiny-untied", goldens / "llama-biased-f16", goldens / "mixed.gguf",
                           goldens / "llama3-rope.gguf"}) {
    INFO(path);
    TemporaryDirectory directory;
    auto before = load_model(path);
    REQUIRE(before);
    REQUIRE(save_model(directory.path() / "out", before->decoder, before->weights));
    CHECK(files_in(directory.path() / "out") == std::set<std::string>{"config.json", "generation_config.json", "model.safetensors"});
    const auto after = load_model(directory.path() / "out");
    REQUIRE((after ? "" : after.error().message) == "");
    before->decoder.dtype = "float32";
    CHECK(after->decoder == before->decoder);
    check_equal(before->weights, after->weights);
  }
}

TEST_CASE("a large model is saved in shards with an index") {
  TemporaryDirectory directory;
  const auto before = load_model(models / "llama-tiny");
  REQUIRE(save_model(directory.path(), before->decoder, before->weights, 100'000));
  const auto files = files_in(directory.path());
  CHECK(files.contains("model-00001-of-00004.safetensors"));
  CHECK(files.contains("model.safetensors.index.json"));
  CHECK_FALSE(files.contains("model.safetensors"));
  for (const auto& file : files) CHECK(std::filesystem::file_size(directory.path() / file) < 105'000);
  CHECK(read_json(directory.path() / "model.safetensors.index.json")["metadata"]["total_size"] == 80192 * 4);
  check_equal(before->weights, load_model(directory.path())->weights);
}

TEST_CASE("an index can name files of its directory only") {
  const std::string norm = "model.norm.weight", start = "model.safetensors.index.json: weight_map: model.norm.weight is said to be in ";
  for (const std::string shard : {"../outside.safetensors", "/etc/passwd", "..", ".", "a/b.safetensors", "link.safetensors"})
    CHECK(index_refusal(norm, shard) == start + shard + ", which is not a file of this directory");
  CHECK(index_refusal(norm, 1) == start + "no file, which is not a file of this directory");
  CHECK(index_refusal(norm, "absent.safetensors") == "absent.safetensors: No such file or directory");
  CHECK(index_refusal(norm, "model-00001-of-00004.safetensors") ==
        "model-00001-of-00004.safetensors: tensor model.norm.weight: is missing");
  CHECK(index_refusal("unknown", "model-00001-of-00004.safetensors") == "");
}

TEST_CASE("tensors that are missing, cut off or of another shape are named") {
  TemporaryDirectory directory;
  const auto model = copy_model(goldens / "llama-biased-f16", directory.path());
  const auto file = (model / "model.safetensors").string();
  const auto whole = read_bytes(file);
  write_bytes(file, whole.substr(0, whole.size() - 8));
  CHECK(load_model(model).error().message == file + ": tensor model.norm.weight: 8 bytes are missing");
  write_bytes(file, whole);

  auto config = read_json(model / "config.json");
  config["tie_word_embeddings"] = false;
  write_bytes(model / "config.json", config.dump());
  CHECK(load_model(model).error().message == file + ": tensor lm_head.weight: is missing");
  config["tie_word_embeddings"] = true;
  config["intermediate_size"] = 96;
  write_bytes(model / "config.json", config.dump());
  CHECK(load_model(model).error().message == file + ": tensor model.layers.0.mlp.down_proj.weight: has shape [32, 48], not [32, 96]");
  std::filesystem::remove(file);
  CHECK(load_model(model).error().message == model.string() + ": has neither model.safetensors nor model.safetensors.index.json");
}

TEST_CASE("where embeddings are tied an lm_head in the file is left alone, as transformers does") {
  TemporaryDirectory directory;
  const auto model = copy_model(models / "llama-tiny-untied", directory.path());
  auto config = read_json(model / "config.json");
  config["tie_word_embeddings"] = true;
  write_bytes(model / "config.json", config.dump());
  const auto loaded = load_model(model);
  REQUIRE(loaded);
  CHECK(loaded->weights.find("lm_head.weight") == nullptr);
}

}  // namespace luthier::checkpoint
