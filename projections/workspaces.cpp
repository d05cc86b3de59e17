#include <algorithm>

#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct MemberRow {
  std::string principal;
  std::vector<std::string> roles;
  std::string granted_at, granted_by;
  static constexpr auto fields() {
    return field_list(field("principal", &MemberRow::principal), field("roles", &MemberRow::roles),
                      field("granted_at", &MemberRow::granted_at), field("granted_by", &MemberRow::granted_by));
  }
};

struct WorkspaceRow : RowHead {
  std::string description, created_by, updated_by;
  bool deleting = false;
  std::vector<MemberRow> members;  // by principal
  static constexpr auto fields() {
    return row_fields(field("description", &WorkspaceRow::description),
                      field("created_by", &WorkspaceRow::created_by),
                      field("updated_by", &WorkspaceRow::updated_by),
                      field("deleting", &WorkspaceRow::deleting),
                      field("members", &WorkspaceRow::members));
  }
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
    row.created_by = row.updated_by = record_.command.principal;
    put(std::move(row));
  }
  void on(const WorkspaceUpdated& updated) {
    change_row([&](WorkspaceRow& row) { row.description = updated.description; });
  }
  void on(const MemberSet& set) {
    change_row([&](WorkspaceRow& row) {
      const auto place = std::lower_bound(row.members.begin(), row.members.end(), set.principal,
                                          [](const MemberRow& member, const std::string& principal) { return member.principal < principal; });
      if (place != row.members.end() && place->principal == set.principal)
        place->roles = set.roles;
      else
        row.members.insert(place, {set.principal, set.roles, time_, record_.command.principal});
    });
  }
  void on(const MemberRemoved& removed) {
    change_row([&](WorkspaceRow& row) { std::erase_if(row.members, [&](const auto& member) { return member.principal == removed.principal; }); });
  }
  void on(const WorkspaceDeleteRequested&) {
    change_row([](WorkspaceRow& row) { row.deleting = true; });
  }
  void on(const WorkspaceDeleted&) { erase(); }

 private:
  void change_row(const std::function<void(WorkspaceRow&)>& by) {
    change([&](WorkspaceRow& row) {
      by(row);
      row.updated_by = record_.command.principal;
    });
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(WorkspaceFold(table, record), event); }

}  // namespace

const Projection workspaces{"workspaces", 2, {"workspace"}, &apply, &as_it_is};

}  // namespace luthier::projections
