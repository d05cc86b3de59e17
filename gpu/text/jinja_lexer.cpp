#include "gpu/text/jinja_lexer.hpp"

#include <algorithm>
#include <charconv>

#include "gpu/text/jinja_text.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

// Line ends become "\n"; one at the very end goes away.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\r') {
      out += '\n';
      if (at + 1 < source.size() && source[at + 1] == '\n') ++at;
    } else {
      out += source[at];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) template_text();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  bool looking_at(std::string_view what, std::size_t ahead = 0) const {
    return std::string_view(source_).substr(std::min(at_ + ahead, source_.size())).starts_with(what);
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  [[noreturn]] void fail(std::string message) const { throw SyntaxFailure{std::move(message), line_}; }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void move_to(std::size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  void skip_space() {
    const auto rest = std::string_view(source_).substr(at_);
    move_to(at_ + rest.size() - strip(rest, Ends::left).size());
  }

  // Data up to the next tag, and the tag.
  void template_text() {
    std::size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) return last_data();
      const char kind = source_[tag + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
    }
    const auto data = std::string_view(source_).substr(at_, tag - at_);
    const char kind = source_[tag + 1], sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const bool is_signed = sign == '-' || sign == '+';
    add_data(data, is_signed ? sign : '\0', kind != '{');
    move_to(tag + (is_signed ? 3 : 2));
    if (kind == '#') return comment();
    if (kind == '%' && raw()) return;
    expression(kind == '%');
  }

  void last_data() {
    add(TokenKind::data, source_.substr(at_));
    move_to(source_.size());
  }

  // lstrip_blocks: white space between the start of a line and a block goes away, unless the block has a sign.
  void add_data(std::string_view data, char sign, bool is_block) {
    if (sign == '-') {
      data = strip(data, Ends::right);
    } else if (sign != '+' && is_block) {
      const auto line_begin = data.rfind('\n') + 1;  // npos + 1 is 0
      if ((line_begin > 0 || line_starting_) && strip(data.substr(line_begin), Ends::left).empty()) data = data.substr(0, line_begin);
    }
    if (!data.empty()) add(TokenKind::data, std::string(data));
  }

  // Behind the end of a block or comment: "-" takes all white space, nothing takes one newline (trim_blocks).
  void after_end(char sign, bool is_block) {
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && is_block && peek() == '\n') {
      move_to(at_ + 1);
    }
    line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
  }

  void comment() {
    const auto end = source_.find("#}", at_);
    if (end == std::string::npos) fail("Missing end of comment tag");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    move_to(end + 2);
    after_end(sign, true);
  }

  // {% raw %}…{% endraw %}; false: it is another block.
  bool raw() {
    std::size_t at = at_;
    const auto space = [&] {
      const auto rest = std::string_view(source_).substr(at);
      at += rest.size() - strip(rest, Ends::left).size();
    };
    const auto takes = [&](std::string_view what) {
      const bool there = std::string_view(source_).substr(at).starts_with(what);
      if (there) at += what.size();
      return there;
    };
    space();
    if (!takes("raw")) return false;
    space();
    const bool strips = takes("-%}");
    if (!strips && !takes("%}")) return false;
    if (strips) space();
    move_to(at);
    line_starting_ = source_[at - 1] == '\n';
    for (std::size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      at = tag + 2;
      const char sign = takes("-") ? '-' : takes("+") ? '+' : '\0';
      space();
      if (!takes("endraw")) continue;
      space();
      const char end_sign = takes("-%}") ? '-' : takes("+%}") ? '+' : takes("%}") ? '\0' : '?';
      if (end_sign == '?') continue;
      add_data(std::string_view(source_).substr(at_, tag - at_), sign, true);
      move_to(at);
      after_end(end_sign, true);
      return true;
    }
    fail("Missing end of raw directive");
  }

  void expression(bool is_block) {
    add(is_block ? TokenKind::block_begin : TokenKind::output_begin, "");
    for (;;) {
      skip_space();
      if (at_ >= source_.size()) fail("unexpected end of template");
      if (open_.empty() && ends(is_block)) return;
      token();
    }
  }

  bool ends(bool is_block) {
    const std::string_view close = is_block ? "%}" : "}}";
    const bool is_signed = peek() == '-' || (is_block && peek() == '+');
    const char sign = is_signed ? peek() : '\0';
    if (!looking_at(close, is_signed ? 1 : 0)) return false;
    add(is_block ? TokenKind::block_end : TokenKind::output_end, "");
    move_to(at_ + (is_signed ? 3 : 2));
    after_end(sign, is_block);
    return true;
  }

  void token() {
    const char c = peek();
    if (is_digit(c)) return digits();
    if (c == '"' || c == '\'') return string(c);
    const auto [value, bytes] = code_point_at(source_, at_);
    if (is_word(value)) return name();
    op();
  }

  void name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const auto [value, bytes] = code_point_at(source_, end);
      if (!is_word(value)) break;
      end += bytes;
    }
    add(TokenKind::name, source_.substr(at_, end - at_));
    move_to(end);
  }

  // Digits with single underscores between them, from `at` on; where they end.
  std::size_t digits_end(std::size_t at, bool (*is_member)(char)) const {
    while (at < source_.size() && (is_member(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && is_member(source_[at + 1]))))
      ++at;
    return at;
  }

  void digits() {
    const auto whole_end = digits_end(at_, is_digit);
    std::size_t end = whole_end;
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // foo.0.1 has no fraction
    if (!after_dot) {
      if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) end = digits_end(end + 1, is_digit);
      std::size_t exponent = end;
      if (exponent < source_.size() && (source_[exponent] == 'e' || source_[exponent] == 'E')) {
        ++exponent;
        if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
        if (exponent < source_.size() && is_digit(source_[exponent])) end = digits_end(exponent, is_digit);
      }
    }
    if (end > whole_end) return real(end);
    const char kind = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (kind == 'x' || kind == 'o' || kind == 'b')) return based(kind);
    if (peek() == '0') {  // zeros only: "007" is two numbers, which no expression allows
      const auto zeros = digits_end(at_, [](char c) { return c == '0'; });
      return whole(at_, zeros, 10);
    }
    whole(at_, whole_end, 10);
  }

  std::string without_underscores(std::size_t begin, std::size_t end) const {
    std::string text = source_.substr(begin, end - begin);
    std::erase(text, '_');
    return text;
  }

  void real(std::size_t end) {
    const std::string text = without_underscores(at_, end);
    add(TokenKind::real, text);
    std::from_chars(text.data(), text.data() + text.size(), tokens_.back().real);
    move_to(end);
  }

  void based(char kind) {
    const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
    bool (*member)(char) = kind == 'x' ? [](char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
                           : kind == 'o' ? [](char c) { return c >= '0' && c <= '7'; }
                                         : [](char c) { return c == '0' || c == '1'; };
    const auto end = digits_end(at_ + 2, member);
    if (end == at_ + 2) return whole(at_, at_ + 1, 10);
    whole(at_ + 2, end, base);
  }

  void whole(std::size_t begin, std::size_t end, int base) {
    const std::string text = without_underscores(begin, end);
    add(TokenKind::integer, text);
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), tokens_.back().integer, base);
    if (error != std::errc() || stop != text.data() + text.size()) fail("the integer " + text.substr(0, 40) + " is too large");
    move_to(end);
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string has no end");
    add(TokenKind::string, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    move_to(end + 1);
  }

  std::string unescaped(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '\\' || at + 1 == text.size()) {
        out += text[at];
        continue;
      }
      const char kind = text[++at];
      constexpr std::string_view letters = "\\'\"abfnrtv", meanings = "\\'\"\a\b\f\n\r\t\v";
      if (const auto known = letters.find(kind); known != std::string_view::npos) {
        out += meanings[known];
      } else if (kind == '\n') {
        continue;
      } else if (kind >= '0' && kind <= '7') {
        std::size_t end = at;
        while (end < text.size() && end < at + 3 && text[end] >= '0' && text[end] <= '7') ++end;
        append_number(out, text.substr(at, end - at), 8);
        at = end - 1;
      } else if (kind == 'x' || kind == 'u' || kind == 'U') {
        const std::size_t width = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
        append_number(out, text.substr(std::min(at + 1, text.size()), width), 16, width);
        at += width;
      } else if (kind == 'N') {
        fail("the escape \\N in a string is not supported; \\u works");
      } else {
        out += '\\';
        out += kind;
      }
    }
    return out;
  }

  void append_number(std::string& out, std::string_view digits, int base, std::size_t width = 0) const {
    std::uint32_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || stop != digits.data() + digits.size() || digits.size() < width)
      fail("an escape in a string is cut short");
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) fail("an escape in a string is no character");
    append_utf8(out, value);
  }

  void op() {
    constexpr std::string_view two[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view one = "+-/*%~[](){}><=.:|,;";
    for (const auto text : two)
      if (looking_at(text)) return add_op(text);
    if (one.find(peek()) == std::string_view::npos) {
      const auto bytes = code_point_at(source_, at_).bytes;
      fail("unexpected character '" + source_.substr(at_, bytes) + "'");
    }
    add_op(std::string_view(source_).substr(at_, 1));
  }

  void add_op(std::string_view text) {
    const char c = text[0];
    if (c == '(' || c == '[' || c == '{') open_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (open_.empty()) fail(std::string("unexpected '") + c + "'");
      if (open_.back() != c) fail(std::string("unexpected '") + c + "', expected '" + open_.back() + "'");
      open_.pop_back();
    }
    add(TokenKind::op, std::string(text));
    move_to(at_ + text.size());
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<char> open_;  // the brackets that must still close
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source) { return Lexer(with_plain_newlines(source)).run(); }

}  // namespace luthier::text::jinja
