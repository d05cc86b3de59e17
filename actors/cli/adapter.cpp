#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "actors/cli/upload.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct AdapterOptions {
  std::string name, model, fileset, description, source;
  bool disabled = false;
};

// An adapter's commands go to its model: named, or looked up.
Result<Name> model_of(Context& context, const AdapterOptions& options) {
  if (!options.model.empty()) return parse_name(context, options.model);
  const auto client = context.connect();
  if (!client) return client.error();
  const auto adapter = parse_name(context, options.name);
  const auto row = (*client)->get(adapter.workspace, "adapter", adapter.name);
  if (!row) return row.error();
  return parse_name(context, text_of(*row, "model"));
}

int change(Context& context, const AdapterOptions& options, const std::string& command, const std::string& done) {
  const auto model = model_of(context, options);
  if (!model) return context.fail(model.error());
  const auto adapter = parse_name(context, options.name);
  return send_command(context, "model", command, *model, ordered_json{{"adapter", adapter.text()}}, done + " adapter " + adapter.name);
}

int create(Context& context, const AdapterOptions& options, const std::string& fileset) {
  const auto model = parse_name(context, options.model);
  const auto adapter = parse_name(context, options.name);
  const ordered_json data{{"adapter", adapter.text()}, {"fileset", fileset}, {"description", options.description}, {"enabled", !options.disabled}};
  return send_command(context, "model", "CreateAdapter", model, data, "created adapter " + adapter.name + " of model " + model.text());
}

// PEFT's files, fileset, adapter: all of it, or nothing.
int import(Context& context, const AdapterOptions& options) {
  const auto files = files_of(options.source);
  if (!files) return context.fail(files.error());
  auto fileset = parse_name(context, options.fileset.empty() ? options.name : options.fileset);
  if (options.fileset.empty()) fileset.workspace = parse_name(context, options.name).workspace;  // beside the adapter
  const auto stored = upload(context, *files);
  if (!stored) return context.fail(stored.error());
  if (auto ok = create_fileset(context, fileset, "model", "", *stored); !ok) return context.fail(ok.error());
  const int code = create(context, options, fileset.text());
  if (code != exit_ok) remove_fileset(context, fileset);
  return code;
}

void add_change(CLI::App& noun, Context& context, const std::string& verb, const std::string& help, const std::string& command, const std::string& done) {
  const auto options = std::make_shared<AdapterOptions>();
  auto* added = add_verb(noun, verb, help, context, [&context, options, command, done] { return change(context, *options, command, done); });
  added->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  added->add_option("--model", options->model, "Its model (default: looked up)");
}

}  // namespace

void add_adapters(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("adapter", "LoRA adapters of models");
  noun.require_subcommand(1);
  const auto options = std::make_shared<AdapterOptions>();
  const auto add_shared = [&](CLI::App* verb) {
    verb->add_option("--model", options->model, "The model that it is for")->required();
    verb->add_option("--description", options->description, "What it does");
    verb->add_flag("--disabled", options->disabled, "Do not serve it yet");
  };
  auto* import_verb = add_verb(noun, "import", "Store an adapter made elsewhere (a PEFT directory) and attach it to a model", context,
                               [&context, options] { return import(context, *options); });
  import_verb->add_option("source", options->source, "DIR with adapter_config.json and adapter_model.safetensors")->required();
  import_verb->add_option("--name", options->name, "The adapter's name")->required();
  import_verb->add_option("--fileset", options->fileset, "The fileset's name (default: the adapter's)");
  add_shared(import_verb);
  auto* create_verb = add_verb(noun, "create", "Attach an adapter whose files are in a fileset", context,
                               [&context, options] { return create(context, *options, options->fileset); });
  create_verb->add_option("name", options->name, "NAME")->required();
  create_verb->add_option("--fileset", options->fileset, "The fileset with PEFT's files")->required();
  add_shared(create_verb);
  add_list(noun, context, "adapter", {"NAME", "MODEL", "ENABLED", "RANK", "ALPHA", "SERVED AS", "MADE BY", "AGE"}, [](const ordered_json& row) {
    return std::vector<std::string>{text_of(row, "name"), text_of(row, "model"), text_of(row, "enabled"), text_of(row, "lora.rank"),
                                    text_of(row, "lora.alpha"), text_of(row, "served_name"), text_of(row, "created_by_job"), age_of(row, "created_at")};
  });
  add_show(noun, context, "adapter");
  add_change(noun, context, "enable", "Serve it again", "EnableAdapter", "enabled");
  add_change(noun, context, "disable", "Stop serving it: requests that name it get 404", "DisableAdapter", "disabled");
  add_change(noun, context, "delete", "Delete an adapter", "DeleteAdapter", "deleted");
  add_examples(noun, {"luthier adapter import ./my-peft-adapter --model smol --name mine", "luthier adapter disable mine",
                      "luthier adapter show mine --at 42"});
}

}  // namespace luthier::cli
