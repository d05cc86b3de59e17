#include "actors/api/jobs_otlp.hpp"

#include <bit>
#include <charconv>
#include <cstring>
#include <map>

#include "actors/rest/json.hpp"
#include "events/json/utf8.hpp"

namespace luthier::api {

using rest::Json;

namespace {

constexpr std::size_t message_bytes_max = 64 * 1024, value_bytes_max = 512;
constexpr int depth_max = 16;  // of values in values

using Attributes = std::map<std::string, std::string>;

struct Record {
  std::uint64_t time_nanoseconds = 0, observed_nanoseconds = 0;
  std::string body;
  Attributes attributes;
};

std::string readable(const std::string& text, std::size_t bytes_max) { return json::repaired_utf8(text, bytes_max); }

// What a record says of itself goes before what its resource says.
void add(const Attributes& resource, const Record& record, Timestamp now, OtlpLogs& into) {
  const auto value = [&](const char* name) {
    for (const auto* attributes : {&record.attributes, &resource})
      if (const auto found = attributes->find(name); found != attributes->end()) return readable(found->second, value_bytes_max);
    return std::string();
  };
  LogLine line{"", value("job_attempt"), value("job"), value("job_step"), value("job_task"), readable(record.body, message_bytes_max)};
  if (line.job.empty() || line.attempt.empty() || line.step.empty() || line.task.empty()) {
    ++into.rejected;
    return;
  }
  const auto nanoseconds = record.time_nanoseconds ? record.time_nanoseconds : record.observed_nanoseconds;
  line.timestamp = format_time(nanoseconds ? static_cast<Timestamp>(nanoseconds / 1'000) : now);
  into.lines.push_back(std::move(line));
}

// ------------------------------------------------------------------------------------------------------------------ JSON

// A value of OpenTelemetry as a text; what is no single value, as JSON.
std::string text_of(const Json& value) {
  if (!value.is_object()) return "";
  if (const auto* text = rest::find_member(value, "stringValue"); text && text->is_string()) return text->get<std::string>();
  for (const auto* name : {"intValue", "doubleValue", "boolValue"})
    if (const auto* held = rest::find_member(value, name)) return held->is_string() ? held->get<std::string>() : rest::dump(*held);
  return value.empty() ? "" : rest::dump(value);
}

Attributes attributes_of(const Json& owner) {
  Attributes attributes;
  const auto* list = owner.is_object() ? rest::find_member(owner, "attributes") : nullptr;
  if (!list || !list->is_array()) return attributes;
  for (const auto& each : *list) {
    const auto *key = rest::find_member(each, "key"), *value = rest::find_member(each, "value");
    if (key && key->is_string() && value) attributes[key->get<std::string>()] = text_of(*value);
  }
  return attributes;
}

// 64-bit numbers are texts in OpenTelemetry's JSON, and numbers in that of many senders.
std::uint64_t number_of(const Json& record, const char* name) {
  const auto* member = rest::find_member(record, name);
  if (!member) return 0;
  if (member->is_number_unsigned()) return member->get<std::uint64_t>();
  if (member->is_number_integer()) return static_cast<std::uint64_t>(std::max<std::int64_t>(member->get<std::int64_t>(), 0));
  std::uint64_t number = 0;
  if (const auto* text = member->get_ptr<const std::string*>()) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// The elements of a list that must be objects. False: it is something else.
template <class Visit>
bool each(const Json& owner, const char* name, const Visit& visit) {
  const auto* list = rest::find_member(owner, name);
  if (!list || list->is_null()) return true;
  if (!list->is_array()) return false;
  for (const auto& element : *list)
    if (!element.is_object() || !visit(element)) return false;
  return true;
}

// -------------------------------------------------------------------------------------------------------------- protobuf

// One message's fields, one after the other.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  // False: the end, or something broken.
  bool next() {
    if (bytes_.empty() || is_broken_) return false;
    const auto tag = take_varint();
    field_ = static_cast<std::uint32_t>(tag >> 3);
    text_ = {};
    number_ = 0;
    switch (tag & 7) {
      case 0: number_ = take_varint(); break;
      case 1: number_ = take_fixed<std::uint64_t>(); break;
      case 2: {
        const auto size = take_varint();
        if (size > bytes_.size()) is_broken_ = true;
        else text_ = bytes_.substr(0, static_cast<std::size_t>(size)), bytes_.remove_prefix(static_cast<std::size_t>(size));
        break;
      }
      case 5: number_ = take_fixed<std::uint32_t>(); break;
      default: is_broken_ = true;
    }
    if (field_ == 0) is_broken_ = true;
    return !is_broken_;
  }
  std::uint32_t field() const { return field_; }
  std::uint64_t number() const { return number_; }
  std::string_view text() const { return text_; }
  bool is_whole() const { return !is_broken_; }

 private:
  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    is_broken_ = true;
    return 0;
  }
  template <class Number>
  std::uint64_t take_fixed() {
    Number value = 0;
    if (bytes_.size() < sizeof value) {
      is_broken_ = true;
      return 0;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);  // both are little-endian
    bytes_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view bytes_, text_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0;
  bool is_broken_ = false;
};

bool read_value(std::string_view bytes, std::string& into, int depth = 0) {
  Reader value(bytes);
  while (value.next()) {
    switch (value.field()) {
      case 1: into = value.text(); break;
      case 2: into = value.number() ? "true" : "false"; break;
      case 3: into = std::to_string(static_cast<std::int64_t>(value.number())); break;
      case 4: into = rest::dump(std::bit_cast<double>(value.number())); break;
      case 5: {  // a list: its values, one after the other
        if (depth >= depth_max) return false;
        Reader list(value.text());
        while (list.next()) {
          std::string element;
          if (list.field() == 1 && !read_value(list.text(), element, depth + 1)) return false;
          if (!into.empty()) into += ", ";
          into += element;
        }
        if (!list.is_whole()) return false;
        break;
      }
      default: break;  // maps and bytes are nothing that a line could show
    }
  }
  return value.is_whole();
}

bool read_attribute(std::string_view bytes, Attributes& into) {
  Reader pair(bytes);
  std::string key, value;
  while (pair.next()) {
    if (pair.field() == 1) key = pair.text();
    if (pair.field() == 2 && !read_value(pair.text(), value)) return false;
  }
  into[key] = std::move(value);
  return pair.is_whole();
}

bool read_record(std::string_view bytes, Record& into) {
  Reader record(bytes);
  while (record.next()) {
    if (record.field() == 1) into.time_nanoseconds = record.number();
    if (record.field() == 11) into.observed_nanoseconds = record.number();
    if (record.field() == 5 && !read_value(record.text(), into.body)) return false;
    if (record.field() == 6 && !read_attribute(record.text(), into.attributes)) return false;
  }
  return record.is_whole();
}

// The members of a message with this number, in their order. False: it is broken, or the visitor says so.
template <class Visit>
bool each_field(std::string_view bytes, std::uint32_t field, const Visit& visit) {
  Reader message(bytes);
  while (message.next())
    if (message.field() == field && !visit(message.text())) return false;
  return message.is_whole();
}

}  // namespace

std::optional<OtlpLogs> read_otlp_json(std::string_view text, Timestamp now) {
  const auto request = rest::parse_json(text);
  if (!request || !request->is_object()) return std::nullopt;
  OtlpLogs logs;
  const bool is_whole = each(*request, "resourceLogs", [&](const Json& of_resource) {
    const auto* resource = rest::find_member(of_resource, "resource");
    const auto attributes = resource ? attributes_of(*resource) : Attributes();
    return each(of_resource, "scopeLogs", [&](const Json& of_scope) {
      return each(of_scope, "logRecords", [&](const Json& log_record) {
        const auto* body = rest::find_member(log_record, "body");
        const Record record{number_of(log_record, "timeUnixNano"), number_of(log_record, "observedTimeUnixNano"), body ? text_of(*body) : "",
                            attributes_of(log_record)};
        add(attributes, record, now, logs);
        return true;
      });
    });
  });
  return is_whole ? std::optional(std::move(logs)) : std::nullopt;
}

std::optional<OtlpLogs> read_otlp_protobuf(std::string_view bytes, Timestamp now) {
  OtlpLogs logs;
  const bool is_whole = each_field(bytes, 1, [&](std::string_view of_resource) {
    Attributes attributes;
    return each_field(of_resource, 1, [&](std::string_view resource) {
             return each_field(resource, 1, [&](std::string_view attribute) { return read_attribute(attribute, attributes); });
           }) &&
           each_field(of_resource, 2, [&](std::string_view of_scope) {
             return each_field(of_scope, 2, [&](std::string_view log_record) {
               Record record;
               if (!read_record(log_record, record)) return false;
               add(attributes, record, now, logs);
               return true;
             });
           });
  });
  return is_whole ? std::optional(std::move(logs)) : std::nullopt;
}

}  // namespace luthier::api
