// What GET and list show, rendered once and kept until an event changes it: the read models' rows as the HTTP contract spells them.
// Many threads read; the projector says what has changed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/rest/json.hpp"
#include "actors/rest/page.hpp"
#include "events/world/command.hpp"
#include "projections/projections.hpp"

namespace luthier::api {

struct Document {
  Document(rest::Json its_row, rest::Json its_body);
  const std::string& list_text() const;  // as a list shows it: members that are null are left out. Made for the first list

  const rest::Json row;    // of the read model
  const rest::Json body;   // as its own GET shows it
  const std::string text;  // the body

 private:
  mutable std::once_flag listed_;
  mutable std::string list_text_;
};
using DocumentPointer = std::shared_ptr<const Document>;

// A list that nobody changes, and that lives as long as somebody holds it: the shelf lets it go with the next event. So what is read
// through one that nobody else may hold is a vector of its own, and `for (const auto& one : *documents.all(...))` walks through that.
class DocumentList {
 public:
  DocumentList() = default;
  DocumentList(std::shared_ptr<const std::vector<DocumentPointer>> list) : list_(std::move(list)) {}

  const std::vector<DocumentPointer>& operator*() const& { return *list_; }
  std::vector<DocumentPointer> operator*() && { return *list_; }
  const std::vector<DocumentPointer>* operator->() const& { return list_.get(); }
  explicit operator bool() const { return list_ != nullptr; }
  bool operator==(const DocumentList&) const = default;  // the very same list: nothing has changed
  void reset() { list_.reset(); }

 private:
  std::shared_ptr<const std::vector<DocumentPointer>> list_;
};

// A kind of document: whose rows, which of them, and how they look.
struct Kind {
  std::string name;                       // "model", "adapter", "project"
  std::string entity;                     // of the read model: "model", "adapter", "record"
  std::string key_prefix = "";            // of the rows' names: "project::" for records; a document is then asked for by what follows it
  std::function<rest::Json(const rest::Json& row)> render;
  std::vector<std::string> also_after = {};  // entities whose events change these documents too (all of them): "deployment"
  std::function<bool(const events::Fact& fact)> only_after = nullptr;  // which of those events do; absent: each of them
  // For rows that events of other streams change: the row, as (workspace, name). Absent: what the streams' names say.
  std::function<std::optional<std::pair<std::string, std::string>>(const events::Fact& fact)> row_of = nullptr;
};

class Documents {
 public:
  explicit Documents(const projections::ReadModels& models);
  ~Documents();

  // Before the first request.
  void declare(Kind kind);

  // Null: there is no such document. `name` without the kind's prefix. A workspace's documents are in "system".
  DocumentPointer get(std::string_view kind, const std::string& workspace, const std::string& name) const;
  // All of a workspace, in the order of their creation.
  DocumentList all(std::string_view kind, const std::string& workspace) const;
  // Of all workspaces that are not being deleted; `may_see` chooses among their names.
  std::vector<DocumentPointer> everywhere(std::string_view kind, const std::function<bool(const std::string& workspace)>& may_see) const;

  // From the projector: these events are in the rows now.
  void changed(std::span<const events::Fact> facts);

 private:
  struct Shelf;  // one kind
  const Shelf& shelf(std::string_view kind) const;
  DocumentPointer load(const Shelf& shelf, const std::string& workspace, const std::string& name) const;
  void refresh(const Shelf& shelf, const std::string& workspace) const;

  const projections::ReadModels& models_;
  std::map<std::string, std::unique_ptr<Shelf>, std::less<>> shelves_;
};

std::vector<rest::Row> rows_of(const std::vector<DocumentPointer>& documents);  // which must outlive the rows

}  // namespace luthier::api
