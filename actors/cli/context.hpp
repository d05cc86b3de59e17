// What every command of the command line has: the options that all of them share, where to write, and what to return.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "actors/cli/terminal.hpp"
#include "events/base/result.hpp"

namespace CLI {
class App;
}

namespace luthier::cli {

class Client;

// Documented in `luthier --help`.
enum ExitCode { exit_ok = 0, exit_refused = 1, exit_usage = 2, exit_unavailable = 3 };
int exit_code_of(const Error& error);

struct Context {
  std::filesystem::path data;      // --data, or $LUTHIER_DATA, or ./luthier-data
  std::string nats_url;            // --nats; empty: in the data directory
  std::filesystem::path creds;     // --creds
  std::string http_url;            // --http; empty: in the data directory
  std::filesystem::path blobs_token;  // --blobs-token
  std::string workspace = "default";
  bool json = false;
  double timeout_seconds = 60;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  std::istream* in = nullptr;
  Terminal screen, error_screen;   // stdout's and stderr's
  int exit_code = exit_ok;
  std::shared_ptr<Client> client;  // connected when first used

  Result<Client*> connect();
  Result<std::string> http() const;

  // One line on stderr, and with --json the error as an object on stdout; the exit code that fits.
  int fail(const Error& error) const;
  int usage(const std::string& message) const;
  void print(const std::string& text) const;  // with a newline
  void print_json(const nlohmann::ordered_json& value) const;  // one line
};

// "ws/name" or "name" -> workspace and name.
struct Name {
  std::string workspace, name;
  std::string text() const { return workspace + "/" + name; }
};
Name parse_name(const Context& context, const std::string& text);

// Adds `luthier NOUN VERB`; `run` gives the exit code.
CLI::App* add_verb(CLI::App& noun, const std::string& verb, const std::string& help, Context& context, std::function<int()> run);
// "\nExamples:\n  …" below a help text.
void add_examples(CLI::App& app, const std::vector<std::string>& examples);

// One noun each.
void add_workspaces(CLI::App& app, Context& context);
void add_filesets(CLI::App& app, Context& context);
void add_files(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);
void add_adapters(CLI::App& app, Context& context);
void add_datasets(CLI::App& app, Context& context);
void add_jobs(CLI::App& app, Context& context);
void add_job_start(CLI::App& jobs, Context& context);
void add_deployments(CLI::App& app, Context& context);
void add_workers(CLI::App& app, Context& context);
void add_chat(CLI::App& app, Context& context);
void add_log(CLI::App& app, Context& context);
void add_commands(CLI::App& app, Context& context);
void add_audit(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_node(CLI::App& app, Context& context);
void add_tokens(CLI::App& app, Context& context);
void add_text(CLI::App& app, Context& context);
void add_engine(CLI::App& app, Context& context);
void add_asyncapi(CLI::App& app, Context& context);

}  // namespace luthier::cli
