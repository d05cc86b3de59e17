#include "gpu/text/commands.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/jinja_json.hpp"
#include "gpu/text/lines.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {
namespace {

using jinja::ListRef;
using jinja::Value;

constexpr int exit_some_failed = 1, exit_bad_input = 2;
constexpr std::size_t line_bytes_max = 16 << 20;
constexpr std::size_t batch_bytes_max = 1 << 20, batch_lines_max = 4096, shared_bytes_min = 1 << 15, threads_max = 16;

int refuse(std::ostream& err, const Error& error) {
  std::string line = error.message;
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  err << "luthier: " << line << std::endl;
  return exit_bad_input;
}

std::string json_of(const std::vector<TokenId>& ids) {
  std::string line = "[";
  for (const auto id : ids) {
    if (line.size() > 1) line += ", ";
    line += std::to_string(id);
  }
  return line + "]";
}

std::string json_of(const std::string& text) { return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

Result<Value> parse(const std::string& line, jinja::Budget& budget) { return jinja::parse_json(line, budget); }

// What becomes of one line.
using Work = std::function<Result<std::string>(const std::string& line)>;

// Whether `work` may be at work on several lines at once.
enum class Lines { one_by_one, in_parallel };

class Verb {
 public:
  Verb(std::istream& in, std::ostream& out, std::ostream& err) : in_(in), lines_(in, line_bytes_max), out_(out), err_(err) {
    // Only a stream with a buffer of its own tells whether more lines are there already.
    if (&in == &std::cin) std::ios::sync_with_stdio(false);
  }

  // The first line that fails ends it, unless errors are answers. Lines are answered as they come: several together only where they
  // are there together.
  int run(const Work& work, Lines lines, bool answers_errors = false) {
    int code = 0;
    while (read(lines == Lines::in_parallel)) {
      answer(work);
      for (const Line& line : batch_) {
        const auto& result = *line.result;
        if (!result && !answers_errors)
          return out_.flush(), refuse(err_, with_context(result.error(), "standard input: line " + std::to_string(line.number)));
        if (!result) code = exit_some_failed;
        out_ << (result ? *result : "{\"error\": " + json_of(result.error().message) + "}") << '\n';
      }
      out_.flush();
      if (!out_) return refuse(err_, Error{ErrorCode::io, "standard output cannot be written", {}});
    }
    return code;
  }

 private:
  struct Line {
    std::string text;
    std::int64_t number;
    std::optional<Result<std::string>> result;
  };

  bool read(bool several) {
    batch_.clear();
    batch_bytes_ = 0;
    do {
      if (!lines_.next()) break;
      batch_.push_back({lines_.line(), lines_.number(), std::nullopt});
      if (lines_.is_too_long()) batch_.back().result = invalid("is longer than 16 MiB");
      batch_bytes_ += lines_.line().size();
    } while (several && batch_bytes_ < batch_bytes_max && batch_.size() < batch_lines_max && in_.rdbuf()->in_avail() > 0);
    return !batch_.empty();
  }

  void answer(const Work& work) {
    std::atomic<std::size_t> next = 0;
    const auto take_turns = [&] {
      for (std::size_t i = next++; i < batch_.size(); i = next++)
        if (!batch_[i].result) batch_[i].result = work(batch_[i].text);
    };
    const std::size_t threads = batch_bytes_ < shared_bytes_min ? 1 : std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, threads_max);
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(threads, batch_.size()); ++i) helpers.emplace_back(take_turns);
    take_turns();
  }

  std::istream& in_;
  LineReader lines_;
  std::ostream &out_, &err_;
  std::vector<Line> batch_;
  std::size_t batch_bytes_ = 0;
};

Result<std::string> text_of(const std::string& line) {
  auto budget = reading_budget();
  const auto value = parse(line, budget);
  if (!value) return value.error();
  if (!value->is_text()) return invalid("is not a JSON string");
  return value->text();
}

Result<std::vector<TokenId>> ids_of(const std::string& line) {
  auto budget = reading_budget();
  const auto value = parse(line, budget);
  if (!value) return value.error();
  const auto* list = value->get<ListRef>();
  if (list == nullptr) return invalid("is not a JSON array of token ids, for example [1, 2]");
  std::vector<TokenId> ids;
  ids.reserve((*list)->items.size());
  for (const auto& item : (*list)->items) {
    const auto* id = item.get<std::int64_t>();
    if (id == nullptr || *id < 0 || *id > INT32_MAX)
      return invalid("member " + std::to_string(ids.size()) + " is not a token id, a whole number from 0 to " + std::to_string(INT32_MAX));
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

Result<std::string> encoded(const Tokenizer& tokenizer, const std::string& text, bool add_special) {
  const auto ids = tokenizer.encode(text, add_special);
  if (!ids) return ids.error();
  return json_of(*ids);
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  StreamDecoder stream(tokenizer, skip_special);
  std::string line = "[";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::string piece = stream.push(ids[i]);
    if (i + 1 == ids.size()) piece += stream.finish();
    line += (i > 0 ? ", " : "") + json_of(piece);
  }
  return line + "]";
}

}  // namespace

int tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  if (options.render && !options.chat) return refuse(err, invalid("--render works with --chat only"));
  if (options.json && options.chat) return refuse(err, invalid("--json and --chat exclude each other: the lines of --chat are JSON objects"));
  const auto tokenizer = Tokenizer::load(options.model);
  if (!tokenizer) return refuse(err, tokenizer.error());
  Verb verb(in, out, err);
  if (!options.chat)
    return verb.run([&](const std::string& line) -> Result<std::string> {
      const auto text = options.json ? text_of(line) : Result<std::string>(line);
      if (!text) return text.error();
      return encoded(*tokenizer, *text, !options.no_special);
    }, Lines::in_parallel);
  ChatRenderer renderer(*tokenizer);
  return verb.run([&](const std::string& line) -> Result<std::string> {
    auto budget = reading_budget();
    const auto request = parse(line, budget);
    if (!request) return request.error();
    const auto rendered = renderer.render(*request);
    if (!rendered) return rendered.error();
    return options.render ? json_of(rendered->text) : encoded(*tokenizer, rendered->text, false);
  }, Lines::one_by_one, true);
}

int detokenize(const DetokenizeOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  const auto tokenizer = Tokenizer::load(options.model);
  if (!tokenizer) return refuse(err, tokenizer.error());
  return Verb(in, out, err).run([&](const std::string& line) -> Result<std::string> {
    const auto ids = ids_of(line);
    if (!ids) return ids.error();
    return options.stream ? streamed(*tokenizer, *ids, options.skip_special) : json_of(tokenizer->decode(*ids, options.skip_special));
  }, Lines::in_parallel);
}

}  // namespace luthier::text
