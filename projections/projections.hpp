// The read models: folds of the log into tables of JSON documents, one projection per kind of entity. Their
// position is written in the same batch as the rows, so that a crash leaves rows and position together or neither;
// everything can be dropped and folded again, with byte-identical rows.
//
// One thread writes (the projector's), any number read meanwhile: a read sees whole events only.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "events/log/event_log.hpp"
#include "events/world/command.hpp"

namespace rocksdb {
class Env;
}

namespace luthier::projections {

struct Page {
  std::vector<std::string> items;   // JSON documents, in the order of their names
  std::optional<std::string> next;  // the name to go on after; nullopt: that was all
};

// What can be asked of the present and of any past.
class ReadModels {
 public:
  virtual ~ReadModels() = default;
  // Everything up to here is in the rows.
  virtual Position position() const = 0;
  // `entity`: "workspace", "fileset", "model", "adapter", "job", "deployment" or "worker". nullopt: no such entity now.
  virtual Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace,
                                                 const std::string& name) const = 0;
  // At most min(limit, 1000) rows, after the name `after`. Workspaces and workers are listed under workspace "system".
  virtual Result<Page> list(const std::string& entity, const std::string& workspace, const std::string& after,
                            std::size_t limit) const = 0;
};

struct ProjectionsOptions {
  std::filesystem::path directory;
  rocksdb::Env* env = nullptr;  // null: the real disk
};

class Projections final : public ReadModels {
 public:
  // Damaged or unreadable projections are not an error: they are dropped and folded again by catch_up.
  static Result<std::unique_ptr<Projections>> open(const ProjectionsOptions& options);
  ~Projections() override;

  Position position() const override;
  Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace,
                                         const std::string& name) const override;
  Result<Page> list(const std::string& entity, const std::string& workspace, const std::string& after,
                    std::size_t limit) const override;

  // Folds what follows position(); what is before it was folded already, and is passed over. A gap is `internal`. `facts` are the records, decoded, one for each.
  Result<void> apply(std::span<const log::Record> records, std::span<const events::Fact> facts);
  // Folds all that the log has, in bounded pieces. Projections that are ahead of the log, or of another log, start again.
  Result<void> catch_up(const log::EventLog& log, const std::function<void(Position done, Position of)>& progress = nullptr);
  // Drops every row and folds the whole log again.
  Result<void> rebuild(const log::EventLog& log, const std::function<void(Position done, Position of)>& progress = nullptr);

 private:
  struct Store;
  explicit Projections(std::unique_ptr<Store> store);
  std::unique_ptr<Store> store_;
};

// The read models as they were once `position` had been folded, in memory. Costs a fold of the log up to there.
Result<std::unique_ptr<ReadModels>> read_models_at(const log::EventLog& log, Position position);

}  // namespace luthier::projections
