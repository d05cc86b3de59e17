// Lines of outside text, each of a bounded length.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

namespace luthier::text {

class LineReader {
 public:
  LineReader(std::istream& in, std::size_t bytes_max) : in_(in), bytes_max_(bytes_max) {}

  bool next();  // false at the end
  const std::string& line() const { return line_; }  // without its newline
  bool is_too_long() const { return too_long_; }     // then line() is only its beginning, and next() leaves out the rest
  std::int64_t number() const { return number_; }    // from 1

 private:
  std::istream& in_;
  std::size_t bytes_max_;
  std::string line_;
  bool too_long_ = false;
  std::int64_t number_ = 0;
};

}  // namespace luthier::text
