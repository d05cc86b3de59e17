#include "actors/api/documents.hpp"

#include <catch2/catch.hpp>
#include <type_traits>

namespace luthier::api {
namespace {

// Rows of one kind in one workspace, without a disk.
class Rows final : public projections::ReadModels {
 public:
  std::map<std::string, std::string> rows;

  Position position() const override { return 0; }
  Result<std::optional<std::string>> get(const std::string&, const std::string&, const std::string& name) const override {
    const auto found = rows.find(name);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
  Result<projections::Page> list(const std::string&, const std::string&, const std::string&, std::size_t) const override {
    projections::Page page;
    for (const auto& [name, row] : rows) page.items.push_back(row);
    return page;
  }
};

void put(Rows& rows, const std::string& name, int value) {
  rows.rows[name] = rest::dump({{"name", name}, {"id", "model-" + name}, {"created_at", "2026-01-01T00:00:00Z"}, {"value", value}});
}

// As the projector tells of a commit.
void tell(Documents& documents, const std::string& name) {
  events::Fact fact;
  fact.stream.entity = "model";
  fact.workspace = "w";
  fact.name = name;
  documents.changed({&fact, 1});
}

std::vector<int> values(const std::vector<DocumentPointer>& list) {
  std::vector<int> found;
  for (const auto& document : list) found.push_back(document->body["value"].get<int>());
  return found;
}

}  // namespace

TEST_CASE("a list of documents that is walked through stays as it was, whatever commits replace meanwhile") {
  Rows rows;
  for (const char* name : {"a", "b", "c"}) put(rows, name, 1);
  Documents documents(rows);
  documents.declare({.name = "model", .entity = "model", .render = [](const rest::Json& row) { return row; }});

  // The loop's list is one that only the shelf holds besides, and each round makes the shelf let it go.
  static_assert(!std::is_reference_v<decltype(*documents.all("model", "w"))>);
  std::vector<int> seen;
  for (const auto& document : *documents.all("model", "w")) {
    for (const char* name : {"a", "b", "c"}) {
      put(rows, name, 2);
      tell(documents, name);
    }
    CHECK(values(*documents.all("model", "w")) == std::vector{2, 2, 2});
    seen.push_back(document->body["value"].get<int>());
  }
  CHECK(seen == std::vector{1, 1, 1});
}

TEST_CASE("a list of documents is the same one until an event changes it") {
  Rows rows;
  put(rows, "a", 1);
  Documents documents(rows);
  documents.declare({.name = "model", .entity = "model", .render = [](const rest::Json& row) { return row; }});

  const auto first = documents.all("model", "w");
  CHECK(documents.all("model", "w") == first);
  put(rows, "b", 1);
  tell(documents, "b");
  const auto second = documents.all("model", "w");
  CHECK_FALSE(second == first);
  CHECK(first->size() == 1);
  CHECK(second->size() == 2);
  CHECK(documents.all("model", "w") == second);
}

}  // namespace luthier::api
