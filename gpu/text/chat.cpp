#include "gpu/text/chat.hpp"

#include <nlohmann/json.hpp>

#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/jinja_json.hpp"
#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_parser.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

using jinja::Budget;
using jinja::DictRef;
using jinja::ListRef;
using jinja::Value;

constexpr std::size_t source_bytes_max = 1 << 20;
constexpr const char* token_names[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

Error in_line(int line, const std::string& message) {
  std::string flat = message;
  for (char& c : flat)
    if (c == '\n' || c == '\r') c = ' ';
  return invalid("chat template, line " + std::to_string(line) + ": " + flat, "chat_template");
}

const Value* member(const Value& dict, std::string_view name) { return std::get<DictRef>(dict.held)->find(name); }

bool is_list_of_dicts(const Value& value) {
  const auto* list = value.get<ListRef>();
  if (list == nullptr) return false;
  for (const auto& item : (*list)->items)
    if (!item.is<DictRef>()) return false;
  return true;
}

// Messages carry their reasoning under several names. The first is the standard one; GPT-OSS reads `thinking`.
const Value* reasoning_of(const Value& message) {
  for (const char* name : {"reasoning_content", "thinking", "reasoning"})
    if (const Value* found = member(message, name); found != nullptr && !found->is_none()) return found;
  return nullptr;
}

// APIs send null for what a message lacks, which many templates would show as "None".
Value prepared(const Value& message, Budget& budget) {
  const Value* reasoning = reasoning_of(message);
  jinja::DictMaker result(budget);
  if (reasoning != nullptr) result.set("thinking", *reasoning);
  for (const auto& [key, value] : std::get<DictRef>(message.held)->entries)
    if (!value.is_none()) result.set(key, value);
  if (reasoning != nullptr) result.set("reasoning_content", *reasoning);
  return result.take();
}

}  // namespace

jinja::Budget reading_budget() { return Budget(16'000'000, 768 << 20); }
jinja::Budget rendering_budget() { return Budget(16'000'000, 256 << 20); }

Result<ParsedTemplate> ParsedTemplate::parse(std::string_view source) {
  if (source.size() > source_bytes_max) return Error{ErrorCode::limit, "the chat template is longer than 1 MiB", "chat_template"};
  if (first_invalid_utf8(source)) return invalid("the chat template is not UTF-8", "chat_template");
  try {
    ParsedTemplate result;
    result.program_ = std::make_shared<const jinja::Program>(jinja::parse(source));
    return result;
  } catch (const jinja::SyntaxFailure& failure) {
    return in_line(failure.line, failure.message);
  }
}

Result<Rendered> ParsedTemplate::render(const Value& variables) const {
  Budget budget = rendering_budget();
  jinja::Machine machine(*program_, variables, budget);
  try {
    auto output = machine.run();
    return Rendered{std::move(output.text), std::move(output.generated), program_->marks_generated};
  } catch (const jinja::Failure& failure) {
    return in_line(machine.line(), failure.message);
  }
}

Result<Rendered> render(std::string_view source, const nlohmann::ordered_json& variables) {
  if (!variables.is_object()) return invalid("the template's variables are no JSON object");
  const auto parsed = ParsedTemplate::parse(source);
  if (!parsed) return parsed.error();
  Budget budget = reading_budget();
  try {
    return parsed->render(jinja::from_json(variables, budget));
  } catch (const jinja::Failure& failure) {
    return invalid(failure.message);
  }
}

Result<std::string> ChatRenderer::choose_template(const Value* wanted, bool has_tools) const {
  if (wanted != nullptr && !wanted->is_none()) {
    if (!wanted->is_text()) return invalid("chat_template is not a string", "chat_template");
    const std::string& known = tokenizer_.chat_template(wanted->text());
    return known.empty() ? wanted->text() : known;
  }
  if (has_tools && !tokenizer_.chat_template("tool_use").empty()) return tokenizer_.chat_template("tool_use");
  if (tokenizer_.chat_template().empty())
    return invalid("the model has no chat template; give one as \"chat_template\"", "chat_template");
  return tokenizer_.chat_template();
}

Result<Rendered> ChatRenderer::render_with(const Value& messages, const Value& tools, const Value& request) {
  if (!is_list_of_dicts(messages)) return invalid("messages is not a list of objects", "messages");
  if (!tools.is_none() && !is_list_of_dicts(tools)) return invalid("tools is not a list of objects", "tools");
  const auto source = choose_template(member(request, "chat_template"), !tools.is_none());
  if (!source) return source.error();
  if (*source != source_ || source_.empty()) {
    auto parsed = ParsedTemplate::parse(*source);
    if (!parsed) return parsed.error();
    parsed_ = *std::move(parsed);
    source_ = *source;
  }
  Budget budget = reading_budget();
  try {
    jinja::DictMaker variables(budget);
    for (const char* name : token_names)
      if (auto content = tokenizer_.special_token(name); !content.empty()) variables.set(name, jinja::text(budget, std::move(content)));
    variables.set("documents", jinja::none());
    variables.set("add_generation_prompt", jinja::boolean(false));
    for (const auto& [key, value] : std::get<DictRef>(request.held)->entries)
      if (key.text() != "chat_template") variables.set(key, value);
    std::vector<Value> shown;
    for (const auto& message : std::get<ListRef>(messages.held)->items) shown.push_back(prepared(message, budget));
    variables.set("messages", jinja::list(budget, std::move(shown)));
    variables.set("tools", tools);
    return parsed_.render(variables.take());
  } catch (const jinja::Failure& failure) {
    return invalid(failure.message);
  }
}

Result<Rendered> ChatRenderer::render(const Value& request) {
  if (!request.is<DictRef>()) return invalid("is not a JSON object");
  const Value *messages = member(request, "messages"), *tools = member(request, "tools");
  if (messages == nullptr) return invalid("messages is missing", "messages");
  if (const auto* list = messages->get<ListRef>(); list != nullptr && (*list)->items.empty())
    return invalid("messages is empty; at least one message works", "messages");
  return render_with(*messages, tools == nullptr ? jinja::none() : *tools, request);
}

Result<Rendered> ChatRenderer::render(const std::vector<Value>& messages, const Value& tools, bool add_generation_prompt, const Value& variables) {
  Budget budget = reading_budget();
  try {
    jinja::DictMaker request(budget);
    if (const auto* given = variables.get<DictRef>())
      for (const auto& [key, value] : (*given)->entries) request.set(key, value);
    request.set("add_generation_prompt", jinja::boolean(add_generation_prompt));
    return render_with(jinja::list(budget, messages), tools, request.take());
  } catch (const jinja::Failure& failure) {
    return invalid(failure.message);
  }
}

Result<Rendered> render_chat(const Tokenizer& tokenizer, const nlohmann::ordered_json& request) {
  Budget budget = reading_budget();
  try {
    return ChatRenderer(tokenizer).render(jinja::from_json(request, budget));
  } catch (const jinja::Failure& failure) {
    return invalid(failure.message);
  }
}

}  // namespace luthier::text
