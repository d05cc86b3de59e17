// Regular expressions as tokenizer files mean them (Oniguruma's Ruby syntax over Unicode), run by PCRE2's compiler.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::text {

// Immutable and shared between threads.
class Regex {
 public:
  static Result<Regex> compile(std::string_view oniguruma);
  static Result<Regex> literal(std::string_view text);

  struct Match {
    std::size_t begin, end;
  };

  // One pass over a text, from left to right. An empty match right behind the last match does not count.
  class Scan {
   public:
    Scan(const Regex& regex, std::string_view valid);
    ~Scan();
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;
    // The error is a pattern that needs more steps than we grant.
    Result<std::optional<Match>> next();

   private:
    struct Memory;
    const Regex& regex_;
    std::string_view text_;
    std::unique_ptr<Memory> memory_;
    std::size_t from_ = 0;
    std::optional<std::size_t> last_end_;
  };

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

// The same pattern in PCRE2's syntax.
Result<std::string> to_pcre2(std::string_view oniguruma);

}  // namespace luthier::text
