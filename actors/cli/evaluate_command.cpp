#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"
#include "actors/cli/evaluate.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

int run(Context& context, EvaluateOptions& options) {
  const auto endpoint = context.http();
  if (!endpoint) return context.fail(endpoint.error());
  options.endpoint = *endpoint;
  const auto result = evaluate(options, [&](std::int64_t done, std::int64_t of) {
    if (!context.error_screen.is_terminal) return;
    *context.err << "\r\x1b[K";
    if (done < of) *context.err << progress_bar(double(done) / double(of), 30) << " " << done << "/" << of;
    context.err->flush();
  });
  if (!result) return context.fail(result.error());
  const double accuracy = result->rows > 0 ? double(result->exact) / double(result->rows) : 0;
  if (context.json) {
    auto samples = ordered_json::array();
    for (const auto& sample : result->samples)
      samples.push_back({{"question", sample.question}, {"expected", sample.expected}, {"answered", sample.answered}});
    context.print_json({{"model", options.model}, {"rows", result->rows}, {"exact", result->exact}, {"accuracy", accuracy}, {"seconds", result->seconds}, {"samples", samples}});
    return exit_ok;
  }
  for (const auto& sample : result->samples)
    context.print("  " + cut_to(printable(sample.question), 60) + "\n    expected " + printable(sample.expected) + ", got " + cut_to(printable(sample.answered), 60));
  context.print(options.model + ": " + std::to_string(result->exact) + " of " + std::to_string(result->rows) + " exactly right (" +
                number_text(100 * accuracy, 3) + " %), in " + number_text(result->seconds, 3) + " s");
  return exit_ok;
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<EvaluateOptions>();
  auto& verb = *app.add_subcommand("evaluate", "Ask a served model for the answer of each chat row, and count the exact ones");
  verb.add_option("model,--model", options->model, "\"default/smol\", or an adapter \"default--kinds\"")->required();
  // Its own --data: the rows.
  verb.add_option("--rows,--data", options->data, "JSONL: {\"messages\": [..., the assistant's answer]}")->required();
  verb.add_option("--concurrency", options->concurrency, "Requests at a time")->capture_default_str()->check(CLI::Range(1, 256));
  verb.add_option("--max-tokens", options->tokens_max, "Of an answer")->capture_default_str()->check(CLI::PositiveNumber);
  verb.callback([&context, options] { context.exit_code = run(context, *options); });
  add_examples(verb, {"luthier evaluate default/smol --rows test.jsonl", "luthier evaluate default--kinds --rows test.jsonl --json"});
}

}  // namespace luthier::cli
