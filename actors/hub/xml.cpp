#include "actors/hub/xml.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

namespace luthier::hub {
namespace {

constexpr int depth_max = 16;
constexpr std::size_t elements_max = 100'000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void append_code_point(std::string& to, std::uint32_t c) {
  if (c < 0x80) {
    to += static_cast<char>(c);
  } else if (c < 0x800) {
    to += static_cast<char>(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    to += static_cast<char>(0xe0 | c >> 12);
    to += static_cast<char>(0x80 | (c >> 6 & 0x3f));
  } else {
    to += static_cast<char>(0xf0 | c >> 18);
    to += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    to += static_cast<char>(0x80 | (c >> 6 & 0x3f));
  }
  if (c >= 0x80) to += static_cast<char>(0x80 | (c & 0x3f));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Element> document() {
    if (!skip_prologue()) return wrong();
    Element root;
    if (!element(root, 1)) return wrong();
    skip_blanks();
    return text_.empty() ? Result<Element>(std::move(root)) : Result<Element>(wrong());
  }

 private:
  static Error wrong() { return invalid("this is not the XML that S3 answers with"); }

  void skip_blanks() {
    while (!text_.empty() && is_blank(text_[0])) text_.remove_prefix(1);
  }
  bool take(std::string_view wanted) {
    if (text_.substr(0, wanted.size()) != wanted) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  bool skip_past(std::string_view end) {
    const auto at = text_.find(end);
    if (at == std::string_view::npos) return false;
    text_.remove_prefix(at + end.size());
    return true;
  }
  bool skip_prologue() {
    take("\xef\xbb\xbf");
    for (skip_blanks(); take("<?") || text_.substr(0, 4) == "<!--"; skip_blanks())
      if (!skip_past(text_.substr(0, 4) == "<!--" ? "-->" : "?>")) return false;
    return true;
  }

  // Behind "<": up to ">" or "/>". Attributes are passed over, with their quotes.
  bool tag(std::string& name, bool& is_empty) {
    const auto end = text_.find_first_of(" \t\r\n/>");
    if (end == 0 || end == std::string_view::npos) return false;
    name = text_.substr(0, end);
    if (const auto colon = name.find(':'); colon != std::string::npos) name.erase(0, colon + 1);
    text_.remove_prefix(end);
    while (!text_.empty() && text_[0] != '>' && text_[0] != '/') {
      const char c = text_[0];
      text_.remove_prefix(1);
      if (c == '<' || ((c == '"' || c == '\'') && !skip_past({&c, 1}))) return false;
    }
    is_empty = take("/");
    return take(">");
  }

  bool element(Element& into, int depth) {
    bool is_empty = false;
    if (depth > depth_max || ++elements_ > elements_max || !take("<") || !tag(into.name, is_empty)) return false;
    while (!is_empty) {
      const auto end = text_.find('<');
      if (end == std::string_view::npos || !append_text(text_.substr(0, end), into.text)) return false;
      text_.remove_prefix(end);
      if (take("<!--")) {
        if (!skip_past("-->")) return false;
      } else if (take("</")) {
        std::string name;
        bool ignored = false;
        return tag(name, ignored) && !ignored && name == into.name;
      } else if (!element(into.children.emplace_back(), depth + 1)) {
        return false;
      }
    }
    return true;
  }

  static std::optional<std::uint32_t> code_point(std::string_view entity) {  // "#10", "#xa"
    if (entity == "amp") return '&';
    if (entity == "lt") return '<';
    if (entity == "gt") return '>';
    if (entity == "quot") return '"';
    if (entity == "apos") return '\'';
    if (entity.size() < 2 || entity[0] != '#') return std::nullopt;
    const bool is_hex = entity[1] == 'x';
    entity.remove_prefix(is_hex ? 2 : 1);
    std::uint32_t c = 0;
    const auto [end, error] = std::from_chars(entity.data(), entity.data() + entity.size(), c, is_hex ? 16 : 10);
    if (error != std::errc() || end != entity.data() + entity.size() || c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
      return std::nullopt;
    return c;
  }
  static bool append_text(std::string_view raw, std::string& to) {
    while (!raw.empty()) {
      const auto at = raw.find('&');
      to += raw.substr(0, at);
      if (at == std::string_view::npos) return true;
      const auto end = raw.find(';', at);
      const auto c = end == std::string_view::npos ? std::nullopt : code_point(raw.substr(at + 1, end - at - 1));
      if (!c) return false;
      append_code_point(to, *c);
      raw.remove_prefix(end + 1);
    }
    return true;
  }

  std::string_view text_;
  std::size_t elements_ = 0;
};

}  // namespace

const Element* Element::find(std::string_view child) const {
  for (const auto& element : children)
    if (element.name == child) return &element;
  return nullptr;
}

std::string Element::text_of(std::string_view child) const {
  const auto* element = find(child);
  return element ? element->text : std::string();
}

Result<Element> parse_xml(std::string_view text) { return Reader(text).document(); }

}  // namespace luthier::hub
