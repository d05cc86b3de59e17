#include "gpu/train/plan_command.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>

#include "events/base/file.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/plan.hpp"
#include "gpu/train/readable.hpp"

namespace luthier::train {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t config_bytes_max = 1 << 20;
constexpr double probe_seconds_max = 20;

Result<TrainingConfig> config_of(const PlanOptions& options) {
  if (!options.config.empty()) {
    const auto text = read_text(options.config, config_bytes_max);
    if (!text) return text.error();
    auto config = parse_training_config(*text);
    if (!config) return with_context(config.error(), options.config.string());
    return config;
  }
  ordered_json config = ordered_json::object();
  if (!options.peft.empty()) config["method"] = options.peft;
  if (options.rank) config["lora"]["r"] = *options.rank;
  const auto set = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) config[name] = *value;
  };
  set("batch_size", options.batch_size);
  set("gradient_accumulation", options.gradient_accumulation);
  set("max_seq_length", options.max_seq_length);
  set("epochs", options.epochs);
  set("max_steps", options.max_steps);
  if (options.packing) config["packing"] = true;
  return parse_training_config(config.dump());
}

ordered_json json_of(const RunPlan& plan) {
  const RunMemory& m = plan.memory;
  ordered_json out{{"architecture", plan.architecture},
                   {"parameters", plan.parameters},
                   {"parameters_trained", plan.parameters_trained},
                   {"rows", plan.rows},
                   {"rows_left_out", plan.rows_left_out},
                   {"tokens", plan.tokens},
                   {"supervised_tokens", plan.supervised_tokens},
                   {"steps", plan.steps},
                   {"steps_per_epoch", plan.steps_per_epoch},
                   {"tokens_in_all", plan.tokens_in_all},
                   {"tokens_at_once", plan.tokens_at_once},
                   {"memory", {{"weights", m.weights}, {"loading", m.loading}, {"copies", m.copies}, {"adapter", m.adapter}, {"gradients", m.gradients}, {"optimiser", m.optimiser},
                               {"activations", m.activations}, {"logits", m.logits}, {"workspace", m.workspace}, {"teacher", m.teacher},
                               {"libraries", m.libraries}, {"program", m.rest}, {"total", m.total()}}},
                   {"memory_free", plan.memory_free},
                   {"memory_smallest", plan.memory_smallest},
                   {"fits", plan.fits_memory() && plan.fits_disk()},
                   {"disk", {{"needed", plan.disk_needed}, {"free", plan.disk_free}}}};
  out["nearest"] = plan.nearest ? ordered_json{{"batch_size", plan.nearest->batch_size}, {"max_seq_length", plan.nearest->max_seq_length}} : ordered_json();
  out["time"] = plan.probe ? ordered_json{{"seconds", plan.seconds()}, {"seconds_per_step", plan.seconds() / static_cast<double>(plan.steps)},
                                          {"tokens_per_second", plan.probe->tokens_per_second()}}
                           : ordered_json();
  out["recommendation"] = {{"method", plan.recommendation.method == TrainingConfig::Method::lora ? "lora" : "full"}, {"reason", plan.recommendation.reason}};
  return out;
}

std::string duration(double seconds) {
  if (seconds < 100) return formatted("%.0f s", seconds);
  if (seconds < 100 * 60) return formatted("%.0f min", seconds / 60);
  return formatted("%.1f h", seconds / 3600);
}

void print_memory(const RunPlan& plan, std::ostream& out) {
  const RunMemory& m = plan.memory;
  out << "memory       " << readable_bytes(m.total()) << (plan.fits_memory() ? " of the " : ", more than the ") << readable_bytes(plan.memory_free) << " that are free\n";
  const auto line = [&](const char* name, std::size_t bytes, const char* what) {
    if (bytes == 0) return;
    char text[160];
    std::snprintf(text, sizeof text, "  %-12s %10s  %s\n", name, readable_bytes(bytes).c_str(), what);
    out << text;
  };
  line("weights", m.weights, checkpoint::to_string(plan.base_storage).c_str());
  line("loading", m.loading, "more, while the base is read or merged");
  line("copies", m.copies, "bf16, of what products read");
  line("adapter", m.adapter, "its values");
  line("gradients", m.gradients, "of what is trained");
  line("optimiser", m.optimiser, "AdamW's moments");
  line("activations", m.activations, "what each layer keeps for its gradients");
  line("logits", m.logits, "of one chunk of rows");
  line("workspace", m.workspace, "the passes' other buffers");
  line("teacher", m.teacher, "its weights and passes");
  line("libraries", m.libraries, "code and buffers of the products");
  line("program", m.rest, "its tokenizer and rows, at most");
  if (plan.fits_memory()) return;
  out << "  one row at a time needs " << readable_bytes(plan.memory_smallest) << "\n";
  if (plan.nearest)
    out << "  batch_size " << plan.nearest->batch_size << " with max_seq_length " << plan.nearest->max_seq_length << " would fit\n";
}

void print_plan(const RunPlan& plan, std::ostream& out) {
  const double share = 100 * static_cast<double>(plan.parameters_trained) / static_cast<double>(plan.parameters);
  out << "model        " << plan.architecture << ", " << grouped(plan.parameters) << " parameters\n";
  out << "trains       " << (plan.modules > 0 ? "an adapter on " + grouped(plan.modules) + " linear layers: " : "all weights: ") << grouped(plan.parameters_trained)
      << " parameters" << (plan.modules > 0 ? formatted(", %.2f %%", share) : "") << "\n";
  out << "data         " << grouped(plan.rows) << " rows" << (plan.rows_left_out > 0 ? ", " + grouped(plan.rows_left_out) + " without a token to learn from" : "") << "; "
      << grouped(plan.tokens) << " tokens, " << grouped(plan.supervised_tokens) << " in the loss\n";
  out << "steps        " << grouped(plan.steps) << ", " << grouped(plan.steps_per_epoch) << " an epoch; at most " << grouped(plan.tokens_at_once) << " tokens at once\n";
  print_memory(plan, out);
  out << "disk         " << readable_bytes(plan.disk_needed) << " for checkpoints and the result, " << readable_bytes(plan.disk_free) << " are free\n";
  if (plan.probe)
    out << "time         about " << duration(plan.seconds()) << ": " << formatted("%.2f s", plan.seconds() / static_cast<double>(plan.steps)) << " a step, "
        << formatted("%.0f", plan.probe->tokens_per_second()) << " tokens/s (timed over " << grouped(plan.probe->tokens) << " tokens)\n";
  out << "recommended  " << (plan.recommendation.method == TrainingConfig::Method::lora ? "LoRA: " : "all weights: ") << plan.recommendation.reason << std::endl;
}

std::optional<Error> what_does_not_fit(const RunPlan& plan) {
  if (!plan.fits_memory())
    return Error{ErrorCode::out_of_memory,
                 "training needs " + readable_bytes(plan.memory.total()) + ", " + readable_bytes(plan.memory_free) + " are free; " +
                     (plan.nearest ? "batch_size " + std::to_string(plan.nearest->batch_size) + " with max_seq_length " + std::to_string(plan.nearest->max_seq_length) + " would fit"
                                   : "no batch would fit"), "batch_size"};
  if (!plan.fits_disk())
    return Error{ErrorCode::limit, "checkpoints and the result need " + readable_bytes(plan.disk_needed) + " of disk, " + readable_bytes(plan.disk_free) + " are free", "out"};
  return {};
}

}  // namespace

int plan(const PlanOptions& options, std::ostream& out, std::ostream& err) {
  auto config = config_of(options);
  if (!config) return refuse(err, config.error());
  use_threads(options.threads);
  const auto memory = static_cast<std::size_t>(options.memory_gib * static_cast<double>(std::size_t{1} << 30));
  const auto plan = plan_training({.request = {.model = options.model,
                                               .adapter = options.adapter,
                                               .data = options.data,
                                               .validation = options.validation,
                                               .teacher = options.teacher,
                                               .out = options.out,
                                               .config = std::move(*config),
                                               .base_model_name = {},
                                               .checkpoint_directory = {},
                                               .memory_limit_bytes = memory},
                                   .probe_seconds_max = options.probe ? probe_seconds_max : 0});
  if (!plan) return refuse(err, plan.error());
  if (options.json)
    out << json_of(*plan).dump() << std::endl;
  else
    print_plan(*plan, out);
  if (const auto error = what_does_not_fit(*plan)) return refuse(err, *error);
  return exit_done;
}

}  // namespace luthier::train
