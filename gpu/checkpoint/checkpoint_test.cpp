#include "gpu/checkpoint/checkpoint.hpp"

#include "gpu/checkpoint/locate.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {

TEST_CASE("a Hugging Face directory is read as transformers reads it") {
  for (const auto& [directory, dtype] : {std::pair{models / "llama-tiny", "bfloat16"},
                                         std::pair{models / "llama-tiny-untied", "float32"},
                                         std::pair{goldens / "llama-biased-f16", "float16"}}) {
    INFO(directory);
    const auto model = load_model(directory);
    REQUIRE((model ? "" : model.error().message) == "");
    check_digests(model->weights, goldens / (directory.filename().string() + ".digests.json"));
    CHECK(model->decoder.dtype == dtype);
    CHECK(*read_decoder(directory) == model->decoder);
  }
}

TEST_CASE("a directory's description is that of config.json and generation_config.json") {
  const auto tiny = read_decoder(models / "llama-tiny");
  REQUIRE(tiny);
  CHECK(tiny->family == "llama");
  CHECK(tiny->architecture == "LlamaForCausalLM");
  CHECK(tiny->vocab_size == 288);
  CHECK(tiny->hidden_size == 64);
  CHECK(tiny->num_layers == 2);
  CHECK(tiny->num_heads == 4);
  CHECK(tiny->num_kv_heads == 2);
  CHECK(tiny->head_dim == 16);
  CHECK(tiny->intermediate_size == 96);
  CHECK(tiny->max_position_embeddings == 512);
  CHECK(tiny->rms_norm_eps == 1e-5);
  CHECK(tiny->tie_word_embeddings);
  CHECK(tiny->rope == Rope{});
  CHECK(tiny->bos_token_id == 1);
  CHECK(tiny->eos_token_ids == std::vector<std::int64_t>{2, 0});  // generation_config.json's, config.json says 2
  CHECK(tiny->pad_token_id == 2);

  const auto untied = read_decoder(models / "llama-tiny-untied");
  REQUIRE(untied);
  CHECK_FALSE(untied->tie_word_embeddings);
  Rope rope;
  rope.kind = Rope::Kind::llama3;
  rope.factor = 8;
  rope.original_max_position_embeddings = 64;
  CHECK(untied->rope == rope);
}

TEST_CASE("a GGUF file is read as gguf-py dequantises it, with rows in Hugging Face's order") {
  const auto model = load_model(goldens / "mixed.gguf");
  REQUIRE((model ? "" : model.error().message) == "");
  check_digests(model->weights, goldens / "mixed.digests.json");
  const auto& d = model->decoder;
  CHECK(d.family == "llama");
  CHECK(d.vocab_size == 32);
  CHECK(d.hidden_size == 64);
  CHECK(d.num_layers == 1);
  CHECK(d.num_heads == 4);
  CHECK(d.num_kv_heads == 2);
  CHECK(d.head_dim == 16);
  CHECK(d.rms_norm_eps == 1e-5);  // stored as f32, 9.999999747e-06
  CHECK(d.tie_word_embeddings);
  CHECK(d.bos_token_id == 1);
  CHECK(d.eos_token_ids == std::vector<std::int64_t>{2});
  CHECK(d.dtype == "float32");
  CHECK(d.rope == Rope{});
}

TEST_CASE("a directory with one GGUF file and no config.json stands for the file") {
  TemporaryDirectory directory;
  std::filesystem::copy(goldens / "mixed.gguf", directory.path() / "a.gguf");
  CHECK(*locate_checkpoint(directory.path()) == directory.path() / "a.gguf");
  CHECK(*read_decoder(directory.path()) == *read_decoder(goldens / "mixed.gguf"));
  std::filesystem::copy(goldens / "mixed.gguf", directory.path() / "b.gguf");
  CHECK(read_decoder(directory.path()).error().message ==
        directory.path().string() + ": has no config.json and 2 .gguf files; a model is a directory with config.json, or one .gguf file");
  CHECK(locate_checkpoint(directory.path() / "c").error().code == ErrorCode::not_found);
}

TEST_CASE("weights are aligned, zeroed, and shared by copies") {
  Weights copy;
  {
    auto weights = Weights::allocate({{"a", {3, 5}}, {"b", {7}}});
    REQUIRE(weights);
    for (const auto& [name, tensor] : weights->tensors()) {
      CHECK(reinterpret_cast<std::uintptr_t>(tensor.values.data()) % 64 == 0);
      for (const float value : tensor.values) CHECK(value == 0);
    }
    CHECK(weights->bytes() == (16 + 16) * 4);
    weights->find("b")->values[6] = 2;
    copy = *weights;
  }
  CHECK(copy.find("b")->values[6] == 2);
  CHECK(copy.find("c") == nullptr);
}

TEST_CASE("a model that does not fit into memory is refused before it is read") {
  const auto small = load_model(models / "llama-tiny", 1000);
  REQUIRE_FALSE(small);
  CHECK(small.error().code == ErrorCode::out_of_memory);
  CHECK(small.error().message == "tests/golden/models/llama-tiny: as f32 it needs 0.0003 GiB, 0.0000 GiB are free");
  const auto huge = Weights::allocate({{"a", {std::int64_t{1} << 44}}});
  REQUIRE_FALSE(huge);
  CHECK(huge.error().code == ErrorCode::out_of_memory);
}

TEST_CASE("parameters are counted from the description") {
  CHECK(count_parameters(*read_decoder(models / "llama-tiny")) == 80192);
}

}  // namespace luthier::checkpoint
