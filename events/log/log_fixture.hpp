// What the tests of this folder share: small appends, a temporary directory.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "events/base/temporary_directory.hpp"
#include "events/log/event_log.hpp"

namespace luthier::log::testing {

// In memory where there is room: a log on a disk makes some forty syncs when it is opened, and these tests open hundreds.
inline std::filesystem::path roomy_directory() {
  std::error_code error;
  const auto space = std::filesystem::space("/dev/shm", error);
  return !error && space.available > (1u << 29) ? "/dev/shm" : std::filesystem::temp_directory_path();
}

class LogDirectory {
 public:
  LogDirectory() : held_(*TemporaryDirectory::make(roomy_directory())) {}
  const std::filesystem::path& path() const { return held_.path(); }

 private:
  TemporaryDirectory held_;
};

inline StreamKey model(const std::string& name) { return {"model", "model-" + name}; }

inline NewEvent event(const StreamKey& stream, const std::string& type, const std::string& name,
                      const std::string& data = "{}") {
  return {stream, "default", name, type, 1, data};
}

inline CommandKey command(const std::string& id) { return {"alice", "default", id}; }

// One event of one stream, decided on version `before`.
inline Append append_one(const std::string& id, const std::string& name, Version before, const std::string& data = "{}") {
  Append append;
  append.command = command(id);
  append.command_digest = "digest of " + id;
  append.expected = {{model(name), before}};
  append.events = {event(model(name), before == 0 ? "ModelCreated" : "ModelUpdated", name, data)};
  append.correlation = "correlation of " + id;
  append.causation = "causation of " + id;
  append.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  return append;
}

inline Append refuse_one(const std::string& id, const std::string& message) {
  Append append;
  append.command = command(id);
  append.command_digest = "digest of " + id;
  append.refusal = Error{ErrorCode::conflict, message, "name"};
  return append;
}

inline Result<Receipt> append_alone(EventLog& log, const Append& append, Timestamp now = 1) {
  auto written = log.append({&append, 1}, now);
  if (!written) return written.error();
  return std::move(written->answers.front());
}

}  // namespace luthier::log::testing
