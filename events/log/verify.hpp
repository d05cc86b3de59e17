// `luthier audit verify`: is this log what was written? It needs the log alone, changes nothing, and may run while a server
// has the log open, or on a damaged copy.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "events/log/event_log.hpp"

namespace rocksdb {
class Env;
}

namespace luthier::log {

struct VerifyOptions {
  // Empty: `anchor` beside the log's directory. Without one everything but a cut tail is still found.
  std::filesystem::path anchor_file = {};
  std::function<void(Position verified, Position total)> on_progress = nullptr;
  // Trouble is believed when it is still there after this long and no file has changed meanwhile: until then it may be a
  // server at work that writes or deletes a file under our eyes.
  std::chrono::milliseconds patience{200};
  rocksdb::Env* env = nullptr;  // null: the real disk
};

struct VerifyReport {
  bool ok = false;
  std::string log_id;
  Head head;              // the last record that verifies, with all records before it
  Timestamp head_time = 0;
  std::optional<Position> first_bad;  // the first position that does not verify; none when no position can be told
  std::vector<std::string> findings;  // what is wrong, a line each, the most telling first; at most 20
  std::vector<std::string> notes;     // what is worth knowing and not wrong
};

VerifyReport verify_log(const std::filesystem::path& directory, const VerifyOptions& options = {});

}  // namespace luthier::log
