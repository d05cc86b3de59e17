// The little JSON that the log writes itself: flat objects whose members have one order and one spelling, so that equal
// values have equal bytes and a hash over them means something. Reading is as strict: any other spelling is a failure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace luthier::log {

// In quotes; escapes only what JSON forbids to stand there itself.
void append_json_string(std::string& out, std::string_view text);

// Reads from the front of a text that append_json_string and std::to_string wrote. After the first mismatch `ok` stays
// false and nothing is taken any more, so a whole object is read first and judged once.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected);
  bool try_literal(std::string_view expected);
  std::int64_t integer();
  std::string string();
  std::string_view take_all_but(std::size_t tail_bytes);
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  void escape(std::string& out);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace luthier::log
