// Server-sent events of a streamed chat answer: bytes in whatever pieces they come, text out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace luthier::cli {

class StreamReader {
 public:
  explicit StreamReader(std::function<void(const std::string& text)> on_text) : on_text_(std::move(on_text)) {}

  void feed(std::string_view bytes);
  const std::string& error() const { return error_; }  // what the server said went wrong; empty: nothing
  bool is_done() const { return is_done_; }             // the last event has come

 private:
  void line(std::string_view text);

  static constexpr std::size_t line_bytes_max = 1 << 20;
  std::function<void(const std::string& text)> on_text_;
  std::string line_, error_;
  bool is_done_ = false;
};

}  // namespace luthier::cli
