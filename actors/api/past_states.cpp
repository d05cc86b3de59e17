#include "actors/api/past_states.hpp"

namespace luthier::api {
namespace {

using namespace std::chrono_literals;

constexpr auto wait_max = 10s;
constexpr Position kept_position_max = 100'000;  // what a larger one has in memory is given back at once

}  // namespace

Result<std::shared_ptr<const projections::ReadModels>> PastStates::at(Position position) {
  if (position > position_max)
    return Error{ErrorCode::limit, "at: states up to position " + std::to_string(position_max) + " are folded here; ask `luthier … --at` for later ones", "at"};
  const std::unique_lock lock(mutex_, wait_max);
  if (!lock) return Error{ErrorCode::unavailable, "another past state is being folded: try again", "at"};
  if (kept_ && kept_->position() == position) return kept_;
  auto folded = projections::read_models_at(log_, position);
  if (!folded) return folded.error();
  std::shared_ptr<const projections::ReadModels> models = std::move(*folded);
  kept_ = position <= kept_position_max ? models : nullptr;
  return models;
}

}  // namespace luthier::api
