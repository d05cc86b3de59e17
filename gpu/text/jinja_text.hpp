// What Python's str does, over UTF-8. Positions and widths count code points.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::text::jinja {

// Where `part` starts at or behind `from`, or npos. Unlike string_view's, in linear time whatever the two look like.
std::size_t find(std::string_view text, std::string_view part, std::size_t from = 0);
std::size_t find_last(std::string_view text, std::string_view part);

bool is_python_space(char32_t c);  // white space as str.isspace() sees it: the separators U+001C to U+001F as well

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string case_folded(std::string_view text);
std::string capitalised(std::string_view text);
std::string title_case(std::string_view text);         // str.title(): every run of letters
std::string title_filter_case(std::string_view text);  // Jinja's filter: what follows a blank, "-", "(", "{", "[" or "<"
std::string swapped_case(std::string_view text);

enum class Ends { both, left, right };
// `characters`: which to take away; none: white space.
std::string_view strip(std::string_view text, Ends ends, std::optional<std::string_view> characters = std::nullopt);

// `separator`: none: runs of white space, none at the ends. `splits_max` < 0: no bound.
std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator, std::int64_t splits_max);
std::vector<std::string> split_from_right(std::string_view text, std::optional<std::string_view> separator, std::int64_t splits_max);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends = false);
// `times_max` < 0: no bound. The caller has paid for the result: see replaced_bytes().
std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t times_max);
std::size_t replaced_bytes(std::string_view text, std::string_view from, std::string_view to);

// repr(str): in quotes, with escapes for what cannot be printed.
std::string text_repr(std::string_view text);

// The part between two positions, which are at most the length.
std::string_view between(std::string_view text, std::size_t begin, std::size_t end);

bool all_of(std::string_view text, bool (*holds)(char32_t));  // and there is at least one
bool is_alphabetic(char32_t c);
bool is_alphanumeric(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);  // decimals, and superscripts, circled ones …
bool is_upper(std::string_view text);  // str.isupper(): a cased letter, and none in lower case
bool is_lower(std::string_view text);
bool is_printable(char32_t c);
bool is_identifier(std::string_view text);
std::string with_expanded_tabs(std::string_view text, std::size_t tab_columns);

}  // namespace luthier::text::jinja
