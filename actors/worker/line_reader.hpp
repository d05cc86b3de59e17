// Cuts what comes out of a pipe into lines, each with a bound.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace luthier::worker {

class LineReader {
 public:
  using OnLine = std::function<void(const std::string&)>;
  LineReader(std::size_t bytes_max, OnLine on_line) : bytes_max_(bytes_max), on_line_(std::move(on_line)) {}

  void feed(std::string_view bytes);
  void finish();  // the last line may lack its end

 private:
  void end_line();

  std::size_t bytes_max_;
  OnLine on_line_;
  std::string line_;
  bool has_line_ = false;
};

}  // namespace luthier::worker
