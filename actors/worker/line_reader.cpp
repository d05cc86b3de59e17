#include "actors/worker/line_reader.hpp"

#include <algorithm>

namespace luthier::worker {

void LineReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    has_line_ = true;
    line_.append(piece.substr(0, std::min(piece.size(), bytes_max_ - line_.size())));
    if (end == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

void LineReader::finish() {
  if (has_line_) end_line();
}

void LineReader::end_line() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  on_line_(line_);
  line_.clear();
  has_line_ = false;
}

}  // namespace luthier::worker
