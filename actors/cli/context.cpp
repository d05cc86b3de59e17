#include "actors/cli/context.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/bus/nats_bus.hpp"
#include "actors/cli/client.hpp"
#include "events/base/file.hpp"

namespace luthier::cli {
namespace {

Error no_server(const std::filesystem::path& data, const std::string& option) {
  return {ErrorCode::unavailable, "no server has run on " + data.string() + ": start one with \"luthier up --data " + data.string() +
                                      "\", or name one with " + option, "data"};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

int exit_code_of(const Error& error) { return error.code == ErrorCode::unavailable ? exit_unavailable : exit_refused; }

Result<Client*> Context::connect() {
  if (client) return client.get();
  bus::NatsOptions options;
  options.name = "luthier command line";
  options.connect_wait = std::chrono::milliseconds(3000);
  options.url = nats_url;
  options.credentials = creds;
  if (nats_url.empty() && creds.empty()) {
    options.credentials = data / "nats" / "client.url";
    if (!std::filesystem::exists(options.credentials)) return no_server(data, "--nats URL --creds FILE");
  }
  auto bus = bus::NatsBus::connect(options);
  if (!bus) return bus.error();
  client = std::make_shared<Client>(std::move(*bus), std::chrono::milliseconds(static_cast<std::int64_t>(timeout_seconds * 1000)));
  return client.get();
}

Result<std::string> Context::http() const {
  if (!http_url.empty()) return http_url;
  const auto url = read_text(data / "http.url", 4096);
  if (!url) return no_server(data, "--http URL");
  return first_line(*url);
}

int Context::fail(const Error& error) const {
  auto line = error.message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (!error.field.empty() && line.find(error.field) == std::string::npos) line += " (" + error.field + ")";
  *err << "luthier: " << printable(line) << std::endl;
  if (json)
    print_json({{"error", {{"code", to_string(error.code)}, {"field", error.field}, {"message", error.message}}}});
  return exit_code_of(error);
}

int Context::usage(const std::string& message) const {
  *err << "luthier: " << message << std::endl;
  return exit_usage;
}

void Context::print(const std::string& text) const { *out << text << std::endl; }

void Context::print_json(const nlohmann::ordered_json& value) const {
  print(value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

Name parse_name(const Context& context, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {context.workspace, text};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

CLI::App* add_verb(CLI::App& noun, const std::string& verb, const std::string& help, Context& context, std::function<int()> run) {
  auto* command = noun.add_subcommand(verb, help);
  command->callback([&context, run = std::move(run)] { context.exit_code = run(); });
  return command;
}

void add_examples(CLI::App& app, const std::vector<std::string>& examples) {
  std::string text = "Examples:";
  for (const auto& example : examples) text += "\n  " + example;
  app.footer(text);
}

}  // namespace luthier::cli
