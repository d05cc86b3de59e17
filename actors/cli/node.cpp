#include "actors/node/node.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "actors/cli/context.hpp"
#include "config/config.hpp"

namespace luthier::cli {
namespace {

struct NodeOptions {
  std::string config_file, listen, controllers, nats_server, worker_name;
  bool no_worker = false, auth = false, allow_open = false;
  std::string tls_certificate, tls_key;
};

// The file's values, replaced by what the command line says.
Result<config::Config> config_of(const Context& context, const NodeOptions& options, const CLI::App& verb) {
  config::Config config;
  if (!options.config_file.empty()) {
    auto read = config::read_config(options.config_file);
    if (!read) return read;
    config = std::move(*read);
  }
  const auto* root = verb.get_parent();
  const bool names_data = root->count("--data") > 0 || std::getenv("LUTHIER_DATA") != nullptr || options.config_file.empty();
  if (names_data) config.data = context.data;
  if (!options.listen.empty()) config.listen = options.listen;
  if (!options.controllers.empty()) config.controllers = options.controllers == "on";
  if (!options.nats_server.empty()) config.nats.server_binary = options.nats_server;
  if (!options.worker_name.empty()) config.worker.name = options.worker_name;
  if (options.no_worker) config.worker.enabled = false;
  if (options.auth) config.auth.enabled = true;
  if (options.allow_open) config.auth.allow_open = true;
  if (!options.tls_certificate.empty()) config.tls.certificate = options.tls_certificate;
  if (!options.tls_key.empty()) config.tls.key = options.tls_key;
  if (!context.nats_url.empty()) config.nats.url = context.nats_url;
  if (!context.creds.empty()) config.nats.credentials = context.creds;
  return config;
}

std::shared_ptr<NodeOptions> add_options(CLI::App& verb) {
  const auto options = std::make_shared<NodeOptions>();
  verb.add_option("--config", options->config_file, "A TOML file (see config/luthier.toml); the command line replaces its values");
  verb.add_option("--listen", options->listen, "HOST:PORT of the HTTP interface; port 0 picks a free one (default: 127.0.0.1:8080)");
  verb.add_option("--controllers", options->controllers, "on or off: without them a client moves jobs and deployments by hand")
      ->check(CLI::IsMember({"on", "off"}));
  verb.add_option("--worker-name", options->worker_name, "The name of the worker of this machine (default: local)");
  verb.add_flag("--no-worker", options->no_worker, "Start no worker on this machine");
  verb.add_flag("--auth", options->auth, "Ask every HTTP caller for a token (see luthier token create)");
  verb.add_flag("--allow-open", options->allow_open, "Listen beyond loopback without --auth: whoever reaches the port may do everything");
  verb.add_option("--tls-certificate", options->tls_certificate, "PEM file: HTTPS instead of HTTP");
  verb.add_option("--tls-key", options->tls_key, "PEM file of the certificate's key");
  return options;
}

}  // namespace

void add_node(CLI::App& app, Context& context) {
  auto& up = *app.add_subcommand("up", "Start everything on this machine: NATS, the control plane, HTTP and a worker");
  const auto up_options = add_options(up);
  up.add_option("--nats-server", up_options->nats_server, "The nats-server program (default: looked for)");
  up.callback([&context, &up, up_options] {
    const auto config = config_of(context, *up_options, up);
    context.exit_code = config ? node::run_node(*config, *context.out, *context.err) : context.fail(config.error());
  });
  add_examples(up, {"luthier up", "luthier up --data /var/lib/luthier --listen 0.0.0.0:8080 --auth"});

  auto& serve = *app.add_subcommand("serve", "Start the control plane on a NATS server that is there: --nats URL --creds FILE");
  const auto serve_options = add_options(serve);
  serve.callback([&context, &serve, serve_options] {
    const auto config = config_of(context, *serve_options, serve);
    if (!config) {
      context.exit_code = context.fail(config.error());
    } else if (config->nats.url.empty()) {
      context.exit_code = context.usage("serve needs --nats URL, or nats.url in the file; \"luthier up\" brings its own server");
    } else {
      context.exit_code = node::run_node(*config, *context.out, *context.err);
    }
  });
  add_examples(serve, {"luthier serve --nats nats://10.0.0.1:4222 --creds server.creds --data /var/lib/luthier"});
}

}  // namespace luthier::cli
