#include "events/log/receipt.hpp"

#include "events/log/json_text.hpp"

namespace luthier::log {
namespace {

Error corrupt(std::string message) { return {ErrorCode::corrupt, std::move(message), {}}; }

void append_refusal(std::string& out, const Error& refusal) {
  out.append(",\"refusal\":{\"code\":");
  append_json_string(out, to_string(refusal.code));
  out.append(",\"message\":");
  append_json_string(out, refusal.message);
  out.append(",\"field\":");
  append_json_string(out, refusal.field);
  out.append("}");
}

std::optional<Error> take_refusal(JsonCursor& in) {
  if (!in.try_literal(",\"refusal\":{\"code\":")) return std::nullopt;
  const auto code = parse_error_code(in.string());
  in.literal(",\"message\":");
  auto message = in.string();
  in.literal(",\"field\":");
  auto field = in.string();
  in.literal(code ? "}" : "a code that we know");
  return Error{code.value_or(ErrorCode::internal), std::move(message), std::move(field)};
}

}  // namespace

std::string encode_receipt(const Receipt& receipt) {
  std::string out = "{\"digest\":";
  append_json_string(out, receipt.command_digest);
  out.append(",\"position\":").append(std::to_string(receipt.position));
  out.append(",\"version\":").append(std::to_string(receipt.version));
  out.append(",\"events\":[");
  for (std::size_t i = 0; i < receipt.events.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, receipt.events[i]);
  }
  out.append("],\"hash\":");
  append_json_string(out, receipt.hash);
  if (receipt.refusal) append_refusal(out, *receipt.refusal);
  return out += '}';
}

Result<Receipt> decode_receipt(const CommandKey& command, std::string_view stored) {
  Receipt receipt;
  receipt.command = command;
  JsonCursor in(stored);
  in.literal("{\"digest\":");
  receipt.command_digest = in.string();
  in.literal(",\"position\":");
  receipt.position = in.integer();
  in.literal(",\"version\":");
  receipt.version = in.integer();
  in.literal(",\"events\":[");
  if (!in.try_literal("]")) {
    do receipt.events.push_back(in.string());
    while (in.try_literal(","));
    in.literal("]");
  }
  in.literal(",\"hash\":");
  receipt.hash = in.string();
  receipt.refusal = take_refusal(in);
  in.literal("}");
  if (!in.at_end()) return corrupt("the receipt of command '" + command.id + "' is damaged");
  return receipt;
}

std::string encode_head(const StreamHead& head) {
  std::string out = "{\"version\":" + std::to_string(head.version) + ",\"position\":" + std::to_string(head.position);
  out.append(",\"workspace\":");
  append_json_string(out, head.workspace);
  out.append(",\"name\":");
  append_json_string(out, head.name);
  return out += '}';
}

Result<StreamHead> decode_head(std::string_view stored) {
  StreamHead head;
  JsonCursor in(stored);
  in.literal("{\"version\":");
  head.version = in.integer();
  in.literal(",\"position\":");
  head.position = in.integer();
  in.literal(",\"workspace\":");
  head.workspace = in.string();
  in.literal(",\"name\":");
  head.name = in.string();
  in.literal("}");
  if (!in.at_end()) return corrupt("the head of a stream is damaged");
  return head;
}

}  // namespace luthier::log
