#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "events/codec/codec.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct SendOptions {
  std::string entity, type, name, id, body = "{}", principal, expected_version;
};

int send(Context& context, const SendOptions& options) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  auto name = parse_name(context, options.name);
  if (options.entity == "workspace" || options.entity == "worker") name.workspace = "system";
  const auto receipt =
      (*client)->send({options.entity, options.type, name.workspace, name.name, options.id, options.body, options.principal, options.expected_version});
  if (!receipt) return context.fail(receipt.error());
  context.print_json(*receipt);
  return text_of(*receipt, "status") == "accepted" ? exit_ok : exit_refused;
}

int list(Context& context) {
  auto items = ordered_json::array();
  Table table({"ENTITY", "COMMAND", "DATA"});
  for (const auto& declaration : events::declarations()) {
    if (declaration.version != 0 || !events::is_public_command(declaration.type)) continue;
    const auto schema = ordered_json::parse(declaration.schema, nullptr, false);
    items.push_back({{"entity", declaration.entity}, {"type", declaration.type}, {"data", schema}});
    std::string members;
    const auto properties = schema.value("properties", ordered_json::object());
    for (const auto& [member, about] : properties.items()) members += (members.empty() ? "" : ", ") + member;
    table.add({std::string(declaration.entity), std::string(declaration.type), members});
  }
  if (context.json) context.print_json(items);
  else context.print(table.text(context.screen.is_terminal ? context.screen.width : 0));
  return exit_ok;
}

}  // namespace

void add_commands(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("command", "Commands as they are, for scripts: with an id of your own they can be repeated without harm");
  noun.require_subcommand(1);
  const auto options = std::make_shared<SendOptions>();
  auto* verb = add_verb(noun, "send", "Send one command and print its receipt", context, [&context, options] { return send(context, *options); });
  verb->add_option("entity", options->entity, "workspace, fileset, model, job, deployment or worker")->required();
  verb->add_option("command", options->type, "CreateModel, StartJob … (see \"luthier command list\")")->required();
  verb->add_option("--name", options->name, "Of the entity: NAME, or WORKSPACE/NAME")->required();
  verb->add_option("--id", options->id, "Of the command: the same id takes effect once (default: a new one)");
  verb->add_option("--body", options->body, "The data, a JSON object")->capture_default_str();
  verb->add_option("--principal", options->principal, "Who sends it");
  verb->add_option("--expected-version", options->expected_version, "Refuse it unless the entity is at this version");
  add_verb(noun, "list", "List the commands and their data", context, [&context] { return list(context); });
  add_examples(noun, {"luthier command send fileset CreateFileset --name notes --id my-id-1 --body '{\"description\":\"Notes\"}'", "luthier command list"});
}

}  // namespace luthier::cli
