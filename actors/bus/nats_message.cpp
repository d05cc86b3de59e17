#include "actors/bus/nats_message.hpp"

#include <algorithm>
#include <cstdlib>

namespace luthier::bus {
namespace {

bool has_break(const std::string& text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos; }

bool is_header_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

}  // namespace

bool is_publishable(std::string_view subject) {
  if (subject.empty() || subject.size() > 2048 || subject.front() == '.' || subject.back() == '.') return false;
  for (std::size_t i = 0; i < subject.size(); ++i) {
    const unsigned char c = subject[i];
    if (c <= ' ' || c == 0x7f || c == '*' || c == '>' || (c == '.' && subject[i - 1] == '.')) return false;
  }
  return true;
}

bool is_inbox(std::string_view subject) { return subject.substr(0, 7) == "_INBOX." && is_publishable(subject); }

Result<NatsMessage> to_nats(const Message& message) {
  if (!is_publishable(message.subject)) return invalid("this cannot be a subject on NATS", "subject");
  if (!message.reply.empty() && !is_publishable(message.reply))
    return invalid("this cannot be a reply subject on NATS", "reply");
  natsMsg* raw = nullptr;
  auto status = natsMsg_Create(&raw, message.subject.c_str(), message.reply.empty() ? nullptr : message.reply.c_str(),
                               message.payload.data(), static_cast<int>(message.payload.size()));
  NatsMessage made(raw);
  for (const auto& [name, value] : message.headers) {
    if (!is_header_name(name) || has_break(value)) return invalid("a header must be one line of text", "headers");
    if (status == NATS_OK) status = natsMsgHeader_Add(raw, name.c_str(), value.c_str());
  }
  if (status != NATS_OK) return nats_error(status, "making a message");
  return made;
}

Message from_nats(natsMsg* message) {
  Message made;
  made.subject = natsMsg_GetSubject(message);
  if (const char* reply = natsMsg_GetReply(message)) made.reply = reply;
  if (const int length = natsMsg_GetDataLength(message); length > 0) made.payload.assign(natsMsg_GetData(message), length);
  const char** keys = nullptr;
  int key_count = 0;
  if (natsMsgHeader_Keys(message, &keys, &key_count) != NATS_OK) return made;
  for (int k = 0; k < key_count; ++k) {
    const char** values = nullptr;
    int value_count = 0;
    if (natsMsgHeader_Values(message, keys[k], &values, &value_count) != NATS_OK) continue;
    for (int v = 0; v < value_count; ++v) made.headers.emplace_back(keys[k], values[v] ? values[v] : "");
    std::free(values);
  }
  std::free(keys);
  return made;
}

Error nats_error(natsStatus status, std::string_view doing) {
  const bool is_ours = status == NATS_INVALID_ARG || status == NATS_ILLEGAL_STATE || status == NATS_ERR;
  std::string text = natsStatus_GetText(status);
  if (status == NATS_TIMEOUT) text = "no answer in time (or the server does not permit it)";
  if (status == NATS_NO_RESPONDERS) text = "nobody listens there";
  return {is_ours ? ErrorCode::internal : ErrorCode::unavailable, std::string(doing) + ": " + text, {}};
}

}  // namespace luthier::bus
