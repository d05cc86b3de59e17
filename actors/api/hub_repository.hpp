// A fileset as Hugging Face's clients see a repository.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/rest/json.hpp"
#include "events/fileset/events.hpp"

namespace luthier::api {

// 40 hexadecimal digits that change with the fileset.
std::string commit_of(const std::string& fileset, const std::string& updated_at);
// 16 hexadecimal digits that change with the file's content. (Clients keep what they have downloaded under this name, so a new content of
// the old size must have another.)
std::string tag_of(const std::string& fileset, const events::File& file);

rest::Json file_row(const std::string& fileset, const events::File& file);

struct Tree {
  rest::Json rows = rest::Json::array();
  bool is_there = false;  // the directory
};
// What is in a directory ("": all). Everything below it, or one level with the directories that are there.
Tree tree_of(const std::string& fileset, const std::vector<events::File>& files, const std::string& directory, bool is_recursive, bool with_directories);
// Files and directories of these names; others are left out.
rest::Json paths_info(const std::string& fileset, const std::vector<events::File>& files, const std::vector<std::string>& paths);

// The values of `name` in a form's text: "paths=a&paths=b%2Fc".
std::vector<std::string> form_values(std::string_view form, std::string_view name);

}  // namespace luthier::api
