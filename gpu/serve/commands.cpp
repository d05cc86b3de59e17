#include "gpu/serve/commands.hpp"

#include <charconv>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "gpu/serve/embedder.hpp"
#include "gpu/serve/openai_request.hpp"
#include "gpu/serve/openai_server.hpp"
#include "gpu/text/chat.hpp"

namespace luthier::serve {
namespace {

constexpr std::chrono::milliseconds shutdown_patience{4000};
constexpr std::size_t line_bytes_max = 4 << 20;

int refuse(std::ostream& err, const Error& error) {
  err << "luthier: " << error.message << std::endl;
  return 2;
}

// While it lives SIGTERM and SIGINT are kept for wait(), in this thread and in those that it starts.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  void wait() const {
    int signal = 0;
    while (sigwait(&signals_, &signal) != 0) {
    }
  }

 private:
  sigset_t signals_{}, before_{};
};

Result<std::string> read_admin_token(const ServeOptions& options) {
  if (options.admin_token_file.empty()) return options.admin_token;
  std::ifstream file(options.admin_token_file);
  std::string token;
  if (!file || !std::getline(file, token) || token.empty())
    return Error{ErrorCode::io, options.admin_token_file.string() + ": the administrator's token cannot be read from its first line", "admin-token-file"};
  return token;
}

Result<HttpOptions> read_listen(const std::string& listen) {
  HttpOptions out;
  const auto colon = listen.rfind(':');
  const auto bad = [&] { return invalid("--listen " + listen + ": must be HOST:PORT, for example 127.0.0.1:0", "listen"); };
  if (colon == std::string::npos || colon == 0) return bad();
  out.host = listen.substr(0, colon);
  const char* end = listen.data() + listen.size();
  const auto [stop, error] = std::from_chars(listen.data() + colon + 1, end, out.port);
  if (error != std::errc{} || stop != end || out.port < 0 || out.port > 65535) return bad();
  return out;
}

Result<void> load_adapters(Engine& engine, const std::vector<std::string>& adapters) {
  for (const auto& adapter : adapters) {
    const auto equals = adapter.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid("--adapter " + adapter + ": must be NAME=DIRECTORY", "adapter");
    const auto loaded = engine.adapters().load(adapter.substr(0, equals), std::filesystem::absolute(adapter.substr(equals + 1)), {});
    if (!loaded) return loaded.error();
  }
  return {};
}

Result<std::vector<std::int32_t>> given_ids(const std::string& tokens) {
  const auto parsed = nlohmann::json::parse(tokens, nullptr, false);
  std::vector<std::int32_t> ids;
  bool good = parsed.is_array();
  for (const auto& id : parsed.is_array() ? parsed : nlohmann::json::array()) {
    good = good && id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() <= INT32_MAX;
    if (good) ids.push_back(id.get<std::int32_t>());
  }
  if (!good) return invalid("--tokens must be a JSON array of token ids, for example [1,2]", "tokens");
  return ids;
}

Result<std::vector<std::int32_t>> prompt_ids(const GenerateOptions& options, const text::Tokenizer& tokenizer) {
  if (!options.chat) return tokenizer.encode(*options.prompt, true);
  const auto body = nlohmann::ordered_json{{"model", "-"}, {"messages", {{{"role", "user"}, {"content", *options.prompt}}}}};
  const auto request = read_chat_request(body, tokenizer);
  if (!request) return request.error();
  return tokenizer.encode(std::get<std::string>(request->prompts.front().content), false);
}

Result<Piece> generate_one(const GenerateOptions& options) {
  if (options.prompt.has_value() == options.tokens.has_value()) return invalid("give either --prompt or --tokens", "prompt");
  std::optional<text::Tokenizer> tokenizer;  // of token ids the engine loads it beside the weights
  if (options.prompt) {
    auto loaded = text::Tokenizer::load(options.model);
    if (!loaded) return loaded.error();
    tokenizer = std::move(*loaded);
  }
  auto ids = tokenizer ? prompt_ids(options, *tokenizer) : given_ids(*options.tokens);
  if (!ids) return ids.error();
  // No more key-value cache than this one answer needs: clearing it would take longer than the first token.
  const auto context = static_cast<std::int64_t>(ids->size()) + std::min<std::int64_t>(options.tokens_max, INT32_MAX);
  EngineOptions engine_options{.threads = options.threads, .context_max = context, .requests_running_max = 1, .requests_waiting_max = 1, .adapters_max = 1,
                               .weights = options.weights};
  auto engine = tokenizer ? Engine::start(options.model, std::move(*tokenizer), engine_options) : Engine::start(options.model, engine_options);
  if (!engine) return engine.error();
  GenerationRequest request;
  request.prompt = std::move(*ids);
  if (!options.adapter.empty()) {
    if (auto loaded = (*engine)->adapters().load("adapter", options.adapter, "given"); !loaded) return loaded.error();
    request.adapter = (*engine)->adapters().find("adapter");
  }
  request.tokens_max = options.tokens_max;
  request.sampling.temperature = options.temperature;
  request.sampling.top_p = options.top_p;
  request.sampling.seed = options.seed;
  std::vector<GenerationRequest> requests;
  requests.push_back(std::move(request));
  auto submitted = (*engine)->submit(std::move(requests));
  if (!submitted) return submitted.error();
  return submitted->front()->wait_all();
}

void print_vector(const std::vector<float>& values, std::ostream& out) {
  std::string line = "[";
  char digits[32];
  for (const float value : values) {
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    if (line.size() > 1) line += ", ";
    line.append(digits, end);
  }
  out << line << "]\n";
}

}  // namespace

int serve(const ServeOptions& options, std::ostream& out, std::ostream& err) {
  const StopSignals signals;
  OpenAiServerOptions server_options;
  auto http = read_listen(options.listen);
  if (!http) return refuse(err, http.error());
  server_options.http = std::move(*http);
  auto token = read_admin_token(options);
  if (!token) return refuse(err, token.error());
  server_options.admin_token = std::move(*token);
  server_options.served_names = options.served_names;
  if (server_options.served_names.empty()) server_options.served_names.push_back(options.model.stem().string());
  server_options.model_root = options.model.string();

  auto engine = Engine::start(options.model, options.engine);
  if (!engine) return refuse(err, engine.error());
  if (auto loaded = load_adapters(**engine, options.adapters); !loaded) return refuse(err, loaded.error());
  auto server = OpenAiServer::start(**engine, server_options);
  if (!server) return refuse(err, server.error());
  out << "ready http://" << server_options.http.host << ":" << (*server)->port() << std::endl;
  signals.wait();
  (*server)->shut_down(shutdown_patience);
  return 0;
}

int generate(const GenerateOptions& options, std::ostream& out, std::ostream& err) {
  if (options.tokens_max < 1) return refuse(err, invalid("--max-tokens must be at least 1"));
  if (!(options.temperature >= 0) || !(options.top_p > 0 && options.top_p <= 1))
    return refuse(err, invalid("--temperature must be at least 0, and --top-p above 0 and at most 1"));
  const auto piece = generate_one(options);
  if (!piece) return refuse(err, piece.error());
  if (!options.ids) {
    out << piece->text << std::endl;
    return 0;
  }
  auto ids = nlohmann::json::array();
  for (const auto& token : piece->tokens) ids.push_back(token.id);
  out << ids.dump() << std::endl;
  return 0;
}

int embed(const EmbedOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  const auto kind = text_kind(options.input_type);
  if (!kind) return refuse(err, with_context(kind.error(), "--input-type"));
  auto embedder = Embedder::load(options.model, options.threads, options.weights);
  if (!embedder) return refuse(err, embedder.error());
  if (!options.adapter.empty())
    if (auto used = (*embedder)->use_adapter(options.adapter); !used) return refuse(err, used.error());
  std::string line;
  for (std::int64_t row = 1; std::getline(in, line); ++row) {
    auto vector = line.size() > line_bytes_max ? Result<std::vector<float>>(invalid("is longer than " + std::to_string(line_bytes_max) + " bytes"))
                                               : (*embedder)->embed(line, *kind);
    if (!vector) return refuse(err, with_context(vector.error(), "line " + std::to_string(row)));
    print_vector(*vector, out);
  }
  out.flush();
  return 0;
}

}  // namespace luthier::serve
