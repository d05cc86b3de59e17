#include "actors/api/upload_room.hpp"

#include <algorithm>

#include "actors/api/files.hpp"

namespace luthier::api {
namespace {

std::int64_t bytes_of(const Document& fileset) { return fileset.row.value("size_bytes", std::int64_t{0}); }

std::string numbers(const std::string& what, std::int64_t used, std::int64_t most) {
  return what + " may have " + std::to_string(most) + " bytes and has " + std::to_string(used) + " beside this file, so this file may have " +
         std::to_string(std::max<std::int64_t>(0, most - used)) + ".";
}

}  // namespace

UploadRoom room_for(const Context& context, const Document& fileset, const std::string& path) {
  const auto& settings = context.services.settings;
  const auto file_bytes_max = context.exchange.options().blob_bytes_max;
  UploadRoom room{file_bytes_max, 413, "A file has at most " + std::to_string(file_bytes_max) + " bytes."};
  if (settings.fileset_bytes_max == 0 && settings.workspace_bytes_max == 0) return room;
  const auto present = find_file(context, context.workspace(), context.path["name"], path);
  const auto replaced = present ? present->size : 0;
  const auto narrow = [&](const std::string& what, std::int64_t bytes, std::int64_t most, int status) {
    const auto used = bytes - replaced;
    if (most == 0 || most - used >= room.bytes) return;
    room = {std::max<std::int64_t>(0, most - used), status, numbers(what, used, most)};
  };
  narrow("Fileset " + context.workspace() + "/" + context.path["name"], bytes_of(fileset), settings.fileset_bytes_max, 413);
  if (settings.workspace_bytes_max == 0) return room;
  std::int64_t all = 0;
  for (const auto list = context.services.documents.all("fileset", context.workspace()); const auto& one : *list) all += bytes_of(*one);
  narrow("Workspace " + context.workspace(), all, settings.workspace_bytes_max, 507);
  return room;
}

}  // namespace luthier::api
