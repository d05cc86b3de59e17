#include "actors/cli/client.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "actors/bus/nats_bus.hpp"
#include "actors/bus/subjects.hpp"

namespace luthier::cli {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;
using std::chrono::milliseconds;

Error error_of(const ordered_json& body) {
  const auto text = [&](const char* name) {
    const auto member = body.find(name);
    return member != body.end() && member->is_string() ? member->get<std::string>() : std::string();
  };
  return {parse_error_code(text("code")).value_or(ErrorCode::internal), text("message"), text("field")};
}

Error not_understood(const std::string& what) {
  return {ErrorCode::internal, "the server's answer to " + what + " is not what the contract says", ""};
}

}  // namespace

std::string new_command_id() {
  constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::random_device random;
  auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  std::string id(26, '0');
  for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = alphabet[time & 31];
  for (std::size_t i = 10; i < id.size(); ++i) id[i] = alphabet[random() & 31];
  return id;
}

Client::Client(std::unique_ptr<bus::NatsBus> bus, milliseconds timeout) : bus_(std::move(bus)), timeout_(timeout) {}
Client::~Client() = default;

Result<std::string> Client::request(const std::string& subject, const std::string& payload) {
  const auto until = Clock::now() + timeout_;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
    auto answer = bus_->request({subject, "", {}, payload}, std::clamp(left, milliseconds(1), milliseconds(20'000)));
    if (answer) return std::move(answer->payload);
    if (answer.error().code != ErrorCode::unavailable || Clock::now() >= until) return answer.error();
    std::this_thread::sleep_for(milliseconds(100));  // nobody listens yet, or again
  }
}

Result<ordered_json> Client::send(const Command& command) {
  ordered_json envelope{{"id", command.id.empty() ? new_command_id() : command.id},
                        {"type", command.type},
                        {"workspace", command.workspace},
                        {"name", command.name}};
  if (!command.expected_version.empty()) envelope["expected_version"] = ordered_json::parse(command.expected_version, nullptr, false);
  if (!command.principal.empty()) envelope["principal"] = command.principal;
  envelope["data"] = ordered_json::parse(command.data.empty() ? "{}" : command.data, nullptr, false);
  if (envelope["data"].is_discarded()) return invalid("the command's data is no JSON", "data");
  const auto subject = bus::request_subject(command.workspace, command.entity, command.type);
  auto answer = request(subject, envelope.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  if (!answer) return with_context(answer.error(), command.type);
  auto receipt = ordered_json::parse(*answer, nullptr, false);
  if (!receipt.is_object() || !receipt.contains("status")) return not_understood(command.type);
  if (const auto position = receipt.find("position"); position != receipt.end() && position->is_number_integer())
    seen_ = std::max(seen_, position->get<Position>());
  return receipt;
}

Result<ordered_json> Client::must(const Command& command) {
  auto receipt = send(command);
  if (!receipt) return receipt;
  if ((*receipt)["status"] == "accepted") return receipt;
  const auto error = receipt->find("error");
  return error != receipt->end() && error->is_object() ? error_of(*error) : not_understood(command.type);
}

Result<ordered_json> Client::query(const std::string& workspace, const std::string& entity, const std::string& verb,
                                   const ordered_json& body) {
  auto question = body;
  if (seen_ > 0 && !question.contains("at")) question["min_position"] = seen_;
  auto answer = request(bus::query_subject(workspace, entity, verb), question.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  if (!answer) return with_context(answer.error(), "asking for " + entity + " " + verb);
  auto parsed = ordered_json::parse(*answer, nullptr, false);
  if (!parsed.is_object()) return not_understood(entity + " " + verb);
  if (const auto error = parsed.find("error"); error != parsed.end() && error->is_object()) return error_of(*error);
  return parsed;
}

Result<ordered_json> Client::get(const std::string& workspace, const std::string& entity, const std::string& name, const std::string& at) {
  ordered_json body{{"name", name}};
  if (!at.empty()) body["at"] = at;
  auto answer = query(workspace, entity, "get", body);
  if (!answer) return answer;
  if (!answer->contains("item")) return not_understood(entity + " get");
  return std::move((*answer)["item"]);
}

Result<ordered_json> Client::list(const std::string& workspace, const std::string& entity, const std::string& at, std::size_t items_max) {
  ordered_json all{{"position", nullptr}, {"items", ordered_json::array()}};
  std::string after;
  do {
    ordered_json body{{"limit", 1000}};
    if (!at.empty()) body["at"] = at;
    if (!after.empty()) body["after"] = after;
    auto page = query(workspace, entity, "list", body);
    if (!page) return page;
    if (!page->contains("items") || !(*page)["items"].is_array()) return not_understood(entity + " list");
    all["position"] = (*page)["position"];
    for (auto& item : (*page)["items"]) all["items"].push_back(std::move(item));
    const auto next = page->find("next");
    after = next != page->end() && next->is_string() ? next->get<std::string>() : "";
  } while (!after.empty() && all["items"].size() < items_max);
  return all;
}

Result<std::unique_ptr<bus::Subscription>> Client::subscribe(const std::string& subject, bus::Bus::Handler handler) {
  auto subscription = bus_->subscribe(subject, std::move(handler));
  if (!subscription) return subscription;
  if (auto ok = bus_->flush(std::chrono::seconds(5)); !ok) return ok.error();
  return subscription;
}

}  // namespace luthier::cli
