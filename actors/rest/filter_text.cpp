// name:"x" AND (status IN [active, pending] OR -data["kind"]~"lora") as the JSON form.
#include "actors/rest/filter_node.hpp"
#include "actors/rest/problem_place.hpp"

namespace luthier::rest {
namespace {

struct Refused {
  std::string sentence;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_field_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '$';
}

class TextFilter {
 public:
  explicit TextFilter(std::string_view text) : text_(text) {}

  Json all() {
    Json out = alternatives(1);
    skip_blanks();
    if (at_ < text_.size()) refuse("something that belongs to no condition");
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Refused{"Invalid filter at character " + std::to_string(at_ + 1) + ": " + what +
                  "; write for example name:\"x\" AND status IN [active, pending], or give the filter as JSON."};
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    skip_blanks();
    if (next() != c) return false;
    ++at_;
    return true;
  }
  // A whole word, not the start of a longer one.
  bool take_word(std::string_view word) {
    skip_blanks();
    const auto end = at_ + word.size();
    if (text_.substr(at_, word.size()) != word || (end < text_.size() && is_field_character(text_[end]))) return false;
    // A field may have this name: then an operator follows.
    if (end < text_.size() && std::string_view(":~<>=").find(text_[end]) != std::string_view::npos) return false;
    at_ = end;
    return true;
  }

  Json alternatives(std::size_t depth) {
    if (depth > filter_depth_max) refuse("nested more than " + std::to_string(filter_depth_max) + " deep");
    Json parts = Json::array({together(depth)});
    while (take_word("OR")) add(parts, together(depth));
    return joined("$or", std::move(parts));
  }

  Json together(std::size_t depth) {
    Json parts = Json::array({condition(depth)});
    for (;;) {
      const bool said = take_word("AND");
      skip_blanks();
      const bool ends = at_ == text_.size() || next() == ')' || (!said && is_or_next());
      if (!said && ends) return joined("$and", std::move(parts));
      add(parts, condition(depth));
    }
  }

  bool is_or_next() {
    const auto here = at_;
    const bool is_or = take_word("OR");
    at_ = here;
    return is_or;
  }

  void add(Json& parts, Json part) const {
    if (parts.size() == filter_conditions_max) refuse("more than " + std::to_string(filter_conditions_max) + " conditions");
    parts.push_back(std::move(part));
  }

  static Json joined(const char* name, Json parts) {
    if (parts.size() == 1) return std::move(parts.front());
    return Json::object({{name, std::move(parts)}});
  }

  Json condition(std::size_t depth) {
    if (take('-') || take_word("NOT")) return Json::object({{"$not", one(depth + 1)}});
    return one(depth);
  }

  Json one(std::size_t depth) {
    if (depth > filter_depth_max) refuse("nested more than " + std::to_string(filter_depth_max) + " deep");
    skip_blanks();
    if (next() == '-') return condition(depth);
    if (!take('(')) return comparison();
    Json inner = alternatives(depth + 1);
    if (!take(')')) refuse("a ) is missing");
    return inner;
  }

  Json comparison() {
    const std::string name = field();
    if (take_word("NOT")) {
      if (!take_word("IN")) refuse("IN is missing after NOT");
      return said(name, "$nin", list());
    }
    if (take_word("IN")) return said(name, "$in", list());
    skip_blanks();
    const char c = next();
    if (c == '\0' || std::string_view(":=~<>").find(c) == std::string_view::npos)
      refuse("an operator (: ~ > >= < <= IN) is missing after " + excerpt(name, 64));
    ++at_;
    const bool or_equal = (c == '<' || c == '>') && next() == '=';
    if (or_equal) ++at_;
    const char* op = c == '~' ? "$like" : c == '>' ? (or_equal ? "$gte" : "$gt") : c == '<' ? (or_equal ? "$lte" : "$lt") : "$eq";
    return said(name, op, value());
  }

  static Json said(const std::string& name, const char* op, Json operand) {
    return Json::object({{name, Json::object({{op, std::move(operand)}})}});
  }

  std::string field() {
    skip_blanks();
    const auto start = at_;
    while (at_ < text_.size() && is_field_character(text_[at_])) ++at_;
    std::string name(text_.substr(start, at_ - start));
    if (name.empty()) refuse("a field is missing");
    if (next() == '[') {
      ++at_;
      if (next() != '"') refuse("a quoted key is missing in [ ]");
      name += "." + quoted();
      if (!take(']')) refuse("a ] is missing");
    }
    return name;
  }

  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return out;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    refuse("a closing quote is missing");
  }

  Json value() {
    skip_blanks();
    if (next() == '"') return quoted();
    const auto start = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && std::string_view("()[],\"").find(text_[at_]) == std::string_view::npos) ++at_;
    const auto word = text_.substr(start, at_ - start);
    if (word.empty()) refuse("a value is missing");
    if (word == "null") return nullptr;
    if (word == "true") return true;
    if (word == "false") return false;
    return word;
  }

  Json list() {
    if (!take('[')) refuse("a list such as [a, b] is missing");
    Json out = Json::array();
    if (take(']')) return out;
    do {
      out.push_back(value());
    } while (take(','));
    if (!take(']')) refuse("a ] is missing");
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Or<Json> filter_of_text(std::string_view text) {
  try {
    return TextFilter(text).all();
  } catch (const Refused& refused) {
    return detail(400, refused.sentence);
  }
}

}  // namespace luthier::rest
