// GGUF's vocabulary "gpt2": byte-level BPE. How words are cut stands behind a name, as llama.cpp gives them.
#include <algorithm>

#include "gpu/text/bpe.hpp"
#include "gpu/text/tokenizer_gguf_parts.hpp"

namespace luthier::text {
namespace {

using nlohmann::json;

const std::string contractions = R"((?i:'s|'t|'re|'ve|'m|'ll|'d))";
const std::string upper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])", lower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";

// Contractions, letters with one other character in front, digits, other characters and blanks.
std::string letters_and(const std::string& digits) {
  return contractions + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits + R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

// The same, where a word begins anew at a capital letter behind a small one.
std::string cased_letters_and(const std::string& end, const std::string& digits) {
  const std::string other = R"([^\r\n\p{L}\p{N}]?)";
  return other + upper + "*" + lower + "+" + end + "|" + other + upper + "+" + lower + "*" + end + "|" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

json byte_level(bool words) { return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", words}}; }

json split(const std::string& pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

json sequence(std::vector<json> parts) { return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}}; }

struct Convention {
  json normalizer{}, pre_tokenizer{};
  bool ignore_merges = false;
  bool adds_bos = false;
};

constexpr const char* known_names =
    "default, gpt-2, phi-2, smollm, starcoder, refact, llama-bpe, llama3, llama-v3, dbrx, smaug-bpe, qwen2, deepseek-r1-qwen, qwen35, gpt-4o, "
    "llama4, tekken and deepseek-v3";

std::optional<Convention> convention_named(const std::string& name) {
  const auto is = [&](std::initializer_list<const char*> names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  const std::string three_digits = R"(\p{N}{1,3})", one_digit = R"(\p{N})";
  const json nfc = {{"type", "NFC"}};
  if (is({"default", "gpt-2", "phi-2"})) return Convention{nullptr, byte_level(true)};
  if (is({"smollm", "starcoder", "refact"}))
    return Convention{nullptr, sequence({{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)})};
  if (is({"llama-bpe", "llama3", "llama-v3"})) return Convention{nullptr, sequence({split(letters_and(three_digits)), byte_level(false)}), true, true};
  if (is({"dbrx", "smaug-bpe"})) return Convention{nullptr, sequence({split(letters_and(three_digits)), byte_level(false)})};
  if (is({"qwen2", "deepseek-r1-qwen"})) return Convention{nfc, sequence({split(letters_and(one_digit)), byte_level(false)})};
  if (is({"qwen35"}))
    return Convention{nfc, sequence({split(contractions + R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                                     byte_level(false)})};
  if (is({"gpt-4o", "llama4"})) return Convention{nullptr, sequence({split(cased_letters_and(contractions + "?", three_digits)), byte_level(false)})};
  if (is({"tekken"})) return Convention{nullptr, sequence({split(cased_letters_and("", one_digit)), byte_level(false)}), true, true};
  if (is({"deepseek-v3"}))
    return Convention{nullptr, sequence({split(three_digits), split("[\xE4\xB8\x80-\xE9\xBE\xA5\xE3\x81\x80-\xE3\x82\x9F\xE3\x82\xA0-\xE3\x83\xBF]+"),
                                         split(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
                                               R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                                         byte_level(false)})};
  return std::nullopt;
}

Result<Convention> read_convention(const checkpoint::GgufFile& file) {
  const std::string key = "tokenizer.ggml.pre";
  const auto name = file.has(key) ? file.text(key) : Result<std::string>(std::string("default"));
  if (!name) return name.error();
  if (auto convention = convention_named(*name)) return *std::move(convention);
  return invalid(file.path().string() + ": " + key + ": " + in_quotes(*name) + " is not supported; " + known_names + " are", key);
}

Result<std::vector<Merge>> cut_merges(const std::vector<std::string>& lines) {
  std::vector<Merge> merges;
  merges.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    // A blank may be the first character of the left token, never of the right one.
    const auto blank = line.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == line.size())
      return invalid("merges[" + std::to_string(i) + "]: is not two tokens with a blank between them");
    merges.push_back({line.substr(0, blank), line.substr(blank + 1)});
  }
  return merges;
}

}  // namespace

Result<GgufTokenizer> gguf_byte_level(const checkpoint::GgufFile& file, GgufVocabulary vocabulary) {
  auto convention = read_convention(file);
  if (!convention) return convention.error();
  const auto lines = gguf_list<std::vector<std::string>>(file, "tokenizer.ggml.merges");
  if (!lines) return lines.error();
  const auto merges = cut_merges(*lines);
  if (!merges) return gguf_error(file, merges.error());
  auto made = Vocabulary::make(gguf_entries(vocabulary));
  if (!made) return gguf_error(file, made.error());
  BpeOptions options;
  options.ignore_merges = convention->ignore_merges;
  auto bpe = Bpe::make(*std::move(made), *merges, options);
  if (!bpe) return gguf_error(file, bpe.error());
  GgufTokenizer result;
  result.model = *std::move(bpe);
  result.normalizer = std::move(convention->normalizer);
  result.pre_tokenizer = std::move(convention->pre_tokenizer);
  result.decoder = byte_level(true);
  result.adds_bos = convention->adds_bos;
  return result;
}

}  // namespace luthier::text
