#include "gpu/text/jinja_text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "gpu/text/unicode.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

utf8proc_int32_t point(char32_t c) { return static_cast<utf8proc_int32_t>(c); }

// Letters whose upper case is longer than themselves.
struct Expansion {
  char32_t letter;
  std::string_view upper, title;
};
constexpr Expansion expansions[] = {
    {0xDF, "SS", "Ss"},     {0x149, "\xCA\xBCN", "\xCA\xBCN"}, {0x1F0, "J\xCC\x8C", "J\xCC\x8C"},
    {0x587, "\xD4\xB5\xD5\x92", "\xD4\xB5\xD6\x82"},           {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},   {0xFB02, "FL", "Fl"},              {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"}, {0xFB05, "ST", "St"},              {0xFB06, "ST", "St"},
};

const Expansion* expansion_of(char32_t c) {
  if (c < 0xDF) return nullptr;
  const auto* at = std::find_if(std::begin(expansions), std::end(expansions), [&](const auto& each) { return each.letter == c; });
  return at == std::end(expansions) ? nullptr : at;
}

void append_upper(std::string& out, char32_t c) {
  if (const auto* known = expansion_of(c)) {
    out += known->upper;
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_toupper(point(c))));
  }
}

void append_title(std::string& out, char32_t c) {
  if (const auto* known = expansion_of(c)) {
    out += known->title;
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_totitle(point(c))));
  }
}

bool is_cased(char32_t c) {
  const auto kind = utf8proc_category(point(c));
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT;
}

bool is_case_ignorable(char32_t c) {
  return is_mark(c) || c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xAD || c == 0xB7 || c == 0x2019;
}

// A sigma at the end of a word has a form of its own.
bool is_final_sigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at, after = at + 1;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return before > 0 && is_cased(text[before - 1]) && (after == text.size() || !is_cased(text[after]));
}

void append_lower(std::string& out, std::u32string_view text, std::size_t at) {
  const char32_t c = text[at];
  if (c == 0x130) {
    out += "i\xCC\x87";
  } else if (c == 0x3A3 && is_final_sigma(text, at)) {
    append_utf8(out, 0x3C2);
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(point(c))));
  }
}

std::vector<std::string> split_at_space(std::string_view text, std::int64_t splits_max) {
  std::vector<std::string> parts;
  text = strip(text, Ends::left);
  while (!text.empty()) {
    if (splits_max >= 0 && static_cast<std::int64_t>(parts.size()) == splits_max) {
      parts.emplace_back(strip(text, Ends::right));
      break;
    }
    std::size_t end = 0;
    while (end < text.size() && !is_python_space(code_point_at(text, end).value)) end += code_point_at(text, end).bytes;
    parts.emplace_back(text.substr(0, end));
    text = strip(text.substr(end), Ends::left);
  }
  return parts;
}

std::vector<std::string> split_at_space_from_right(std::string_view text, std::int64_t splits_max) {
  std::vector<std::string> parts;
  text = strip(text, Ends::right);
  while (!text.empty()) {
    if (splits_max >= 0 && static_cast<std::int64_t>(parts.size()) == splits_max) {
      parts.emplace_back(strip(text, Ends::left));
      break;
    }
    std::size_t begin = text.size();
    while (begin > 0 && !is_python_space(code_point_before(text, begin).value)) begin -= code_point_before(text, begin).bytes;
    parts.emplace_back(text.substr(begin));
    text = strip(text.substr(0, begin), Ends::right);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

std::size_t find(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* at = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return at == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

std::size_t find_last(std::string_view text, std::string_view part) {
  const std::string backwards(text.rbegin(), text.rend()), part_backwards(part.rbegin(), part.rend());
  const auto at = find(backwards, part_backwards);
  return at == std::string_view::npos ? at : text.size() - at - part.size();
}

bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

std::string upper(std::string_view text) {
  std::string out;
  for (const char32_t c : to_utf32(text)) append_upper(out, c);
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  const auto characters = to_utf32(text);
  for (std::size_t at = 0; at < characters.size(); ++at) append_lower(out, characters, at);
  return out;
}

std::string case_folded(std::string_view text) {
  std::string out;
  for (const char32_t c : to_utf32(text)) {
    utf8proc_int32_t parts[8];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(point(c), parts, 8, UTF8PROC_CASEFOLD, &boundary);
    if (count < 0 || count > 8) append_utf8(out, c);
    for (utf8proc_ssize_t i = 0; i < count && count <= 8; ++i) append_utf8(out, static_cast<char32_t>(parts[i]));
  }
  return out;
}

std::string capitalised(std::string_view text) {
  std::string out;
  const auto characters = to_utf32(text);
  for (std::size_t at = 0; at < characters.size(); ++at) {
    if (at == 0) {
      append_title(out, characters[at]);
    } else {
      append_lower(out, characters, at);
    }
  }
  return out;
}

std::string title_case(std::string_view text) {
  std::string out;
  const auto characters = to_utf32(text);
  bool inside = false;
  for (std::size_t at = 0; at < characters.size(); ++at) {
    if (inside) {
      append_lower(out, characters, at);
    } else {
      append_title(out, characters[at]);
    }
    inside = is_cased(characters[at]);
  }
  return out;
}

std::string title_filter_case(std::string_view text) {
  std::string out, word;
  const auto end_word = [&] {
    if (word.empty()) return;
    const auto first = code_point_at(word, 0);
    append_upper(out, first.value);
    out += lower(std::string_view(word).substr(first.bytes));
    word.clear();
  };
  for (const char32_t c : to_utf32(text)) {
    const bool separates = is_python_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (separates) end_word();
    append_utf8(separates ? out : word, c);
  }
  end_word();
  return out;
}

std::string swapped_case(std::string_view text) {
  std::string out;
  const auto characters = to_utf32(text);
  for (std::size_t at = 0; at < characters.size(); ++at) {
    if (utf8proc_category(point(characters[at])) == UTF8PROC_CATEGORY_LU) {
      append_lower(out, characters, at);
    } else {
      append_upper(out, characters[at]);
    }
  }
  return out;
}

std::string_view strip(std::string_view text, Ends ends, std::optional<std::string_view> characters) {
  const std::u32string set = characters ? to_utf32(*characters) : std::u32string();
  const auto goes = [&](char32_t c) { return characters ? set.find(c) != std::u32string::npos : is_python_space(c); };
  while (ends != Ends::right && !text.empty()) {
    const auto [value, bytes] = code_point_at(text, 0);
    if (!goes(value)) break;
    text.remove_prefix(bytes);
  }
  while (ends != Ends::left && !text.empty()) {
    const auto [value, bytes] = code_point_before(text, text.size());
    if (!goes(value)) break;
    text.remove_suffix(bytes);
  }
  return text;
}

std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator, std::int64_t splits_max) {
  if (!separator) return split_at_space(text, splits_max);
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (splits_max < 0 || static_cast<std::int64_t>(parts.size()) < splits_max) {
    const auto end = find(text, *separator, at);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(at, end - at));
    at = end + separator->size();
  }
  parts.emplace_back(text.substr(at));
  return parts;
}

std::vector<std::string> split_from_right(std::string_view text, std::optional<std::string_view> separator, std::int64_t splits_max) {
  if (!separator) return split_at_space_from_right(text, splits_max);
  const std::string backwards(text.rbegin(), text.rend()), separator_backwards(separator->rbegin(), separator->rend());
  auto parts = split(backwards, separator_backwards, splits_max);
  for (auto& part : parts) std::reverse(part.begin(), part.end());
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  const auto ends_line = [](char32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
  };
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, bytes] = code_point_at(text, at);
    const std::size_t line_end = at;
    at += bytes;
    if (!ends_line(value)) continue;
    if (value == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(text.substr(begin, (keep_ends ? at : line_end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::size_t replaced_bytes(std::string_view text, std::string_view from, std::string_view to) {
  if (to.size() <= from.size()) return text.size();
  if (from.empty()) return text.size() + (text.size() + 1) * to.size();
  std::size_t count = 0;
  for (std::size_t at = find(text, from); at != std::string_view::npos; at = find(text, from, at + from.size())) ++count;
  return text.size() + count * (to.size() - from.size());
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t times_max) {
  std::string out;
  std::size_t at = 0;
  std::int64_t times = 0;
  const auto more = [&] { return times_max < 0 || times < times_max; };
  if (from.empty()) {  // between all characters, and at both ends
    while (more()) {
      out += to;
      ++times;
      if (at == text.size()) return out;
      const auto bytes = code_point_at(text, at).bytes;
      out += text.substr(at, bytes);
      at += bytes;
    }
  }
  while (!from.empty() && more()) {
    const auto found = find(text, from, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
    ++times;
  }
  out += text.substr(at);
  return out;
}

bool is_printable(char32_t c) {
  switch (utf8proc_category(point(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return c == ' ';
    default: return true;
  }
}

std::string text_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos, has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, bytes] = code_point_at(text, at);
    char escape[12];
    if (value == static_cast<char32_t>(quote) || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n' || value == '\r' || value == '\t') {
      out += value == '\n' ? "\\n" : value == '\r' ? "\\r" : "\\t";
    } else if (is_printable(value)) {
      out += text.substr(at, bytes);
    } else {
      const char* form = value < 0x100 ? "\\x%02x" : value < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape, sizeof escape, form, static_cast<unsigned>(value));
      out += escape;
    }
    at += bytes;
  }
  return out + quote;
}

std::string_view between(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin >= end) return {};
  std::size_t at = 0, count = 0;
  const auto walk_to = [&](std::size_t position) {
    while (count < position && at < text.size()) {
      at += code_point_at(text, at).bytes;
      ++count;
    }
    return at;
  };
  const std::size_t from = walk_to(begin);
  return text.substr(from, walk_to(end) - from);
}

bool all_of(std::string_view text, bool (*holds)(char32_t)) {
  const auto characters = to_utf32(text);
  return !characters.empty() && std::all_of(characters.begin(), characters.end(), holds);
}

bool is_alphabetic(char32_t c) { return is_letter(c); }
bool is_decimal(char32_t c) { return utf8proc_category(point(c)) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) {
  constexpr std::pair<char32_t, char32_t> others[] = {
      {0xB2, 0xB3},     {0xB9, 0xB9},     {0x1369, 0x1371}, {0x19DA, 0x19DA}, {0x2070, 0x2070}, {0x2074, 0x2079}, {0x2080, 0x2089},
      {0x2460, 0x2468}, {0x2474, 0x247C}, {0x2488, 0x2490}, {0x24EA, 0x24EA}, {0x24F5, 0x24FD}, {0x24FF, 0x24FF}, {0x2776, 0x277E},
      {0x2780, 0x2788}, {0x278A, 0x2792}, {0x1F100, 0x1F10A}};
  return is_decimal(c) || std::any_of(std::begin(others), std::end(others), [&](auto range) { return c >= range.first && c <= range.second; });
}
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_numeric(c); }

namespace {

bool all_cased_are(std::string_view text, bool (*holds)(char32_t)) {
  bool any = false;
  for (const char32_t c : to_utf32(text)) {
    if (!is_cased(c)) continue;
    if (!holds(c)) return false;
    any = true;
  }
  return any;
}

}  // namespace

bool is_upper(std::string_view text) {
  return all_cased_are(text, [](char32_t c) { return utf8proc_category(point(c)) == UTF8PROC_CATEGORY_LU; });
}
bool is_lower(std::string_view text) {
  return all_cased_are(text, [](char32_t c) { return utf8proc_category(point(c)) == UTF8PROC_CATEGORY_LL; });
}

bool is_identifier(std::string_view text) {
  const auto characters = to_utf32(text);
  const auto starts = [](char32_t c) { return c == '_' || is_letter(c) || utf8proc_category(point(c)) == UTF8PROC_CATEGORY_NL; };
  return !characters.empty() && starts(characters[0]) && std::all_of(characters.begin(), characters.end(), [&](char32_t c) {
    const auto kind = utf8proc_category(point(c));
    return starts(c) || kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_PC;
  });
}

std::string with_expanded_tabs(std::string_view text, std::size_t tab_columns) {
  std::string out;
  std::size_t column = 0;
  for (const char c : text) {
    if (c == '\t') {
      const std::size_t blanks = tab_columns == 0 ? 0 : tab_columns - column % tab_columns;
      out.append(blanks, ' ');
      column += blanks;
      continue;
    }
    out += c;
    if (c == '\n' || c == '\r') column = 0;
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++column;
  }
  return out;
}

}  // namespace luthier::text::jinja
