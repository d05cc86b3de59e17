#include "gpu/serve/openai_request.hpp"

#include <nlohmann/json.hpp>

#include "gpu/serve/json_members.hpp"
#include "gpu/text/chat.hpp"

namespace luthier::serve {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t tokens_max_max = std::int64_t{1} << 31;  // the context is the real bound
constexpr std::size_t messages_max = 4096;

// Counted on the bytes, before a parser builds anything.
bool nests_deeper_than(std::string_view body, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

void read_stops(Members& members, OpenAiRequest& out) {
  const auto* stop = members.find("stop");
  if (stop == nullptr) return;
  const auto add = [&](const ordered_json& item) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty() ||
        item.get_ref<const std::string&>().size() > stop_bytes_max)
      return members.refuse("stop must be a string or a list of strings of 1 to " + std::to_string(stop_bytes_max) + " bytes", "stop");
    out.stops.push_back(item.get<std::string>());
  };
  if (!stop->is_array()) return add(*stop);
  if (stop->size() > stops_max) return members.refuse("stop may list at most " + std::to_string(stops_max) + " strings", "stop");
  for (const auto& item : *stop) add(item);
}

void read_stream(Members& members, OpenAiRequest& out) {
  out.stream = members.boolean("stream").value_or(false);
  const auto* options = members.find("stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) return members.refuse("stream_options must be an object", "stream_options");
  Members inner(*options);
  out.include_usage = inner.boolean("include_usage").value_or(false);
  if (inner.failed()) members.refuse("stream_options." + inner.error().message, "stream_options.include_usage");
  if (!out.stream) members.refuse("stream_options is only possible with stream: true", "stream_options");
}

void refuse_what_is_not_done(Members& members, bool is_chat) {
  const auto not_done = [&](const char* name, const char* instead) {
    members.refuse(std::string(name) + " is not supported here; " + instead, name);
  };
  if (const auto* bias = members.find("logit_bias"); bias != nullptr && !(bias->is_object() && bias->empty()))
    not_done("logit_bias", "leave it out");
  if (const auto* format = members.find("response_format"))
    if (!format->is_object() || format->value("type", ordered_json()) != "text") not_done("response_format", "only {\"type\": \"text\"} is");
  if (is_chat) return;
  if (members.boolean("echo").value_or(false)) not_done("echo", "leave it out");
  if (!members.text("suffix").value_or("").empty()) not_done("suffix", "leave it out");
  if (members.integer("best_of", 1, choices_max).value_or(1) > members.integer("n", 1, choices_max).value_or(1))
    not_done("best_of", "ask for n");
}

// What both kinds have.
void read_common(Members& members, OpenAiRequest& out) {
  out.model = members.required_text("model");
  out.sampling.temperature = members.number("temperature", 0, 2).value_or(1);
  out.sampling.top_p = members.number("top_p", 0, 1).value_or(1);
  if (out.sampling.top_p == 0) out.sampling.top_p = 1e-9;  // the likeliest token alone
  const auto top_k = members.integer("top_k", -1, INT32_MAX).value_or(0);
  out.sampling.top_k = top_k < 0 ? 0 : top_k;
  out.sampling.presence_penalty = members.number("presence_penalty", -2, 2).value_or(0);
  out.sampling.frequency_penalty = members.number("frequency_penalty", -2, 2).value_or(0);
  if (const auto seed = members.integer("seed", INT64_MIN, INT64_MAX)) {
    out.sampling.seed = static_cast<std::uint64_t>(*seed);
    out.has_seed = true;
  }
  out.n = members.integer("n", 1, choices_max).value_or(1);
  out.ignore_eos = members.boolean("ignore_eos").value_or(false);
  out.tokens_max = members.integer("max_tokens", 1, tokens_max_max);
  read_stops(members, out);
  read_stream(members, out);
  refuse_what_is_not_done(members, out.is_chat);
}

// OpenAI allows a list of parts; templates want text.
void flatten_content(ordered_json& message, Members& members, const std::string& where) {
  auto content = message.find("content");
  if (content == message.end() || content->is_null() || content->is_string()) return;
  if (!content->is_array()) return members.refuse(where + ".content must be a string or a list of text parts", where + ".content");
  std::string joined;
  for (const auto& part : *content) {
    if (!part.is_object() || part.value("type", ordered_json()) != "text" || !part.contains("text") || !part["text"].is_string())
      return members.refuse(where + ".content: only parts {\"type\": \"text\", \"text\": …} can be read", where + ".content");
    if (!joined.empty()) joined += '\n';
    joined += part["text"].get_ref<const std::string&>();
  }
  *content = joined;
}

ordered_json read_messages(Members& members) {
  const auto* given = members.find("messages");
  if (given == nullptr || !given->is_array() || given->empty() || given->size() > messages_max) {
    members.refuse("messages is required: a list of 1 to " + std::to_string(messages_max) + " messages", "messages");
    return {};
  }
  ordered_json messages = *given;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    auto& message = messages[i];
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string()) {
      members.refuse(where + " must be an object with a role and a content", where);
      return {};
    }
    flatten_content(message, members, where);
    if (!message.contains("content") && !message.contains("tool_calls")) members.refuse(where + " has no content", where + ".content");
  }
  return messages;
}

Result<Prompt> render_chat(Members& members, const text::Tokenizer& tokenizer) {
  ordered_json variables{{"messages", read_messages(members)}, {"add_generation_prompt", true}};
  if (const auto* tools = members.find("tools")) {
    if (!tools->is_array()) members.refuse("tools must be a list", "tools");
    variables["tools"] = *tools;
  }
  if (members.failed()) return members.error();
  for (const char* token : {"bos_token", "eos_token", "pad_token", "unk_token"})
    if (auto text = tokenizer.special_token(token); !text.empty()) variables[token] = std::move(text);
  if (tokenizer.chat_template().empty())
    return invalid("this model has no chat template; use /v1/completions", "messages");
  auto rendered = text::render(tokenizer.chat_template(), variables);
  if (!rendered) return invalid("the chat template cannot be applied: " + rendered.error().message, "messages");
  return Prompt{std::move(rendered->text), false};
}

Result<std::vector<std::int32_t>> read_ids(const ordered_json& list, const std::string& where) {
  std::vector<std::int32_t> ids;
  for (const auto& item : list) {
    if (!item.is_number_integer() || item.get<double>() < 0 || item.get<double>() > INT32_MAX)
      return invalid(where + " must be a string, a list of strings, a list of token ids or a list of such lists", where);
    ids.push_back(item.get<std::int32_t>());
  }
  return ids;
}

// One prompt or several, as text or as ids.
Result<std::vector<Prompt>> read_prompts(const ordered_json* prompt, const std::string& member, std::size_t most) {
  const auto kinds = member + " must be a string, a list of strings, a list of token ids or a list of such lists";
  std::vector<Prompt> out;
  if (prompt == nullptr) return invalid(member + " is required: a string, a list of strings, or token ids", member);
  if (prompt->is_string()) return std::vector{Prompt{prompt->get<std::string>(), true}};
  if (!prompt->is_array() || prompt->empty()) return invalid(kinds, member);
  if (prompt->front().is_number()) {
    auto ids = read_ids(*prompt, member);
    if (!ids) return ids.error();
    return std::vector{Prompt{std::move(*ids), false}};
  }
  if (prompt->size() > most) return invalid(member + " may list at most " + std::to_string(most) + " of them", member);
  for (const auto& item : *prompt) {
    if (item.is_string()) {
      out.push_back({item.get<std::string>(), true});
      continue;
    }
    if (!item.is_array() || item.empty()) return invalid(kinds, member);
    auto ids = read_ids(item, member);
    if (!ids) return ids.error();
    out.push_back({std::move(*ids), false});
  }
  return out;
}

}  // namespace

Result<ordered_json> parse_body(std::string_view body) {
  if (nests_deeper_than(body, json_depth_max))
    return invalid("the body nests deeper than " + std::to_string(json_depth_max) + " levels");
  try {
    auto parsed = ordered_json::parse(body);
    if (!parsed.is_object()) return invalid("the body must be a JSON object");
    return parsed;
  } catch (const nlohmann::json::exception& error) {
    return invalid("the body is not JSON: " + std::string(error.what()).substr(0, 200));
  }
}

Result<OpenAiRequest> read_chat_request(const ordered_json& body, const text::Tokenizer& tokenizer) {
  OpenAiRequest out;
  out.is_chat = true;
  Members members(body);
  read_common(members, out);
  if (const auto tokens = members.integer("max_completion_tokens", 1, tokens_max_max)) out.tokens_max = tokens;
  if (members.boolean("logprobs").value_or(false)) out.logprobs_top = members.integer("top_logprobs", 0, 20).value_or(0);
  if (members.failed()) return members.error();
  auto prompt = render_chat(members, tokenizer);
  if (!prompt) return prompt.error();
  out.prompts.push_back(std::move(*prompt));
  return out;
}

Result<OpenAiRequest> read_completion_request(const ordered_json& body) {
  OpenAiRequest out;
  Members members(body);
  read_common(members, out);
  out.tokens_max = out.tokens_max.value_or(16);  // OpenAI's default
  out.logprobs_top = members.integer("logprobs", 0, 5).value_or(-1);
  if (members.failed()) return members.error();
  auto prompts = read_prompts(members.find("prompt"), "prompt", static_cast<std::size_t>(choices_max));
  if (!prompts) return prompts.error();
  out.prompts = std::move(*prompts);
  if (static_cast<std::int64_t>(out.prompts.size()) * out.n > choices_max)
    return invalid("prompts times n may be at most " + std::to_string(choices_max), "n");
  return out;
}

Result<EmbeddingRequest> read_embedding_request(const ordered_json& body) {
  EmbeddingRequest out;
  Members members(body);
  out.model = members.required_text("model");
  const auto format = members.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64") members.refuse("encoding_format must be \"float\" or \"base64\"", "encoding_format");
  out.is_base64 = format == "base64";
  out.dimensions = members.integer("dimensions", 1, INT32_MAX);
  const auto kind = text_kind(members.text("input_type").value_or(""));
  if (kind) out.kind = *kind;
  else members.refuse("input_type " + kind.error().message, "input_type");
  if (members.failed()) return members.error();
  auto inputs = read_prompts(members.find("input"), "input", inputs_max);
  if (!inputs) return inputs.error();
  out.inputs = std::move(*inputs);
  return out;
}

}  // namespace luthier::serve
