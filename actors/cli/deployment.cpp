#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct DeploymentOptions {
  std::string name, model, description;
  bool no_lora = false;
};

int create(Context& context, const DeploymentOptions& options) {
  const auto name = parse_name(context, options.name);
  const ordered_json data{{"model", options.model}, {"description", options.description}, {"lora_enabled", !options.no_lora}};
  return send_command(context, "deployment", "CreateDeployment", name, data, "created deployment " + name.text());
}

// Ready means that it answers and has every adapter that it should have.
bool is_loaded(const ordered_json& row) {
  const auto adapters = row.find("adapters");
  if (adapters == row.end() || !adapters->is_array()) return true;
  for (const auto& adapter : *adapters)
    if (text_of(adapter, "status") == "loading") return false;
  return true;
}

int wait(Context& context, const DeploymentOptions& options) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto name = parse_name(context, options.name);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(context.timeout_seconds);
  while (true) {
    const auto row = (*client)->get(name.workspace, "deployment", name.name);
    if (!row) return context.fail(row.error());
    const auto status = text_of(*row, "status");
    if (status == "READY" && is_loaded(*row)) {
      if (context.json) context.print_json(*row);
      else context.print("deployment " + name.text() + " is ready: " + text_of(*row, "endpoint"));
      return exit_ok;
    }
    if (status == "ERROR") return context.fail({ErrorCode::conflict, "deployment " + name.text() + ": " + text_of(*row, "status_message"), ""});
    if (std::chrono::steady_clock::now() > until)
      return context.fail({ErrorCode::unavailable, "deployment " + name.text() + " is still " + status + ": " + text_of(*row, "status_message"), ""});
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::string adapters_text(const ordered_json& row) {
  const auto adapters = row.find("adapters");
  if (adapters == row.end() || !adapters->is_array()) return "";
  std::string text;
  for (const auto& adapter : *adapters) {
    const auto status = text_of(adapter, "status");
    text += (text.empty() ? "" : ", ") + text_of(adapter, "name") + (status == "loaded" ? "" : " (" + status + ")");
  }
  return text;
}

}  // namespace

void add_deployments(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("deployment", "Wishes that models be served, with their enabled adapters");
  noun.require_subcommand(1);
  const auto options = std::make_shared<DeploymentOptions>();
  auto* create_verb = add_verb(noun, "create", "Serve a model", context, [&context, options] { return create(context, *options); });
  create_verb->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  create_verb->add_option("--model", options->model, "The model to serve")->required();
  create_verb->add_option("--description", options->description, "What it is for");
  create_verb->add_flag("--no-lora", options->no_lora, "Serve the base model alone, without adapters");
  auto* wait_verb = add_verb(noun, "wait", "Wait until it answers, at most --timeout seconds", context, [&context, options] { return wait(context, *options); });
  wait_verb->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  add_list(noun, context, "deployment", {"NAME", "MODEL", "STATUS", "ENDPOINT", "WORKER", "AGE", "ADAPTERS"}, [](const ordered_json& row) {
    return std::vector<std::string>{text_of(row, "name"), text_of(row, "model"), text_of(row, "status"), text_of(row, "endpoint"),
                                    text_of(row, "worker"), age_of(row, "created_at"), adapters_text(row)};
  });
  add_show(noun, context, "deployment");
  add_delete(noun, context, "deployment", "DeleteDeployment");
  add_examples(noun, {"luthier deployment create chat --model smol", "luthier deployment wait chat --timeout 120", "luthier chat smol \"Hello\""});
}

}  // namespace luthier::cli
