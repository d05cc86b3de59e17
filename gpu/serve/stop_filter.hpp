// Finds stop strings in text that arrives in pieces, wherever the pieces are cut. What could still become a stop string
// is held back, so that nobody ever sees a part of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace luthier::serve {

class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // What may be shown now. Once stopped() it is what came before the earliest stop string, and later pieces are ignored.
  std::string push(std::string_view piece);
  // What was held back, when the text ends without a stop string.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace luthier::serve
