#include "gpu/checkpoint/gguf.hpp"

#include <cstring>
#include <functional>
#include <limits>

#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

// Writes a GGUF file field by field, so that a test can lie in any of them.
class Builder {
 public:
  template <class T>
  Builder& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Builder& u32(std::uint32_t value) { return put(value); }
  Builder& u64(std::uint64_t value) { return put(value); }
  Builder& text(const std::string& value) {
    u64(value.size());
    bytes_ += value;
    return *this;
  }
  Builder& preamble(std::uint64_t tensors, std::uint64_t keys) {
    bytes_ += "GGUF";
    return u32(3).u64(tensors).u64(keys);
  }
  Builder& tensor(const std::string& name, std::vector<std::uint64_t> extents, std::uint32_t type, std::uint64_t offset) {
    text(name).u32(static_cast<std::uint32_t>(extents.size()));
    for (const auto extent : extents) u64(extent);
    return u32(type).u64(offset);
  }
  // The tensors' data: up to the alignment, then this many bytes.
  Builder& data(std::size_t length, std::size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment + length);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

struct Opened {
  TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "a.gguf";
  Result<GgufFile> file;
  explicit Opened(const std::string& bytes)
      : file((write_bytes(path, bytes), GgufFile::open(path))) {}
  // The message without the path.
  std::string why() const { return file ? "" : file.error().message.substr(path.string().size() + 2); }
};

std::string why(const Builder& builder) { return Opened(builder.bytes()).why(); }

constexpr std::uint32_t u8 = 0, u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8, array = 9, u64 = 10, f64 = 12;

}  // namespace

TEST_CASE("metadata of every type is read") {
  Builder builder;
  builder.preamble(0, 10);
  builder.text("a").u32(u8).put(std::uint8_t{200});
  builder.text("b").u32(i32).put(std::int32_t{-5});
  builder.text("c").u32(f32).put(1e-5f);
  builder.text("d").u32(boolean).put(std::uint8_t{1});
  builder.text("e").u32(string).text(std::string("t\0x", 3));
  builder.text("f").u32(array).u32(i32).u64(2).put(std::int32_t{7}).put(std::int32_t{-7});
  builder.text("g").u32(array).u32(string).u64(2).text("x").text("");
  builder.text("h").u32(array).u32(f32).u64(1).put(0.5f);
  builder.text("i").u32(array).u32(boolean).u64(2).put(std::uint8_t{1}).put(std::uint8_t{0});
  builder.text("j").u32(f64).put(0.1);
  const Opened opened(builder.bytes());
  REQUIRE(opened.why() == "");
  const auto& file = *opened.file;
  CHECK(*file.integer("a") == 200);
  CHECK(*file.integer("b") == -5);
  CHECK(*file.number("b") == -5.0);
  CHECK(*file.number("c") == 1e-5);  // not 9.999999747e-06
  CHECK(std::get<bool>(file.metadata().at("d")));
  CHECK(*file.text("e") == std::string("t\0x", 3));
  CHECK(std::get<std::vector<std::int64_t>>(file.metadata().at("f")) == std::vector<std::int64_t>{7, -7});
  CHECK(std::get<std::vector<std::string>>(file.metadata().at("g")) == std::vector<std::string>{"x", ""});
  CHECK(std::get<std::vector<double>>(file.metadata().at("h")) == std::vector<double>{0.5});
  CHECK(std::get<std::vector<bool>>(file.metadata().at("i")) == std::vector<bool>{true, false});
  CHECK(*file.number("j") == 0.1);
  CHECK(file.has("a"));
  CHECK_FALSE(file.has("z"));
  CHECK(file.text("a").error().message == opened.path.string() + ": metadata a: is not a string");
  CHECK(file.integer("c").error().message == opened.path.string() + ": metadata c: is not an integer");
  CHECK(file.number("z").error().message == opened.path.string() + ": metadata z: is missing");
}

TEST_CASE("blocks are dequantised to scale times number plus minimum") {
  std::vector<std::byte> block(20);
  const std::uint16_t d = 0x3800, m = 0xBC00;  // 0.5 and -1
  std::memcpy(block.data(), &d, 2);
  std::memcpy(block.data() + 2, &m, 2);
  for (int i = 0; i < 16; ++i) block[static_cast<std::size_t>(4 + i)] = static_cast<std::byte>(i | (15 - i) << 4);
  std::vector<float> out(32);
  REQUIRE(dequantise({3, {32}, block}, out));
  CHECK(out[0] == -1.0f);
  CHECK(out[15] == 6.5f);
  CHECK(out[16] == 6.5f);
  CHECK(out[31] == -1.0f);
  CHECK(dequantise({11, {32}, block}, out).error().message == "a tensor stored as Q3_K is not supported");
}

TEST_CASE("a lie in a GGUF header is refused with its place") {
  CHECK(why(Builder()) == "ends early: 4 bytes are missing");
  CHECK(why(Builder().u32(0x12345678)) == "is not a GGUF file: it does not begin with GGUF");
  CHECK(why(Builder().u32(0x46554747).u32(1).u64(0).u64(0)) == "is GGUF version 1; versions 2 and 3 are supported");
  CHECK(why(Builder().u32(0x46554747).u32(0x03000000)) == "is a big-endian GGUF file, which is not supported");
  CHECK(why(Builder().preamble(0, 0)) == "");
  CHECK(why(Builder().preamble(1'000'000'000, 0)) == "claims 1000000000 tensors, more than the file has room for");
  CHECK(why(Builder().preamble(0, ~0ull)) == "claims 18446744073709551615 metadata keys, more than the file has room for");
  CHECK(why(Builder().preamble(0, 1).u64(1ull << 63).u64(0)) == "metadata : ends early: 9223372036854775800 bytes are missing");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(13)) == "metadata k: has the value type 13, which GGUF does not know");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(string).u64(~0ull)) ==
        "metadata k: ends early: 18446744073709551615 bytes are missing");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(array).u32(u8).u64(1ull << 40)) ==
        "metadata k: claims 1099511627776 array elements, more than we read");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(array).u32(string).u64(1'000'000)) ==
        "metadata k: ends early: 8 bytes are missing");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(array).u32(array).u64(1).u32(u8).u64(0)) ==
        "metadata k: is an array of arrays, which is not supported");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(u64).u64(1ull << 63)) ==
        "metadata k: the integer 9223372036854775808 is larger than we read");
  CHECK(why(Builder().preamble(0, 1).text("k").u32(boolean).put(std::uint8_t{2})) == "metadata k: the bool is 2, not 0 or 1");
  CHECK(why(Builder().preamble(0, 2).text("k").u32(u32).u32(1).text("k").u32(u32).u32(1)) == "metadata k: is there twice");
  CHECK(why(Builder().preamble(0, 1).text("a\nb\x1b[1m").u32(13)) ==
        "metadata a?b?[1m: has the value type 13, which GGUF does not know");
}

TEST_CASE("a lie in a GGUF tensor's entry is refused with the tensor's name") {
  const auto one = [](std::vector<std::uint64_t> extents, std::uint32_t type, std::uint64_t offset, std::size_t data) {
    return why(Builder().preamble(1, 0).tensor("t", std::move(extents), type, offset).data(data));
  };
  CHECK(one({4, 2}, 0, 0, 32) == "");
  CHECK(one({4, 2}, 0, 0, 31) == "tensor t: 1 bytes are missing");
  CHECK(one({4, 2}, 0, 32, 32) == "tensor t: 32 bytes are missing");
  CHECK(one({4, 2}, 0, 1, 64) == "tensor t: its offset 1 is not aligned");
  CHECK(one({4, 2}, 0, ~0ull << 5, 64) == "tensor t: its offset is beyond any file");
  CHECK(one({}, 0, 0, 64) == "tensor t: has 0 dimensions; 1 to 4 are possible");
  CHECK(one({1, 1, 1, 1, 1}, 0, 0, 64) == "tensor t: has 5 dimensions; 1 to 4 are possible");
  CHECK(one({4, 0}, 0, 0, 64) == "tensor t: its shape [0, 4] is not one that a tensor can have");
  CHECK(one({4, 1ull << 60}, 0, 0, 64) == "tensor t: its shape [1152921504606846976, 4] is not one that a tensor can have");
  CHECK(one({1ull << 40, 1ull << 40}, 0, 0, 64).ends_with("is not one that a tensor can have"));
  CHECK(one({4, ~0ull}, 0, 0, 64) == "tensor t: the integer 18446744073709551615 is larger than we read");
  CHECK(one({48, 2}, 3, 0, 64) == "tensor t: its rows of 48 values are no whole number of Q4_1 blocks");
  CHECK(one({256, 2}, 11, 0, 999) ==
        "tensor t: is stored as Q3_K, which is not supported; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K and MXFP4 are");
  CHECK(one({256, 2}, 4000, 0, 999).starts_with("tensor t: is stored as type 4000, "));
  CHECK(why(Builder().preamble(2, 0).tensor("t", {4, 4}, 0, 0).tensor("u", {4}, 0, 32).data(64)) ==
        "tensor u: overlaps with another tensor");
  CHECK(why(Builder().preamble(2, 0).tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).data(64)) == "tensor t: is there twice");
}

TEST_CASE("a GGUF file says itself how its tensors are aligned") {
  const auto aligned = [](std::uint32_t alignment) {
    return why(Builder().preamble(1, 1).text("general.alignment").u32(u32).u32(alignment).tensor("t", {4}, 0, 0).data(16, 64));
  };
  CHECK(aligned(64) == "");
  for (const std::uint32_t wrong : {0u, 1u, 48u, 1u << 31})
    CHECK(aligned(wrong) == "general.alignment: is not a power of two between 8 and 1048576");
}

TEST_CASE("Llama 3's scaling of positions is found from the divisors that GGUF stores") {
  const auto decoder = read_decoder(goldens / "llama3-rope.gguf");
  REQUIRE((decoder ? "" : decoder.error().message) == "");
  CHECK(decoder->head_dim == 64);  // hidden 32, 1 head: said by attention.key_length
  CHECK(decoder->rope.kind == Rope::Kind::llama3);
  CHECK(decoder->rope.theta == 500000.0);
  CHECK(decoder->rope.factor == 32);
  CHECK(decoder->rope.low_freq_factor == 1);
  CHECK(decoder->rope.high_freq_factor == 4);
  CHECK(decoder->rope.original_max_position_embeddings == 8192);
  check_digests(load_model(goldens / "llama3-rope.gguf")->weights, goldens / "llama3-rope.digests.json");
}

namespace {

std::string spoiled(const std::string& from, const std::string& to, const std::string& file = "mixed.gguf") {
  return refusal_of_spoiled(goldens / file, from, to);
}

// A key with its u32 value.
std::string entry(const std::string& key, std::uint32_t value) { return Builder().text(key).u32(u32).u32(value).bytes(); }

}  // namespace

TEST_CASE("a llama whose GGUF metadata is wrong is refused by key") {
  const auto changed = [](const std::string& key, std::uint32_t from, std::uint32_t to) {
    return spoiled(entry(key, from), entry(key, to));
  };
  CHECK(changed("llama.block_count", 1, 0) == "metadata llama.block_count: 0 is not between 1 and 1000");
  CHECK(changed("llama.block_count", 1, 2) == "tensor blk.1.attn_norm.weight: is missing");
  CHECK(changed("llama.embedding_length", 64, 0) == "metadata llama.embedding_length: 0 is not between 1 and 1048576");
  CHECK(changed("llama.embedding_length", 64, 128) == "tensor token_embd.weight: has shape [32, 64], not [32, 128]");
  CHECK(changed("llama.attention.head_count", 4, 0).starts_with("metadata llama.attention.head_count: 0 is not"));
  CHECK(changed("llama.attention.head_count", 4, 7) == "num_attention_heads: 7 heads do not divide hidden_size 64");
  CHECK(changed("llama.attention.head_count_kv", 2, 3) == "num_key_value_heads: 3 does not divide num_attention_heads 4");
  CHECK(changed("llama.attention.key_length", 16, 15) ==
        "metadata llama.attention.value_length: differs from the key length, which is not supported");
  CHECK(changed("llama.rope.dimension_count", 16, 8) == "llama.rope.dimension_count: 8 is not the size of a head, 16");
  CHECK(changed("tokenizer.ggml.eos_token_id", 2, 32) == "metadata tokenizer.ggml.eos_token_id: 32 is not between 0 and 31");
  CHECK(spoiled("llama.context_length", "llama.kontext_length") == "metadata llama.context_length: is missing");
  CHECK(spoiled(Builder().text("llama").bytes(), Builder().text("glm4x").bytes()) ==
        "metadata general.architecture: family glm4x is not supported; llama, qwen2, qwen3, qwen3moe, gemma, gemma2, gemma3, smollm3, phi3, gpt-oss and deci are");
  CHECK(spoiled(Builder().text("llama").bytes(), Builder().text("qwen2").bytes()) == "metadata qwen2.embedding_length: is missing");
  CHECK(spoiled("blk.0.attn_q.weight", "blk.0.attn_Q.weight") == "tensor blk.0.attn_q.weight: is missing");
  CHECK(spoiled("rope_freqs.weight", "rope_freqz.weight", "llama3-rope.gguf") ==
        "tensor rope_freqz.weight: is not one that a llama has");
  const float eps = 1e-5f, bad = std::numeric_limits<float>::quiet_NaN();
  const auto with = [](float value) { return Builder().text("llama.attention.layer_norm_rms_epsilon").u32(f32).put(value).bytes(); };
  CHECK(spoiled(with(eps), with(bad)) == "metadata llama.attention.layer_norm_rms_epsilon: is not a number from 0");
}

TEST_CASE("no cut and no flipped byte of a GGUF file does more than make an error") {
  const auto whole = read_bytes(goldens / "mixed.gguf");
  TemporaryDirectory directory;
  const auto path = directory.path() / "a.gguf";
  std::size_t refused = 0, cuts = 0;
  for (std::size_t length = 0; length < whole.size(); length += 97, ++cuts) {
    write_bytes(path, std::string_view(whole).substr(0, length));
    const auto model = load_model(path);
    refused += !model && model.error().message.find('\n') == std::string::npos;
  }
  CHECK(refused == cuts);
  const auto flip = [&](std::size_t at, char bits) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ bits);
    write_bytes(path, bytes);
    const auto model = load_model(path);
    return !model;
  };
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < 2600; ++at) noticed += flip(at, static_cast<char>(1 << at % 8)) + flip(at, '\xFF');
  CHECK(noticed > 2600);  // most of the header matters
  for (std::size_t at = 2600; at < whole.size(); at += 97) flip(at, '\x80');
}

}  // namespace luthier::checkpoint
