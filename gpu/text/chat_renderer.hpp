// Renders many conversations of one tokenizer: templates are parsed once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/chat.hpp"
#include "gpu/text/jinja_value.hpp"

namespace luthier::text {

namespace jinja {
struct Program;
}

// What reading one request or one row, and rendering it, may cost. Seconds and some hundred megabytes at most.
jinja::Budget reading_budget();
jinja::Budget rendering_budget();

class ParsedTemplate {
 public:
  static Result<ParsedTemplate> parse(std::string_view source);
  Result<Rendered> render(const jinja::Value& variables) const;  // a dictionary

 private:
  std::shared_ptr<const jinja::Program> program_;
};

// Not for use from several threads at once.
class ChatRenderer {
 public:
  explicit ChatRenderer(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  // A request as in render_chat().
  Result<Rendered> render(const jinja::Value& request);
  // `messages` may be empty; `tools` is None or a list; `variables` is None or a dictionary of what else the template may ask for.
  Result<Rendered> render(const std::vector<jinja::Value>& messages, const jinja::Value& tools, bool add_generation_prompt,
                          const jinja::Value& variables = jinja::none());

 private:
  Result<Rendered> render_with(const jinja::Value& messages, const jinja::Value& tools, const jinja::Value& request);
  Result<std::string> choose_template(const jinja::Value* wanted, bool has_tools) const;

  Tokenizer tokenizer_;
  std::string source_;  // of parsed_
  ParsedTemplate parsed_;
};

}  // namespace luthier::text
