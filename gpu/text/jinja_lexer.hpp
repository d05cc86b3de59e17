// A template's source as tokens, with trim_blocks, lstrip_blocks and the signs in {%- -%} {%+ +%} applied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

enum class TokenKind { data, output_begin, output_end, block_begin, block_end, name, integer, real, string, op, end };

struct Token {
  TokenKind kind;
  std::string text;  // data, a name, an operator, or a string without quotes and escapes
  int line;
  std::int64_t integer = 0;
  double real = 0;
};

// What is wrong with a template, and in which line.
struct SyntaxFailure {
  std::string message;
  int line;
};

// Throws SyntaxFailure.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace luthier::text::jinja
