// A job's log of its training as a person reads it: when it begins, some twenty steps on the way, validations, checkpoints, the end. Every
// step would drown the lines that matter; the curve has them all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace luthier::worker {

class TrainingLog {
 public:
  // The text for one line of the training process (training_output.hpp); nothing: it is not worth one.
  std::optional<std::string> text_of(std::string_view line);

 private:
  std::int64_t told_step_ = 0;
};

}  // namespace luthier::worker
