#include "events/log/record.hpp"

#include <openssl/evp.h>

#include <array>
#include <cassert>
#include <memory>
#include <new>

#include "events/log/json_text.hpp"

namespace luthier::log {
namespace {

constexpr std::size_t hash_digits = 64;
constexpr std::string_view before_previous = ",\"previous\":\"", before_hash = "\",\"hash\":\"", end = "\"}";
constexpr std::size_t tail_bytes = before_previous.size() + hash_digits + before_hash.size() + hash_digits + end.size();

// A start verifies the whole log, so a digest must not pay for an allocation and a look-up of the algorithm each time:
// this is Sha256 of events/base with the context kept, about three times as fast on records of this size.
class Digester {
 public:
  Digester() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    if (!algorithm_ || !context_) throw std::bad_alloc();
  }
  ~Digester() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  std::array<unsigned char, 32> operator()(std::string_view first, std::string_view second) {
    std::array<unsigned char, 32> out{};
    [[maybe_unused]] const bool ok = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
                                     EVP_DigestUpdate(context_, first.data(), first.size()) == 1 &&
                                     EVP_DigestUpdate(context_, second.data(), second.size()) == 1 &&
                                     EVP_DigestFinal_ex(context_, out.data(), nullptr) == 1;
    assert(ok);
    return out;
  }

 private:
  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool is_hash(std::string_view text) {
  if (text.size() != hash_digits) return false;
  for (const char c : text)
    if (hex_value(c) < 0) return false;
  return true;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, value);
}

void append_member(std::string& out, std::string_view name, std::int64_t value) {
  out.append(",\"").append(name).append("\":").append(std::to_string(value));
}

Error corrupt(std::string message) { return {ErrorCode::corrupt, std::move(message), {}}; }

std::string at(Position position) { return "position " + std::to_string(position); }

}  // namespace

const Hash& zero_hash() {
  static const Hash zeros(hash_digits, '0');
  return zeros;
}

std::string canonical_text(const Record& record) {
  std::string text;
  text.reserve(record.data.size() + 512);
  text.append("{\"position\":").append(std::to_string(record.position));
  append_member(text, "time", format_time(record.time));
  append_member(text, "entity", record.stream.entity);
  append_member(text, "id", record.stream.id);
  append_member(text, "version", record.version);
  append_member(text, "workspace", record.workspace);
  append_member(text, "name", record.name);
  append_member(text, "type", record.type);
  append_member(text, "type_version", record.type_version);
  append_member(text, "principal", record.command.principal);
  append_member(text, "command_workspace", record.command.workspace);
  append_member(text, "command", record.command.id);
  append_member(text, "correlation", record.correlation);
  append_member(text, "causation", record.causation);
  append_member(text, "traceparent", record.traceparent);
  text.append(",\"data\":").append(record.data).append("}");
  return text;
}

Hash hash_record(const Hash& previous, std::string_view canonical_text) {
  assert(is_hash(previous));
  std::array<char, 32> previous_bytes{};
  for (std::size_t i = 0; i < previous_bytes.size(); ++i)
    previous_bytes[i] = static_cast<char>(hex_value(previous[2 * i]) * 16 + hex_value(previous[2 * i + 1]));
  thread_local Digester digest;
  Hash hash;
  hash.reserve(hash_digits);
  for (const unsigned char byte : digest({previous_bytes.data(), previous_bytes.size()}, canonical_text)) {
    hash += "0123456789abcdef"[byte >> 4];
    hash += "0123456789abcdef"[byte & 15];
  }
  return hash;
}

std::string seal(Record& record) {
  std::string text = canonical_text(record);
  record.hash = hash_record(record.previous, text);
  text.pop_back();
  text.append(before_previous).append(record.previous).append(before_hash).append(record.hash).append(end);
  return text;
}

Result<Record> decode_record(std::string_view stored) {
  if (stored.size() < tail_bytes) return corrupt("the record is cut short");
  const std::string_view tail = stored.substr(stored.size() - tail_bytes);
  const std::string_view previous = tail.substr(before_previous.size(), hash_digits);
  const std::string_view hash = tail.substr(before_previous.size() + hash_digits + before_hash.size(), hash_digits);
  const bool is_tail = tail.starts_with(before_previous) && tail.ends_with(end) &&
                       tail.substr(before_previous.size() + hash_digits).starts_with(before_hash);
  if (!is_tail || !is_hash(previous) || !is_hash(hash)) return corrupt("the record has no hash");

  Record record;
  record.previous = previous;
  record.hash = hash;
  std::string canonical(stored.substr(0, stored.size() - tail_bytes));
  canonical += '}';
  if (hash_record(record.previous, canonical) != record.hash) return corrupt("the record's bytes do not have its hash");

  JsonCursor in(canonical);
  in.literal("{\"position\":");
  record.position = in.integer();
  in.literal(",\"time\":");
  const auto time = parse_time(in.string());
  in.literal(",\"entity\":");
  record.stream.entity = in.string();
  in.literal(",\"id\":");
  record.stream.id = in.string();
  in.literal(",\"version\":");
  record.version = in.integer();
  in.literal(",\"workspace\":");
  record.workspace = in.string();
  in.literal(",\"name\":");
  record.name = in.string();
  in.literal(",\"type\":");
  record.type = in.string();
  in.literal(",\"type_version\":");
  record.type_version = static_cast<int>(in.integer());
  in.literal(",\"principal\":");
  record.command.principal = in.string();
  in.literal(",\"command_workspace\":");
  record.command.workspace = in.string();
  in.literal(",\"command\":");
  record.command.id = in.string();
  in.literal(",\"correlation\":");
  record.correlation = in.string();
  in.literal(",\"causation\":");
  record.causation = in.string();
  in.literal(",\"traceparent\":");
  record.traceparent = in.string();
  in.literal(",\"data\":");
  record.data = in.take_all_but(1);
  in.literal("}");
  if (!in.at_end() || !time) return corrupt("the record is not in the layout of format 1");
  record.time = *time;
  return record;
}

Hash stored_hash(std::string_view stored) {
  if (stored.size() < tail_bytes) return {};
  return Hash(stored.substr(stored.size() - end.size() - hash_digits, hash_digits));
}

Result<Record> decode_record_at(Position position, std::string_view stored) {
  auto record = decode_record(stored);
  if (!record) return with_context(record.error(), at(position));
  if (record->position != position) return corrupt(at(position) + ": holds the record of " + at(record->position));
  return record;
}

Result<void> check_link(const Record& record, const Hash& previous) {
  if (record.previous == previous) return {};
  return corrupt(at(record.position) + ": does not follow the record before it (a record was changed, removed or reordered)");
}

}  // namespace luthier::log
