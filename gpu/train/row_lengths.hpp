// How long rows are, wherever that is known: in memory, or on disk beside the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace luthier::train {

struct RowLengths {
  std::size_t count = 0;
  std::function<std::int64_t(std::size_t row)> of;  // tokens; none has more than max_seq_length in a part

  static RowLengths in(std::vector<std::int64_t> lengths) {
    const auto count = lengths.size();
    return {count, [lengths = std::move(lengths)](std::size_t row) { return lengths[row]; }};
  }
};

}  // namespace luthier::train
