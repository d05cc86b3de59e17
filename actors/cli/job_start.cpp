#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/job_watch.hpp"
#include "actors/cli/listing.hpp"
#include "events/base/file.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct StartOptions {
  std::string name, model, dataset, dataset_file, validation_file, output, description, teacher;
  std::int64_t priority = 0;
  std::string config_file;
  ordered_json config = ordered_json::object();  // what the flags say
  ordered_json lora = ordered_json::object(), distillation = ordered_json::object();
  bool watch = false;
};

// Flags give members of the configuration; those that are not given keep what the file says, or the engine's default.
template <class T>
void add_member(CLI::App& verb, const std::string& flag, ordered_json& config, const std::string& member, const std::string& help) {
  verb.add_option_function<T>(flag, [&config, member](const T& value) { config[member] = value; }, help);
}

void add_switch(CLI::App& verb, const std::string& flag, ordered_json& config, const std::string& member, const std::string& help) {
  verb.add_flag_callback(flag, [&config, member] { config[member] = true; }, help);
}

void add_targets(CLI::App& verb, ordered_json& lora) {
  verb.add_option_function<std::string>(
      "--targets",
      [&lora](const std::string& text) {
        if (text == "all-linear") {
          lora["target_modules"] = text;
          return;
        }
        auto list = ordered_json::array();
        for (std::size_t start = 0; start <= text.size();) {
          const auto end = std::min(text.find(',', start), text.size());
          if (end > start) list.push_back(text.substr(start, end - start));
          start = end + 1;
        }
        lora["target_modules"] = list;
      },
      "Which layers get an adapter: all-linear, or a list (q_proj,v_proj)");
}

Result<ordered_json> config_of(const StartOptions& options) {
  auto config = ordered_json::object();
  if (!options.config_file.empty()) {
    const auto text = read_text(options.config_file, 1 << 20);
    if (!text) return text.error();
    config = ordered_json::parse(*text, nullptr, false);
    if (!config.is_object()) return invalid(options.config_file + ": a JSON object is needed", "config");
  }
  config.update(options.config);
  if (!options.teacher.empty() && !config.contains("distillation")) config["distillation"] = ordered_json::object();
  for (const auto& [member, said] : {std::pair{"lora", &options.lora}, {"distillation", &options.distillation}}) {
    if (said->empty()) continue;
    if (!config.contains(member) || !config[member].is_object()) config[member] = ordered_json::object();
    config[member].update(*said);
  }
  // The engine does whichever ends first: a flag is meant to replace what the file says.
  if (options.config.contains("epochs") && !options.config.contains("max_steps")) config.erase("max_steps");
  if (options.config.contains("max_steps") && !options.config.contains("epochs")) config.erase("epochs");
  if (!config.contains("method")) config["method"] = "lora";
  return config;
}

int start(Context& context, const StartOptions& options) {
  const auto config = config_of(options);
  if (!config) return context.fail(config.error());
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto name = parse_name(context, options.name);
  std::unique_ptr<JobWatch> watch;
  if (options.watch) {
    auto begun = JobWatch::begin(context, name);
    if (!begun) return context.fail(begun.error());
    watch = std::move(*begun);
  }
  ordered_json data{{"model", options.model}, {"dataset", options.dataset}, {"output", options.output}};
  if (!options.dataset_file.empty()) data["dataset_file"] = options.dataset_file;
  if (!options.validation_file.empty()) data["validation_file"] = options.validation_file;
  if (!options.description.empty()) data["description"] = options.description;
  if (!options.teacher.empty()) data["teacher"] = options.teacher;
  if (options.priority != 0) data["priority"] = options.priority;
  data["config"] = *config;
  const auto receipt = (*client)->must({"job", "StartJob", name.workspace, name.name, "", data.dump(), "", ""});
  if (!receipt) return context.fail(receipt.error());
  if (context.json) context.print_json(*receipt);
  else context.print("job " + name.text() + " is accepted  (position " + text_of(*receipt, "position") + ")");
  return watch ? watch->run() : exit_ok;
}

}  // namespace

void add_job_start(CLI::App& jobs, Context& context) {
  const auto options = std::make_shared<StartOptions>();
  auto& verb = *add_verb(jobs, "start", "Fine-tune a model: checked, accepted, queued", context, [&context, options] { return start(context, *options); });
  verb.add_option("name", options->name, "NAME of the job, or WORKSPACE/NAME")->required();
  verb.add_option("--model", options->model, "The base model")->required();
  verb.add_option("--dataset", options->dataset, "The fileset with the rows")->required();
  verb.add_option("--output", options->output, "The name of the adapter (lora) or model (full) that it makes")->required();
  verb.add_option("--dataset-file", options->dataset_file, "Its file (default: train.jsonl, or the only .jsonl file)");
  verb.add_option("--validation-file", options->validation_file, "A file of the same fileset whose loss is reported");
  verb.add_option("--teacher", options->teacher, "A model of the same vocabulary to learn from, beside the rows (distillation)");
  verb.add_option("--description", options->description, "What it is for");
  verb.add_option("--priority", options->priority, "Higher ones are placed first")->capture_default_str();
  verb.add_option("--config", options->config_file, "A JSON file with the training configuration; flags replace its members");
  verb.add_flag("--watch", options->watch, "Stay, draw its progress, and end as it ends");

  auto& config = options->config;
  add_member<std::string>(verb, "--method", config, "method", "lora or full (default: lora)");
  add_member<std::int64_t>(verb, "--rank", options->lora, "r", "Of the adapter");
  add_member<double>(verb, "--alpha", options->lora, "alpha", "Of the adapter");
  add_member<double>(verb, "--dropout", options->lora, "dropout", "Of the adapter");
  add_targets(verb, options->lora);
  add_switch(verb, "--rslora", options->lora, "use_rslora", "Scale by alpha / sqrt(rank)");
  add_switch(verb, "--dora", options->lora, "use_dora", "Train the length of each weight's rows as well (DoRA)");
  add_member<double>(verb, "--temperature", options->distillation, "temperature", "Of a distillation: of both models' distributions");
  add_member<double>(verb, "--mixing", options->distillation, "mixing", "Of a distillation: 0 learns from the rows alone, 1 from the teacher alone");
  add_member<std::int64_t>(verb, "--epochs", config, "epochs", "How often every row is seen");
  add_member<std::int64_t>(verb, "--max-steps", config, "max_steps", "How many optimiser steps");
  add_member<std::int64_t>(verb, "--batch-size", config, "batch_size", "Rows (packs) of a micro-batch");
  add_member<std::int64_t>(verb, "--gradient-accumulation", config, "gradient_accumulation", "Micro-batches of a step");
  add_member<double>(verb, "--learning-rate", config, "learning_rate", "The highest one");
  add_member<double>(verb, "--min-learning-rate", config, "min_learning_rate", "At the end");
  add_member<std::int64_t>(verb, "--warmup-steps", config, "warmup_steps", "Until the highest one");
  add_member<std::string>(verb, "--schedule", config, "schedule", "cosine, linear or constant");
  add_member<double>(verb, "--weight-decay", config, "weight_decay", "Of AdamW");
  add_member<double>(verb, "--eps", config, "eps", "Of AdamW");
  verb.add_option_function<std::vector<double>>("--betas", [&config](const std::vector<double>& betas) { config["betas"] = betas; }, "Of AdamW")->expected(2);
  add_member<double>(verb, "--max-grad-norm", config, "max_grad_norm", "Gradients are clipped to it; 0: not at all");
  add_member<std::int64_t>(verb, "--max-seq-length", config, "max_seq_length", "Longer rows are cut on the right");
  add_member<std::int64_t>(verb, "--seed", config, "seed", "Of chance");
  add_member<std::string>(verb, "--dtype", config, "dtype", "Of the products: f32 or bf16");
  add_switch(verb, "--packing", config, "packing", "Several rows in a sequence, without seeing each other");
  add_switch(verb, "--shuffle", config, "shuffle", "Another order of rows in each epoch");
  add_switch(verb, "--append-end-token", config, "append_end_token", "End prompt/completion rows with the end token");
  add_examples(verb, {"luthier job start kinds --model smol --dataset wordnet --output kinds --rank 8 --alpha 32 --targets all-linear \\",
                      "    --epochs 1 --batch-size 8 --learning-rate 1e-3 --warmup-steps 5 --schedule linear --watch",
                      "luthier job start full --model smol --dataset wordnet --output smol-full --method full --max-steps 20",
                      "luthier job start again --model smol --dataset wordnet --output more --config config.json"});
}

}  // namespace luthier::cli
