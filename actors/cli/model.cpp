#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "actors/cli/upload.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct ModelOptions {
  std::string name, fileset, description, base, source;
  bool no_wait = false;
};

ordered_json create_data(const ModelOptions& options, const std::string& fileset) {
  ordered_json data{{"fileset", fileset}, {"description", options.description}};
  if (!options.base.empty()) data["base_model"] = options.base;
  return data;
}

// The row once the checkpoint has been read; its error when it could not be.
Result<ordered_json> wait_for_spec(Context& context, const Name& name) {
  const auto client = context.connect();
  if (!client) return client.error();
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(context.timeout_seconds);
  while (true) {
    auto row = (*client)->get(name.workspace, "model", name.name);
    if (!row) return row;
    if (const auto error = text_of(*row, "spec_error"); !error.empty()) return invalid(error);
    if (const auto spec = row->find("spec"); spec != row->end() && spec->is_object()) return row;
    if (std::chrono::steady_clock::now() > until)
      return Error{ErrorCode::unavailable, "model " + name.text() + " has not been read yet; look again with \"luthier model show\"", ""};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::string summary_of(const ordered_json& row) {
  const auto parameters = number_of(row, "spec.base_num_parameters");
  std::string text = "model " + text_of(row, "workspace") + "/" + text_of(row, "name") + ": " + text_of(row, "spec.family");
  if (parameters > 0) text += ", " + count_text(parameters) + " parameters";
  return text;
}

int create(Context& context, const ModelOptions& options) {
  const auto name = parse_name(context, options.name);
  return send_command(context, "model", "CreateModel", name, create_data(options, options.fileset), "created model " + name.text());
}

// Files, fileset, model, spec: all of it, or nothing.
int import(Context& context, const ModelOptions& options) {
  const auto files = files_of(options.source);
  if (!files) return context.fail(files.error());
  const auto name = parse_name(context, options.name);
  const auto fileset = options.fileset.empty() ? name : parse_name(context, options.fileset);
  const auto stored = upload(context, *files);
  if (!stored) return context.fail(stored.error());
  if (auto ok = create_fileset(context, fileset, "model", "", *stored); !ok) return context.fail(ok.error());
  auto& client = **context.connect();
  const auto receipt = client.must({"model", "CreateModel", name.workspace, name.name, "", create_data(options, fileset.text()).dump(), "", ""});
  if (!receipt) {
    remove_fileset(context, fileset);
    return context.fail(receipt.error());
  }
  if (options.no_wait) {
    if (context.json) context.print_json(*receipt);
    else context.print("created model " + name.text());
    return exit_ok;
  }
  const auto row = wait_for_spec(context, name);
  if (!row && row.error().code == ErrorCode::invalid) {
    (void)client.send({"model", "DeleteModel", name.workspace, name.name, "", "{}", "", ""});
    remove_fileset(context, fileset);
  }
  if (!row) return context.fail(row.error());
  if (context.json) context.print_json(*row);
  else context.print(summary_of(*row));
  return exit_ok;
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("model", "Models, and what their checkpoints say");
  noun.require_subcommand(1);
  const auto options = std::make_shared<ModelOptions>();
  auto* import_verb = add_verb(noun, "import", "Store a checkpoint and make a model of it: a Hugging Face directory or a .gguf file", context,
                               [&context, options] { return import(context, *options); });
  import_verb->add_option("source", options->source, "DIR or FILE.gguf")->required();
  import_verb->add_option("--name", options->name, "The model's name")->required();
  import_verb->add_option("--fileset", options->fileset, "The fileset's name (default: the model's)");
  import_verb->add_option("--description", options->description, "What it is");
  import_verb->add_flag("--no-wait", options->no_wait, "Do not wait until the checkpoint has been read");
  auto* create_verb = add_verb(noun, "create", "Make a model of a fileset that is there", context, [&context, options] { return create(context, *options); });
  create_verb->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  create_verb->add_option("--fileset", options->fileset, "The fileset with the checkpoint")->required();
  create_verb->add_option("--base", options->base, "The model that it was trained from");
  create_verb->add_option("--description", options->description, "What it is");
  add_list(noun, context, "model", {"NAME", "FAMILY", "PARAMETERS", "LAYERS", "ADAPTERS", "BASE", "AGE"}, [](const ordered_json& row) {
    const auto adapters = row.find("adapters");
    const auto parameters = number_of(row, "spec.base_num_parameters");
    auto family = text_of(row, "spec.family");
    if (family.empty()) family = text_of(row, "spec_error").empty() ? "(being read)" : "(unreadable)";
    return std::vector<std::string>{text_of(row, "name"), family, parameters > 0 ? count_text(parameters) : "", text_of(row, "spec.num_layers"),
                                    std::to_string(adapters != row.end() ? adapters->size() : 0), text_of(row, "base_model"), age_of(row, "created_at")};
  });
  add_show(noun, context, "model");
  add_delete(noun, context, "model", "DeleteModel");
  add_examples(noun, {"luthier model import ./SmolLM2-135M-Instruct.gguf --name smol", "luthier model list", "luthier model show smol --json"});
}

}  // namespace luthier::cli
