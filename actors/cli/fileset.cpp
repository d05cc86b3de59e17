#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/listing.hpp"

namespace luthier::cli {

using nlohmann::ordered_json;

void add_filesets(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("fileset", "Named, versioned sets of files");
  noun.require_subcommand(1);
  struct Options {
    std::string name, description, purpose = "generic";
  };
  const auto options = std::make_shared<Options>();
  auto* create = add_verb(noun, "create", "Create an empty fileset", context, [&context, options] {
    const auto name = parse_name(context, options->name);
    return send_command(context, "fileset", "CreateFileset", name,
                        ordered_json{{"description", options->description}, {"purpose", options->purpose}}, "created fileset " + name.text());
  });
  create->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  create->add_option("--description", options->description, "What is in it");
  create->add_option("--purpose", options->purpose, "generic, dataset or model")->capture_default_str();
  add_list(noun, context, "fileset", {"NAME", "PURPOSE", "FILES", "SIZE", "MADE BY", "AGE"}, [](const ordered_json& row) {
    return std::vector<std::string>{text_of(row, "name"), text_of(row, "purpose"), text_of(row, "file_count"),
                                    bytes_text(number_of(row, "size_bytes")), text_of(row, "created_by_job"), age_of(row, "created_at")};
  });
  add_show(noun, context, "fileset");
  add_delete(noun, context, "fileset", "DeleteFileset");
  add_examples(noun, {"luthier fileset create notes --purpose generic", "luthier fileset show notes --json", "luthier fileset delete notes"});
}

}  // namespace luthier::cli
