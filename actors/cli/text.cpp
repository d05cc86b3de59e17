// The verbs between text and token ids: arguments are read here, the work is gpu/text's.
#include <CLI/CLI.hpp>
#include <iostream>

#include "actors/cli/context.hpp"
#include "gpu/text/commands.hpp"
#include "gpu/text/dataset_command.hpp"

namespace luthier::cli {
namespace {

void add_model(CLI::App& verb, std::filesystem::path& into) {
  verb.add_option("--model", into, "DIR of Hugging Face files, or FILE.gguf")->required();
}

void add_tokenize(CLI::App& app, Context& context) {
  const auto options = std::make_shared<text::TokenizeOptions>();
  auto& verb = *app.add_subcommand("tokenize", "Lines of text to JSON arrays of token ids");
  add_model(verb, options->model);
  verb.add_flag("--no-special", options->no_special, "Without the tokens that the tokenizer puts around a text");
  auto* json = verb.add_flag("--json", options->json, "The lines are JSON strings");
  auto* chat = verb.add_flag("--chat", options->chat, "The lines are {\"messages\", \"tools\"?, \"add_generation_prompt\"?, …}");
  verb.add_flag("--render", options->render, "With --chat: the rendered text as a JSON string")->needs(chat);
  json->excludes(chat);
  verb.callback([&context, options] {
    options->json = options->json || (context.json && !options->chat);
    context.exit_code = text::tokenize(*options, *context.in, *context.out, *context.err);
  });
  add_examples(verb, {"echo \"Hello\" | luthier tokenize --model ./smol.gguf",
                      "echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' | luthier tokenize --model ./smol.gguf --chat --render"});
}

void add_detokenize(CLI::App& app, Context& context) {
  const auto options = std::make_shared<text::DetokenizeOptions>();
  auto& verb = *app.add_subcommand("detokenize", "Lines of JSON arrays of token ids to JSON strings");
  add_model(verb, options->model);
  verb.add_flag("--skip-special", options->skip_special, "Without special tokens");
  verb.add_flag("--stream", options->stream, "An array of what a client would be sent after each id");
  verb.callback([&context, options] { context.exit_code = text::detokenize(*options, *context.in, *context.out, *context.err); });
  add_examples(verb, {"echo \"[19556, 905]\" | luthier detokenize --model ./smol.gguf"});
}

void add_check_data(CLI::App& app, Context& context) {
  const auto options = std::make_shared<text::CheckDataOptions>();
  auto& verb = *app.add_subcommand("check-data", "What a model's tokenizer and template make of training rows: lengths, cut rows, duplicates, what is trained");
  add_model(verb, options->model);
  verb.add_option("--data", options->data, "FILE.jsonl, or DIR with training* and validation* files")->required();
  verb.add_option("--max-seq-length", options->max_seq_length, "Rows are cut at this length; 0: not at all")->check(CLI::NonNegativeNumber);
  verb.add_option("--prompt-template", options->prompt_template, "The two members of text rows: \"{question} {answer}\"");
  verb.add_flag("--append-end-token", options->append_end_token, "Rows of prompt and completion end with the end token");
  auto* json = verb.add_flag("--json", options->json, "One JSON object for each set of rows");
  verb.add_flag("--rows", options->rows, "Instead, of each row that is trained on its ids and labels, one JSON object a line")->excludes(json);
  verb.callback([&context, options] {
    options->json = options->json || context.json;
    options->coloured = context.screen.is_terminal;
    options->shows_progress = context.error_screen.is_terminal;
    context.exit_code = text::check_data(*options, *context.out, *context.err);
  });
  add_examples(verb, {"luthier check-data --model ./smol.gguf --data train.jsonl --max-seq-length 256"});
}

}  // namespace

void add_text(CLI::App& app, Context& context) {
  add_tokenize(app, context);
  add_detokenize(app, context);
  add_check_data(app, context);
}

}  // namespace luthier::cli
