#include "gpu/text/normaliser.hpp"

#include "gpu/text/byte_alphabet.hpp"
#include "gpu/text/normaliser_kinds.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/unicode_sets.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

}  // namespace

// ASCII never changes and only takes marks that follow it, so the work is done on runs of other characters, each with
// the ASCII character in front of it.
void apply_form(Aligned& text, Form form) {
  Rewriter out(text);
  const std::string& from = text.text;
  std::size_t done = 0;
  for (std::size_t at = 0; at < from.size();) {
    if (is_ascii(from[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at > done ? at - 1 : at;
    while (at < from.size() && !is_ascii(from[at])) ++at;
    out.keep(done, begin);
    const auto run = std::string_view(from).substr(begin, at - begin);
    const std::string normal = normalise(run, form);
    if (normal == run) {
      out.keep(begin, at);
    } else {
      out.put(normal, begin, at);
    }
    done = at;
  }
  if (done == 0) return;
  out.keep(done, from.size());
  text = out.take();
}

void lower_case(char32_t c, std::string& out) { append_lower_case(out, c); }

namespace {

void drop_mark(char32_t c, std::string& out) {
  if (!is_accent(c)) append_utf8(out, c);
}

// SentencePiece's rules for translation corpora.
void nmt(char32_t c, std::string& out) {
  const bool vanishes = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  const bool is_blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
                        c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  if (is_blank) {
    out += ' ';
  } else if (!vanishes) {
    append_utf8(out, c);
  }
}

void strip(Aligned& text, bool left, bool right) {
  std::size_t begin = 0, end = text.text.size();
  while (left && begin < end) {
    const auto [value, bytes] = code_point_at(text.text, begin);
    if (!is_white_space(value)) break;
    begin += bytes;
  }
  while (right && end > begin) {
    const auto [value, bytes] = code_point_before(text.text, end);
    if (!is_white_space(value)) break;
    end -= bytes;
  }
  Rewriter out(text);
  out.keep(begin, end);
  text = out.take();
}

void prepend(Aligned& text, const std::string& prefix) {
  if (text.text.empty()) return;
  Rewriter out(text);
  out.put(prefix, 0, 0);
  out.keep(0, text.text.size());
  text = out.take();
}

Normaliser sequence(const ConfigReader& list, int depth) {
  std::vector<Normaliser> steps;
  const std::size_t count = list.size();
  for (std::size_t i = 0; i < count && !list.failed(); ++i)
    if (auto step = make_normaliser(list[i], depth + 1)) steps.push_back(std::move(step));
  return [steps](Aligned& text) -> Result<void> {
    for (const auto& step : steps)
      if (auto done = step(text); !done) return done;
    return {};
  };
}

Normaliser form_of(Form form) {
  return [form](Aligned& text) -> Result<void> {
    apply_form(text, form);
    return {};
  };
}

template <class Change>
Normaliser changing(Change change) {
  return [change](Aligned& text) -> Result<void> {
    change_characters(text, change);
    return {};
  };
}

}  // namespace

Regex read_pattern(const ConfigReader& config) {
  const auto pattern = config["pattern"];
  const bool literal = pattern.has("String"), regular = pattern.has("Regex");
  if (!literal && !regular) pattern.fail("is neither {\"String\": …} nor {\"Regex\": …}");
  if (pattern.failed()) return {};
  auto regex = literal ? Regex::literal(pattern.text("String")) : Regex::compile(pattern.text("Regex"));
  if (regex) return *std::move(regex);
  pattern.fail(regex.error());
  return {};
}

Result<void> replace_all(Aligned& text, const Regex& pattern, std::string_view content) {
  Rewriter out(text);
  Regex::Scan scan(pattern, text.text);
  std::size_t done = 0;
  for (;;) {
    auto match = scan.next();
    if (!match) return match.error();
    if (!*match) break;
    out.keep(done, (*match)->begin);
    out.put(content, (*match)->begin, (*match)->end);
    done = (*match)->end;
  }
  out.keep(done, text.text.size());
  text = out.take();
  return {};
}

Normaliser make_normaliser(const ConfigReader& config, int depth) {
  if (config.is_null() || config.failed()) return {};
  if (depth > config_depth_max) return config.fail("is nested too deep"), Normaliser{};
  const std::string type = config.text("type");
  if (type == "Sequence") return sequence(config["normalizers"], depth);
  if (type == "NFC") return form_of(Form::nfc);
  if (type == "NFD") return form_of(Form::nfd);
  if (type == "NFKC") return form_of(Form::nfkc);
  if (type == "NFKD") return form_of(Form::nfkd);
  if (type == "Lowercase") return changing(lower_case);
  if (type == "StripAccents") return changing(drop_mark);
  if (type == "Nmt") return changing(nmt);
  if (type == "BertNormalizer") return bert_normaliser(config);
  if (type == "Precompiled") return precompiled_normaliser(config);
  if (type == "Strip")
    return [left = config.flag("strip_left", true), right = config.flag("strip_right", true)](Aligned& text) -> Result<void> {
      strip(text, left, right);
      return {};
    };
  if (type == "Prepend")
    return [prefix = config.text("prepend")](Aligned& text) -> Result<void> {
      prepend(text, prefix);
      return {};
    };
  if (type == "Replace")
    return [pattern = read_pattern(config), content = config.text("content")](Aligned& text) {
      return replace_all(text, pattern, content);
    };
  if (type == "ByteLevel")
    return [](Aligned& text) -> Result<void> {
      Rewriter out(text);
      put_byte_characters(text, 0, text.text.size(), out);
      text = out.take();
      return {};
    };
  config["type"].fail("the normaliser \"" + type +
                      "\" is not supported; Sequence, NFC, NFD, NFKC, NFKD, Replace, Prepend, Lowercase, Strip, StripAccents, "
                      "ByteLevel, Precompiled, BertNormalizer and Nmt are");
  return {};
}

}  // namespace luthier::text
