#include "actors/cli/cli.hpp"

#include <signal.h>
#include <unistd.h>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "actors/cli/context.hpp"
#include "actors/node/world_checker.hpp"

namespace luthier::cli {
namespace {

constexpr const char* footer = R"(First steps:
  luthier up &
  luthier model import ./SmolLM2-135M-Instruct.gguf --name smol
  luthier dataset import train.jsonl --name rows
  luthier job start first --model smol --dataset rows --output mine --rank 8 --epochs 1 --watch
  luthier deployment create chat --model smol && luthier deployment wait chat
  luthier chat default--mine "Hello"

Exit codes:
  0  done
  1  refused or failed; stderr has one line that says why
  2  wrong usage; of engine verbs: bad input
  3  the server cannot be reached, or did not answer in time

"luthier NOUN VERB --help" has the options and examples of each verb.)";

void add_shared_options(CLI::App& app, Context& context) {
  context.data = "luthier-data";
  app.add_option("--data", context.data, "The data directory: of the server on this machine, or to start one on")
      ->envname("LUTHIER_DATA")->capture_default_str();
  app.add_option("--nats", context.nats_url, "nats://HOST:PORT of a server elsewhere (default: in the data directory)");
  app.add_option("--creds", context.creds, "A NATS credentials file, or a file with one line, the URL with user and password");
  app.add_option("--http", context.http_url, "http://HOST:PORT of the server (default: in the data directory)");
  app.add_option("--blobs-token", context.blobs_token,
                 "The file with the token for blobs, where the server's disk is not this one: a copy of its data directory's keys/gateway.token");
  app.add_option("-w,--workspace", context.workspace, "The workspace of names without one")->capture_default_str();
  app.add_option("--timeout", context.timeout_seconds, "Seconds to wait for an answer")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--json", context.json, "Print JSON, for programs");
}

void add_everything(CLI::App& app, Context& context) {
  add_node(app, context);
  add_workers(app, context);
  add_workspaces(app, context);
  add_tokens(app, context);
  add_filesets(app, context);
  add_files(app, context);
  add_models(app, context);
  add_adapters(app, context);
  add_datasets(app, context);
  add_jobs(app, context);
  add_deployments(app, context);
  add_chat(app, context);
  add_evaluate(app, context);
  add_log(app, context);
  add_audit(app, context);
  add_commands(app, context);
  add_status(app, context);
  add_doctor(app, context);
  add_asyncapi(app, context);
  add_text(app, context);
  add_engine(app, context);
}

// Log lines go to stderr: stdout is what a verb answers.
void set_up_logging() {
  auto logger = spdlog::stderr_logger_mt("luthier");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

// One line, and where to read more.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  std::string verb = "luthier";
  for (const auto* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    verb += " " + at->get_name();
  }
  std::string message = error.what();
  if (const auto rest = app.remaining(true); dynamic_cast<const CLI::RequiredError*>(&error) && !rest.empty())
    message = "there is no \"" + rest.front() + "\"";
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::cerr << "luthier: " << printable(message) << " (see " << verb << " --help)" << std::endl;
  return exit_usage;
}

}  // namespace

int run_cli(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  set_up_logging();
  Context context;
  context.out = &std::cout;
  context.err = &std::cerr;
  context.in = &std::cin;
  context.screen = Terminal::of(STDOUT_FILENO);
  context.error_screen = Terminal::of(STDERR_FILENO);

  CLI::App app{"Luthier: fine-tunes language models and serves them, with every fact in an event log", "luthier"};
  app.set_version_flag("--version", node::engine_version);
  app.fallthrough();  // shared options may stand anywhere
  app.require_subcommand(1);
  add_shared_options(app, context);
  add_everything(app, context);
  app.footer(footer);  // after the nouns, which would inherit it
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  context.client.reset();  // sends what waits
  return context.exit_code;
}

}  // namespace luthier::cli
