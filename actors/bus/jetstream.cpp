#include "actors/bus/jetstream.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "actors/bus/nats_message.hpp"
#include "actors/bus/subjects.hpp"

namespace luthier::bus {
namespace {

// Of the server's protocol (`err_code`).
enum : int { wrong_last_sequence = 10071, stream_bytes_full = 10054, store_failed = 10077, wrong_stream = 10060 };

struct StreamInfoDeleter {
  void operator()(jsStreamInfo* info) const { jsStreamInfo_Destroy(info); }
};
using StreamInfo = std::unique_ptr<jsStreamInfo, StreamInfoDeleter>;

struct ConsumerInfoDeleter {
  void operator()(jsConsumerInfo* info) const { jsConsumerInfo_Destroy(info); }
};
using ConsumerInfo = std::unique_ptr<jsConsumerInfo, ConsumerInfoDeleter>;

std::int64_t nanoseconds(std::chrono::nanoseconds time) { return time.count(); }

jsOptions waiting(const NatsOptions& options) {
  jsOptions made;
  jsOptions_Init(&made);
  made.Wait = options.request_wait.count();
  return made;
}

Error jetstream_error(natsStatus status, jsErrCode code, const std::string& doing) {
  auto error = nats_error(status, doing);
  if (code != 0) error.message += " (JetStream error " + std::to_string(static_cast<int>(code)) + ")";
  return error;
}

bool has_bounds(const jsStreamConfig& is, const jsStreamConfig& wanted) {
  return is.MaxMsgs == wanted.MaxMsgs && is.MaxBytes == wanted.MaxBytes && is.MaxMsgSize == wanted.MaxMsgSize;
}

Result<StreamInfo> ensure_stream(jsCtx* jetstream, const NatsOptions& options, jsStreamConfig& wanted) {
  auto wait = waiting(options);
  const std::string name = wanted.Name;
  jsStreamInfo* raw = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  auto status = js_GetStreamInfo(&raw, jetstream, wanted.Name, &wait, &code);
  StreamInfo info(raw);
  if (status == NATS_OK && has_bounds(*info->Config, wanted)) return info;
  if (status != NATS_OK && status != NATS_NOT_FOUND) return jetstream_error(status, code, "looking for the stream " + name);
  raw = nullptr;
  if (status == NATS_OK) {
    status = js_UpdateStream(&raw, jetstream, &wanted, &wait, &code);
  } else {
    spdlog::info("nats: making the stream {}", name);
    status = js_AddStream(&raw, jetstream, &wanted, &wait, &code);
  }
  info.reset(raw);
  if (status != NATS_OK) return jetstream_error(status, code, "making the stream " + name);
  return info;
}

Result<std::string> hash_of(jsCtx* jetstream, const NatsOptions& options, std::uint64_t sequence) {
  auto wait = waiting(options);
  natsMsg* raw = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const auto status = js_GetMsg(&raw, jetstream, events_stream, sequence, &wait, &code);
  const NatsMessage message(raw);
  if (status == NATS_NOT_FOUND) return std::string();
  if (status != NATS_OK) return jetstream_error(status, code, "reading event " + std::to_string(sequence) + " of the copy");
  const char* hash = nullptr;
  if (natsMsgHeader_Get(raw, hash_header, &hash) != NATS_OK || !hash) return std::string();
  return std::string(hash);
}

}  // namespace

Result<void> ensure_commands_stream(jsCtx* jetstream, const NatsOptions& options) {
  const std::string subject(all_commands);
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig wanted;
  jsStreamConfig_Init(&wanted);
  wanted.Name = commands_stream;
  wanted.Subjects = subjects;
  wanted.SubjectsLen = 1;
  wanted.Retention = js_WorkQueuePolicy;
  wanted.Storage = js_FileStorage;
  wanted.Discard = js_DiscardNew;  // a full intake refuses; it never forgets what it has taken
  wanted.MaxMsgs = options.commands_max;
  wanted.MaxBytes = options.commands_bytes_max;
  wanted.MaxMsgSize = static_cast<std::int32_t>(options.command_bytes_max);
  auto info = ensure_stream(jetstream, options, wanted);
  if (!info) return info.error();
  return {};
}

Result<EventCopy> ensure_events_stream(jsCtx* jetstream, const NatsOptions& options) {
  const std::string subject(all_events);
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig wanted;
  jsStreamConfig_Init(&wanted);
  wanted.Name = events_stream;
  wanted.Subjects = subjects;
  wanted.SubjectsLen = 1;
  wanted.Storage = js_FileStorage;
  wanted.Discard = js_DiscardOld;
  wanted.MaxBytes = options.events_bytes_max;
  wanted.DenyDelete = true;
  wanted.DenyPurge = true;
  auto info = ensure_stream(jetstream, options, wanted);
  if (!info) return info.error();
  EventCopy copy{static_cast<std::int64_t>((*info)->State.LastSeq), {}};
  if (copy.last_sequence == 0) return copy;
  auto hash = hash_of(jetstream, options, (*info)->State.LastSeq);
  if (!hash) return hash.error();
  copy.last_hash = std::move(*hash);
  return copy;
}

Result<void> drop_commands_consumer(jsCtx* jetstream, const NatsOptions& options) {
  auto wait = waiting(options);
  jsErrCode code = static_cast<jsErrCode>(0);
  const auto status = js_DeleteConsumer(jetstream, commands_stream, commands_consumer, &wait, &code);
  if (status != NATS_OK && status != NATS_NOT_FOUND)
    return jetstream_error(status, code, "replacing the consumer of commands");
  return {};
}

Result<void> ensure_commands_consumer(jsCtx* jetstream, const NatsOptions& options, std::size_t credit) {
  auto wait = waiting(options);
  jsErrCode code = static_cast<jsErrCode>(0);
  jsConsumerInfo* found = nullptr;
  auto status = js_GetConsumerInfo(&found, jetstream, commands_stream, commands_consumer, &wait, &code);
  const ConsumerInfo info(found);
  if (status == NATS_OK) return {};
  if (status != NATS_NOT_FOUND) return jetstream_error(status, code, "looking for the consumer of commands");
  jsConsumerConfig wanted;
  jsConsumerConfig_Init(&wanted);
  wanted.Durable = commands_consumer;
  wanted.DeliverSubject = deliver_subject;
  wanted.DeliverPolicy = js_DeliverAll;
  wanted.AckPolicy = js_AckExplicit;
  wanted.AckWait = nanoseconds(options.command_ack_wait);
  wanted.MaxAckPending = static_cast<std::int64_t>(credit);
  wanted.MaxDeliver = -1;  // an end to redelivery would leave the command in the work queue for ever
  jsConsumerInfo* raw = nullptr;
  status = js_AddConsumer(&raw, jetstream, commands_stream, &wanted, &wait, &code);
  const ConsumerInfo made(raw);
  if (status != NATS_OK) return jetstream_error(status, code, "making the consumer of commands");
  return {};
}

Result<std::uint64_t> parse_publish_answer(natsMsg* answer) {
  if (natsMsg_IsNoResponders(answer))
    return Error{ErrorCode::unavailable, "the server has no stream for this subject", {}};
  const auto* data = natsMsg_GetData(answer);
  const auto size = natsMsg_GetDataLength(answer);
  const auto json = nlohmann::json::parse(data, data + size, nullptr, false);
  if (!json.is_object()) return Error{ErrorCode::unavailable, "the server's answer to a publish is not JSON", {}};
  if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
    const auto code_member = error->find("err_code");
    const int code = code_member != error->end() && code_member->is_number_integer() ? code_member->get<int>() : 0;
    const auto text_member = error->find("description");
    const std::string text = text_member != error->end() && text_member->is_string() ? text_member->get<std::string>() : "refused";
    if (code == wrong_last_sequence || code == wrong_stream) return Error{ErrorCode::conflict, "NATS: " + text, {}};
    if (code == store_failed || code == stream_bytes_full) return Error{ErrorCode::limit, "NATS: " + text, {}};
    return Error{ErrorCode::unavailable, "NATS: " + text, {}};
  }
  const auto sequence = json.find("seq");
  if (sequence == json.end() || !sequence->is_number_unsigned())
    return Error{ErrorCode::unavailable, "the server's answer to a publish has no sequence", {}};
  return sequence->get<std::uint64_t>();
}

}  // namespace luthier::bus
