#include "events/codec/commands_codec.hpp"

#include "events/codec/codec.hpp"
#include "events/codec/table.hpp"
#include "events/json/fields.hpp"

namespace luthier::events {
namespace {

struct Entry {
  std::string_view entity;
  Sender sender;
  Result<Command> (*read)(const json::Value&, const json::Path&);
};

template <class T>
Result<Command> read_as(const json::Value& value, const json::Path& path) {
  T command;
  if (auto ok = json::read(value, command, path); !ok) return ok.error();
  return Command(std::move(command));
}

const auto& entries() {
  static const auto table = table_of<Command, Entry>(
      []<class T>() { return std::pair(T::type, Entry{entity_of<T>(), sender_of<T>(), &read_as<T>}); });
  return table;
}

}  // namespace

EncodedCommand encode(const Command& command) {
  return std::visit(
      [](const auto& wish) {
        return EncodedCommand{std::string(std::decay_t<decltype(wish)>::type), json::to_json(wish)};
      },
      command);
}

Result<Command> read_command(std::string_view type, const json::Value& data) {
  const auto entry = entries().find(type);
  if (entry == entries().end())
    return invalid("type: there is no command \"" + std::string(type.substr(0, 100)) + "\"", "type");
  return entry->second.read(data, json::Path{nullptr, "data"});
}

Result<Command> decode_command(std::string_view type, std::string_view data) {
  auto value = json::parse(data);
  if (!value) return invalid("data: " + value.error().message, "data");
  return read_command(type, *value);
}

std::string_view entity_of_command(std::string_view type) {
  const auto entry = entries().find(type);
  return entry == entries().end() ? std::string_view() : entry->second.entity;
}

bool is_public_command(std::string_view type) {
  return sender_of_command(type) == Sender::anyone;
}

std::optional<Sender> sender_of_command(std::string_view type) {
  const auto entry = entries().find(type);
  if (entry == entries().end()) return std::nullopt;
  return entry->second.sender;
}

}  // namespace luthier::events
