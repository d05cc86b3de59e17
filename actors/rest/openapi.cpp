#include "actors/rest/openapi.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "actors/rest/names.hpp"

namespace luthier::rest {
namespace {

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No content";
    case 206: return "A part of it";
    case 301: return "It is elsewhere";
    case 304: return "It is what the caller has already";
    case 400: return "The request cannot be understood, or names what does not exist";
    case 401: return "The credential is missing, invalid or expired";
    case 403: return "The caller lacks the permission";
    case 404: return "Not found";
    case 409: return "It exists already, or its state does not allow this";
    case 408: return "The body did not arrive whole";
    case 413: return "The body is too large";
    case 415: return "The body is of a type that is not read here";
    case 416: return "The range cannot be satisfied";
    case 422: return "The request is not valid";
    case 424: return "What this depends on has failed";
    case 429: return "Too many requests or too much at once";
    case 502: return "Whoever this is passed on to gave no answer that can be read";
    case 503: return "Not available now";
    case 507: return "No space is left";
    default: return "Another answer";
  }
}

Schema error_detail() { return object({required("detail", any().described("A sentence that says what is wrong."))}).named("ErrorDetail"); }

Schema validation_error() {
  const auto one = object({required("loc", list_of(any_of({text(), integer()}))), required("msg", text()), required("type", text()),
                           maybe("input", any()), maybe("ctx", object({}).extra(Extra::keep))})
                       .named("ValidationError");
  return object({required("detail", any_of({list_of(one), text()}))}).named("HTTPValidationError");
}

// "/a/{x}/b" and "/a/{y}/b" are one path: OpenAPI tells them apart by nothing but the shape.
std::string shape_of(const std::string& path) {
  std::string shape;
  bool inside = false;
  for (const char c : path) {
    if (c == '}') inside = false;
    if (!inside) shape += c;
    if (c == '{') inside = true;
  }
  return shape;
}

std::string operation_id(const RouteInfo& route) {
  if (!route.operation_id.empty()) return route.operation_id;
  std::string id = route.method;
  for (const char c : route.path) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_word)
      id += c;
    else if (id.back() != '_')
      id += '_';
  }
  while (id.back() == '_') id.pop_back();
  std::transform(id.begin(), id.end(), id.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return id;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

class Document {
 public:
  Json of(const std::vector<RouteInfo>& routes, std::string_view title, std::string_view version) {
    Json paths = Json::object();
    for (const auto& route : routes) {
      const auto [known, is_new] = path_of_shape_.try_emplace(shape_of(route.path), route.path);
      paths[known->second][lower(route.method)] = operation(route, known->second);
    }
    return {{"openapi", "3.1.0"},
            {"info", {{"title", title}, {"version", version}}},
            {"paths", std::move(paths)},
            {"components",
             {{"schemas", std::move(components_)}, {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
            {"security", Json::array({Json::object({{"bearer", Json::array()}}), Json::object()})}};
  }

 private:
  Json operation(const RouteInfo& route, const std::string& path) {
    Json out = Json::object();
    if (!route.tag.empty()) append_member(out, "tags", Json::array({route.tag}));
    if (!route.summary.empty()) append_member(out, "summary", route.summary);
    if (!route.description.empty()) append_member(out, "description", route.description);
    append_member(out, "operationId", unique(operation_id(route)));
    if (auto all = parameters(route, path); !all.empty()) append_member(out, "parameters", std::move(all));
    if (route.body)
      append_member(out, "requestBody", {{"required", route.body_required}, {"content", content(*route.body, route.body_type)}});
    append_member(out, "responses", responses(route));
    if (route.is_public) append_member(out, "security", Json::array());
    return out;
  }

  std::string unique(std::string id) {
    const std::string start = id;
    for (int number = 2; !ids_.insert(id).second; ++number) id = start + "_" + std::to_string(number);
    return id;
  }

  // A path's parameters are named as in the first route of its shape.
  Json parameters(const RouteInfo& route, const std::string& path) {
    Json all = Json::array();
    for (auto open = path.find('{'); open != path.npos; open = path.find('{', open + 1)) {
      const auto name = path.substr(open + 1, path.find('}', open) - open - 1);
      all.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}, {"minLength", 1}}}});
    }
    for (const auto& [field, description] : route.query) {
      Json one = {{"name", field.name}, {"in", "query"}, {"required", field.required}};
      if (!description.empty()) append_member(one, "description", description);
      Json schema = json_schema(field.schema, components_);
      if (field.fallback && !field.fallback->is_null()) append_member(schema, "default", *field.fallback);
      append_member(one, "schema", std::move(schema));
      all.push_back(std::move(one));
    }
    return all;
  }

  Json content(const Schema& schema, const std::string& type) {
    return Json::object({{type, Json::object({{"schema", json_schema(schema, components_)}})}});
  }

  void put_other(Json& all, const OtherAnswer& other) {
    const auto status = std::to_string(other.status);
    if (!find_member(all, status)) append_member(all, status, {{"description", reason_of(other.status)}});
    if (!other.schema) return;
    const Json held = content(*other.schema, other.type);
    for (const auto& [type, schema] : held.items()) all[status]["content"][type] = schema;
  }

  Json responses(const RouteInfo& route) {
    Json all = Json::object();
    Json success = {{"description", reason_of(route.success)}};
    if (route.success != 204) append_member(success, "content", content(route.answer.value_or(any()), route.answer_type));
    append_member(all, std::to_string(route.success), std::move(success));
    for (const auto& other : route.others) put_other(all, other);
    std::set<int> errors(route.errors.begin(), route.errors.end());
    if (route.body || !route.query.empty()) errors.insert(422);
    for (const int status : errors) {
      if (find_member(all, std::to_string(status))) continue;
      const auto schema = status == 422 ? validation_error() : error_detail();
      append_member(all, std::to_string(status), {{"description", reason_of(status)}, {"content", content(schema, "application/json")}});
    }
    append_member(all, "default", {{"description", "Any other error"}, {"content", content(error_detail(), "application/json")}});
    return all;
  }

  Json components_ = Json::object();
  std::map<std::string, std::string> path_of_shape_;
  std::set<std::string> ids_;
};

}  // namespace

Json openapi(const std::vector<RouteInfo>& routes, std::string_view title, std::string_view version) {
  return Document().of(routes, title, version);
}

}  // namespace luthier::rest
