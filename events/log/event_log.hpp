// The event log: the only truth. One writer gives positions and versions without gaps, chains the hashes, and answers once
// everything is on disk. It does not look into the data of an event.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "events/base/ids.hpp"
#include "events/base/result.hpp"

namespace luthier::log {

using Hash = std::string;  // 64 lower-case hexadecimal digits; that of position 0 is 64 zeros

struct NewEvent {
  StreamKey stream;
  std::string workspace, name;  // of the entity, for indexes and subjects
  std::string type;
  int type_version = 1;
  std::string data;  // canonical JSON
};

struct ExpectedVersion {
  StreamKey stream;
  Version version;  // before the append; 0: the stream must not exist
};

// All that one command causes: all of it is written, or nothing.
struct Append {
  CommandKey command;
  std::string command_digest;  // what a repetition must repeat
  std::vector<ExpectedVersion> expected;  // every stream of `events`, and any other that was decided on
  std::vector<NewEvent> events;           // empty: the command changed nothing, or was refused
  std::optional<Error> refusal;           // a refusal is a receipt, repeated like any other
  std::string correlation, causation, traceparent;
};

struct Receipt {
  CommandKey command;
  std::string command_digest;
  Position position = 0;  // of the last event of the command; without events, that of the log when it was decided
  Version version = 0;    // of the first event's stream after the command
  std::vector<std::string> events;  // their types
  Hash hash;                        // of the record at `position`
  std::optional<Error> refusal;
  bool operator==(const Receipt&) const = default;
};

struct Record {
  Position position = 0;
  StreamKey stream;
  Version version = 0;
  std::string workspace, name;
  std::string type;
  int type_version = 1;
  Timestamp time = 0;  // when the log took it; never runs backwards
  CommandKey command;
  std::string correlation, causation, traceparent;
  std::string data;
  Hash previous, hash;
  bool operator==(const Record&) const = default;
};

// What a batch came to.
struct Written {
  std::vector<Result<Receipt>> answers;  // one for each append
  std::vector<Record> records;           // all that is new in the log, in order
};

struct Head {
  Position position = 0;
  Hash hash;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  // Writes all appends in one batch with one sync, in order, each on what the ones before it left. Per append: its
  // receipt; or `conflict` when an expected version is not the stream's (that append is left out, the others go on). A
  // command key that has a receipt already gets that receipt again and writes nothing; with another digest `conflict`.
  // The outer error means that the disk refused: nothing of the batch may be acknowledged and the log must be closed.
  virtual Result<Written> append(std::span<const Append> appends, Timestamp now) = 0;

  virtual Result<std::optional<Receipt>> find_receipt(const CommandKey& command) const = 0;
  virtual Head head() const = 0;

  // Positions from `from` on, at most `count_max` of them. A damaged record is `corrupt`, naming its position, never served.
  virtual Result<std::vector<Record>> read(Position from, std::size_t count_max) const = 0;
  // Of one stream, from a version on.
  virtual Result<std::vector<Record>> read_stream(const StreamKey& stream, Version from, std::size_t count_max) const = 0;
  // The streams that had this name, oldest first: the last one has it now or had it last.
  virtual Result<std::vector<StreamKey>> streams_of(const std::string& entity, const std::string& workspace,
                                                    const std::string& name) const = 0;
  // The last position whose time is not after `time`; 0: none.
  virtual Result<Position> position_at(Timestamp time) const = 0;
};

}  // namespace luthier::log
