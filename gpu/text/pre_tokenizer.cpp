#include "gpu/text/pre_tokenizer.hpp"

#include <cassert>

#include "gpu/text/byte_alphabet.hpp"
#include "gpu/text/normaliser.hpp"
#include "gpu/text/regex.hpp"
#include "gpu/text/splitting.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/unicode_scripts.hpp"
#include "gpu/text/unicode_sets.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

// GPT-2's words: contractions, letters, digits and other characters with at most one blank in front, and blanks.
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Regex known(std::string_view pattern) {
  auto regex = Regex::compile(pattern);
  assert(regex);
  return *std::move(regex);
}

std::string_view view(const Pieces& pieces, const Piece& piece) {
  return std::string_view(pieces.text.text).substr(piece.begin, piece.end - piece.begin);
}

// `rewrite` writes each piece anew, behind the pieces before it.
template <class Rewrite>
void rewrite_pieces(Pieces& pieces, Rewrite rewrite) {
  Rewriter out(pieces.text);
  for (Piece& piece : pieces.pieces) {
    const auto begin = static_cast<std::uint32_t>(out.size());
    rewrite(piece, out);
    piece = {begin, static_cast<std::uint32_t>(out.size()), piece.first};
  }
  pieces.text = out.take();
}

PreTokenizer byte_level(const ConfigReader& config) {
  const bool prefix = config.flag("add_prefix_space", true), words = config.flag("use_regex", true);
  static const Regex pattern = known(gpt2_words);
  return [prefix, words](Pieces& pieces) -> Result<void> {
    if (prefix)
      rewrite_pieces(pieces, [&](const Piece& piece, Rewriter& out) {
        if (!view(pieces, piece).starts_with(' ')) out.put(" ", piece.begin, piece.begin);
        out.keep(piece.begin, piece.end);
      });
    if (words) {
      auto done = split(pieces, Behaviour::isolated, [](auto text, auto& parts) { return find_parts(pattern, text, parts); });
      if (!done) return done;
    }
    rewrite_pieces(pieces, [&](const Piece& piece, Rewriter& out) { put_byte_characters(pieces.text, piece.begin, piece.end, out); });
    return {};
  };
}

PreTokenizer split_by_pattern(const ConfigReader& config) {
  const Regex pattern = read_pattern(config);
  const bool inverted = config.flag("invert", false);
  const auto behaviour = behaviour_named(config.text("behavior"));
  if (!behaviour)
    config["behavior"].fail("is none of Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous");
  if (config.failed()) return {};
  return [pattern, inverted, kind = *behaviour](Pieces& pieces) {
    return split(pieces, kind, [&](std::string_view text, std::vector<Part>& parts) {
      auto found = find_parts(pattern, text, parts);
      for (Part& part : parts) part.matches = part.matches != inverted;
      return found;
    });
  };
}

PreTokenizer split_by_character(bool (*is_match)(char32_t), Behaviour behaviour) {
  return [=](Pieces& pieces) {
    return split(pieces, behaviour, [&](std::string_view text, std::vector<Part>& parts) -> Result<void> {
      find_characters(is_match, text, parts);
      return {};
    });
  };
}

// Runs of word characters and runs of what is neither a word nor a space; spaces go away.
PreTokenizer whitespace() {
  return [](Pieces& pieces) {
    return split(pieces, Behaviour::isolated, [](std::string_view text, std::vector<Part>& parts) -> Result<void> {
      enum class Class { none, word, other } current = Class::none;
      for (std::size_t at = 0; at < text.size();) {
        const auto [value, bytes] = code_point_at(text, at);
        const auto kind = is_word_character(value) ? Class::word : is_white_space(value) ? Class::none : Class::other;
        if (kind != Class::none && kind == current) parts.back().end = at + bytes;
        if (kind != Class::none && kind != current) parts.push_back({at, at + bytes, false});
        current = kind;
        at += bytes;
      }
      return {};
    });
  };
}

// Cuts where another script begins. A character of any script belongs to the piece that it is in; before the first piece it is lost.
PreTokenizer unicode_scripts() {
  return [](Pieces& pieces) {
    return split(pieces, Behaviour::isolated, [](std::string_view text, std::vector<Part>& parts) -> Result<void> {
      int script = any_script;
      for (std::size_t at = 0; at < text.size();) {
        const auto [value, bytes] = code_point_at(text, at);
        const int here = script_of(value);
        if (here != any_script && here != script) {
          parts.push_back({at, at, false});
          script = here;
        }
        at += bytes;
        if (!parts.empty()) parts.back().end = at;
      }
      return {};
    });
  };
}

enum class Scheme { always, never, first };

std::string read_replacement(const ConfigReader& config) {
  const std::string replacement = config.text("replacement", "\xE2\x96\x81");
  if (count_code_points(replacement) != 1) config["replacement"].fail("is not one character");
  return replacement;
}

Scheme read_scheme(const ConfigReader& config) {
  const std::string scheme = config.text("prepend_scheme", config.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme == "always") return Scheme::always;
  if (scheme == "never") return Scheme::never;
  if (scheme != "first") config["prepend_scheme"].fail("is none of always, never and first");
  return Scheme::first;
}

PreTokenizer metaspace(const ConfigReader& config) {
  const std::string replacement = read_replacement(config);
  const Scheme scheme = read_scheme(config);
  const bool splits = config.flag("split", true);
  if (config.failed()) return {};
  auto pattern = Regex::literal(replacement);
  if (!pattern) return config.fail(pattern.error()), PreTokenizer{};
  return [=, pattern = *pattern](Pieces& pieces) -> Result<void> {
    rewrite_pieces(pieces, [&](const Piece& piece, Rewriter& out) {
      const auto text = view(pieces, piece);
      const bool marked = text.starts_with(' ') || text.starts_with(replacement);
      if (!marked && (scheme == Scheme::always || (scheme == Scheme::first && piece.first)))
        out.put(replacement, piece.begin, piece.begin);
      for (std::size_t at = piece.begin; at < piece.end; ++at) {
        if (pieces.text.text[at] == ' ') {
          out.put(replacement, at, at + 1);
        } else {
          out.keep(at, at + 1);
        }
      }
    });
    if (!splits) return {};
    return split(pieces, Behaviour::merged_with_next,
                 [&](auto text, auto& parts) { return find_parts(pattern, text, parts); });
  };
}

PreTokenizer char_delimiter(const ConfigReader& config) {
  const std::string delimiter = config.text("delimiter");
  auto pattern = Regex::literal(delimiter);
  if (count_code_points(delimiter) != 1 || !pattern) return config["delimiter"].fail("is not one character"), PreTokenizer{};
  return [pattern = *pattern](Pieces& pieces) {
    return split(pieces, Behaviour::removed, [&](auto text, auto& parts) { return find_parts(pattern, text, parts); });
  };
}

PreTokenizer sequence(const ConfigReader& list, int depth) {
  std::vector<PreTokenizer> steps;
  const std::size_t count = list.size();
  for (std::size_t i = 0; i < count && !list.failed(); ++i)
    if (auto step = make_pre_tokenizer(list[i], depth + 1)) steps.push_back(std::move(step));
  return [steps](Pieces& pieces) -> Result<void> {
    for (const auto& step : steps)
      if (auto done = step(pieces); !done) return done;
    return {};
  };
}

// Blanks go away, and each punctuation character stands alone.
PreTokenizer bert() {
  return [](Pieces& pieces) -> Result<void> {
    const auto by = [&](bool (*is_match)(char32_t), Behaviour behaviour) {
      return split(pieces, behaviour, [&](std::string_view text, std::vector<Part>& parts) -> Result<void> {
        find_characters(is_match, text, parts);
        return {};
      });
    };
    if (auto done = by(is_white_space, Behaviour::removed); !done) return done;
    return by(is_split_punctuation, Behaviour::isolated);
  };
}

PreTokenizer fixed_length(const ConfigReader& config) {
  const auto length = config.integer("length", 5);
  if (length < 1) config["length"].fail("is not 1 or more");
  return [length](Pieces& pieces) {
    return split(pieces, Behaviour::isolated, [&](std::string_view text, std::vector<Part>& parts) -> Result<void> {
      std::int64_t count = 0;
      for (std::size_t at = 0; at < text.size(); ++count) {
        const std::size_t end = at + code_point_at(text, at).bytes;
        if (count % length == 0) parts.push_back({at, end, false});
        parts.back().end = end;
        at = end;
      }
      return {};
    });
  };
}

Behaviour punctuation_behaviour(const ConfigReader& config) {
  const auto behaviour = behaviour_named(config.text("behavior", "Isolated"));
  if (!behaviour) config["behavior"].fail("is none of Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous");
  return behaviour.value_or(Behaviour::isolated);
}

}  // namespace

PreTokenizer make_pre_tokenizer(const ConfigReader& config, int depth) {
  if (config.is_null() || config.failed()) return {};
  if (depth > config_depth_max) return config.fail("is nested too deep"), PreTokenizer{};
  const std::string type = config.text("type");
  if (type == "Sequence") return sequence(config["pretokenizers"], depth);
  if (type == "ByteLevel") return byte_level(config);
  if (type == "Split") return split_by_pattern(config);
  if (type == "Digits")
    return split_by_character(is_number, config.flag("individual_digits", false) ? Behaviour::isolated : Behaviour::contiguous);
  if (type == "Metaspace") return metaspace(config);
  if (type == "Whitespace") return whitespace();
  if (type == "WhitespaceSplit") return split_by_character(is_white_space, Behaviour::removed);
  if (type == "Punctuation") return split_by_character(is_split_punctuation, punctuation_behaviour(config));
  if (type == "CharDelimiterSplit") return char_delimiter(config);
  if (type == "BertPreTokenizer") return bert();
  if (type == "FixedLength") return fixed_length(config);
  if (type == "UnicodeScripts") return unicode_scripts();
  config["type"].fail("the pre-tokenizer \"" + type +
                      "\" is not supported; Sequence, ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, "
                      "Punctuation, CharDelimiterSplit, BertPreTokenizer, FixedLength and UnicodeScripts are");
  return {};
}

}  // namespace luthier::text
