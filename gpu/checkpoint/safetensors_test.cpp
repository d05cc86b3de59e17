#include "gpu/checkpoint/safetensors.hpp"

#include <algorithm>

#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

std::string with_length(const std::string& header) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header;
}

struct Opened {
  TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "a.safetensors";
  Result<SafetensorsFile> file;
  explicit Opened(const std::string& bytes) : file((write_bytes(path, bytes), SafetensorsFile::open(path))) {}
  std::string why() const { return file ? "" : file.error().message.substr(path.string().size() + 2); }
};

// `header` with single quotes for double ones, followed by this many bytes of data.
std::string why(std::string header, std::size_t data) {
  std::replace(header.begin(), header.end(), '\'', '"');
  return Opened(with_length(header) + std::string(data, 'x')).why();
}

}  // namespace

TEST_CASE("what is written as safetensors is read back") {
  TemporaryDirectory directory;
  const std::vector<float> a{1, -2, 3.5f, 0, 5, 6}, b{7};
  const auto path = directory.path() / "a.safetensors";
  REQUIRE(write_safetensors(path, {{"a", {{2, 3}, a}}, {"b \"c\"", {{}, b}}, {"none", {{0, 4}, {}}}}, {{"format", "pt"}}));
  const auto file = SafetensorsFile::open(path);
  REQUIRE(file);
  CHECK(file->metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  CHECK(file->tensors().size() == 3);
  CHECK(file->find("c") == nullptr);
  std::vector<float> out(6);
  REQUIRE(to_f32(*file->find("a"), out));
  CHECK(out == a);
  CHECK(file->find("a")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(file->find("b \"c\"")->count() == 1);
  CHECK(file->find("none")->count() == 0);
  REQUIRE(to_f32(*file->find("none"), {}));
  CHECK_FALSE(write_safetensors(path, {{"\xFF", {{1}, b}}}));
}

TEST_CASE("integers are listed but are not widened") {
  std::string header = R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})";
  const Opened opened(with_length(header) + std::string(8, '\1'));
  REQUIRE(opened.why() == "");
  std::vector<float> out(1);
  CHECK(opened.file->find("i")->dtype == Dtype::i64);
  CHECK(to_f32(*opened.file->find("i"), out).error().message == "holds integers where floating point values are needed");
}

TEST_CASE("a lie in a safetensors header is refused with its place") {
  CHECK(Opened("").why() == "8 bytes are missing from its length");
  CHECK(Opened("1234567").why() == "1 bytes are missing from its length");
  CHECK(Opened(std::string(8, '\xFF')).why() ==
        "claims a header of 18446744073709551615 bytes; 33554432 are possible, so it is no safetensors file");
  CHECK(Opened(std::string("\x10\0\0\0\0\0\0\0{}", 10)).why() == "14 bytes are missing from its header");
  CHECK(why("{", 0).starts_with("header: is not JSON: parse error at line 1, column 2"));
  CHECK(why("[]", 0) == "header: is not a JSON object");
  CHECK(why("{'a':" + std::string(100'000, '[') + std::string(100'000, ']') + "}", 0) == "header: is nested deeper than 64 levels");
  CHECK(why("{'a':1}", 0) == "tensor a: has no dtype, shape and data_offsets");
  CHECK(why("{'__metadata__':{'a':1}}", 0) == "__metadata__ is not an object of strings");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}", 8) == "");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}", 7) == "tensor a: 1 bytes are missing");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}", 9) == "ends with 1 bytes that belong to no tensor");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}}", 12) == "tensor a: follows 4 bytes that belong to no tensor");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}", 8) ==
        "tensor a: its data_offsets are not a beginning and an end");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}", 8) ==
        "tensor a: its data_offsets are not a beginning and an end");
  CHECK(why("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8,9]}}", 8) ==
        "tensor a: its data_offsets are not a beginning and an end");
  CHECK(why("{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}", 8) == "tensor a: has 8 bytes, but its shape [3] takes 12");
  for (const std::string shape : {"[-2]", "[2.0]", "'x'", "[[2]]", "[4294967296,4294967296]", "[9223372036854775807]",
                                  "[4611686018427387904]", "[1,1,1,1,1,1,1,1,1]", "[1e3]", "{}"})
    CHECK(why("{'a':{'dtype':'F32','shape':" + shape + ",'data_offsets':[0,8]}}", 8) ==
          "tensor a: its shape is not one that a tensor can have");
  CHECK(why("{'a':{'dtype':'F8_E4M3','shape':[2],'data_offsets':[0,2]}}", 2) ==
        "tensor a: dtype F8_E4M3 is not supported; F32, F16, BF16, I64, I32 and U8 are");
  CHECK(why("{'a':{'dtype':1,'shape':[2],'data_offsets':[0,2]}}", 2).starts_with("tensor a: dtype of no name "));
  CHECK(why("{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},'b':{'dtype':'U8','shape':[4],'data_offsets':[2,6]}}", 6) ==
        "tensor b: overlaps with another tensor");
  CHECK(why("{'a':{'dtype':'F32','shape':[NaN],'data_offsets':[0,8]}}", 8).starts_with("header: is not JSON"));
  CHECK(why("{'a\\nb':1}", 0) == "tensor a?b: has no dtype, shape and data_offsets");
}

TEST_CASE("no cut and no flipped byte of a safetensors file does more than make an error") {
  TemporaryDirectory directory;
  const auto model = copy_model(goldens / "llama-biased-f16", directory.path());
  const auto path = model / "model.safetensors";
  const auto whole = read_bytes(path);
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    write_bytes(path, std::string_view(whole).substr(0, length));
    const auto cut = load_model(model);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().message.find('\n') == std::string::npos);
  }
  for (std::size_t at = 0; at < whole.size(); at += at < 2200 ? 1 : 97) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    write_bytes(path, bytes);
    const auto flipped = load_model(model);
    if (!flipped) CHECK(flipped.error().message.find('\n') == std::string::npos);
  }
}

}  // namespace luthier::checkpoint
