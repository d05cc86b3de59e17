#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct WorkspaceRow : RowHead {
  std::string description;
  static constexpr auto fields() { return row_fields(field("description", &WorkspaceRow::description)); }
};

class WorkspaceFold : public Fold<WorkspaceRow> {
 public:
  static constexpr std::string_view entity = "workspace";
  template <class Fact>
  static constexpr bool follows = false;

  WorkspaceFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const WorkspaceCreated& created) {
    WorkspaceRow row = this->created();
    row.description = created.description;
    put(std::move(row));
  }
  void on(const WorkspaceDeleted&) { erase(); }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(WorkspaceFold(table, record), event); }

}  // namespace

const Projection workspaces{"workspaces", 1, {"workspace"}, &apply, &as_it_is};

}  // namespace luthier::projections
