// A fileset: a named, versioned set of files. A file is a blob known by its SHA-256; bytes never travel in commands.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct File {
  std::string path;    // relative, '/'-separated, no "..", at most 1,024 bytes
  std::string digest;  // SHA-256, 64 lower-case hexadecimal digits
  std::int64_t size = 0;
  static constexpr auto fields() {
    return field_list(field("path", &File::path), field("digest", &File::digest), field("size", &File::size));
  }
  bool operator==(const File&) const = default;
};

struct CreateFileset {
  static constexpr std::string_view type = "CreateFileset";
  std::string description;
  std::string purpose = "generic";  // "generic", "dataset" or "model"
  std::vector<File> files;          // blobs that are stored already
  JsonText details = {};                 // an object or null: what its users keep with it (project, storage, metadata …); no rule looks at it
  std::string service = {};              // the service that made it for its users, who then may not change its files; empty: none
  static constexpr auto fields() {
    return field_list(field_or_default("description", &CreateFileset::description),
                      field_or_default("purpose", &CreateFileset::purpose),
                      field_or_default("files", &CreateFileset::files),
                      field_or_default("details", &CreateFileset::details),
                      field_or_default("service", &CreateFileset::service));
  }
};
struct UpdateFileset {
  static constexpr std::string_view type = "UpdateFileset";
  std::optional<std::string> description;
  std::optional<std::string> purpose;
  std::optional<JsonText> details = {};  // a merge patch (RFC 7396)
  std::optional<JsonText> members = {};  // an object: each of its members replaces that of the details as a whole, null removes it
  std::optional<std::string> service = {};
  static constexpr auto fields() {
    return field_list(field_or_default("description", &UpdateFileset::description),
                      field_or_default("purpose", &UpdateFileset::purpose),
                      field_or_default("details", &UpdateFileset::details),
                      field_or_default("members", &UpdateFileset::members),
                      field_or_default("service", &UpdateFileset::service));
  }
};
struct PutFile {
  static constexpr std::string_view type = "PutFile";
  std::string path, digest;
  std::int64_t size = -1;  // -1: whatever the stored blob has
  static constexpr auto fields() {
    return field_list(field("path", &PutFile::path), field("digest", &PutFile::digest),
                      field_or_default("size", &PutFile::size));
  }
};
struct DeleteFile {
  static constexpr std::string_view type = "DeleteFile";
  std::string path;
  static constexpr auto fields() { return field_list(field("path", &DeleteFile::path)); }
};
struct DeleteFileset {
  static constexpr std::string_view type = "DeleteFileset";
  static constexpr auto fields() { return field_list(); }
};

struct FilesetCreated {
  static constexpr EventType type{"FilesetCreated", 1};
  std::string description, purpose;
  std::string created_by_job;  // "ws/job" when a job made it; empty when a user did
  static constexpr auto fields() {
    return field_list(field("description", &FilesetCreated::description), field("purpose", &FilesetCreated::purpose),
                      field("created_by_job", &FilesetCreated::created_by_job));
  }
};
struct FilesetUpdated {
  static constexpr EventType type{"FilesetUpdated", 1};
  std::string description, purpose;
  static constexpr auto fields() {
    return field_list(field("description", &FilesetUpdated::description), field("purpose", &FilesetUpdated::purpose));
  }
};
// Beside its creation, or later. An object.
struct FilesetDetailsSet {
  static constexpr EventType type{"FilesetDetailsSet", 1};
  JsonText details;
  std::string service;
  static constexpr auto fields() {
    return field_list(field("details", &FilesetDetailsSet::details), field("service", &FilesetDetailsSet::service));
  }
};
struct FilePut {
  static constexpr EventType type{"FilePut", 1};
  File file;
  static constexpr auto fields() { return field_list(field("file", &FilePut::file)); }
};
struct FileDeleted {
  static constexpr EventType type{"FileDeleted", 1};
  std::string path;
  static constexpr auto fields() { return field_list(field("path", &FileDeleted::path)); }
};
struct FilesetDeleted {
  static constexpr EventType type{"FilesetDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};

}  // namespace luthier::events
