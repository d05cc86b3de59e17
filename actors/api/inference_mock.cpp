#include "actors/api/inference_mock.hpp"

#include <charconv>

namespace luthier::api {

using rest::Answer;
using rest::Json;

namespace {

constexpr std::size_t counters_max = 10'000;
constexpr const char* response_header = "X-Mock-Response";

// The provider's own header of that name, whatever its case.
std::optional<std::string> header_of(const Json& provider, std::string_view name) {
  const auto* headers = rest::find_member(provider, "default_extra_headers");
  if (!headers || !headers->is_object()) return std::nullopt;
  for (const auto& [key, value] : headers->items())
    if (gateway::equals_ignoring_case(key, name) && value.is_string()) return value.get<std::string>();
  return std::nullopt;
}

std::optional<int> status_in(const std::string& text) {
  int status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (error != std::errc() || end != text.data() + text.size() || status < 200 || status > 599) return std::nullopt;
  return status;
}

Json body_of(const MockRequest& request) {
  auto json = rest::parse_json(request.body);
  return json && json->is_object() ? std::move(*json) : Json::object();
}

Answer given(int status, const std::string& text, const Json& body, const MockRequest& request) {
  Answer answer;
  answer.status = status;
  const auto asked = body_of(request);
  if (status < 300 && asked.value("stream", Json(false)) == true) {
    answer.content_type = "text/event-stream";
    answer.body = as_event_stream(body);
  } else {
    answer.body = text;
  }
  return answer;
}

Answer answer_in(const std::string& text, const std::string* status_text, const MockRequest& request) {
  const auto json = rest::parse_json(text);
  if (!json) return rest::detail(400, "Invalid JSON in " + std::string(response_header) + ": " + json.error().message);
  const auto status = status_text ? status_in(*status_text) : std::optional(200);
  if (!status) return rest::detail(400, "X-Mock-Status: a status from 200 to 599 is needed");
  return given(*status, text, *json, request);
}

Answer list_of_models(const Json& provider) {
  Json ids = Json::array({"mock-model"});
  if (const auto text = header_of(provider, "X-Mock-Served-Models")) {
    auto json = rest::parse_json(*text);
    if (!json || !json->is_array()) return rest::detail(400, "Invalid JSON in X-Mock-Served-Models: a list of names is needed");
    ids = std::move(*json);
  }
  Json data = Json::array();
  for (const auto& id : ids) data.push_back({{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "mock"}, {"root", id}, {"parent", nullptr}});
  return rest::ok({{"object", "list"}, {"data", data}});
}

std::string event(const Json& chunk) { return "data: " + rest::dump(chunk) + "\n\n"; }

}  // namespace

std::optional<Answer> InferenceMock::brought(const MockRequest& request) const {
  const auto* text = is_on() ? request.headers.find(response_header) : nullptr;
  if (!text) return std::nullopt;
  return answer_in(*text, request.headers.find("X-Mock-Status"), request);
}

Answer InferenceMock::answer(const MockRequest& request, const Json& provider, const std::string& entity) {
  if (const auto text = header_of(provider, response_header)) {
    const auto own_status = header_of(provider, "X-Mock-Status");
    const auto* asked_status = request.headers.find("X-Mock-Status");
    return answer_in(*text, asked_status ? asked_status : own_status ? &*own_status : nullptr, request);
  }
  if (const auto text = header_of(provider, "X-Mock-Response-Map")) {
    const auto map = rest::parse_json(*text);
    if (!map || !map->is_object()) return rest::detail(400, "Invalid JSON in X-Mock-Response-Map: an object of lists is needed");
    const auto model = body_of(request).value("model", Json(""));
    for (const auto& name : {model.is_string() ? model.get<std::string>() : std::string(), entity})
      if (const auto* answers = name.empty() ? nullptr : rest::find_member(*map, name); answers && answers->is_array() && !answers->empty()) {
        const auto next = next_of(*answers, rest::dump(provider.value("id", Json(""))) + name);
        return given(next.status, next.body, Json::parse(next.body, nullptr, false), request);
      }
  }
  if (request.tail == "v1/health/live") return rest::ok({{"status", "live"}});
  if (request.tail == "v1/health/ready") return rest::ok({{"status", "ready"}});
  if (request.tail == "v1/models") return list_of_models(provider);
  return rest::detail(400, "Mock provider mode is enabled, and there is no answer for this request: give one in the header X-Mock-Response");
}

Answer InferenceMock::next_of(const Json& answers, const std::string& counter) {
  std::size_t place = 0;
  {
    const std::lock_guard lock(mutex_);
    if (given_.size() >= counters_max && !given_.contains(counter)) given_.clear();
    place = given_[counter]++;
  }
  const auto& next = answers[std::min(place, answers.size() - 1)];
  const auto* status = rest::find_member(next, "response_code");
  const auto* body = rest::find_member(next, "response_body");
  Answer answer;
  answer.status = status && status->is_number_integer() && *status >= 200 && *status <= 599 ? status->get<int>() : 200;
  answer.body = rest::dump(body ? *body : Json::object());
  return answer;
}

std::string as_event_stream(const Json& completion) {
  std::string content, finish = "stop";
  const auto* choices = rest::find_member(completion, "choices");
  if (choices && choices->is_array() && !choices->empty()) {
    const auto* message = rest::find_member((*choices)[0], "message");
    const auto* text = message ? rest::find_member(*message, "content") : nullptr;
    if (text && text->is_string()) content = text->get<std::string>();
    if (const auto* reason = rest::find_member((*choices)[0], "finish_reason"); reason && reason->is_string()) finish = reason->get<std::string>();
  }
  Json frame = {{"id", "mock"}, {"object", "chat.completion.chunk"}, {"created", 0}, {"model", "mock-model"}};
  for (const char* name : {"id", "created", "model"})
    if (const auto* found = rest::find_member(completion, name)) frame[name] = *found;
  const auto chunk = [&](Json delta, Json reason) {
    frame["choices"] = Json::array({{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(reason)}}});
    return event(frame);
  };
  std::string stream = chunk({{"role", "assistant"}, {"content", ""}}, nullptr);
  for (std::size_t begin = 0; begin < content.size();) {  // each blank goes with the word before it
    const auto blank = content.find(' ', begin);
    const auto end = blank == content.npos ? content.size() : blank + 1;
    stream += chunk({{"content", content.substr(begin, end - begin)}}, nullptr);
    begin = end;
  }
  return stream + chunk(Json::object(), finish) + "data: [DONE]\n\n";
}

}  // namespace luthier::api
