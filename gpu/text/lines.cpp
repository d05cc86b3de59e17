#include "gpu/text/lines.hpp"

#include <istream>
#include <limits>

namespace luthier::text {

bool LineReader::next() {
  if (too_long_) in_.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  too_long_ = false;
  line_.clear();
  std::streambuf& bytes = *in_.rdbuf();
  constexpr auto end = std::char_traits<char>::eof();
  for (auto byte = bytes.sbumpc(); byte != end; byte = bytes.sbumpc()) {
    if (byte == '\n') return ++number_, true;
    if (line_.size() == bytes_max_) {
      bytes.sungetc();
      return ++number_, too_long_ = true;
    }
    line_ += static_cast<char>(byte);
  }
  if (!line_.empty()) ++number_;
  return !line_.empty();
}

}  // namespace luthier::text
