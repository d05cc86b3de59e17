#include "actors/cli/stream_reader.hpp"

#include <nlohmann/json.hpp>

namespace luthier::cli {

using nlohmann::json;

void StreamReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > line_bytes_max) {
      error_ = "the server sent a line of more than 1 MiB";
      return;
    }
    if (end == std::string_view::npos) return;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    line(line_);
    line_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void StreamReader::line(std::string_view text) {
  if (!text.starts_with("data:")) return;  // comments and other fields
  text.remove_prefix(text.starts_with("data: ") ? 6 : 5);
  if (text == "[DONE]") {
    is_done_ = true;
    return;
  }
  const auto event = json::parse(text, nullptr, false);
  if (!event.is_object()) return;
  if (const auto failure = event.find("error"); failure != event.end() && failure->is_object()) {
    const auto message = failure->find("message");
    error_ = message != failure->end() && message->is_string() ? message->get<std::string>() : "the server broke off";
    return;
  }
  const auto content = event.value("/choices/0/delta/content"_json_pointer, json());
  if (content.is_string()) on_text_(content.get<std::string>());
}

}  // namespace luthier::cli
