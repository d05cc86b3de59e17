// Records of the log as facts.
#pragma once

#include "events/log/event_log.hpp"
#include "events/world/command.hpp"

namespace luthier::projections {

inline constexpr std::size_t records_per_piece = 1000;  // how many are folded at a time, so that memory is bounded

Result<events::Fact> decode_record(const log::Record& record);

}  // namespace luthier::projections
