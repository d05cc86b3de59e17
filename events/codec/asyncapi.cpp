#include "events/codec/asyncapi.hpp"

#include <array>
#include <cassert>
#include <initializer_list>

#include "events/codec/codec.hpp"
#include "events/json/value.hpp"

namespace luthier::events {
namespace {

using json::Value;

Value text(std::string words) { return Value{std::move(words)}; }

Value object(std::initializer_list<std::pair<std::string, Value>> members) {
  json::Object made;
  for (const auto& [name, value] : members) {
    made.names.push_back(name);
    made.values.push_back(value);
  }
  return Value{std::move(made)};
}

Value list(std::initializer_list<Value> values) { return Value{json::Array(values)}; }

void add(Value& into, std::string name, Value value) {
  auto& members = std::get<json::Object>(into.held);
  members.names.push_back(std::move(name));
  members.values.push_back(std::move(value));
}

Value schema(std::string_view json_text) {
  auto value = json::parse(json_text);
  assert(value);
  return std::move(*value);
}

Value reference(const std::string& to) { return object({{"$ref", text("#/" + to)}}); }

// The documents around the data, as design and gateway know them; the data itself comes from the declarations.
constexpr std::string_view error_schema =
    R"({"type":"object","required":["code","field","message"],"properties":{"code":{"enum":["invalid","not_found","conflict","limit","out_of_memory","unavailable","cancelled","corrupt","io","internal"]},"field":{"type":"string"},"message":{"type":"string"}}})";
constexpr std::string_view receipt_schema =
    R"({"type":"object","required":["id","status"],"properties":{"id":{"type":"string"},"status":{"enum":["accepted","refused"]},"position":{"type":"integer"},"version":{"type":"integer"},"events":{"type":"array","items":{"type":"string"}},"hash":{"type":"string"},"error":{"$ref":"#/components/schemas/Error"}}})";
constexpr std::string_view question_schema =
    R"({"type":"object","properties":{"name":{"type":"string"},"after":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":1000},"at":{"type":["integer","string"]},"min_position":{"type":"integer","minimum":0},"from":{"type":"integer","minimum":0}}})";
constexpr std::string_view answer_schema =
    R"({"type":"object","properties":{"position":{"type":"integer"},"item":{"type":"object"},"items":{"type":"array","items":{"type":"object"}},"next":{"type":["string","null"]},"error":{"$ref":"#/components/schemas/Error"}}})";
constexpr std::string_view telemetry_schema = R"({"type":"object"})";

constexpr std::array<std::string_view, 10> entities{"secret", "record", "platform_job", "workspace", "fileset", "model", "job", "deployment", "worker", "adapter"};

// {id, type, workspace, name, expected_version?, principal?, traceparent?, data}
Value command_payload(const Declaration& command) {
  return object({{"type", text("object")},
                 {"required", list({text("id"), text("type"), text("workspace"), text("name")})},
                 {"additionalProperties", Value{false}},
                 {"properties",
                  object({{"id", object({{"type", text("string")}, {"minLength", Value{std::int64_t{1}}}, {"maxLength", Value{std::int64_t{128}}}})},
                          {"type", object({{"const", text(std::string(command.type))}})},
                          {"workspace", object({{"type", text("string")}})},
                          {"name", object({{"type", text("string")}})},
                          {"expected_version", object({{"type", text("integer")}, {"minimum", Value{std::int64_t{0}}}})},
                          {"principal", object({{"type", text("string")}, {"maxLength", Value{std::int64_t{128}}}})},
                          {"traceparent", object({{"type", text("string")}})},
                          {"data", schema(command.schema)}})}});
}

// A CloudEvent 1.0 with our extension attributes.
Value event_payload(const Declaration& event) {
  const Value string_schema = object({{"type", text("string")}}), integer_schema = object({{"type", text("integer")}});
  return object({{"type", text("object")},
                 {"required", list({text("specversion"), text("id"), text("source"), text("type"), text("time"), text("position"),
                                    text("version"), text("commandid"), text("correlationid"), text("hash"), text("data")})},
                 {"properties",
                  object({{"specversion", object({{"const", text("1.0")}})},
                          {"id", string_schema},
                          {"source", string_schema},
                          {"type", object({{"const", text("luthier." + std::string(event.type) + ".v" + std::to_string(event.version))}})},
                          {"time", object({{"type", text("string")}, {"format", text("date-time")}})},
                          {"datacontenttype", object({{"const", text("application/json")}})},
                          {"position", integer_schema},
                          {"version", integer_schema},
                          {"commandid", string_schema},
                          {"correlationid", string_schema},
                          {"causationid", string_schema},
                          {"traceparent", string_schema},
                          {"principal", string_schema},
                          {"previoushash", string_schema},
                          {"hash", string_schema},
                          {"data", schema(event.schema)}})}});
}

class Document {
 public:
  Document() {
    add(schemas_, "Error", schema(error_schema));
    message("Receipt", "The answer to a command, after its events are on disk.", schema(receipt_schema));
    message("Question", "What is asked of the read models.", schema(question_schema));
    message("Answer", "A row, rows, or events, and the position that they are of.", schema(answer_schema));
    message("Telemetry", "Steps, losses and log lines of a training; not kept.", schema(telemetry_schema));
  }

  void command(const Declaration& declared) {
    const std::string type(declared.type), tail = "{workspace}." + std::string(declared.entity) + "." + type;
    message(type, "A wish; it may be refused.", command_payload(declared), headers("Luthier-Reply-To"));
    channel("durable" + type, "luthier.v1.cmd." + tail, type);
    operation("send" + type, "receive", "durable" + type, "receipts",
              "Kept in a work queue until it is decided. The receipt goes to receipt.<command id>, and to the inbox in the header Luthier-Reply-To.");
    channel("request" + type, "luthier.v1.req." + tail, type);
    operation("ask" + type, "receive", "request" + type, "inbox", "The same command as request and reply, for a caller who waits.");
  }

  void event(const Declaration& declared) {
    const std::string type(declared.type), message_name = type + "V" + std::to_string(declared.version);
    message(message_name, "A fact.", event_payload(declared), headers("Luthier-Hash"));
    channel("event" + message_name, "luthier.v1.evt.{workspace}." + std::string(declared.entity) + ".{name}." + type, message_name);
    operation("tell" + message_name, "send", "event" + message_name, "", "In the order of positions; the stream's sequence is the position.");
  }

  void questions(const std::string& entity) {
    for (const std::string verb : {"get", "list", "history"}) {
      const std::string id = "query_" + entity + "_" + verb;
      channel(id, "luthier.v1.qry.{workspace}." + entity + "." + verb, "Question");
      operation(id, "receive", id, "answers", "Answered from the read models, now or `at` a position or time.");
    }
  }

  void rest() {
    channel("receipts", "luthier.v1.receipt.{id}", "Receipt");
    channel("inbox", "", "Receipt");
    channel("answers", "", "Answer");
    channel("telemetry", "luthier.v1.tlm.{workspace}.job.{name}.{kind}", "Telemetry");
    operation("telemetry", "send", "telemetry", "", "Published by workers while they train.");
  }

  std::string take() {
    std::string out;
    json::append(out, object({{"asyncapi", text("3.0.0")},
                              {"info", object({{"title", text("Luthier")},
                                               {"version", text("1")},
                                               {"description", text("Commands, queries and events of Luthier over NATS. A name inside a subject "
                                                                    "has '.' and other reserved characters percent-encoded.")}})},
                              {"defaultContentType", text("application/json")},
                              {"servers", object({{"nats", object({{"host", text("127.0.0.1:4222")}, {"protocol", text("nats")}})}})},
                              {"channels", std::move(channels_)},
                              {"operations", std::move(operations_)},
                              {"components", object({{"messages", std::move(messages_)}, {"schemas", std::move(schemas_)}})}}));
    return out;
  }

 private:
  static Value headers(const std::string& name) {
    return object({{"type", text("object")}, {"properties", object({{name, object({{"type", text("string")}})}})}});
  }

  void message(const std::string& name, const std::string& summary, Value payload, Value headers = {}) {
    Value made = object({{"name", text(name)}, {"summary", text(summary)}});
    if (!headers.is_null()) add(made, "headers", std::move(headers));
    add(made, "payload", reference("components/schemas/" + name));
    add(schemas_, name, std::move(payload));
    add(messages_, name, std::move(made));
  }

  // An empty address: known only at run time, as the inbox of a request is.
  void channel(const std::string& id, const std::string& address, const std::string& message_name) {
    Value parameters = object({});
    for (const std::string parameter : {"workspace", "name", "kind", "id"})
      if (address.find("{" + parameter + "}") != address.npos) add(parameters, parameter, object({}));
    Value made = object({{"address", address.empty() ? Value{} : text(address)},
                         {"messages", object({{message_name, reference("components/messages/" + message_name)}})}});
    if (!std::get<json::Object>(parameters.held).names.empty()) add(made, "parameters", std::move(parameters));
    add(channels_, id, std::move(made));
  }

  void operation(const std::string& id, const std::string& action, const std::string& channel_id, const std::string& reply,
                 const std::string& summary) {
    Value made = object({{"action", text(action)}, {"channel", reference("channels/" + channel_id)}, {"summary", text(summary)}});
    if (!reply.empty()) add(made, "reply", object({{"channel", reference("channels/" + reply)}}));
    add(operations_, id, std::move(made));
  }

  Value channels_ = object({}), operations_ = object({}), messages_ = object({}), schemas_ = object({});
};

}  // namespace

std::string asyncapi_document() {
  Document document;
  for (const Declaration& declared : declarations()) {
    if (declared.version > 0)
      document.event(declared);
    else if (is_public_command(declared.type))
      document.command(declared);
  }
  for (const std::string_view entity : entities) document.questions(std::string(entity));
  document.rest();
  return document.take();
}

}  // namespace luthier::events
