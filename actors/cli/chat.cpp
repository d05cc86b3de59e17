#include <httplib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"
#include "actors/cli/stream_reader.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct ChatOptions {
  std::string model, prompt, system;
  std::int64_t tokens_max = 256;
  std::optional<double> temperature, top_p;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;
};

ordered_json body_of(const ChatOptions& options, const ordered_json& messages, bool stream) {
  ordered_json body{{"model", options.model}, {"messages", messages}, {"max_tokens", options.tokens_max}, {"stream", stream}};
  if (options.temperature) body["temperature"] = *options.temperature;
  if (options.top_p) body["top_p"] = *options.top_p;
  if (options.seed) body["seed"] = *options.seed;
  if (!options.stop.empty()) body["stop"] = options.stop;
  return body;
}

Error refusal_of(int status, const std::string& text) {
  const auto body = ordered_json::parse(text, nullptr, false);
  const auto message = body.is_object() ? body.value("/error/message"_json_pointer, ordered_json()) : ordered_json();
  const auto code = status == 404 ? ErrorCode::not_found : status >= 500 ? ErrorCode::unavailable : ErrorCode::invalid;
  return {code, message.is_string() ? message.get<std::string>() : "the server answered " + std::to_string(status), ""};
}

httplib::Client client_of(const std::string& url) {
  httplib::Client client(url);
  client.set_connection_timeout(5);
  client.set_read_timeout(600);
  return client;
}

// Writes the answer as it comes; gives it whole.
Result<std::string> stream_answer(const Context& context, const std::string& url, const ordered_json& body) {
  std::string answer, refused;
  int status = 0;
  StreamReader reader([&](const std::string& text) {
    answer += text;
    *context.out << printable(text);
    context.out->flush();
  });
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  request.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  request.response_handler = [&](const httplib::Response& head) {
    status = head.status;
    return true;
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (status == 200) reader.feed({data, size});
    else if (refused.size() < 65536) refused.append(data, size);
    return reader.error().empty();
  };
  auto client = client_of(url);
  const auto result = client.send(request);
  if (status != 0 && status != 200) return refusal_of(status, refused);
  if (!reader.error().empty()) return Error{ErrorCode::unavailable, reader.error(), ""};
  if (!result) return Error{ErrorCode::unavailable, url + " does not answer: " + httplib::to_string(result.error()), ""};
  if (!reader.is_done()) return Error{ErrorCode::unavailable, "the answer was broken off", ""};
  return answer;
}

ordered_json message(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }

ordered_json beginning(const ChatOptions& options) {
  auto messages = ordered_json::array();
  if (!options.system.empty()) messages.push_back(message("system", options.system));
  return messages;
}

int ask_once(const Context& context, const ChatOptions& options, const std::string& url) {
  auto messages = beginning(options);
  messages.push_back(message("user", options.prompt));
  if (context.json) {
    auto client = client_of(url);
    const auto answer = client.Post("/v1/chat/completions", body_of(options, messages, false).dump(), "application/json");
    if (!answer) return context.fail({ErrorCode::unavailable, url + " does not answer: " + httplib::to_string(answer.error()), ""});
    if (answer->status != 200) return context.fail(refusal_of(answer->status, answer->body));
    context.print(answer->body);
    return exit_ok;
  }
  const auto answer = stream_answer(context, url, body_of(options, messages, true));
  context.print("");
  return answer ? exit_ok : context.fail(answer.error());
}

int converse(const Context& context, const ChatOptions& options, const std::string& url) {
  const bool is_person = ::isatty(STDIN_FILENO) == 1;
  if (is_person) context.print("Talking to " + options.model + ". /reset starts anew, /exit or Ctrl-D ends.");
  auto messages = beginning(options);
  std::string line;
  while (true) {
    if (is_person) *context.out << "> " << std::flush;
    if (!std::getline(*context.in, line) || line == "/exit") return exit_ok;
    if (line == "/reset") messages = beginning(options);
    if (line.empty() || line == "/reset") continue;
    messages.push_back(message("user", line));
    const auto answer = stream_answer(context, url, body_of(options, messages, true));
    context.print("");
    if (!answer) {
      const int code = context.fail(answer.error());
      if (!is_person) return code;
      messages.erase(messages.size() - 1);
      continue;
    }
    messages.push_back(message("assistant", *answer));
  }
}

}  // namespace

void add_chat(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ChatOptions>();
  auto& verb = *app.add_subcommand("chat", "Talk to a served model or adapter: one prompt, or a conversation");
  verb.add_option("model", options->model, "default/smol, smol, or an adapter default--kinds")->required();
  verb.add_option("prompt", options->prompt, "One message; without it lines are read from the terminal");
  verb.add_option("--system", options->system, "A system message");
  verb.add_option("--max-tokens", options->tokens_max, "Of an answer")->capture_default_str()->check(CLI::PositiveNumber);
  verb.add_option("--temperature", options->temperature, "0: always the most likely token");
  verb.add_option("--top-p", options->top_p, "Of the likely tokens so much");
  verb.add_option("--seed", options->seed, "Of chance");
  verb.add_option("--stop", options->stop, "Ends the answer; may be repeated");
  verb.callback([&context, options] {
    const auto url = context.http();
    if (!url) {
      context.exit_code = context.fail(url.error());
      return;
    }
    context.exit_code = options->prompt.empty() ? converse(context, *options, *url) : ask_once(context, *options, *url);
  });
  add_examples(verb, {"luthier chat smol \"What is the capital of France?\" --temperature 0", "luthier chat default--kinds"});
}

}  // namespace luthier::cli
