#include "events/record/rules.hpp"
#include "events/world/names.hpp"

namespace luthier::events {
namespace {

std::string parent_of(const std::string& key) {
  const auto parsed = parse_record_key(key);
  return parsed ? parsed->parent : "";
}

// The indexes over records that have a name now.
void add_to_index(World& world, const RecordState& record) {
  world.record_ids[record.id] = {record.workspace, record.name};
  if (const auto parent = parent_of(record.name); !parent.empty()) world.record_children[parent].insert({record.workspace, record.name});
}

void take_from_index(World& world, const RecordState& record) {
  world.record_ids.erase(record.id);
  const auto children = world.record_children.find(parent_of(record.name));
  if (children == world.record_children.end()) return;
  children->second.erase({record.workspace, record.name});
  if (children->second.empty()) world.record_children.erase(children);
}

}  // namespace

std::optional<RecordKey> parse_record_key(std::string_view text) {
  const auto first = text.find(':');
  const auto second = first == text.npos ? text.npos : text.find(':', first + 1);
  if (second == text.npos) return std::nullopt;
  RecordKey key{std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)), std::string(text.substr(second + 1))};
  const auto is_plain = [](std::string_view part, std::string_view more) {
    for (const char c : part)
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || more.find(c) != more.npos)) return false;
    return part.size() <= 127;
  };
  if (key.kind.empty() || !is_plain(key.kind, "_.-") || !is_plain(key.parent, "_-") || !is_name(key.name)) return std::nullopt;
  return key;
}

void evolve(World& world, const Fact& fact, const RecordCreated& created) {
  RecordState record;
  record.id = fact.stream.id;
  record.workspace = fact.workspace;
  record.name = fact.name;
  record.project = created.project;
  record.data = created.data;
  add_to_index(world, record);
  world.records[{fact.workspace, fact.name}] = std::move(record);
  count_new(world, "record", fact.workspace);
}

void evolve(World& world, const Fact& fact, const RecordUpdated& updated) {
  RecordState& record = subject(world.records, fact);
  record.project = updated.project;
  record.data = updated.data;
}

void evolve(World& world, const Fact& fact, const RecordRenamed& renamed) {
  auto entry = world.records.extract({fact.workspace, fact.name});
  RecordState& record = entry.mapped();
  take_from_index(world, record);
  record.name = renamed.to;
  ++record.version;  // it is no longer found under the fact's name, where versions are counted
  add_to_index(world, record);
  entry.key() = {fact.workspace, renamed.to};
  world.records.insert(std::move(entry));
}

void evolve(World& world, const Fact& fact, const RecordDeleted&) {
  const auto found = world.records.find({fact.workspace, fact.name});
  take_from_index(world, found->second);
  world.records.erase(found);
  count_gone(world, "record", fact.workspace);
}

}  // namespace luthier::events
