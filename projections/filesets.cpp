// Filesets. Their files have rows of their own, so that putting the ten-thousandth costs what putting the first did.
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct FilesetRow : RowHead {
  std::string description, purpose, created_by_job;
  std::int64_t file_count = 0, size_bytes = 0;
  std::int64_t content_version = 0;  // the version at which a file changed last
  static constexpr auto fields() {
    return row_fields(field("description", &FilesetRow::description),
                      field("purpose", &FilesetRow::purpose),
                      field("created_by_job", &FilesetRow::created_by_job),
                      field("file_count", &FilesetRow::file_count),
                      field("size_bytes", &FilesetRow::size_bytes),
                      field("content_version", &FilesetRow::content_version));
  }
};

std::string files_of(const std::string& fileset_id) { return "file/" + fileset_id + "/"; }

class FilesetFold : public Fold<FilesetRow> {
 public:
  static constexpr std::string_view entity = "fileset";
  template <class Fact>
  static constexpr bool follows = false;

  FilesetFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const FilesetCreated& created) {
    FilesetRow row = this->created();
    row.description = created.description;
    row.purpose = created.purpose;
    row.created_by_job = created.created_by_job;
    put(std::move(row));
  }

  void on(const FilesetUpdated& updated) {
    change([&](FilesetRow& row) {
      row.description = updated.description;
      row.purpose = updated.purpose;
    });
  }

  void on(const FilePut& put_file) {
    change([&](FilesetRow& row) {
      take_out(row, put_file.file.path);
      ++row.file_count;
      row.size_bytes += put_file.file.size;
      table_.put(files_of(row.id) + put_file.file.path, json::to_json(put_file.file));
    });
  }

  void on(const FileDeleted& deleted) {
    change([&](FilesetRow& row) {
      take_out(row, deleted.path);
      table_.erase(files_of(row.id) + deleted.path);
    });
  }

  void on(const FilesetDeleted&) {
    erase_all(table_, files_of(record_.stream.id));
    erase();
  }

 private:
  void take_out(FilesetRow& row, const std::string& path) {
    row.content_version = record_.version;
    if (const auto file = read<File>(files_of(row.id) + path)) {
      --row.file_count;
      row.size_bytes -= file->size;
    }
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(FilesetFold(table, record), event); }

std::string document(const TableView& table, std::string_view, const std::string& row) {
  const auto fileset = json::from_json<FilesetRow>(row);
  if (!fileset) {
    table.report(with_context(fileset.error(), "reading a row of filesets"));
    return row;
  }
  std::string files = "[";
  table.scan(files_of(fileset->id), "", [&](const std::string&, const std::string& file) {
    if (files.size() > 1) files += ',';
    files += file;
    return true;
  });
  return with_member(row, "files", files + "]");
}

}  // namespace

const Projection filesets{"filesets", 1, {"fileset"}, &apply, &document};

}  // namespace luthier::projections
