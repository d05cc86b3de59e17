#include "actors/rest/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <new>

namespace luthier::rest {
namespace {

constexpr std::size_t regex_bytes_max = 8192;
// Names take tens of steps, a text of a mebibyte about as many as it has characters.
constexpr std::uint32_t steps_max = 2'000'000, heap_kibibytes_max = 4096;

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* held) const {
    release(held);
  }
};
using Code = std::unique_ptr<pcre2_code, Releaser<pcre2_code_free>>;
using Context = std::unique_ptr<pcre2_match_context, Releaser<pcre2_match_context_free>>;
using Data = std::unique_ptr<pcre2_match_data, Releaser<pcre2_match_data_free>>;

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data()); }

std::string sentence_of(int error) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Pattern::Program {
  std::string text;
  Code code;
  Context context;
};

Result<Pattern> Pattern::compile(std::string_view regex) {
  if (regex.size() > regex_bytes_max)
    return invalid("a regular expression of " + std::to_string(regex.size()) + " bytes; at most " + std::to_string(regex_bytes_max));
  int error = 0;
  std::size_t offset = 0;
  constexpr auto options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY;
  Code code(pcre2_compile(bytes_of(regex), regex.size(), options, &error, &offset, nullptr));
  if (!code) return invalid("the regular expression is wrong at byte " + std::to_string(offset + 1) + ": " + sentence_of(error));
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it the interpreter does the same, only slower
  Context context(pcre2_match_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), steps_max);
  pcre2_set_heap_limit(context.get(), heap_kibibytes_max);
  Pattern out;
  out.program_ = std::make_shared<Program>(Program{std::string(regex), std::move(code), std::move(context)});
  return out;
}

bool Pattern::found_in(std::string_view text) const {
  const Data data(pcre2_match_data_create(1, nullptr));
  if (!data) throw std::bad_alloc();
  const auto search = [&](std::uint32_t options) {
    return pcre2_match(program_->code.get(), bytes_of(text), text.size(), 0, options, data.get(), program_->context.get());
  };
  int found = search(0);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = search(PCRE2_NO_JIT);  // the interpreter has more room
  return found >= 0;
}

const std::string& Pattern::text() const { return program_->text; }

}  // namespace luthier::rest
