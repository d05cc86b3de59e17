// The filter wordwrap, as Python's textwrap breaks lines.
#include <algorithm>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_filters.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

using Characters = std::u32string_view;

bool is_blank(char32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word_character(char32_t c) { return is_alphanumeric(c) || c == '_'; }
bool is_letter_like(char32_t c) { return is_word_character(c) && !is_decimal(c); }
bool is_in_word(char32_t c) { return is_word_character(c) || std::u32string_view(U"!\"'&.,?").find(c) != std::u32string_view::npos; }
bool is_only_space(Characters chunk) { return std::all_of(chunk.begin(), chunk.end(), is_python_space); }

// What a line may be broken between: blanks, words, the parts of hyphenated words, dashes between words.
class Chunks {
 public:
  Chunks(Characters text, bool break_on_hyphens) : text_(text), on_hyphens_(break_on_hyphens) {}

  std::vector<Characters> all() const {
    std::vector<Characters> chunks;
    for (std::size_t at = 0, end = 0; at < text_.size(); at = end) {
      end = end_of_chunk(at);
      chunks.push_back(text_.substr(at, end - at));
    }
    return chunks;
  }

 private:
  char32_t at(std::size_t index) const { return index < text_.size() ? text_[index] : U'\0'; }  // before the start as well: it wraps

  std::size_t end_of_chunk(std::size_t begin) const {
    std::size_t end = begin;
    if (is_blank(text_[begin])) {
      while (end < text_.size() && is_blank(text_[end])) ++end;
      return end;
    }
    if (on_hyphens_ && is_dash_before_word(begin)) return text_.find_first_not_of(U'-', begin);
    for (end = begin + 1; end < text_.size() && !is_blank(text_[end]); ++end) {
      if (!on_hyphens_) continue;
      if (is_dash_before_word(end)) return end;
      if (is_hyphen_in_word(end)) return end + 1;
    }
    return end;
  }

  bool is_dash_before_word(std::size_t from) const {
    if (from == 0 || !is_in_word(text_[from - 1]) || at(from) != '-' || at(from + 1) != '-') return false;
    const auto end = text_.find_first_not_of(U'-', from);
    return end != Characters::npos && is_word_character(text_[end]);
  }

  bool is_hyphen_in_word(std::size_t hyphen) const {
    if (text_[hyphen] != '-') return false;
    const auto letter = [&](std::size_t index) { return index < text_.size() && is_letter_like(text_[index]); };
    const bool behind_letters = letter(hyphen - 1) && (letter(hyphen - 2) || (at(hyphen - 2) == '-' && letter(hyphen - 3)));
    return behind_letters && letter(hyphen + 1) && (letter(hyphen + 2) || (at(hyphen + 2) == '-' && letter(hyphen + 3)));
  }

  Characters text_;
  bool on_hyphens_;
};

struct Wrapping {
  std::size_t width;
  bool breaks_long_words, breaks_on_hyphens;
};

// How much of a word that fits on no line goes on this one: up to a hyphen where there is one.
std::size_t cut_of_long_word(Characters word, std::size_t room, const Wrapping& wrapping) {
  if (wrapping.breaks_on_hyphens && word.size() > room) {
    const auto hyphen = room == 0 ? Characters::npos : word.rfind(U'-', room - 1);
    if (hyphen != Characters::npos && hyphen > 0 && word.substr(0, hyphen).find_first_not_of(U'-') != Characters::npos) return hyphen + 1;
  }
  return std::min(room, word.size());
}

std::vector<std::string> wrapped(Characters text, const Wrapping& wrapping) {
  auto chunks = Chunks(text, wrapping.breaks_on_hyphens).all();
  std::vector<std::string> lines;
  for (std::size_t next = 0; next < chunks.size();) {
    if (!lines.empty() && is_only_space(chunks[next])) ++next;
    std::vector<Characters> line;
    std::size_t size = 0;
    for (; next < chunks.size() && size + chunks[next].size() <= wrapping.width; ++next) {
      line.push_back(chunks[next]);
      size += chunks[next].size();
    }
    if (next < chunks.size() && chunks[next].size() > wrapping.width) {
      if (wrapping.breaks_long_words) {
        const auto end = cut_of_long_word(chunks[next], wrapping.width - size, wrapping);
        line.push_back(chunks[next].substr(0, end));
        chunks[next].remove_prefix(end);
      } else if (line.empty()) {
        line.push_back(chunks[next++]);
      }
    }
    if (!line.empty() && is_only_space(line.back())) line.pop_back();
    if (line.empty()) continue;
    auto& made = lines.emplace_back();
    for (const auto part : line) made += to_utf8(std::u32string(part));
  }
  return lines;
}

}  // namespace

Value wrap_words(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("wordwrap", call, {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  require_defined(input);
  if (!input.is_text()) throw Failure{"wordwrap works on a string, not on '" + type_name(input) + "'"};
  const auto width = bound.whole(0, 79);
  const std::string separator = bound.is_set(2) ? bound.text(2) : "\n";
  const auto paragraphs = split_lines(input.text());
  if (width <= 0 && !paragraphs.empty()) throw Failure{"invalid width " + std::to_string(width) + " (must be > 0)"};
  Budget& budget = machine.budget();
  budget.step(input.text().size());
  std::string out;
  for (std::size_t i = 0; i < paragraphs.size(); ++i) {
    if (i > 0) out += separator;
    const auto lines = wrapped(to_utf32(paragraphs[i]), {static_cast<std::size_t>(width), bound.flag(1, true), bound.flag(3, true)});
    budget.bytes(paragraphs[i].size() + (lines.size() + 1) * separator.size());
    for (std::size_t line = 0; line < lines.size(); ++line) out += (line > 0 ? separator : "") + lines[line];
  }
  return text(budget, std::move(out));
}

}  // namespace luthier::text::jinja
