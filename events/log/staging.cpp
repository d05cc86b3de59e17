#include "events/log/staging.hpp"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "events/log/record.hpp"

namespace luthier::log {
namespace {

std::string spell(const StreamKey& stream) { return stream.entity + " " + stream.id; }

// Keys separate their parts by NUL, so a part must not hold one.
Result<void> check_key_part(std::string_view what, const std::string& part) {
  if (part.size() > key_part_bytes_max)
    return Error{ErrorCode::limit, std::string(what) + " has " + std::to_string(part.size()) + " bytes, more than " +
                                       std::to_string(key_part_bytes_max), std::string(what)};
  if (part.find('\0') != std::string::npos) return invalid(std::string(what) + " holds a NUL byte", std::string(what));
  return {};
}

Result<void> check_event(const NewEvent& event) {
  for (const auto& [what, part] : {std::pair{"entity", &event.stream.entity}, std::pair{"id", &event.stream.id},
                                   std::pair{"workspace", &event.workspace}, std::pair{"name", &event.name}})
    if (auto checked = check_key_part(what, *part); !checked) return checked;
  if (event.data.size() > record_data_bytes_max)
    return Error{ErrorCode::limit, "the data of " + event.type + " has " + std::to_string(event.data.size()) +
                                       " bytes, more than " + std::to_string(record_data_bytes_max), "data"};
  if (!nlohmann::json::accept(event.data)) return invalid("the data of " + event.type + " is not JSON", "data");
  return {};
}

Result<void> check_shape(const Append& append) {
  for (const auto& [what, part] : {std::pair{"principal", &append.command.principal},
                                   std::pair{"workspace", &append.command.workspace}, std::pair{"id", &append.command.id}})
    if (auto checked = check_key_part(what, *part); !checked) return checked;
  if (append.events.size() > events_per_append_max)
    return Error{ErrorCode::limit, "a command caused " + std::to_string(append.events.size()) + " events, more than " +
                                       std::to_string(events_per_append_max), {}};
  if (append.refusal && !append.events.empty()) return invalid("an append is a refusal or has events, not both");
  for (const auto& event : append.events) {
    if (auto checked = check_event(event); !checked) return checked;
    const auto names_stream = [&](const ExpectedVersion& expected) { return expected.stream == event.stream; };
    if (std::none_of(append.expected.begin(), append.expected.end(), names_stream))
      return invalid("an append must name the version of each stream that it writes: " + spell(event.stream));
  }
  return {};
}

class Stage {
 public:
  Stage(const Committed& committed, const Head& head, Timestamp time) : committed_(committed) {
    staged_.head = head;
    staged_.time = time;
  }

  // The outer error: the log could not be read. The inner one: this append is left out.
  Result<Result<Receipt>> add(const Append& append, Timestamp now, bool find_duplicates) {
    if (auto checked = check_shape(append); !checked) return Result<Receipt>(checked.error());
    if (find_duplicates) {
      auto earlier = find_receipt(append.command);
      if (!earlier) return earlier.error();
      if (*earlier) return repeat(append, **earlier);
    }
    for (const auto& expected : append.expected) {
      const auto head = head_of(expected.stream);
      if (!head) return head.error();
      if (head->version != expected.version) return Result<Receipt>(version_conflict(expected, head->version));
    }
    return write(append, now);
  }

  Staged finish() && { return std::move(staged_); }

 private:
  Result<std::optional<Receipt>> find_receipt(const CommandKey& command) const {
    if (const auto found = staged_.receipts.find(command); found != staged_.receipts.end())
      return std::optional(found->second);
    return committed_.find_receipt(command);
  }

  static Result<Receipt> repeat(const Append& append, const Receipt& earlier) {
    if (earlier.command_digest == append.command_digest) return earlier;
    return Error{ErrorCode::conflict, "command id '" + append.command.id + "' was used for another command; use a new id", "id"};
  }

  static Error version_conflict(const ExpectedVersion& expected, Version actual) {
    return {ErrorCode::conflict, spell(expected.stream) + " is at version " + std::to_string(actual) + ", not " +
                                     std::to_string(expected.version) + ", on which this was decided", {}};
  }

  Result<StreamHead> head_of(const StreamKey& stream) const {
    if (const auto found = staged_.heads.find(stream); found != staged_.heads.end()) return found->second;
    auto head = committed_.find_head(stream);
    if (!head) return head.error();
    return head->value_or(StreamHead{});
  }

  Result<Result<Receipt>> write(const Append& append, Timestamp now) {
    Receipt receipt;
    receipt.command = append.command;
    receipt.command_digest = append.command_digest;
    receipt.refusal = append.refusal;
    // A clock set back must not make position_at ambiguous, and no two commands have the same time: what is sorted by it keeps its order.
    if (!append.events.empty()) staged_.time = std::max(staged_.time + 1, now);
    for (const auto& event : append.events) {
      if (auto written = write_event(append, event); !written) return written.error();
      receipt.events.push_back(event.type);
    }
    if (!append.expected.empty()) {
      const auto& stream = append.events.empty() ? append.expected.front().stream : append.events.front().stream;
      const auto head = head_of(stream);
      if (!head) return head.error();
      receipt.version = head->version;
    }
    receipt.position = staged_.head.position;
    receipt.hash = staged_.head.hash;
    staged_.receipts.insert_or_assign(append.command, receipt);
    return Result<Receipt>(std::move(receipt));
  }

  Result<void> write_event(const Append& append, const NewEvent& event) {
    const auto before = head_of(event.stream);
    if (!before) return before.error();

    Record record;
    record.position = staged_.head.position + 1;
    record.stream = event.stream;
    record.version = before->version + 1;
    record.workspace = event.workspace;
    record.name = event.name;
    record.type = event.type;
    record.type_version = event.type_version;
    record.time = staged_.time;
    record.command = append.command;
    record.correlation = append.correlation;
    record.causation = append.causation;
    record.traceparent = append.traceparent;
    record.data = event.data;
    record.previous = staged_.head.hash;
    std::string stored = seal(record);

    const bool takes_name = before->version == 0 || before->workspace != event.workspace || before->name != event.name;
    staged_.heads[event.stream] = {record.version, record.position, event.workspace, event.name};
    staged_.head = {record.position, record.hash};
    staged_.records.push_back({std::move(record), std::move(stored), takes_name});
    return {};
  }

  const Committed& committed_;
  Staged staged_;
};

}  // namespace

Written Staged::written() && {
  Written written{std::move(answers), {}};
  written.records.reserve(records.size());
  for (auto& each : records) written.records.push_back(std::move(each.record));
  return written;
}

Result<Staged> stage(std::span<const Append> appends, Timestamp now, const Committed& committed, const Head& head,
                     Timestamp time, StageOptions options) {
  Stage stage(committed, head, time);
  std::vector<Result<Receipt>> answers;
  answers.reserve(appends.size());
  for (const auto& append : appends) {
    auto answer = stage.add(append, now, options.find_duplicates);
    if (!answer) return answer.error();
    answers.push_back(std::move(*answer));
  }
  Staged staged = std::move(stage).finish();
  staged.answers = std::move(answers);
  return staged;
}

}  // namespace luthier::log
