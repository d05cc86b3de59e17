// Records of all kinds; the name of a row is the record's key, "<kind>:<parent>:<name>", so that the rows of a kind are neighbours.
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct RecordRow : RowHead {
  std::string project, created_by, updated_by;
  JsonText data;
  static constexpr auto fields() {
    return row_fields(field("project", &RecordRow::project), field("created_by", &RecordRow::created_by),
                      field("updated_by", &RecordRow::updated_by), field("data", &RecordRow::data));
  }
};

class RecordFold : public Fold<RecordRow> {
 public:
  static constexpr std::string_view entity = "record";
  template <class Fact>
  static constexpr bool follows = false;

  RecordFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const RecordCreated& created) {
    RecordRow row = this->created();
    row.project = created.project;
    row.created_by = row.updated_by = record_.command.principal;
    row.data = created.data;
    put(std::move(row));
  }
  void on(const RecordUpdated& updated) {
    change([&](RecordRow& row) {
      row.project = updated.project;
      row.updated_by = record_.command.principal;
      row.data = updated.data;
    });
  }
  void on(const RecordRenamed& renamed) {
    auto row = read<RecordRow>(key_);
    if (!row) return change([](RecordRow&) {});  // says that it is missing
    erase();
    row->name = renamed.to;
    put(row_key(entity, record_.workspace, renamed.to), std::move(*row));
  }
  void on(const RecordDeleted&) { erase(); }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(RecordFold(table, record), event); }

}  // namespace

const Projection records{"records", 1, {"record"}, &apply, &as_it_is};

}  // namespace luthier::projections
