#include "actors/api/hub_repository.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <set>

#include "actors/rest/query.hpp"
#include "events/base/sha256.hpp"
#include "events/json/utf8.hpp"

namespace luthier::api {
namespace {

using rest::Json;

std::string short_digest(const std::string& text) { return sha256_hex(text).substr(0, 16); }

Json directory_row(const std::string& fileset, const std::string& path) {
  return {{"type", "directory"}, {"oid", short_digest(fileset + ":" + path)}, {"size", 0}, {"path", path}};
}

// The directories of a path below `prefix`: "a/b/c.txt" has "a" and "a/b".
std::vector<std::string> directories_of(const std::string& path, std::size_t prefix) {
  std::vector<std::string> all;
  for (auto slash = path.find('/', prefix); slash != path.npos; slash = path.find('/', slash + 1)) all.push_back(path.substr(0, slash));
  return all;
}

}  // namespace

std::string commit_of(const std::string& fileset, const std::string& updated_at) {
  const std::string text = fileset + ":" + updated_at;
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const auto byte : digest) (hex += digits[byte >> 4]) += digits[byte & 15];
  return hex;
}

std::string tag_of(const std::string& fileset, const events::File& file) {
  return short_digest(fileset + ":" + file.path + ":" + std::to_string(file.size) + ":" + file.digest);
}

Json file_row(const std::string& fileset, const events::File& file) {
  return {{"type", "file"}, {"oid", tag_of(fileset, file)}, {"size", file.size}, {"path", file.path}};
}

Tree tree_of(const std::string& fileset, const std::vector<events::File>& files, const std::string& directory, bool is_recursive, bool with_directories) {
  const std::string prefix = directory.empty() ? "" : directory + "/";
  std::map<std::string, Json> rows;  // by path
  for (const auto& file : files) {
    if (!file.path.starts_with(prefix)) continue;
    const auto directories = directories_of(file.path, prefix.size());
    if (is_recursive || directories.empty()) rows.emplace(file.path, file_row(fileset, file));
    if (!with_directories || directories.empty()) continue;
    const std::size_t shown = is_recursive ? directories.size() : 1;
    for (std::size_t i = 0; i < shown; ++i)
      if (!rows.contains(directories[i])) rows.emplace(directories[i], directory_row(fileset, directories[i]));
  }
  Tree tree;
  tree.is_there = directory.empty() || !rows.empty();
  for (auto& [path, row] : rows) tree.rows.push_back(std::move(row));
  return tree;
}

Json paths_info(const std::string& fileset, const std::vector<events::File>& files, const std::vector<std::string>& paths) {
  std::map<std::string_view, const events::File*> by_path;
  std::set<std::string> directories;
  for (const auto& file : files) {
    by_path.emplace(file.path, &file);
    for (auto& directory : directories_of(file.path, 0)) directories.insert(std::move(directory));
  }
  Json rows = Json::array();
  for (auto path : paths) {
    while (path.ends_with('/')) path.pop_back();
    if (const auto file = by_path.find(path); file != by_path.end()) rows.push_back(file_row(fileset, *file->second));
    else if (directories.contains(path)) rows.push_back(directory_row(fileset, path));
  }
  return rows;
}

std::vector<std::string> form_values(std::string_view form, std::string_view name) {
  std::vector<std::string> values;
  while (!form.empty()) {
    const auto end = std::min(form.find('&'), form.size());
    const auto pair = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    const auto equals = pair.find('=');
    std::string key, value;
    if (equals == pair.npos || !rest::percent_decode(pair.substr(0, equals), key, true, true) || key != name) continue;
    if (rest::percent_decode(pair.substr(equals + 1), value, true, true) && json::is_utf8(value)) values.push_back(std::move(value));
  }
  return values;
}

}  // namespace luthier::api
