#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

std::string dump(const Row& row) { return row.dump(); }

}  // namespace

void Rows::put(const std::string& entity, const std::string& name, const Row& row) {
  table_.put(row_key(entity, record_.workspace, name), dump(row));
}

std::optional<Row> Rows::get(const std::string& entity, const std::string& name) const {
  const auto text = table_.get(row_key(entity, record_.workspace, name));
  if (!text) return std::nullopt;
  return Row::parse(*text);
}

void Rows::create(Row members) {
  Row row{{"id", record_.stream.id}, {"workspace", record_.workspace}, {"name", record_.name}};
  row.update(members);
  row["created_at"] = time();
  row["updated_at"] = time();
  row["version"] = record_.version;
  row["position"] = record_.position;
  put(record_.stream.entity, record_.name, row);
}

void Rows::change(const std::string& entity, const std::string& name, const std::function<void(Row&)>& what) {
  auto row = get(entity, name);
  if (!row) return;  // an event of an entity whose name somebody else has by now
  what(*row);
  (*row)["updated_at"] = time();
  if (entity == record_.stream.entity) (*row)["version"] = record_.version;
  (*row)["position"] = record_.position;
  put(entity, name, *row);
}

void fold(Table& table, const log::Record& record, const Event& event) {
  Rows rows(table, record);
  std::visit([&](const auto& each) { fold(rows, each); }, event);
}

}  // namespace luthier::projections
