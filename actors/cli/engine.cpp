// The engine's verbs: arguments are read here, the work is gpu/'s.
#include <CLI/CLI.hpp>
#include <iostream>

#include "actors/cli/context.hpp"
#include "gpu/serve/commands.hpp"
#include "gpu/serve/throughput.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/plan_command.hpp"
#include "gpu/train/retrieval_command.hpp"
#include "gpu/train/throughput.hpp"

namespace luthier::cli {
namespace {

CLI::Option* add_model(CLI::App& verb, std::filesystem::path& into) {
  return verb.add_option("--model", into, "DIR of Hugging Face files, or FILE.gguf")->required();
}

void add_adapter(CLI::App& verb, std::filesystem::path& into, const std::string& help = "DIR of PEFT's files") {
  verb.add_option("--adapter", into, help);
}

void add_threads(CLI::App& verb, int& into) {
  verb.add_option("--threads", into, "0: as many as there are cores")->check(CLI::NonNegativeNumber);
}

void add_weights(CLI::App& verb, serve::WeightsKept& into) {
  verb.add_option_function<std::string>(
          "--weights",
          [&into](const std::string& name) {
            if (const auto kept = serve::weights_kept(name)) into = *kept;
          },
          "What the model's weights are kept as: as-stored (the default), f32, bf16, f16, or int8 for less memory and more speed")
      ->check(CLI::IsMember({"as-stored", "f32", "bf16", "f16", "int8"}));
}

void add_base_storage(CLI::App& verb, std::string& into) {
  verb.add_option("--base-storage", into, "What the model's matrices are kept as: f32, bf16, int8, nf4 or as_stored")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "int8", "nf4", "as_stored"}));
}

void add_train(CLI::App& app, Context& context) {
  const auto options = std::make_shared<train::TrainOptions>();
  auto& verb = *app.add_subcommand("train", "Fine-tune from files to files, without a server");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter, "Start from this adapter, and keep its rank, alpha and targets");
  verb.add_option("--data", options->data, "FILE.jsonl with the rows, or DIR with training* and validation* files")->required();
  verb.add_option("--validation", options->validation, "FILE.jsonl whose loss is reported");
  verb.add_option("--teacher", options->teacher, "DIR or FILE.gguf of the model to distil from, where the configuration has \"distillation\"");
  verb.add_option("--validation-every", options->validation_every, "Steps between two validations; 0: at the end")->check(CLI::NonNegativeNumber);
  verb.add_option("--config", options->config, "FILE.json with the training configuration")->required();
  verb.add_option("--out", options->out, "DIR for the result and metrics.jsonl")->required();
  verb.add_option("--checkpoint-dir", options->checkpoint_directory, "DIR for checkpoints; a run goes on from the newest one in it");
  verb.add_option("--checkpoint-every", options->checkpoint_every, "Steps between two checkpoints; 0: only when stopped")->check(CLI::NonNegativeNumber);
  verb.add_flag_callback("--resume", [] {}, "Go on from the newest checkpoint (as it does anyway)");
  verb.add_option("--base-model", options->base_model, "The base's name in adapter_config.json (default: its path)");
  const auto progress = std::make_shared<std::string>("text");
  verb.add_option("--progress", *progress, "text, or json: one object a line")->check(CLI::IsMember({"text", "json"}));
  verb.add_option("--memory-mib", options->memory_limit_mib, "Refuse what needs more; 0: what is free");
  verb.add_flag("--profile", options->profile, "Afterwards a table of where the steps' time went, by operation");
  verb.add_option("--trace", options->trace, "FILE.json for the operations' times, one by one (chrome://tracing, Perfetto)");
  add_threads(verb, options->threads);
  verb.callback([&context, options, progress] {
    options->progress_json = *progress == "json";
    context.exit_code = train::train(*options, *context.out, *context.err);
  });
  add_examples(verb, {"luthier train --model ./smol.gguf --data train.jsonl --config config.json --out ./adapter"});
}

void add_plan(CLI::App& app, Context& context) {
  const auto options = std::make_shared<train::PlanOptions>();
  auto& verb = *app.add_subcommand("plan", "What a training run would take: steps, memory, disk and time, and what would fit here");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter, "The adapter to start from");
  verb.add_option("--dataset", options->data, "FILE.jsonl with the rows, or a DIR of them")->required();
  verb.add_option("--validation", options->validation, "FILE.jsonl to validate with");
  verb.add_option("--teacher", options->teacher, "DIR or FILE.gguf of the model to distil from");
  auto* config = verb.add_option("--config", options->config, "FILE.json with the training configuration; or, without one:");
  verb.add_option("--peft", options->peft, "lora, or full: all weights")->check(CLI::IsMember({"lora", "full"}))->excludes(config);
  verb.add_option("--rank", options->rank, "Of the adapter")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_option("--batch-size", options->batch_size, "Rows, or packs, at once")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_option("--gradient-accumulation", options->gradient_accumulation, "Batches of a step")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_option("--max-seq-length", options->max_seq_length, "Rows are cut to it")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_option("--epochs", options->epochs, "Times through the rows")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_option("--max-steps", options->max_steps, "At most")->check(CLI::PositiveNumber)->excludes(config);
  verb.add_flag("--packing", options->packing, "Several rows in one sequence")->excludes(config);
  verb.add_option("--memory", options->memory_gib, "GiB of the machine that the run is for (default: what is free here)")->check(CLI::PositiveNumber);
  verb.add_option("--out", options->out, "DIR of the result: the disk that counts (default: here)");
  verb.add_flag_callback("--no-probe", [options] { options->probe = false; }, "Time nothing: the model is not read");
  add_threads(verb, options->threads);
  verb.callback([&context, options] {
    options->json = context.json;
    context.exit_code = train::plan(*options, *context.out, *context.err);
  });
  add_examples(verb, {"luthier plan --model ./smol.gguf --dataset train.jsonl --peft lora --rank 16 --batch-size 4"});
}

void add_logits(CLI::App& engine, Context& context) {
  const auto options = std::make_shared<train::LogitsOptions>();
  auto& verb = *engine.add_subcommand("logits", "The logits of token sequences, as safetensors");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter);
  verb.add_option("--tokens", options->tokens, "'[[1,2,3],[4,5]]'")->required();
  verb.add_option("--dtype", options->dtype, "f32 or bf16")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
  add_base_storage(verb, options->base_storage);
  verb.add_option("--out", options->out, "FILE.safetensors")->required();
  add_threads(verb, options->threads);
  verb.callback([&context, options] { context.exit_code = train::logits(*options, *context.out, *context.err); });
}

void add_loss(CLI::App& engine, Context& context) {
  const auto options = std::make_shared<train::LossOptions>();
  auto& verb = *engine.add_subcommand("loss", "The loss of a file of rows, and its gradients");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter);
  verb.add_option("--data", options->data, "FILE.jsonl")->required();
  verb.add_option("--packing", options->packing, "Pack rows to this LENGTH")->check(CLI::NonNegativeNumber);
  verb.add_option("--gradients", options->gradients, "FILE.safetensors");
  verb.add_option("--dtype", options->dtype, "f32 or bf16: of the products")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
  add_base_storage(verb, options->base_storage);
  add_threads(verb, options->threads);
  verb.callback([&context, options] { context.exit_code = train::loss(*options, *context.out, *context.err); });
}

void add_serve(CLI::App& engine, Context& context) {
  const auto options = std::make_shared<serve::ServeOptions>();
  auto& verb = *engine.add_subcommand("serve", "Serve one model over HTTP, in OpenAI's form, without a control plane");
  add_model(verb, options->model);
  verb.add_option("--served-name", options->served_names, "A name that it answers to; may be repeated");
  verb.add_option("--listen", options->listen, "HOST:PORT; port 0 picks a free one")->capture_default_str();
  verb.add_option("--admin-token-file", options->admin_token_file, "Its first line allows to change adapters (default: $LUTHIER_ADMIN_TOKEN)");
  verb.add_option("--adapter", options->adapters, "NAME=DIR; may be repeated");
  const auto kv_mib = std::make_shared<std::int64_t>(0);
  verb.add_option("--kv-memory-mib", *kv_mib, "For the key-value cache")->check(CLI::PositiveNumber);
  verb.add_option("--context-max", options->engine.context_max, "Longest sequence")->check(CLI::NonNegativeNumber);
  add_weights(verb, options->engine.weights);
  add_threads(verb, options->engine.threads);
  verb.callback([&context, options, kv_mib] {
    if (*kv_mib > 0) options->engine.kv_memory_bytes = static_cast<std::size_t>(*kv_mib) << 20;
    if (const char* token = std::getenv("LUTHIER_ADMIN_TOKEN")) options->admin_token = token;
    context.exit_code = serve::serve(*options, *context.out, *context.err);
  });
  add_examples(verb, {"luthier engine serve --model ./smol.gguf --served-name smol --listen 127.0.0.1:8000"});
}

void add_generate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<serve::GenerateOptions>();
  auto& verb = *app.add_subcommand("generate", "Continue a text with a model, without a server");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter);
  auto* prompt = verb.add_option("--prompt", options->prompt, "TEXT");
  verb.add_option("--tokens", options->tokens, "'[1,2]'")->excludes(prompt);
  verb.add_flag("--chat", options->chat, "The prompt is a user's message, put through the chat template");
  verb.add_option("--max-tokens", options->tokens_max, "Of the answer")->capture_default_str();
  verb.add_option("--temperature", options->temperature, "0: the most likely token")->capture_default_str();
  verb.add_option("--top-p", options->top_p, "Of the likely tokens so much")->capture_default_str();
  verb.add_option("--seed", options->seed, "Of chance")->capture_default_str();
  verb.add_flag("--ids", options->ids, "Print the new ids as a JSON array");
  add_weights(verb, options->weights);
  add_threads(verb, options->threads);
  verb.callback([&context, options] { context.exit_code = serve::generate(*options, *context.out, *context.err); });
  add_examples(verb, {"luthier generate --model ./smol.gguf --prompt \"What is the capital of France?\" --chat --max-tokens 20 --temperature 0"});
}

void add_embed(CLI::App& app, Context& context) {
  const auto options = std::make_shared<serve::EmbedOptions>();
  auto& verb = *app.add_subcommand("embed", "Lines of text to JSON arrays: of each the last hidden states, pooled as the model says (else their mean), L2-normalised");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter);
  verb.add_option("--input-type", options->input_type, "query or passage, for models that tell them apart; none: the lines as they are");
  add_weights(verb, options->weights);
  add_threads(verb, options->threads);
  verb.callback([&context, options] { context.exit_code = serve::embed(*options, *context.in, *context.out, *context.err); });
}

void add_eval_embedding(CLI::App& app, Context& context) {
  const auto options = std::make_shared<train::EvalEmbeddingOptions>();
  auto& verb = *app.add_subcommand("eval-embedding", "How well a model's vectors find documents: recall@k and nDCG@10");
  add_model(verb, options->model);
  add_adapter(verb, options->adapter);
  verb.add_option("--data", options->data, "FILE.jsonl of {\"query\", \"pos_doc\", \"neg_doc\"}: all its documents are searched")->required();
  verb.add_option("--corpus", options->corpus, "FILE.jsonl of {\"text\"}: more documents to search");
  verb.add_option("--k", options->ks, "Of recall@k")->delimiter(',')->capture_default_str();
  verb.add_option("--max-length", options->max_length, "Tokens that texts are cut to")->capture_default_str()->check(CLI::PositiveNumber);
  add_base_storage(verb, options->base_storage);
  add_threads(verb, options->threads);
  verb.callback([&context, options] {
    options->json = context.json;
    context.exit_code = train::eval_embedding(*options, *context.out, *context.err);
  });
  add_examples(verb, {"luthier eval-embedding --model ./embedder --adapter ./adapter --data held-out.jsonl --k 1,5,10"});
}

void add_bench(CLI::App& engine, Context& context) {
  auto& bench = *engine.add_subcommand("bench", "How fast this engine is on this machine");
  bench.require_subcommand(1);

  const auto training = std::make_shared<train::ThroughputOptions>();
  auto& train = *bench.add_subcommand("train", "Whole steps (forward, backward, AdamW) over random tokens, every token in the loss");
  add_model(train, training->model);
  train.add_flag("--full", training->full, "All weights; else LoRA on all linear layers");
  train.add_flag("--lean", training->lean, "With the least memory: activations computed again, moments in bf16, all weights updated layer by layer");
  train.add_option("--rank", training->rank, "Of the LoRA")->capture_default_str()->check(CLI::PositiveNumber);
  train.add_flag("--bf16", training->bfloat16, "Products in bf16");
  train.add_option("--batch", training->batch, "Sequences of a step")->capture_default_str()->check(CLI::PositiveNumber);
  train.add_option("--length", training->length, "Tokens of a sequence")->capture_default_str()->check(CLI::PositiveNumber);
  train.add_option("--repetitions", training->repetitions, "Measured steps")->capture_default_str()->check(CLI::PositiveNumber);
  add_threads(train, training->threads);
  train.callback([&context, training] { context.exit_code = train::throughput(*training, context.json, *context.out, *context.err); });

  const auto serving = std::make_shared<serve::ThroughputOptions>();
  auto& serve = *bench.add_subcommand("serve", "Prompt and decode rates, alone and in batches with an adapter a sequence");
  add_model(serve, serving->model);
  serve.add_option("--repetitions", serving->repetitions, "Of each measurement")->capture_default_str()->check(CLI::PositiveNumber);
  serve.add_option("--sequences", serving->sequences, "Of a batch")->capture_default_str()->check(CLI::PositiveNumber);
  serve.add_option("--adapter-rank", serving->adapter_rank, "Of the adapters")->capture_default_str()->check(CLI::PositiveNumber);
  add_weights(serve, serving->weights);
  add_threads(serve, serving->threads);
  serve.callback([&context, serving] {
    const auto rows = serve::measure_throughput(*serving);
    if (!rows) {
      context.exit_code = context.fail(rows.error());
      return;
    }
    if (context.json) *context.out << serve::throughput_json(*rows) << std::endl;
    else serve::print_throughput(*rows, *context.out);
  });
  add_examples(bench, {"luthier engine bench train --model ./smol.gguf --batch 4 --length 256 --json"});
}

}  // namespace

void add_engine(CLI::App& app, Context& context) {
  add_train(app, context);
  add_plan(app, context);
  auto& engine = *app.add_subcommand("engine", "The engine alone: logits, loss and gradients, one served model");
  engine.require_subcommand(1);
  add_logits(engine, context);
  add_loss(engine, context);
  add_serve(engine, context);
  add_bench(engine, context);
  add_generate(app, context);
  add_embed(app, context);
  add_eval_embedding(app, context);
}

}  // namespace luthier::cli
