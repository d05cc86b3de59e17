// What the verbs of all nouns share: `list` as a table, `show` as a document, delete, and members read safely.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "actors/cli/context.hpp"

namespace luthier::cli {

// Members by path ("spec.family"), as text for people; "" when absent or null.
std::string text_of(const nlohmann::ordered_json& item, const std::string& path);
std::int64_t number_of(const nlohmann::ordered_json& item, const std::string& path);  // 0 when absent
std::string age_of(const nlohmann::ordered_json& item, const std::string& path);

using RowOf = std::function<std::vector<std::string>(const nlohmann::ordered_json& item)>;
int list_entities(Context& context, const std::string& workspace, const std::string& entity, const std::string& at,
                  std::vector<std::string> header, const RowOf& row);
int show_entity(Context& context, const Name& name, const std::string& entity, const std::string& at);

// Members one a line, nested ones indented.
std::string document(const nlohmann::ordered_json& value);

// Sends a command whose receipt is all that there is to say; prints `done` or the receipt.
int send_command(Context& context, const std::string& entity, const std::string& type, const Name& name,
                 const nlohmann::ordered_json& data, const std::string& done);

// The usual `list`, `show NAME` (both with --at) of a noun.
void add_list(CLI::App& noun, Context& context, const std::string& entity, std::vector<std::string> header, RowOf row,
              const std::string& fixed_workspace = "");
void add_show(CLI::App& noun, Context& context, const std::string& entity, const std::string& fixed_workspace = "");
void add_delete(CLI::App& noun, Context& context, const std::string& entity, const std::string& command,
                const std::string& fixed_workspace = "");

}  // namespace luthier::cli
