// Filesets. Their files have rows of their own, so that putting the ten-thousandth costs what putting the first did.
//
//   fileset       with its files
//   fileset_head  the same row without them, for who needs no more
//   file          one file; its name is "<fileset>/<path>"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct FilesetRow : RowHead {
  std::string description, purpose, created_by_job, service;
  JsonText details{"{}"};
  std::int64_t file_count = 0, size_bytes = 0;
  std::int64_t content_version = 0;  // the version at which a file changed last
  static constexpr auto fields() {
    return row_fields(field("description", &FilesetRow::description),
                      field("purpose", &FilesetRow::purpose),
                      field("created_by_job", &FilesetRow::created_by_job),
                      field("service", &FilesetRow::service),
                      field("details", &FilesetRow::details),
                      field("file_count", &FilesetRow::file_count),
                      field("size_bytes", &FilesetRow::size_bytes),
                      field("content_version", &FilesetRow::content_version));
  }
};


class FilesetFold : public Fold<FilesetRow> {
 public:
  static constexpr std::string_view entity = "fileset";
  template <class Fact>
  static constexpr bool follows = false;

  FilesetFold(Table& table, const log::Record& record)
      : Fold(table, record, entity), files_(row_key("file", record.workspace, record.name) + "/") {}

  void on(const FilesetCreated& created) {
    FilesetRow row = this->created();
    row.description = created.description;
    row.purpose = created.purpose;
    row.created_by_job = created.created_by_job;
    if (!created.created_by_job.empty()) row.service = "customization";
    put(std::move(row));
  }

  void on(const FilesetUpdated& updated) {
    change([&](FilesetRow& row) {
      row.description = updated.description;
      row.purpose = updated.purpose;
    });
  }

  void on(const FilesetDetailsSet& set) {
    change([&](FilesetRow& row) {
      row.details = set.details;
      row.service = set.service;
    });
  }

  void on(const FilePut& put_file) {
    change([&](FilesetRow& row) {
      take_out(row, put_file.file.path);
      ++row.file_count;
      row.size_bytes += put_file.file.size;
      table_.put(files_ + put_file.file.path, json::to_json(put_file.file));
    });
  }

  void on(const FileDeleted& deleted) {
    change([&](FilesetRow& row) {
      take_out(row, deleted.path);
      table_.erase(files_ + deleted.path);
    });
  }

  void on(const FilesetDeleted&) {
    erase_all(table_, files_);
    erase();
  }

 private:
  void take_out(FilesetRow& row, const std::string& path) {
    row.content_version = record_.version;
    if (const auto file = read<File>(files_ + path)) {
      --row.file_count;
      row.size_bytes -= file->size;
    }
  }

  const std::string files_;  // how the keys of its files begin
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(FilesetFold(table, record), event); }

std::string document(const TableView& table, const RowName& fileset, const std::string& row) {
  if (fileset.entity != "fileset") return row;
  std::string files = "[";
  table.scan(row_key("file", fileset.workspace, fileset.name) + "/", "", [&](const std::string&, const std::string& file) {
    if (files.size() > 1) files += ',';
    files += file;
    return true;
  });
  return with_member(row, "files", files + "]");
}

}  // namespace

const Projection filesets{"filesets", 3, {"fileset", "fileset_head", "file"}, &apply, &document};

}  // namespace luthier::projections
