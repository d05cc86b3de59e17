// Secrets. Their values are in it as the log has them: encrypted, under keys that are elsewhere.
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct SecretRow : RowHead {
  std::optional<std::string> description;
  SealedValue sealed;
  static constexpr auto fields() {
    return row_fields(field("description", &SecretRow::description), field("sealed", &SecretRow::sealed));
  }
};

class SecretFold : public Fold<SecretRow> {
 public:
  static constexpr std::string_view entity = "secret";
  template <class Fact>
  static constexpr bool follows = false;

  SecretFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const SecretCreated& created) {
    SecretRow row = this->created();
    row.description = created.description;
    row.sealed = created.sealed;
    put(std::move(row));
  }
  void on(const SecretUpdated& updated) {
    change([&](SecretRow& row) {
      row.description = updated.description;
      row.sealed = updated.sealed;
    });
  }
  void on(const SecretDeleted&) { erase(); }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(SecretFold(table, record), event); }

}  // namespace

const Projection secrets{"secrets", 1, {"secret"}, &apply, &as_it_is};

}  // namespace luthier::projections
