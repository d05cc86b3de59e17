#include "actors/api/documents.hpp"

#include <algorithm>
#include <cassert>
#include <mutex>

namespace luthier::api {
namespace {

using rest::Json;

constexpr std::size_t documents_max = 200'000;  // of a kind and workspace that are kept; beyond it they are rendered anew

std::string text_of(const Json& row, const char* member) {
  const auto found = row.find(member);
  return found != row.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_earlier(const DocumentPointer& a, const DocumentPointer& b) {
  const auto time_a = text_of(a->row, "created_at"), time_b = text_of(b->row, "created_at");
  return time_a != time_b ? time_a < time_b : text_of(a->row, "id") < text_of(b->row, "id");
}

// Whether events of this entity's streams change rows of `entity`.
bool concerns(const std::string& stream_entity, const std::string& entity) {
  return stream_entity == entity || (stream_entity == "model" && entity == "adapter") || (stream_entity == "fileset" && entity == "fileset_head");
}

// Whether this event changes documents of the kind in every workspace.
bool drops_all(const Kind& kind, const events::Fact& fact) {
  if (std::holds_alternative<events::WorkspaceDeleted>(fact.event)) return true;
  if (std::find(kind.also_after.begin(), kind.also_after.end(), fact.stream.entity) == kind.also_after.end()) return false;
  return !kind.only_after || kind.only_after(fact);
}

}  // namespace

Document::Document(Json its_row, Json its_body) : row(std::move(its_row)), body(std::move(its_body)), text(rest::dump(body)) {}

const std::string& Document::list_text() const {
  std::call_once(listed_, [this] { list_text_ = rest::dump(rest::without_nulls(body)); });
  return list_text_;
}

struct Documents::Shelf {
  struct Room {  // a workspace
    std::unordered_map<std::string, DocumentPointer> by_name;  // by the row's name; null: there is none
    DocumentList all;           // null: not gathered yet
    std::set<std::string> stale;  // names of rows in `all` that have changed
    std::uint64_t changes = 0;  // counts what has been told, so that a reading that was overtaken is not kept
  };
  Kind kind;
  mutable std::shared_mutex mutex;
  mutable std::unordered_map<std::string, Room> rooms;
  std::uint64_t drops = 0;  // counts events that changed all rooms, also those that are not there yet

  std::uint64_t changes_of(const std::string& workspace) const {
    const auto room = rooms.find(workspace);
    return drops + (room == rooms.end() ? 0 : room->second.changes);
  }
};

Documents::Documents(const projections::ReadModels& models) : models_(models) {}
Documents::~Documents() = default;

void Documents::declare(Kind kind) {
  auto shelf = std::make_unique<Shelf>();
  const std::string name = kind.name;
  shelf->kind = std::move(kind);
  shelves_[name] = std::move(shelf);
}

const Documents::Shelf& Documents::shelf(std::string_view kind) const {
  const auto found = shelves_.find(kind);
  assert(found != shelves_.end());
  return *found->second;
}

DocumentPointer Documents::load(const Shelf& shelf, const std::string& workspace, const std::string& name) const {
  const auto text = models_.get(shelf.kind.entity, workspace, name);
  if (!text || !*text) return nullptr;
  auto row = Json::parse(**text, nullptr, false);
  if (!row.is_object()) return nullptr;
  auto body = shelf.kind.render(row);
  return std::make_shared<Document>(std::move(row), std::move(body));
}

DocumentPointer Documents::get(std::string_view kind, const std::string& workspace, const std::string& name) const {
  const Shelf& shelf = this->shelf(kind);
  const std::string row = shelf.kind.key_prefix + name;
  std::uint64_t changes = 0;
  {
    const std::shared_lock reading(shelf.mutex);
    changes = shelf.changes_of(workspace);
    if (const auto room = shelf.rooms.find(workspace); room != shelf.rooms.end()) {
      if (const auto found = room->second.by_name.find(row); found != room->second.by_name.end()) return found->second;
    }
  }
  auto document = load(shelf, workspace, row);
  if (!document) return nullptr;  // what strangers ask for in vain is not remembered
  const std::unique_lock writing(shelf.mutex);
  auto& room = shelf.rooms[workspace];
  if (shelf.changes_of(workspace) == changes && room.by_name.size() < documents_max) room.by_name[row] = document;
  return document;
}

DocumentList Documents::all(std::string_view kind, const std::string& workspace) const {
  const Shelf& shelf = this->shelf(kind);
  for (;;) {
    {
      const std::shared_lock reading(shelf.mutex);
      if (const auto room = shelf.rooms.find(workspace); room != shelf.rooms.end() && room->second.all && room->second.stale.empty())
        return room->second.all;
    }
    refresh(shelf, workspace);
    const std::shared_lock reading(shelf.mutex);
    // Somebody may have changed it meanwhile: what was gathered is still what held when we were asked.
    if (const auto room = shelf.rooms.find(workspace); room != shelf.rooms.end() && room->second.all) return room->second.all;
  }
}

void Documents::refresh(const Shelf& shelf, const std::string& workspace) const {
  std::set<std::string> stale;
  DocumentList before;
  std::uint64_t changes = 0;
  {
    const std::unique_lock writing(shelf.mutex);
    auto& room = shelf.rooms[workspace];
    before = room.all;
    stale = room.stale;
    changes = shelf.changes_of(workspace);
  }
  auto now = std::make_shared<std::vector<DocumentPointer>>();
  if (before) {  // only what has changed is read again
    for (const auto& document : *before)
      if (!stale.contains(text_of(document->row, "name"))) now->push_back(document);
    for (const auto& name : stale)
      if (auto document = load(shelf, workspace, name)) now->insert(std::upper_bound(now->begin(), now->end(), document, is_earlier), document);
  } else {
    for (std::string after = shelf.kind.key_prefix;;) {
      const auto page = models_.list(shelf.kind.entity, workspace, after, 1000);
      if (!page) break;
      bool is_past = false;
      for (const auto& item : page->items) {
        auto row = Json::parse(item, nullptr, false);
        if (!row.is_object()) continue;
        if (!text_of(row, "name").starts_with(shelf.kind.key_prefix)) {
          is_past = true;
          break;
        }
        auto body = shelf.kind.render(row);
        now->push_back(std::make_shared<Document>(std::move(row), std::move(body)));
      }
      if (is_past || !page->next) break;
      after = *page->next;
    }
    std::stable_sort(now->begin(), now->end(), is_earlier);
  }
  const std::unique_lock writing(shelf.mutex);
  auto& room = shelf.rooms[workspace];
  room.all = DocumentList(std::move(now));
  if (shelf.changes_of(workspace) == changes)
    room.stale.clear();
  else if (!before)
    room.all.reset(), room.stale.clear();  // it changed under our hands: gather again
}

std::vector<DocumentPointer> Documents::everywhere(std::string_view kind, const std::function<bool(const std::string&)>& may_see) const {
  std::vector<DocumentPointer> found;
  const auto add = [&](const std::string& workspace) {
    if (!may_see(workspace)) return;
    const auto documents = all(kind, workspace);
    found.insert(found.end(), documents->begin(), documents->end());
  };
  add("system");
  for (const auto list = all("workspace", "system"); const auto& workspace : *list)
    if (!workspace->row.value("deleting", false)) add(text_of(workspace->row, "name"));
  std::stable_sort(found.begin(), found.end(), is_earlier);
  return found;
}

void Documents::changed(std::span<const events::Fact> facts) {
  for (auto& [name, shelf] : shelves_) {
    const Kind& kind = shelf->kind;
    const std::unique_lock writing(shelf->mutex);
    for (const auto& fact : facts) {
      const std::string& entity = fact.stream.entity;
      if (drops_all(kind, fact)) {
        ++shelf->drops;
        for (auto& [workspace, room] : shelf->rooms) room = {.by_name = {}, .all = {}, .stale = {}, .changes = room.changes};
        continue;
      }
      if (kind.row_of) {
        const auto row = kind.row_of(fact);
        if (!row) continue;
        auto& room = shelf->rooms[row->first];
        ++room.changes;
        room.by_name.erase(row->second);
        if (room.all) room.stale.insert(row->second);
        continue;
      }
      if (!concerns(entity, kind.entity)) continue;
      auto& room = shelf->rooms[fact.workspace];
      ++room.changes;
      if (kind.entity == "adapter") {  // an adapter's row, by an event of its model's stream: any of them
        room.by_name.clear();
        room.all.reset();
        room.stale.clear();
        continue;
      }
      const auto touch = [&](const std::string& row) {
        if (!row.starts_with(kind.key_prefix)) return;
        room.by_name.erase(row);
        if (room.all) room.stale.insert(row);
      };
      touch(fact.name);
      if (const auto* renamed = std::get_if<events::RecordRenamed>(&fact.event)) touch(renamed->to);
    }
  }
}

std::vector<rest::Row> rows_of(const std::vector<DocumentPointer>& documents) {
  std::vector<rest::Row> rows;
  rows.reserve(documents.size());
  for (const auto& document : documents) rows.push_back({&document->body, &document->list_text()});
  return rows;
}

}  // namespace luthier::api
