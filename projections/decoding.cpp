#include "projections/decoding.hpp"

#include "events/codec/codec.hpp"

namespace luthier::projections {

Result<events::Fact> decode_record(const log::Record& record) {
  auto event = events::decode_event(record.type, record.type_version, record.data);
  if (!event) return with_context(event.error(), "position " + std::to_string(record.position));
  return events::Fact{record.stream, record.workspace, record.name, std::move(*event)};
}

}  // namespace luthier::projections
