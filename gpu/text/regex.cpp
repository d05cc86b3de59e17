#include "gpu/text/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "gpu/text/regex_stand_ins.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr std::uint32_t steps_max = 2'000'000;    // of one match: a hostile pattern ends with an error, not with a hang
constexpr std::uint32_t heap_kibibytes_max = 65536;
constexpr std::size_t pattern_bytes_max = 1 << 16;

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Program {
  pcre2_code* code = nullptr;
  std::string pattern;
  ~Program() { pcre2_code_free(code); }
};

struct Regex::Scan::Memory {
  pcre2_match_data* data = nullptr;
  pcre2_match_context* context = nullptr;
  std::string older;  // the text, where it has characters that PCRE2 does not know
  ~Memory() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

Result<Regex> Regex::compile(std::string_view oniguruma) {
  if (oniguruma.size() > pattern_bytes_max) return invalid("regular expression: is longer than 65536 bytes");
  auto pattern = to_pcre2(oniguruma);
  if (!pattern) return pattern.error();
  int code = 0;
  std::size_t offset = 0;
  auto program = std::make_shared<Program>();
  program->pattern = oniguruma;
  // Ruby's ^ and $ always mean lines.
  program->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern->data()), pattern->size(),
                                PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &offset, nullptr);
  if (program->code == nullptr) return invalid("regular expression \"" + std::string(oniguruma) + "\": " + message_of(code));
  pcre2_jit_compile(program->code, PCRE2_JIT_COMPLETE);  // without it the interpreter does the same, only slower
  Regex regex;
  regex.program_ = std::move(program);
  return regex;
}

Result<Regex> Regex::literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.[]|()?*+{}-&#").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return compile(pattern);
}

Regex::Scan::Scan(const Regex& regex, std::string_view valid)
    : regex_(regex), text_(valid), memory_(std::make_unique<Memory>()) {
  if (put_stand_ins(valid, memory_->older)) text_ = memory_->older;
  memory_->data = pcre2_match_data_create(1, nullptr);
  memory_->context = pcre2_match_context_create(nullptr);
  assert(memory_->data != nullptr && memory_->context != nullptr);
  pcre2_set_match_limit(memory_->context, steps_max);
  pcre2_set_heap_limit(memory_->context, heap_kibibytes_max);
}

Regex::Scan::~Scan() = default;

Result<std::optional<Regex::Match>> Regex::Scan::next() {
  while (from_ <= text_.size()) {
    // An empty view may have no address, which PCRE2 refuses.
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text_.data() == nullptr ? "" : text_.data());
    const auto match = [&](std::uint32_t options) {
      return pcre2_match(regex_.program_->code, subject, text_.size(), from_, PCRE2_NO_UTF_CHECK | options, memory_->data,
                         memory_->context);
    };
    int got = match(0);
    if (got == PCRE2_ERROR_JIT_STACKLIMIT) got = match(PCRE2_NO_JIT);
    if (got == PCRE2_ERROR_NOMATCH) break;
    if (got < 0) return invalid("regular expression \"" + regex_.program_->pattern + "\": " + message_of(got));
    const auto* bounds = pcre2_get_ovector_pointer(memory_->data);
    // \K can move the start behind the end or in front of where the search began.
    const Match found{std::max(bounds[0], from_), std::max({bounds[1], bounds[0], from_})};
    if (found.begin == found.end && last_end_ == found.end) {
      from_ += from_ < text_.size() ? code_point_at(text_, from_).bytes : 1;
      continue;
    }
    from_ = found.end;
    last_end_ = found.end;
    return std::optional<Match>(found);
  }
  from_ = text_.size() + 1;
  return std::optional<Match>();
}

}  // namespace luthier::text
