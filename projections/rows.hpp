// Rows are declared structs, written as canonical JSON: the same fold gives the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "events/json/fields.hpp"
#include "events/log/event_log.hpp"
#include "events/world/catalogue.hpp"
#include "projections/projection.hpp"
#include "projections/table.hpp"

namespace luthier::projections {

// What every row begins with. Times are RFC 3339 in UTC; the version is that of the entity's stream.
struct RowHead {
  std::string id, workspace, name, created_at, updated_at;
  std::int64_t version = 0, position = 0;
  static constexpr auto head_fields() {
    return field_list(field("id", &RowHead::id),
                      field("workspace", &RowHead::workspace),
                      field("name", &RowHead::name),
                      field("created_at", &RowHead::created_at),
                      field("updated_at", &RowHead::updated_at),
                      field("version", &RowHead::version),
                      field("position", &RowHead::position));
  }
};

// The members of a row: the head's, then its own.
template <class... Fields>
constexpr auto row_fields(Fields... own) {
  return RowHead::head_fields()([&](auto... head) { return field_list(head..., own...); });
}

// "model/default/smol"
std::string row_key(std::string_view entity, std::string_view workspace, std::string_view name);
std::string rows_of(std::string_view entity, std::string_view workspace);

// A fold of one event into the rows of one kind of entity.
template <class Row>
class Fold {
 public:
  Fold(Table& table, const log::Record& record, std::string_view entity)
      : table_(table), record_(record), key_(row_key(entity, record.workspace, record.name)), time_(format_time(record.time)) {}

 protected:
  Row created() const {
    Row row;
    row.id = record_.stream.id;
    row.workspace = record_.workspace;
    row.name = record_.name;
    row.created_at = time_;
    return row;
  }

  void put(Row row) { put(key_, std::move(row)); }

  // The row that the event is of. It is there, because the entity was created; else the table is not a fold of the log.
  void change(const std::function<void(Row&)>& by) {
    if (auto row = read<Row>(key_)) {
      by(*row);
      put(std::move(*row));
    } else {
      table_.report({ErrorCode::corrupt, "the row " + key_ + " is missing at position " + std::to_string(record_.position), {}});
    }
  }

  void erase() { table_.erase(key_); }

  template <class Other>
  std::optional<Other> read(const std::string& key) const {
    const auto text = table_.get(key);
    if (!text) return std::nullopt;
    auto row = json::from_json<Other>(*text);
    if (row) return std::move(*row);
    table_.report({ErrorCode::corrupt, "the row " + key + " cannot be read: " + row.error().message, {}});
    return std::nullopt;
  }

  template <class Other>
  void put(const std::string& key, Other row) {
    row.updated_at = time_;
    row.version = record_.version;
    row.position = record_.position;
    table_.put(key, json::to_json(row));
  }

  Table& table_;
  const log::Record& record_;
  const std::string key_, time_;
};

// Hands the event to the fold if it is one of the fold's entity, or one that the fold says it follows as well. A new event
// of that entity fails to compile until the fold has an `on` for it.
template <class TheFold>
void fold(TheFold fold, const events::Event& event) {
  std::visit(
      [&](const auto& fact) {
        using Fact = std::decay_t<decltype(fact)>;
        if constexpr (events::entity_of<Fact>() == TheFold::entity || TheFold::template follows<Fact>) fold.on(fact);
      },
      event);
}

inline std::string as_it_is(const TableView&, const RowName&, const std::string& row) { return row; }

// `{"a":1}` and `[2]` -> `{"a":1,"name":[2]}`
std::string with_member(const std::string& document, std::string_view name, const std::string& value);

}  // namespace luthier::projections
