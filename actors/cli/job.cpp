#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/history.hpp"
#include "actors/cli/job_watch.hpp"
#include "actors/cli/listing.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

std::string progress_of(const ordered_json& row) {
  const auto steps = text_of(row, "inputs.steps");
  if (const auto done = text_of(row, "summary.steps"); !done.empty()) return done + "/" + steps;
  return text_of(row, "checkpoint_step") + "/" + steps;
}

void add_order(CLI::App& noun, Context& context, const std::string& verb, const std::string& help, const std::string& command, const std::string& done) {
  struct Options {
    std::string name, reason;
  };
  const auto options = std::make_shared<Options>();
  auto* added = add_verb(noun, verb, help, context, [&context, options, command, done] {
    const auto name = parse_name(context, options->name);
    auto data = ordered_json::object();
    if (!options->reason.empty()) data["reason"] = options->reason;
    return send_command(context, "job", command, name, data, done + " job " + name.text());
  });
  added->add_option("name", options->name, "NAME, or WORKSPACE/NAME")->required();
  if (command == "CancelJob") added->add_option("--reason", options->reason, "Why, for whoever asks later");
}

}  // namespace

void add_jobs(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("job", "Fine-tuning jobs");
  noun.require_subcommand(1);
  add_job_start(noun, context);
  add_list(noun, context, "job", {"NAME", "STATUS", "METHOD", "MODEL", "OUTPUT", "STEPS", "AGE", "REASON"}, [](const ordered_json& row) {
    return std::vector<std::string>{text_of(row, "name"), text_of(row, "status"), text_of(row, "method"), text_of(row, "model"),
                                    text_of(row, "output"), progress_of(row), age_of(row, "created_at"),
                                    text_of(row, row.contains("waiting_for") ? "waiting_for" : "reason")};
  });
  add_show(noun, context, "job");
  const auto name = std::make_shared<std::string>();
  auto* watch = add_verb(noun, "watch", "Draw its progress and loss until it ends; the exit code says how", context, [&context, name] {
    auto begun = JobWatch::begin(context, parse_name(context, *name));
    return begun ? (*begun)->run() : context.fail(begun.error());
  });
  watch->add_option("name", *name, "NAME, or WORKSPACE/NAME")->required();
  auto* events = add_verb(noun, "events", "What has happened to it, from the log", context,
                          [&context, name] { return print_history(context, "job", parse_name(context, *name), 1); });
  events->add_option("name", *name, "NAME, or WORKSPACE/NAME")->required();
  add_order(noun, context, "cancel", "End it for good; done when its process is gone", "CancelJob", "cancelling");
  add_order(noun, context, "pause", "Stop it at a checkpoint", "PauseJob", "pausing");
  add_order(noun, context, "resume", "Go on from the checkpoint", "ResumeJob", "resuming");
  add_examples(noun, {"luthier job start kinds --model smol --dataset wordnet --output kinds --rank 8 --epochs 1 --watch", "luthier job list",
                      "luthier job watch kinds", "luthier job pause kinds && luthier job resume kinds"});
}

}  // namespace luthier::cli
