#include "events/codec/codec.hpp"
#include "events/codec/table.hpp"
#include "events/json/fields.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::events {
namespace {

struct Entry {
  int version;
  std::string_view entity;
  Result<Event> (*read)(const json::Value&, const json::Path&);
};

template <class T>
Result<Event> read_event(const json::Value& value, const json::Path& path) {
  T event;
  if (auto ok = json::read(value, event, path); !ok) return ok.error();
  return Event(std::move(event));
}

const auto& entries() {
  static const auto table = table_of<Event, Entry>([]<class T>() {
    return std::pair(T::type.name, Entry{T::type.version, entity_of<T>(), &read_event<T>});
  });
  return table;
}

Error corrupt(std::string_view type, int version, const std::string& what) {
  return {ErrorCode::corrupt, "event " + std::string(type) + " version " + std::to_string(version) + ": " + what, {}};
}

}  // namespace

EncodedEvent encode(const Event& event) {
  return std::visit(
      [](const auto& fact) {
        const EventType type = std::decay_t<decltype(fact)>::type;
        return EncodedEvent{std::string(type.name), type.version, json::to_json(fact)};
      },
      event);
}

Result<Event> decode_event(std::string_view type, int version, std::string_view data) {
  const auto entry = entries().find(type);
  if (entry == entries().end() || entry->second.version != version)
    return corrupt(type, version, "this program does not know it");
  auto value = json::parse(data);
  if (!value) return corrupt(type, version, value.error().message);
  auto event = entry->second.read(*value, {});
  if (!event) return corrupt(type, version, event.error().message);
  return event;
}

std::string_view entity_of_event(std::string_view type) {
  const auto entry = entries().find(type);
  return entry == entries().end() ? std::string_view() : entry->second.entity;
}

}  // namespace luthier::events
