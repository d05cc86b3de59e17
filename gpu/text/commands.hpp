// What the command line's verbs for text do, once their arguments are read. Each reads lines of `in`, writes one line of JSON for
// each on `out`, and returns the process's exit code: 0, or 2 after one line on `err` that names what is wrong.
#pragma once

#include <filesystem>
#include <iosfwd>

namespace luthier::text {

// luthier tokenize: texts or conversations to ids
struct TokenizeOptions {
  std::filesystem::path model{};  // --model: a directory or a .gguf file
  bool no_special = false;        // --no-special: without what the tokenizer puts around a text
  bool json = false;              // --json: the lines are JSON strings
  bool chat = false;              // --chat: the lines are requests as in render_chat()
  bool render = false;            // --render: with chat, the rendered text as a JSON string in place of ids
};
// With `chat` a line that fails becomes {"error": why}, and 1 is returned at the end.
int tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

// luthier detokenize: JSON arrays of ids to JSON strings
struct DetokenizeOptions {
  std::filesystem::path model{};  // --model
  bool skip_special = false;      // --skip-special: special tokens are not shown
  bool stream = false;            // --stream: an array with the piece that each id brings; the last one has what was held back
};
int detokenize(const DetokenizeOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace luthier::text
