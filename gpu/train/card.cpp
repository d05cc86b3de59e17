#include "gpu/train/card.hpp"

#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/train/process_memory.hpp"
#include "gpu/train/readable.hpp"

namespace luthier::train {
namespace {

bool writes_adapter(const TrainingConfig& config) { return config.method == TrainingConfig::Method::lora && !config.merge; }

std::string base_of(const TrainRequest& request) {
  return request.base_model_name.empty() ? request.model.filename().string() : request.base_model_name;
}

// A name may hold what YAML gives a meaning to.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string header(const CardInputs& in) {
  std::string text = "---\nbase_model: " + quoted(base_of(in.request)) + "\nlibrary_name: " +
                     (writes_adapter(in.request.config) ? "peft" : "transformers") + "\npipeline_tag: " + (in.request.config.contrastive ? "feature-extraction" : "text-generation") + "\n---\n";
  return text + "# " + base_of(in.request) + ", fine-tuned\n\n";
}

const char* objective_of(const TrainingConfig& config) {
  if (config.dpo) return "direct preference optimisation";
  if (config.distillation) return "distillation from a teacher";
  if (config.contrastive) return "contrastive training of text vectors";
  return "supervised fine-tuning";
}

std::string summary(const CardInputs& in) {
  const TrainingConfig& config = in.request.config;
  const TrainResult& r = in.result;
  std::string text = "| | |\n|---|---|\n";
  const auto row = [&](const std::string& name, const std::string& value) { text += "| " + name + " | " + value + " |\n"; };
  row("base model", "`" + base_of(in.request) + "` (" + in.planned.decoder.architecture + ", " +
                        grouped(checkpoint::count_parameters(in.planned.decoder)) + " parameters)");
  const char* adapter = in.planned.adapter.config.use_dora ? "DoRA" : "LoRA";
  row("method", std::string(objective_of(config)) + ", " + (config.method == TrainingConfig::Method::full ? "all weights" : adapter) +
                    (config.merge ? ", merged into the weights" : ""));
  row("parameters trained", grouped(in.trained_parameters));
  row("steps", grouped(r.steps) + (r.stopped_early ? " (ended early: the validation loss fell no more)" : ""));
  row(config.contrastive ? "queries compared" : "tokens in the loss", grouped(r.tokens));
  row("tokens read", grouped(r.tokens_read));
  row("training loss", formatted("%.4f", r.first_loss) + " at first, " + formatted("%.4f", r.final_loss) + " at last");
  if (r.validation_loss) row("validation loss", formatted("%.4f", *r.validation_loss));
  if (r.best_step > 0) row("best step", grouped(r.best_step) + (config.keep_best ? ", whose weights these are" : ""));
  row("seed", std::to_string(config.seed));
  return text + "\n![training and validation loss, step by step](loss.svg)\n\n";
}

std::string data_table(const CardInputs& in) {
  std::string text = "## Data\n\n| file | rows | SHA-256 |\n|---|---|---|\n";
  for (const Examples* rows : {&in.planned.data, &in.planned.validation}) {
    if (rows->empty()) continue;
    text += "| " + std::string(rows == &in.planned.data ? "training" : "validation") + " | " + grouped(rows->summary().rows_read) +
            (rows->summary().left_out.count > 0 ? ", of them " + grouped(rows->summary().left_out.count) + " without a token to learn from" : "") + " | `" + rows->digest() + "` |\n";
  }
  return text + "\n";
}

std::string configuration(const CardInputs& in) {
  return "## Configuration\n\n```json\n" + nlohmann::ordered_json::parse(canonical_json(in.request.config)).dump(2) + "\n```\n\n";
}

// An adapter's tensors are named as in a model with its head, where the base has one.
std::string how_to_load_embedding(const CardInputs& in) {
  const checkpoint::Decoder& d = in.planned.decoder;
  const bool adapter = writes_adapter(in.request.config), head = d.has_head && adapter;
  const std::string type = head ? "AutoModelForCausalLM" : "AutoModel", directory = adapter ? "BASE" : "DIR";
  const std::string states = head ? "model(**tokens, output_hidden_states=True).hidden_states[-1]" : "model(**tokens).last_hidden_state";
  const std::string pooled = d.pooling == checkpoint::Pooling::cls ? "states[0, 0]" : d.pooling == checkpoint::Pooling::last ? "states[0, -1]" : "states[0].mean(0)";
  std::string text = "## How to load it\n\n```python\nimport torch\nfrom transformers import " + type + ", AutoTokenizer\n";
  if (adapter) text += "from peft import PeftModel\n";
  text += "\ntokenizer = AutoTokenizer.from_pretrained(" + directory + ")\nmodel = " + type + ".from_pretrained(" + directory + ")" +
          (adapter ? "  # " + base_of(in.request) + "\nmodel = PeftModel.from_pretrained(model, DIR)  # this directory\n" : "  # this directory\n");
  text += "tokens = tokenizer(" + quoted(d.query_prefix) + " + question, return_tensors=\"pt\")  # of a document: " + quoted(d.passage_prefix) + "\nstates = " + states +
          "\nvector = torch.nn.functional.normalize(" + pooled + ", dim=0)\n```\n\n";
  return text + "    luthier eval-embedding --model " + directory + (adapter ? " --adapter DIR" : "") + " --data held-out.jsonl\n\n";
}

std::string how_to_load(const CardInputs& in) {
  if (in.request.config.contrastive) return how_to_load_embedding(in);
  if (writes_adapter(in.request.config))
    return "## How to load it\n\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
           "model = AutoModelForCausalLM.from_pretrained(BASE)  # " + base_of(in.request) + "\nmodel = PeftModel.from_pretrained(model, DIR)  # this directory\n```\n\n"
           "    luthier generate --model BASE --adapter DIR --prompt \"…\" --max-tokens 100 --temperature 0\n\n";
  return "## How to load it\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
         "model = AutoModelForCausalLM.from_pretrained(DIR)  # this directory\ntokenizer = AutoTokenizer.from_pretrained(DIR)\n```\n\n"
         "    luthier generate --model DIR --prompt \"…\" --max-tokens 100 --temperature 0\n\n";
}

std::string measured(const CardInputs& in) {
  const RunMemory& memory = in.planned.memory;
  std::string text = "## Measured\n\n| | |\n|---|---|\n";
  const auto row = [&](const std::string& name, const std::string& value) { text += "| " + name + " | " + value + " |\n"; };
  row("memory predicted", readable_bytes(memory.without_rest()) + " for the run, " + readable_bytes(memory.total()) + " at most with the program");
  row("memory used", readable_bytes(peak_memory_bytes()) + " at most, " + readable_bytes(in.memory_at_rest) + " of it before the run");
  row("time", formatted("%.1f s", in.result.seconds) + (in.result.resumed_from_step > 0 ? ", since step " + grouped(in.result.resumed_from_step) : ""));
  row("throughput", formatted("%.0f", in.result.tokens_per_second) + " tokens/s");
  row("threads", std::to_string(kernels::thread_count()));
  row("instruction set", kernels::instruction_set());
  return text;
}

}  // namespace

Result<void> write_card(const CardInputs& in) {
  if (auto written = write_file_durably(in.request.out / "loss.svg", loss_curve_svg(in.metrics.points(), in.metrics.start())); !written) return written;
  return write_file_durably(in.request.out / "README.md",
                            header(in) + summary(in) + data_table(in) + configuration(in) + how_to_load(in) + measured(in));
}

}  // namespace luthier::train
