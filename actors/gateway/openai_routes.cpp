#include "actors/gateway/openai_routes.hpp"

#include <nlohmann/json.hpp>

#include "actors/gateway/model_member.hpp"
#include "actors/gateway/model_reference.hpp"
#include "actors/gateway/proxy.hpp"

namespace luthier::gateway {
namespace {

nlohmann::json as_json(const ServedModel& model) {
  return {{"id", model.id},
          {"object", "model"},
          {"created", 0},
          {"owned_by", model.owned_by},
          {"root", model.root},
          {"parent", model.parent.empty() ? nlohmann::json() : nlohmann::json(model.parent)}};
}

std::string dump(const nlohmann::json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

void refuse(Exchange& exchange, const Error& error) {
  switch (error.code) {
    case ErrorCode::not_found:
      return exchange.answer(404, "application/json", error_body(404, error.message, "model", "model_not_found"));
    case ErrorCode::unavailable:
      return exchange.answer(503, "application/json", error_body(503, error.message, "model", "model_unavailable"), {{"Retry-After", "2"}});
    case ErrorCode::limit:
      return exchange.answer(413, "application/json", error_body(413, error.message));
    default:
      return exchange.answer(400, "application/json", error_body(400, error.message, error.field));
  }
}

std::string workspace_of(const std::string& model) {
  const auto reference = parse_model_reference(model);
  return reference ? reference->workspace : "default";
}

bool is_refused(Exchange& exchange, const GatewayDoors& doors, const std::string& workspace) {
  if (!doors.refuse_inference) return false;
  const auto refused = doors.refuse_inference(exchange, workspace);
  if (!refused) return false;
  Exchange::Extra headers;
  if (!refused->challenge.empty()) headers.emplace_back("WWW-Authenticate", refused->challenge);
  exchange.answer(refused->status, "application/json", error_body(refused->status, refused->message), headers);
  return true;
}

}  // namespace

void infer(Exchange& exchange, const GatewayDoors& doors) {
  const auto body = exchange.body().read_all();
  if (!body) {
    if (body.error().code == ErrorCode::unavailable)
      return exchange.answer(408, "application/json", error_body(408, "the body did not arrive whole"));
    return refuse(exchange, body.error());
  }
  const auto member = find_model(*body);
  if (!member) return refuse(exchange, member.error());
  if (is_refused(exchange, doors, workspace_of(member->value))) return;
  const auto target = doors.route(member->value);
  if (!target) return refuse(exchange, target.error());
  pass_on(exchange, target->endpoint, target->upstream_model == member->value ? *body : with_model(*body, *member, target->upstream_model));
}

void list_models(Exchange& exchange, const GatewayDoors& doors) {
  nlohmann::json data = nlohmann::json::array();
  for (const auto& model : doors.list_models())
    if (!doors.refuse_inference || !doors.refuse_inference(exchange, model.owned_by)) data.push_back(as_json(model));
  exchange.answer(200, "application/json", dump({{"object", "list"}, {"data", data}}));
}

void show_model(Exchange& exchange, const GatewayDoors& doors, const std::string& id) {
  if (is_refused(exchange, doors, workspace_of(id))) return;
  const auto asked = parse_model_reference(id);
  for (const auto& model : doors.list_models())
    if (model.id == id || (asked && parse_model_reference(model.id) == asked))
      return exchange.answer(200, "application/json", dump(as_json(model)));
  refuse(exchange, {ErrorCode::not_found, "the model `" + id.substr(0, 255) + "` does not exist or is not served", "model"});
}

}  // namespace luthier::gateway
