#include "gpu/checkpoint/name_pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <new>

#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

constexpr std::size_t pattern_length_max = 8192;
// A name has some 50 characters; a sane pattern takes tens to hundreds of steps.
constexpr std::uint32_t steps_max = 50'000, heap_kibibytes_max = 4096;

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

std::string why(int error) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

Error refused(const std::string& pattern, const std::string& because) {
  return invalid("the regular expression " + printable(pattern) + " " + because);
}

}  // namespace

struct NamePattern::Compiled {
  std::string pattern;
  Code code;
  Context context;
};

Result<NamePattern> NamePattern::compile(const std::string& pattern) {
  if (pattern.size() > pattern_length_max)
    return refused(pattern, "is longer than " + std::to_string(pattern_length_max) + " characters");
  int error = 0;
  std::size_t offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                          PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, nullptr));
  if (!code) return refused(pattern, "is wrong at character " + std::to_string(offset + 1) + ": " + why(error));
  Context context(pcre2_match_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), steps_max);
  pcre2_set_heap_limit(context.get(), heap_kibibytes_max);
  NamePattern result;
  result.compiled_ = std::make_shared<Compiled>(Compiled{pattern, std::move(code), std::move(context)});
  return result;
}

Result<bool> NamePattern::matches_whole(std::string_view name) const {
  const Data data(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  if (!data) throw std::bad_alloc();
  const int answer = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0,
                                 data.get(), compiled_->context.get());
  if (answer >= 0) return true;
  if (answer == PCRE2_ERROR_NOMATCH) return false;
  return refused(compiled_->pattern, "cannot be matched with " + printable(name) + ": " + why(answer));
}

}  // namespace luthier::checkpoint
