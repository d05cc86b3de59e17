// The read models of any past position, folded in memory.
#include <algorithm>

#include "projections/decoding.hpp"
#include "projections/reading.hpp"

namespace luthier::projections {
namespace {

class PastReadModels final : public ReadModels {
 public:
  PastReadModels() : tables_(all_projections().size()) {}

  Position position() const override { return position_; }

  Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace,
                                         const std::string& name) const override {
    const auto place = place_of(entity);
    if (!place) return place.error();
    return get_document(all_projections()[*place], tables_[*place], entity, workspace, name);
  }

  Result<Page> list(const std::string& entity, const std::string& workspace, const std::string& after,
                    std::size_t limit) const override {
    const auto place = place_of(entity);
    if (!place) return place.error();
    return list_documents(all_projections()[*place], tables_[*place], entity, workspace, after, limit);
  }

  Result<void> fold(const log::Record& record, const events::Event& event) {
    if (record.position != position_ + 1)
      return Error{ErrorCode::corrupt, "the log has no position " + std::to_string(position_ + 1), {}};
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      all_projections()[i].apply(tables_[i], record, event);
      if (tables_[i].problem()) return *tables_[i].problem();
    }
    position_ = record.position;
    return {};
  }

 private:
  std::vector<MemoryTable> tables_;
  Position position_ = 0;
};

}  // namespace

Result<std::unique_ptr<ReadModels>> read_models_at(const log::EventLog& log, Position position) {
  if (position < 0 || position > log.head().position)
    return invalid("position " + std::to_string(position) + " is not in the log, which ends at " +
                       std::to_string(log.head().position), "at");
  auto models = std::make_unique<PastReadModels>();
  while (models->position() < position) {
    const auto left = static_cast<std::size_t>(position - models->position());
    const auto records = log.read(models->position() + 1, std::min(left, records_per_piece));
    if (!records) return records.error();
    if (records->empty())
      return Error{ErrorCode::corrupt, "the log has no position " + std::to_string(models->position() + 1), {}};
    for (const log::Record& record : *records) {
      const auto fact = decode_record(record);
      if (!fact) return fact.error();
      if (auto ok = models->fold(record, fact->event); !ok) return ok.error();
    }
  }
  return std::unique_ptr<ReadModels>(std::move(models));
}

}  // namespace luthier::projections
