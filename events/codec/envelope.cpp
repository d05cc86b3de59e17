// The envelope around a command: who sends it, to which entity, under which id.
#include <algorithm>
#include <cassert>

#include "events/base/sha256.hpp"
#include "events/codec/codec.hpp"
#include "events/codec/commands_codec.hpp"
#include "events/json/fields.hpp"
#include "events/json/utf8.hpp"

namespace luthier::events {
namespace {

struct Envelope {
  std::string id, type, workspace, name;
  std::optional<std::int64_t> expected_version;
  std::optional<std::string> principal = {}, traceparent = {}, causation = {};
  JsonText data{"{}"};
  static constexpr auto fields() {
    return field_list(field("id", &Envelope::id),
                      field("type", &Envelope::type),
                      field("workspace", &Envelope::workspace),
                      field("name", &Envelope::name),
                      field_or_default("expected_version", &Envelope::expected_version),
                      field_or_default("principal", &Envelope::principal),
                      field_or_default("traceparent", &Envelope::traceparent),
                      field_or_default("causation", &Envelope::causation),
                      field_or_default("data", &Envelope::data));
  }
};

constexpr std::size_t id_characters_max = 128, principal_characters_max = 128, name_bytes_max = 255, causation_bytes_max = 128;

// The whole payload may be at fault, so that no member is named: an id that cannot be read cannot be answered under.
Error unreadable(const Error& error) { return {error.code, "the command's envelope: " + error.message, {}}; }

Result<void> check_text(std::string_view field, const std::string& text, std::size_t characters_max) {
  const auto complain = [&](const std::string& what) { return invalid(std::string(field) + ": " + what, std::string(field)); };
  if (text.empty()) return complain("must not be empty");
  if (json::count_code_points(text) > characters_max) return complain("at most " + std::to_string(characters_max) + " characters");
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(text.begin(), text.end(), is_control)) return complain("must not have control characters");
  return {};
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "00-<32 hexadecimal digits>-<16>-<2>"; a later version may have more behind it.
bool is_traceparent(std::string_view text) {
  return text.size() >= 55 && text.size() <= 256 && text[2] == '-' && text[35] == '-' && text[52] == '-' &&
         is_hex(text.substr(0, 2)) && is_hex(text.substr(3, 32)) && is_hex(text.substr(36, 16)) && is_hex(text.substr(53, 2));
}

bool is_claimed(std::string_view principal) { return principal == "system" || principal.starts_with("worker:"); }

Result<void> check_members(const Envelope& envelope) {
  if (auto ok = check_text("id", envelope.id, id_characters_max); !ok) return ok;
  if (auto ok = check_text("name", envelope.name, name_bytes_max); !ok) return ok;
  if (envelope.expected_version && *envelope.expected_version < 0)
    return invalid("expected_version: 0 (it must not exist) or more is needed", "expected_version");
  if (envelope.principal)
    if (auto ok = check_text("principal", *envelope.principal, principal_characters_max); !ok) return ok;
  if (envelope.traceparent && !is_traceparent(*envelope.traceparent))
    return invalid("traceparent: not a W3C trace context, such as 00-<32 hex digits>-<16>-01", "traceparent");
  if (envelope.causation)
    if (auto ok = check_text("causation", *envelope.causation, causation_bytes_max); !ok) return ok;
  return {};
}

Result<void> check_target(const Envelope& envelope, std::string_view entity, std::string_view workspace) {
  const std::string_view its_entity = entity_of_command(envelope.type);
  if (its_entity.empty()) return read_command(envelope.type, {}).error();
  if (its_entity != entity)
    return invalid("type: " + envelope.type + " is a command to a " + std::string(its_entity) + ", not to a " +
                       std::string(entity.substr(0, 100)), "type");
  if (envelope.workspace != workspace)
    return invalid("workspace: the subject says \"" + std::string(workspace.substr(0, 100)) + "\"", "workspace");
  return {};
}

// Whoever is not trusted speaks for clients only; and what is said in a worker's name needs that name.
Result<void> check_sender(const Envelope& envelope, bool trusted) {
  const std::string principal = envelope.principal.value_or("anonymous");
  if (!trusted) {
    if (is_claimed(principal)) return invalid("principal: \"" + principal + "\" is one of Luthier's own parts", "principal");
    if (envelope.causation) return invalid("causation: only Luthier's own parts give one", "causation");
  }
  const Sender sender = *sender_of_command(envelope.type);
  if (sender == Sender::anyone || principal == "system" || (sender == Sender::worker && principal.starts_with("worker:"))) return {};
  return invalid("type: " + envelope.type + " is sent by Luthier's own parts only", "type");
}

Result<void> check_own_members(const Command& command, bool trusted) {
  const auto* start = std::get_if<StartJob>(&command);
  for (const auto& [is_said, field] : {std::pair{start && start->inputs, "data.inputs"}, {start && start->seen_teacher, "data.seen_teacher"}})
    if (!trusted && is_said) return invalid(std::string(field) + ": is filled in by the check of the job, leave it out", field);
  return {};
}

}  // namespace

Result<Request> decode_request(std::string_view entity, std::string_view workspace, std::string_view payload,
                               const EnvelopeLimits& limits, bool trusted) {
  auto value = json::parse(payload, {limits.payload_bytes_max, limits.depth_max});
  if (!value) return unreadable(value.error());
  Envelope envelope;
  if (auto ok = json::read(*value, envelope, {}); !ok) return ok.error();
  if (auto ok = check_members(envelope); !ok) return ok.error();
  if (auto ok = check_target(envelope, entity, workspace); !ok) return ok.error();
  if (auto ok = check_sender(envelope, trusted); !ok) return ok.error();
  const json::Value no_data{json::Object{}};
  const json::Value* data = value->find("data");
  auto command = read_command(envelope.type, data ? *data : no_data);
  if (!command) return command.error();
  if (auto ok = check_own_members(*command, trusted); !ok) return ok.error();
  return Request{.key = {envelope.principal.value_or("anonymous"), envelope.workspace, envelope.id},
                 .entity = std::string(entity),
                 .name = envelope.name,
                 .expected_version = envelope.expected_version,
                 .traceparent = envelope.traceparent.value_or(""),
                 .causation = envelope.causation.value_or(""),
                 .command = std::move(*command)};
}

std::string id_in(std::string_view payload, const EnvelopeLimits& limits) {
  const auto value = json::parse(payload, {limits.payload_bytes_max, limits.depth_max});
  const auto* id = value ? value->find("id") : nullptr;
  if (!id || !id->text() || !check_text("id", *id->text(), id_characters_max)) return "";
  return *id->text();
}

std::string encode_request(const Request& request) {
  const auto unless_empty = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  auto [type, data] = encode(request.command);
  return json::to_json(Envelope{.id = request.key.id,
                                .type = std::move(type),
                                .workspace = request.key.workspace,
                                .name = request.name,
                                .expected_version = request.expected_version,
                                .principal = unless_empty(request.key.principal),
                                .traceparent = unless_empty(request.traceparent),
                                .causation = unless_empty(request.causation),
                                .data = {std::move(data)}});
}

std::string request_digest(const Request& request) {
  auto [type, data] = encode(request.command);
  const Envelope repeated{.id = "",
                          .type = std::move(type),
                          .workspace = request.key.workspace,
                          .name = request.name,
                          .expected_version = request.expected_version,
                          .data = {std::move(data)}};
  const auto text = json::canonical(json::to_json(repeated), {}, json::Order::by_name);
  assert(text);  // we have just written it
  return sha256_hex(request.entity + "\n" + text->text);
}

}  // namespace luthier::events
