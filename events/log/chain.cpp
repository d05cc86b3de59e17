#include "events/log/chain.hpp"

#include <limits>

#include "events/log/record.hpp"

namespace luthier::log {

Chain::Chain() : head_{0, zero_hash()}, time_(std::numeric_limits<Timestamp>::min()) {}

Result<Record> Chain::next(Position position, std::string_view stored) {
  const Position expected = head_.position + 1;
  if (position != expected)
    return Error{ErrorCode::corrupt, "position " + std::to_string(expected) + ": is missing (the next record is that of position " +
                                         std::to_string(position) + ")", {}};
  auto record = decode_record_at(position, stored);
  if (!record) return record;
  if (auto linked = check_link(*record, head_.hash); !linked) return linked.error();
  if (record->time < time_)
    return Error{ErrorCode::corrupt, "position " + std::to_string(position) + ": its time is before that of the record before it", {}};
  head_ = {position, record->hash};
  time_ = record->time;
  return record;
}

}  // namespace luthier::log
