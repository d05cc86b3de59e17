#include "projections/reading.hpp"

#include <algorithm>

#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

constexpr std::size_t page_rows_max = 1000;
constexpr std::size_t page_bytes_max = 512 * 1024;  // so that a page fits into one message

// A row's key has exactly three parts: a name with a slash in it is nobody's, but for a file, which is named "<fileset>/<path>".
bool may_exist(std::string_view entity, const std::string& workspace, const std::string& name) {
  return workspace.find('/') == workspace.npos && (entity == "file" || name.find('/') == name.npos);
}

// Whose rows an entity is shown from: some are views of another's.
std::string_view stored_as(std::string_view entity) { return entity == "fileset_head" ? "fileset" : entity; }

}  // namespace

Result<std::size_t> place_of(std::string_view entity) {
  const int place = projection_of(entity);
  if (place < 0)
    return invalid("there is no entity \"" + std::string(entity.substr(0, 100)) +
                       "\"; there are workspace, fileset, fileset_head, file, model, adapter, job, deployment, worker, secret, record and platform_job", "entity");
  return static_cast<std::size_t>(place);
}

Result<std::optional<std::string>> get_document(const Projection& projection, const TableView& table, std::string_view entity,
                                                const std::string& workspace, const std::string& name) {
  if (!may_exist(entity, workspace, name)) return std::optional<std::string>();
  auto row = table.get(row_key(stored_as(entity), workspace, name));
  if (row) row = projection.document(table, {entity, workspace, name}, *row);
  if (table.problem()) return *table.problem();
  return row;
}

Result<Page> list_documents(const Projection& projection, const TableView& table, std::string_view entity,
                            const std::string& workspace, const std::string& after, std::size_t limit) {
  Page page;
  if (!may_exist(entity, workspace, after)) return page;
  limit = std::clamp<std::size_t>(limit, 1, page_rows_max);
  const std::string prefix = rows_of(stored_as(entity), workspace);
  std::string last;
  std::size_t bytes = 0;
  table.scan(prefix, after.empty() ? "" : prefix + after, [&](const std::string& key, const std::string& row) {
    std::string document = projection.document(table, {entity, workspace, std::string_view(key).substr(prefix.size())}, row);
    if (page.items.size() == limit || (!page.items.empty() && bytes + document.size() > page_bytes_max)) {
      page.next = last;
      return false;
    }
    bytes += document.size();
    last = key.substr(prefix.size());
    page.items.push_back(std::move(document));
    return true;
  });
  if (table.problem()) return *table.problem();
  return page;
}

}  // namespace luthier::projections
