#include "actors/gateway/model_member.hpp"

#include <nlohmann/json.hpp>
#include <optional>

namespace luthier::gateway {
namespace {

constexpr std::size_t model_bytes_max = 1024;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks over JSON without recursion. It checks only what it needs to find the members of the outer object; the serving
// process checks the rest.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::size_t at() const { return at_; }
  bool ended() const { return at_ >= text_.size(); }
  char peek() {
    while (!ended() && is_blank(text_[at_])) ++at_;
    return ended() ? '\0' : text_[at_];
  }
  bool take(char c) {
    if (peek() != c || ended()) return false;
    ++at_;
    return true;
  }
  // With its quotes, escapes and all.
  std::optional<std::string_view> string() {
    if (peek() != '"') return std::nullopt;
    const auto begin = at_++;
    while (!ended() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (ended()) return std::nullopt;
    ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool skip_value() {
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (ended()) return false;
      if (c == '"') {
        if (!string()) return false;
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return false;
        --depth;
        ++at_;
      } else if (c == ',' || c == ':') {
        if (depth == 0) return false;
        ++at_;
      } else {
        while (!ended() && !is_blank(text_[at_]) && std::string_view(",:{}[]\"").find(text_[at_]) == std::string_view::npos) ++at_;
      }
    } while (depth > 0);
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<std::string> unescaped(std::string_view quoted) {
  if (quoted.size() > model_bytes_max) return std::nullopt;
  const auto json = nlohmann::json::parse(quoted, nullptr, false);
  return json.is_string() ? std::optional(json.get<std::string>()) : std::nullopt;
}

bool is_model(std::string_view key) {
  if (key == "\"model\"") return true;
  return key.find('\\') != std::string_view::npos && unescaped(key) == "model";
}

}  // namespace

Result<ModelMember> find_model(std::string_view body) {
  const auto broken = invalid("the body is not a JSON object");
  Walk walk(body);
  std::optional<ModelMember> found;
  if (!walk.take('{')) return broken;
  if (!walk.take('}')) {
    do {
      const auto key = walk.string();
      if (!key || !walk.take(':')) return broken;
      if (!is_model(*key)) {
        if (!walk.skip_value()) return broken;
        continue;
      }
      if (found) return invalid("the member \"model\" is there twice", "model");
      const auto value = walk.string();
      const auto text = value ? unescaped(*value) : std::nullopt;
      if (!text) return invalid("\"model\" must be a string of at most 1,024 bytes", "model");
      found = ModelMember{*text, walk.at() - value->size(), walk.at()};
    } while (walk.take(','));
    if (!walk.take('}')) return broken;
  }
  walk.peek();
  if (!walk.ended()) return broken;
  if (!found) return invalid("the member \"model\" is missing", "model");
  return *found;
}

std::string with_model(std::string_view body, const ModelMember& member, const std::string& model) {
  std::string made(body.substr(0, member.begin));
  made += nlohmann::json(model).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return made.append(body.substr(member.end));
}

}  // namespace luthier::gateway
