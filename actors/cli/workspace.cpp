#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/listing.hpp"

namespace luthier::cli {

using nlohmann::ordered_json;

void add_workspaces(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("workspace", "The boundaries of names and of authorisation");
  noun.require_subcommand(1);
  const auto name = std::make_shared<std::string>(), description = std::make_shared<std::string>();
  auto* create = add_verb(noun, "create", "Create a workspace", context, [&context, name, description] {
    return send_command(context, "workspace", "CreateWorkspace", {"system", *name}, ordered_json{{"description", *description}},
                        "created workspace " + *name);
  });
  create->add_option("name", *name, "The new name: a-z, 0-9 and - . _ + @, from a letter on")->required();
  create->add_option("--description", *description, "What it is for");
  add_list(noun, context, "workspace", {"NAME", "AGE", "DESCRIPTION"},
           [](const ordered_json& row) {
             return std::vector<std::string>{text_of(row, "name"), age_of(row, "created_at"), text_of(row, "description")};
           },
           "system");
  add_show(noun, context, "workspace", "system");
  add_delete(noun, context, "workspace", "DeleteWorkspace", "system");
  add_examples(noun, {"luthier workspace create team-a --description \"Team A\"", "luthier --workspace team-a model list"});
}

}  // namespace luthier::cli
