#include "gpu/text/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "gpu/text/unicode_tables.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

int combining_class(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

// utf8proc's own loop swaps neighbours, which takes quadratic time on a long run of marks.
void order_marks(std::vector<utf8proc_int32_t>& points) {
  for (auto at = points.begin(); at != points.end();) {
    if (combining_class(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, points.end(), [](auto c) { return combining_class(c) == 0; });
    std::stable_sort(at, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

// Circled and bold letters count as alphabetic though they are symbols or numbers (Other_Alphabetic).
bool is_other_alphabetic(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

using Points = std::vector<utf8proc_int32_t>;

// Appends the normal form of `points`, and leaves them in any state.
void normalise_points(Points& points, bool composed, std::string& out) {
  order_marks(points);
  auto length = static_cast<utf8proc_ssize_t>(points.size());
  if (composed && length > 0) {
    const auto compose = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    length = utf8proc_normalize_utf32(points.data(), length, compose);
  }
  for (utf8proc_ssize_t i = 0; i < length; ++i) append_utf8(out, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
}

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_numeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_letter(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_mark(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  const auto kind = category(c);
  return is_letter(c) || is_mark(c) || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_PC || is_other_alphabetic(c) || c == 0x200C || c == 0x200D;
}

std::string normalise(std::string_view valid, Form form) {
  const bool compatible = form == Form::nfkc || form == Form::nfkd, composed = form == Form::nfc || form == Form::nfkc;
  const auto decompose = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0));
  Points points;
  points.reserve(valid.size());
  std::string out;
  for (std::size_t at = 0; at < valid.size();) {
    const auto [value, bytes] = code_point_at(valid, at);
    at += bytes;
    if (value >= 0x7F0 && tables::contains(tables::not_normalised, value)) {
      normalise_points(points, composed, out);
      points.clear();
      append_utf8(out, value);
      continue;
    }
    utf8proc_int32_t parts[32];  // the longest decomposition in Unicode has 18
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(value), parts, 32, decompose, &boundary);
    if (count < 0 || count > 32) {
      points.push_back(static_cast<utf8proc_int32_t>(value));
    } else {
      points.insert(points.end(), parts, parts + count);
    }
  }
  normalise_points(points, composed, out);
  return out;
}

}  // namespace luthier::text
