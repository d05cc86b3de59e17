#include "gpu/serve/openai_server.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "gpu/serve/json_members.hpp"
#include "gpu/serve/openai_answer.hpp"
#include "gpu/serve/openai_request.hpp"

namespace luthier::serve {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr milliseconds poll_interval{50};  // how soon a client that has gone is noticed
constexpr std::size_t adapter_name_bytes_max = 512;

HttpAnswer to_http(ErrorAnswer error) {
  HttpAnswer answer{error.status, std::move(error.body)};
  if (error.status == 429 || error.status == 503) answer.headers["Retry-After"] = "1";
  return answer;
}
HttpAnswer refusal(const Error& error) { return to_http(error_answer(error)); }
HttpAnswer json_answer(const ordered_json& body) { return {200, dump(body)}; }

// The choices of one request while they are generated.
struct Choices {
  AnswerFrame frame;
  std::vector<CancelOnExit> generations;
  bool with_logprobs = false, include_usage = false;
  const text::Tokenizer* tokenizer = nullptr;

  Usage usage(std::int64_t n) const {
    Usage usage;
    for (std::size_t i = 0; i < generations.size(); ++i) {
      usage.completion_tokens += generations[i]->completion_tokens();
      if (i % static_cast<std::size_t>(n) == 0) usage.prompt_tokens += generations[i]->prompt_tokens();  // a prompt counts once
    }
    return usage;
  }
};

// Waits for all choices, one after the other; a client that goes away ends it, and so their work.
HttpAnswer whole_answer(Choices& choices, std::int64_t n) {
  std::vector<Choice> done;
  for (auto& generation : choices.generations) {
    Choice choice{static_cast<std::int64_t>(done.size()), {}, {}, FinishReason::cancelled};
    for (bool open = true; open;) {
      auto piece = generation->wait(poll_interval);
      if (!piece && client_has_gone()) return to_http(error_answer(499, "the client has gone"));
      if (!piece) continue;
      choice.text += piece->text;
      std::ranges::move(piece->tokens, std::back_inserter(choice.tokens));
      open = !piece->finish;
      if (piece->finish) choice.finish = *piece->finish;
    }
    if (choice.finish == FinishReason::cancelled) return to_http(error_answer(503, "the server is stopping"));
    done.push_back(std::move(choice));
  }
  return {200, answer_body(choices.frame, done, choices.usage(n), choices.with_logprobs, *choices.tokenizer)};
}

// Sends what is new of every choice; called until all have ended.
class ChoiceStream {
 public:
  ChoiceStream(Choices choices, std::int64_t n)
      : choices_(std::move(choices)), n_(n), offsets_(choices_.generations.size()), ended_(choices_.generations.size()) {}

  bool operator()(const SendPiece& send) {
    if (!std::exchange(begun_, true))
      for (std::size_t i = 0; i < ended_.size(); ++i)
        if (const auto first = first_chunk(choices_.frame, static_cast<std::int64_t>(i), choices_.include_usage); !first.empty() && !send(first)) return false;
    bool news = false;
    for (std::size_t i = 0; i < ended_.size(); ++i) {
      if (ended_[i]) continue;
      // One choice is waited for, several are looked at in turn.
      auto piece = choices_.generations[i]->wait(ended_.size() == 1 ? poll_interval : milliseconds(0));
      if (!piece) continue;
      news = true;
      if (!send_piece(i, *piece, send)) return false;
    }
    if (std::ranges::all_of(ended_, [](bool ended) { return ended; })) return finish(send);
    if (!news && client_has_gone()) return fail(send);
    if (!news && ended_.size() > 1) std::this_thread::sleep_for(milliseconds(2));
    return true;
  }

 private:
  bool send_piece(std::size_t i, const Piece& piece, const SendPiece& send) {
    ended_[i] = piece.finish.has_value();
    if (piece.finish == FinishReason::cancelled) {
      cancelled_ = true;
      return send(error_chunk("the server is stopping"));
    }
    if (piece.text.empty() && !piece.finish && !(choices_.with_logprobs && !piece.tokens.empty())) return true;
    const auto sent = send(piece_chunk(choices_.frame, static_cast<std::int64_t>(i), piece, offsets_[i], choices_.with_logprobs,
                                       choices_.include_usage, *choices_.tokenizer));
    offsets_[i] += static_cast<std::int64_t>(piece.text.size());
    return sent;
  }
  bool finish(const SendPiece& send) {
    if (choices_.include_usage && !cancelled_ && !send(usage_chunk(choices_.frame, choices_.usage(n_)))) return false;
    send(std::string(done_chunk));
    return false;
  }
  // A write to a client that is not there any more: the library then gives the stream up.
  bool fail(const SendPiece& send) {
    send(": gone\n\n");
    return false;
  }

  Choices choices_;
  std::int64_t n_;
  std::vector<std::int64_t> offsets_;
  std::vector<bool> ended_;
  bool begun_ = false, cancelled_ = false;
};

std::uint64_t random_seed() {
  static thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  return random();
}

}  // namespace

struct OpenAiServer::Parts {
  Engine* engine = nullptr;
  OpenAiServerOptions options;
  std::unique_ptr<HttpListener> listener;

  Result<std::shared_ptr<const LoadedAdapter>> find_model(const std::string& name) const;
  Result<std::vector<GenerationRequest>> to_generations(OpenAiRequest& request) const;
  HttpAnswer generate(Result<OpenAiRequest> request);
  HttpAnswer complete(const HttpRequest& request, bool is_chat);
  Result<std::vector<std::int32_t>> encode(const Prompt& prompt) const;
  HttpAnswer embed(const HttpRequest& request);
  ordered_json model_entries() const;
  HttpAnswer models() const;
  HttpAnswer model(const std::string& id) const;
  HttpAnswer health() const;
  bool is_admin(const HttpRequest& request) const;
  HttpAnswer as_admin(const HttpRequest& request, const std::function<HttpAnswer()>& handle) const;
  HttpAnswer load_adapter(const HttpRequest& request);
  HttpAnswer unload_adapter(const HttpRequest& request);
  HttpAnswer adapters() const;
  std::vector<HttpListener::Route> routes();
};

// nullptr is the base model.
Result<std::shared_ptr<const LoadedAdapter>> OpenAiServer::Parts::find_model(const std::string& name) const {
  if (std::ranges::find(options.served_names, name) != options.served_names.end()) return std::shared_ptr<const LoadedAdapter>();
  if (auto adapter = engine->adapters().find(name)) return adapter;
  return Error{ErrorCode::not_found, "the model \"" + name.substr(0, 200) + "\" does not exist; GET /v1/models lists what does", "model"};
}

Result<std::vector<std::int32_t>> OpenAiServer::Parts::encode(const Prompt& prompt) const {
  if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&prompt.content)) return *ids;
  return engine->tokenizer().encode(std::get<std::string>(prompt.content), prompt.add_special);
}

Result<std::vector<GenerationRequest>> OpenAiServer::Parts::to_generations(OpenAiRequest& request) const {
  auto adapter = find_model(request.model);
  if (!adapter) return adapter.error();
  if (!request.has_seed) request.sampling.seed = random_seed();
  std::vector<GenerationRequest> out;
  for (auto& prompt : request.prompts) {
    const auto ids = encode(prompt);
    if (!ids) return ids.error();
    const auto rest = std::max<std::int64_t>(1, engine->context_max() - static_cast<std::int64_t>(ids->size()));
    for (std::int64_t i = 0; i < request.n; ++i) {
      auto sampling = request.sampling;
      sampling.choice = out.size();
      out.push_back({*ids, *adapter, sampling, request.tokens_max.value_or(rest), request.stops, request.ignore_eos, request.logprobs_top});
    }
  }
  return out;
}

HttpAnswer OpenAiServer::Parts::generate(Result<OpenAiRequest> request) {
  if (!request) return refusal(request.error());
  auto generations = to_generations(*request);
  if (!generations) return refusal(generations.error());
  auto submitted = engine->submit(std::move(*generations));
  if (!submitted) return refusal(submitted.error());
  Choices choices{make_frame(request->is_chat, request->model), {}, request->logprobs_top >= 0, request->include_usage, &engine->tokenizer()};
  for (auto& generation : *submitted) choices.generations.emplace_back(std::move(generation));
  if (!request->stream) return whole_answer(choices, request->n);
  HttpAnswer answer;
  answer.headers["Cache-Control"] = "no-cache";
  auto stream = std::make_shared<ChoiceStream>(std::move(choices), request->n);
  answer.stream = [stream](const SendPiece& send) { return (*stream)(send); };
  return answer;
}

HttpAnswer OpenAiServer::Parts::complete(const HttpRequest& request, bool is_chat) {
  const auto body = parse_body(request.body);
  if (!body) return refusal(body.error());
  return generate(is_chat ? read_chat_request(*body, engine->tokenizer()) : read_completion_request(*body));
}

// Many inputs go into the queue a few at a time, so that one caller does not fill it.
HttpAnswer OpenAiServer::Parts::embed(const HttpRequest& request) {
  constexpr std::size_t inputs_at_a_time = 16;
  const auto body = parse_body(request.body);
  if (!body) return refusal(body.error());
  const auto wish = read_embedding_request(*body);
  if (!wish) return refusal(wish.error());
  const auto adapter = find_model(wish->model);
  if (!adapter) return refusal(adapter.error());
  const auto size = engine->decoder().hidden_size;
  if (wish->dimensions && *wish->dimensions != size)
    return refusal(invalid("this model's embeddings have " + std::to_string(size) + " dimensions; leave dimensions out", "dimensions"));
  std::vector<std::vector<float>> embeddings;
  std::int64_t tokens = 0;
  for (std::size_t begin = 0; begin < wish->inputs.size(); begin += inputs_at_a_time) {
    std::vector<GenerationRequest> group;
    for (std::size_t i = begin; i < std::min(begin + inputs_at_a_time, wish->inputs.size()); ++i) {
      auto input = wish->inputs[i];
      if (auto* text = std::get_if<std::string>(&input.content)) text->insert(0, prefix_of(engine->decoder(), wish->kind));
      auto ids = encode(input);
      if (!ids) return refusal(ids.error());
      tokens += static_cast<std::int64_t>(ids->size());
      GenerationRequest one;
      one.prompt = std::move(*ids);
      one.adapter = *adapter;
      one.tokens_max = 0;
      one.is_embedding = true;
      group.push_back(std::move(one));
    }
    auto submitted = engine->submit(std::move(group));
    if (!submitted) return refusal(submitted.error());
    std::vector<CancelOnExit> waiting;
    for (auto& generation : *submitted) waiting.emplace_back(std::move(generation));
    for (auto& generation : waiting) {
      auto piece = generation->wait(poll_interval);
      while (!piece) {
        if (client_has_gone()) return to_http(error_answer(499, "the client has gone"));
        piece = generation->wait(poll_interval);
      }
      if (piece->finish == FinishReason::cancelled) return to_http(error_answer(503, "the server is stopping"));
      embeddings.push_back(std::move(piece->embedding));
    }
  }
  return {200, embeddings_body(wish->model, embeddings, tokens, wish->is_base64)};
}

ordered_json OpenAiServer::Parts::model_entries() const {
  ordered_json data = ordered_json::array();
  const auto add = [&](const std::string& id, const std::string& root, const ordered_json& parent) {
    data.push_back({{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "luthier"}, {"root", root}, {"parent", parent},
                    {"max_model_len", engine->context_max()}});
  };
  for (const auto& name : options.served_names) add(name, options.model_root, nullptr);
  for (const auto& adapter : engine->adapters().list()) add(adapter.name, adapter.path.string(), options.served_names.front());
  return data;
}

HttpAnswer OpenAiServer::Parts::models() const { return json_answer({{"object", "list"}, {"data", model_entries()}}); }

HttpAnswer OpenAiServer::Parts::model(const std::string& id) const {
  for (const auto& entry : model_entries())
    if (entry["id"] == id) return json_answer(entry);
  return refusal(find_model(id).error());
}

HttpAnswer OpenAiServer::Parts::health() const {
  const auto load = engine->load();
  return json_answer({{"status", "ok"}, {"requests_running", load.requests_running}, {"requests_waiting", load.requests_waiting},
                      {"kv_blocks_free", load.blocks_free}, {"kv_blocks", load.blocks}, {"preemptions", load.preemptions}});
}

// Compared in constant time, so that the time of an answer says nothing about the token.
bool OpenAiServer::Parts::is_admin(const HttpRequest& request) const {
  const std::string expected = "Bearer " + options.admin_token;
  return !options.admin_token.empty() && request.authorization.size() == expected.size() &&
         CRYPTO_memcmp(request.authorization.data(), expected.data(), expected.size()) == 0;
}

HttpAnswer OpenAiServer::Parts::as_admin(const HttpRequest& request, const std::function<HttpAnswer()>& handle) const {
  if (is_admin(request)) return handle();
  return to_http(error_answer(401, "this route needs the administrator's token: Authorization: Bearer …", {}, "invalid_api_key"));
}

HttpAnswer OpenAiServer::Parts::load_adapter(const HttpRequest& request) {
  const auto body = parse_body(request.body);
  if (!body) return refusal(body.error());
  Members members(*body);
  const auto name = members.required_text("lora_name");
  const auto path = members.required_text("lora_path");
  const auto version = members.text("version").value_or("");
  if (name.size() > adapter_name_bytes_max) members.refuse("lora_name is longer than " + std::to_string(adapter_name_bytes_max) + " bytes", "lora_name");
  if (!path.starts_with('/')) members.refuse("lora_path must be an absolute path of a directory", "lora_path");
  if (std::ranges::find(options.served_names, name) != options.served_names.end())
    members.refuse("lora_name \"" + name + "\" is the base model's name", "lora_name");
  if (members.failed()) return refusal(members.error());
  const auto change = engine->adapters().load(name, path, version);
  if (!change) return refusal(change.error());
  const char* status = *change == AdapterChange::loaded ? "loaded" : *change == AdapterChange::replaced ? "replaced" : "already loaded";
  const auto adapter = engine->adapters().find(name);
  return json_answer({{"status", status}, {"name", name}, {"version", adapter ? adapter->version : version}});
}

HttpAnswer OpenAiServer::Parts::unload_adapter(const HttpRequest& request) {
  const auto body = parse_body(request.body);
  if (!body) return refusal(body.error());
  Members members(*body);
  const auto name = members.required_text("lora_name");
  if (members.failed()) return refusal(members.error());
  return json_answer({{"status", engine->adapters().unload(name) ? "unloaded" : "not loaded"}, {"name", name}});
}

HttpAnswer OpenAiServer::Parts::adapters() const {
  ordered_json out = ordered_json::array();
  for (const auto& adapter : engine->adapters().list())
    out.push_back({{"name", adapter.name}, {"version", adapter.version}, {"rank", adapter.rank},
                   {"requests_in_flight", adapter.requests_in_flight}, {"path", adapter.path.string()}});
  return json_answer(out);
}

std::vector<HttpListener::Route> OpenAiServer::Parts::routes() {
  constexpr std::string_view model_prefix = "/v1/models/";
  return {
      {"GET", "/health", [this](const HttpRequest&) { return health(); }},
      {"GET", "/v1/models", [this](const HttpRequest&) { return models(); }},
      {"GET", "/v1/models/*", [=, this](const HttpRequest& request) { return model(request.path.substr(model_prefix.size())); }},
      {"POST", "/v1/chat/completions", [this](const HttpRequest& request) { return complete(request, true); }},
      {"POST", "/v1/completions", [this](const HttpRequest& request) { return complete(request, false); }},
      {"POST", "/v1/embeddings", [this](const HttpRequest& request) { return embed(request); }},
      {"GET", "/internal/adapters", [this](const HttpRequest& request) { return as_admin(request, [&] { return adapters(); }); }},
      {"POST", "/v1/load_lora_adapter", [this](const HttpRequest& request) { return as_admin(request, [&] { return load_adapter(request); }); }},
      {"POST", "/v1/unload_lora_adapter", [this](const HttpRequest& request) { return as_admin(request, [&] { return unload_adapter(request); }); }},
  };
}

OpenAiServer::OpenAiServer() : parts_(std::make_unique<Parts>()) {}

Result<std::unique_ptr<OpenAiServer>> OpenAiServer::start(Engine& engine, OpenAiServerOptions options) {
  std::unique_ptr<OpenAiServer> server(new OpenAiServer);
  auto& parts = *server->parts_;
  if (options.served_names.empty()) return invalid("a served model needs a name", "served-name");
  parts.engine = &engine;
  parts.options = std::move(options);
  auto listener = HttpListener::start(parts.options.http, parts.routes(),
                                      [](int status, const std::string& message) { return to_http(error_answer(status, message)); });
  if (!listener) return listener.error();
  parts.listener = std::move(*listener);
  return server;
}

OpenAiServer::~OpenAiServer() = default;

int OpenAiServer::port() const { return parts_->listener->port(); }

void OpenAiServer::shut_down(milliseconds patience) {
  parts_->listener->drain();
  const auto until = std::chrono::steady_clock::now() + patience;
  const auto busy = [&] {
    const auto load = parts_->engine->load();
    return load.requests_running + load.requests_waiting > 0;
  };
  while (busy() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(milliseconds(20));
  parts_->engine->cancel_all();
  // What has been computed, or that it was cancelled, still has to reach its clients; one that does not read is not waited for.
  const auto last = std::chrono::steady_clock::now() + milliseconds(1000);
  while (parts_->listener->is_answering() && std::chrono::steady_clock::now() < last) std::this_thread::sleep_for(milliseconds(5));
  parts_->listener->stop();
}

}  // namespace luthier::serve
