#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/listing.hpp"
#include "actors/node/world_checker.hpp"
#include "actors/worker/commands.hpp"

#include <iostream>

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

std::string devices_text(const ordered_json& row) {
  const auto devices = row.find("devices");
  if (devices == row.end() || !devices->is_array()) return "";
  std::string text;
  for (const auto& device : *devices)
    text += (text.empty() ? "" : "; ") + text_of(device, "id") + ": " + text_of(device, "model") + ", " + text_of(device, "cores") + " cores, " +
            bytes_text(number_of(device, "memory_bytes"));
  return text;
}

}  // namespace

// `luthier worker` alone runs one; with a verb it is the noun.
void add_workers(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("worker", "Run a worker on this machine; or list and drain those that have joined");
  noun.require_subcommand(0, 1);
  const auto options = std::make_shared<worker::WorkerOptions>();
  noun.add_option("--name", options->name, "Unique among the workers of the control plane")->capture_default_str();
  noun.add_option("--blobs", options->blobs_url, "http://HOST:PORT of the control plane, when its disk is not this one");
  noun.add_option("--serve-host", options->serve_host,
                  "This machine's address, where served models listen and the control plane reaches them; whoever reaches it may ask them")
      ->capture_default_str();
  noun.add_option("--checkpoint-every", options->checkpoint_every, "Steps between two checkpoints of a training")->capture_default_str()->check(CLI::PositiveNumber);
  add_list(noun, context, "worker", {"NAME", "STATUS", "HOST", "AGE", "DEVICES"},
           [](const ordered_json& row) {
             return std::vector<std::string>{text_of(row, "name"), text_of(row, "status"), text_of(row, "host"), age_of(row, "joined_at"), devices_text(row)};
           },
           "system");
  add_show(noun, context, "worker", "system");
  const auto name = std::make_shared<std::string>();
  auto* drain = add_verb(noun, "drain", "Give it no new tasks", context, [&context, name] {
    return send_command(context, "worker", "DrainWorker", {"system", *name}, ordered_json::object(), "draining worker " + *name);
  });
  drain->add_option("name", *name, "The worker")->required();
  noun.callback([&context, &noun, options] {
    if (!noun.get_subcommands().empty()) return;
    options->data = context.data;
    options->blobs_token = context.blobs_token;
    options->nats_url = context.nats_url;
    options->credentials = context.creds;
    if (options->credentials.empty() && options->nats_url.empty()) options->credentials = context.data / "nats" / "worker.url";
    options->engine_version = node::engine_version;
    context.exit_code = worker::run_worker(*options, *context.out, *context.err);
  });
  add_examples(noun, {"luthier worker --nats nats://10.0.0.1:4222 --creds worker.creds --blobs http://10.0.0.1:8080 --blobs-token token --serve-host 10.0.0.2 --name gpu-1",
                      "luthier worker list", "luthier worker drain gpu-1"});
}

}  // namespace luthier::cli
