#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

Row row_of(const File& file) { return {{"path", file.path}, {"digest", file.digest}, {"size", file.size}}; }

// Files stay in the order of their paths.
void put_file(Row& files, const File& file) {
  std::size_t at = 0;
  while (at < files.size() && files[at]["path"].get<std::string>() < file.path) ++at;
  if (at < files.size() && files[at]["path"] == file.path) files[at] = row_of(file);
  else files.insert(files.begin() + static_cast<std::ptrdiff_t>(at), row_of(file));
}

}  // namespace

void fold(Rows& rows, const FilesetCreated& event) {
  rows.create({{"description", event.description}, {"purpose", event.purpose}, {"created_by_job", event.created_by_job}, {"files", Row::array()}});
}

void fold(Rows& rows, const FilesetUpdated& event) {
  rows.change([&](Row& row) {
    row["description"] = event.description;
    row["purpose"] = event.purpose;
  });
}

void fold(Rows& rows, const FilePut& event) {
  rows.change([&](Row& row) { put_file(row["files"], event.file); });
}

void fold(Rows& rows, const FileDeleted& event) {
  rows.change([&](Row& row) {
    auto& files = row["files"];
    for (std::size_t i = 0; i < files.size(); ++i)
      if (files[i]["path"] == event.path) return files.erase(i), void();
  });
}

void fold(Rows& rows, const FilesetDeleted&) { rows.erase(); }

}  // namespace luthier::projections
