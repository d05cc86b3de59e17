// Where Oniguruma's Ruby syntax and PCRE2 write the same thing differently.
#include <algorithm>
#include <vector>

#include "gpu/text/regex.hpp"

namespace luthier::text {
namespace {

// Oniguruma's \s is White_Space; PCRE2's has U+180E as well. Its \w is wider than PCRE2's.
constexpr std::string_view space = "\\x09-\\x0d\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe";
constexpr std::string_view hexadecimal = "0-9a-fA-F";

// [:name:] inside a class; others mean the same in both.
constexpr std::pair<std::string_view, std::string_view> posix_classes[] = {
    {"alpha", "\\p{Alphabetic}"}, {"upper", "\\p{Uppercase}"}, {"lower", "\\p{Lowercase}"}, {"space", space},
    {"punct", "\\p{P}\\p{S}"},   {"alnum", "\\p{Alphabetic}\\p{Nd}\\xb2\\xb3\\xb9\\xbc-\\xbe"}, {"word", word}};

// Oniguruma's \p{Han} is the property Script; PCRE2's means Script_Extensions.
constexpr std::string_view scripts[] = {"Arabic", "Armenian", "Bengali", "Common", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek",
    "Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Inherited", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam",
    "Mongolian", "Myanmar", "Sinhala", "Tamil", "Telugu", "Thai", "Tibetan"};

class Translator {
 public:
  explicit Translator(std::string_view source) : source_(source) {}

  Result<std::string> run() {
    while (at_ < source_.size() && why_.empty()) step();
    if (why_.empty() && in_class_) why_ = "a character class has no end";
    if (!why_.empty()) return invalid("regular expression \"" + std::string(source_) + "\": " + why_);
    return std::move(out_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void step() {
    const char c = peek();
    if (c == '\\') return escape();
    if (in_class_) return inside_class(c);
    switch (c) {
      case '[': return open_class();
      case '(': return open_group();
      case ')': return close_group();
      case '{': return interval();
      case '*':
      case '+':
      case '?':
      case '|':
      case '^':
      case '$': break;
      default: atom_ = out_.size();
    }
    // PCRE2 counts in code points as well, so the bytes of a longer character must stay together as one atom.
    copy(1);
    while (at_ < source_.size() && (static_cast<unsigned char>(peek()) & 0xC0) == 0x80) copy(1);
  }

  void copy(std::size_t count) {
    out_ += source_.substr(at_, count);
    at_ += count;
  }

  void escape() {
    if (!in_class_) atom_ = out_.size();
    const char kind = peek(1);
    const auto set = [&](std::string_view members, bool negated) {
      if (in_class_ && negated) return false;
      out_ += in_class_ ? std::string(members) : (negated ? "[^" : "[") + std::string(members) + "]";
      at_ += 2;
      return true;
    };
    if ((kind == 's' || kind == 'S') && set(space, kind == 'S')) return;
    if ((kind == 'w' || kind == 'W') && set(word, kind == 'W')) return;
    if (kind == 'h' || kind == 'H') {
      if (!set(hexadecimal, kind == 'H')) why_ = "\\H in a character class is not supported";
      return;
    }
    if (kind == 'u' && at_ + 6 <= source_.size()) {
      out_ += "\\x{" + std::string(source_.substr(at_ + 2, 4)) + "}";
      at_ += 6;
      return;
    }
    const auto close = source_.find('}', at_);
    if ((kind == 'p' || kind == 'P') && peek(2) == '{' && close != std::string_view::npos) {
      std::size_t name = at_ + 3;
      const bool negated = source_[name] == '^';
      if (negated) ++name;
      const auto script = source_.substr(name, close - name);
      if (std::find(std::begin(scripts), std::end(scripts), script) != std::end(scripts)) {
        out_ += "\\" + std::string(1, kind) + "{" + (negated ? "^" : "") + "sc:" + std::string(script) + "}";
        at_ = close + 1;
        return;
      }
    }
    const bool braced = peek(2) == '{' && std::string_view("pPxo").find(kind) != std::string_view::npos;
    copy(braced && close != std::string_view::npos ? close + 1 - at_ : 2);
  }

  void open_class() {
    atom_ = out_.size();
    in_class_ = true;
    copy(1);
    if (peek() == '^') copy(1);
    if (peek() == ']') {
      out_ += "\\]";
      ++at_;
    }
  }

  void inside_class(char c) {
    if (c == ']') in_class_ = false;
    if (c == '[' && peek(1) != ':') why_ = "a character class inside another one is not supported";
    if (c == '&' && peek(1) == '&') why_ = "an intersection of character classes (&&) is not supported";
    if (c == '[' && peek(1) == ':') {
      const auto end = source_.find(":]", at_);
      if (end != std::string_view::npos) return posix_class(end);
    }
    copy(1);
  }

  void posix_class(std::size_t end) {
    const auto name = source_.substr(at_ + 2, end - at_ - 2);
    for (const auto& [known, members] : posix_classes) {
      if (name != known) continue;
      out_ += members;
      at_ = end + 2;
      return;
    }
    copy(end + 2 - at_);
  }

  void open_group() {
    groups_.push_back(out_.size());
    copy(1);
    if (peek() != '?') return;
    copy(1);
    // Ruby's m is what everybody else calls s: the dot takes newlines as well.
    while (peek() == 'i' || peek() == 'm' || peek() == 'x' || peek() == '-') {
      out_ += peek() == 'm' ? 's' : peek();
      ++at_;
    }
    if (peek() == ':' || peek() == '=' || peek() == '!' || peek() == '>') return copy(1);
    if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) copy(2);
  }

  void close_group() {
    if (!groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    copy(1);
  }

  // {n,m}+ repeats the interval in Ruby's syntax; in PCRE2 it would make it possessive. {,m} starts from 0.
  void interval() {
    auto end = at_ + 1;
    while (end < source_.size() && (source_[end] == ',' || (source_[end] >= '0' && source_[end] <= '9'))) ++end;
    if (end == at_ + 1 || end >= source_.size() || source_[end] != '}') {
      atom_ = out_.size();
      out_ += "\\{";
      ++at_;
      return;
    }
    std::string counts(source_.substr(at_ + 1, end - at_ - 1));
    if (counts.front() == ',') counts.insert(0, "0");
    at_ = end + 1;
    out_ += '{' + counts + '}';
    if (peek() != '+') return;
    out_.insert(atom_, "(?:");
    out_ += ")+";
    ++at_;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::string out_;
  std::string why_;
  bool in_class_ = false;
  std::size_t atom_ = 0;  // where in `out_` the thing starts that a following quantifier repeats
  std::vector<std::size_t> groups_;
};

}  // namespace

Result<std::string> to_pcre2(std::string_view oniguruma) { return Translator(oniguruma).run(); }

}  // namespace luthier::text
