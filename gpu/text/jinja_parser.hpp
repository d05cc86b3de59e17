#pragma once

#include <string_view>

#include "gpu/text/jinja_lexer.hpp"
#include "gpu/text/jinja_syntax.hpp"

namespace luthier::text::jinja {

// Throws SyntaxFailure. Nesting is bounded, so that neither parsing nor running can exhaust the stack.
Program parse(std::string_view source);

}  // namespace luthier::text::jinja
