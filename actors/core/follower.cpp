#include "actors/core/follower.hpp"

#include "actors/core/messages.hpp"
#include "events/codec/codec.hpp"

namespace luthier::core {

Result<events::Fact> to_fact(const log::Record& record) {
  auto event = events::decode_event(record.type, record.type_version, record.data);
  if (!event) return with_context(event.error(), "event " + std::to_string(record.position));
  return events::Fact{record.stream, record.workspace, record.name, std::move(*event)};
}

Result<void> Follower::apply(const Commit& commit) {
  for (std::size_t i = 0; i < commit.records.size(); ++i) {
    const auto position = commit.records[i].position;
    if (position <= applied) continue;
    if (position != applied + 1)
      return Error{ErrorCode::internal, "heard of event " + std::to_string(position) + " after " + std::to_string(applied), ""};
    events::evolve(world, commit.facts[i]);
    applied = position;
  }
  return {};
}

Result<Follower> load(const log::EventLog& log) {
  constexpr std::size_t piece = 1000;
  Follower follower;
  for (;;) {
    const auto records = log.read(follower.applied + 1, piece);
    if (!records) return records.error();
    for (const auto& record : *records) {
      auto fact = to_fact(record);
      if (!fact) return fact.error();
      events::evolve(follower.world, *fact);
      follower.applied = record.position;
    }
    if (records->size() < piece) return follower;
  }
}

}  // namespace luthier::core
