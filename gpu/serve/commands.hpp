// What the command line's serving verbs do, once their arguments are read. Each returns the process's exit code: 0, or 2
// after one line on `err` that names what is wrong.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "gpu/serve/engine.hpp"

namespace luthier::serve {

// luthier engine serve
struct ServeOptions {
  std::filesystem::path model{};             // --model: a directory or a .gguf file
  std::vector<std::string> served_names{};   // --served-name, repeatable; the first is the id. None: the file's name
  std::string listen = "127.0.0.1:0";      // --listen: port 0 picks a free one
  std::filesystem::path admin_token_file{};  // --admin-token-file: its first line. None: the variable LUTHIER_ADMIN_TOKEN, which
                                           // the caller puts into admin_token; neither: adapters cannot be changed
  std::string admin_token{};
  std::vector<std::string> adapters{};       // --adapter name=DIR, repeatable
  EngineOptions engine{};                    // --kv-memory-mib, --context-max, --threads, --weights, …
};
// Prints `ready http://HOST:PORT` when it answers. SIGTERM or SIGINT: refuses new requests, lets running ones end for up
// to 4 s, and returns 0.
int serve(const ServeOptions& options, std::ostream& out, std::ostream& err);

// luthier generate
struct GenerateOptions {
  std::filesystem::path model{};              // --model
  std::filesystem::path adapter{};            // --adapter; none: the base model
  std::optional<std::string> prompt{};        // --prompt: encoded with the tokenizer's special tokens
  bool chat = false;                        // --chat: the prompt is a user's message, put through the chat template
  std::optional<std::string> tokens{};        // --tokens: a JSON array of ids
  std::int64_t tokens_max = 16;             // --max-tokens
  double temperature = 0;                   // --temperature
  double top_p = 1;                         // --top-p
  std::uint64_t seed = 0;                   // --seed
  bool ids = false;                         // --ids: a JSON array of the new ids instead of text
  int threads = 0;
  WeightsKept weights = WeightsKept::as_stored;  // --weights
};
int generate(const GenerateOptions& options, std::ostream& out, std::ostream& err);

// luthier embed: each line of `in` becomes a JSON array on `out`
struct EmbedOptions {
  std::filesystem::path model{};    // --model
  std::filesystem::path adapter{};  // --adapter; none: the model alone
  std::string input_type{};       // --input-type: query or passage, for models that tell them apart; none: the lines as they are
  int threads = 0;
  WeightsKept weights = WeightsKept::as_stored;  // --weights
};
int embed(const EmbedOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace luthier::serve
