#include "actors/bus/subjects.hpp"

#include <initializer_list>

namespace luthier::bus {
namespace {

constexpr std::string_view prefix = "luthier.v1.";
constexpr std::size_t subject_bytes_max = 2048;

// What NATS gives a meaning to, what ends a line of its protocol, and our own escape.
bool is_reserved(unsigned char c) {
  return c <= ' ' || c == 0x7f || c == '.' || c == '*' || c == '>' || c == '%';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string subject_of(std::initializer_list<std::string_view> tokens) {
  std::string subject(prefix.substr(0, prefix.size() - 1));
  for (auto token : tokens) subject += "." + encode_token(token);
  return subject;
}

}  // namespace

std::string encode_token(std::string_view name) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string token;
  token.reserve(name.size());
  for (unsigned char c : name) {
    if (!is_reserved(c)) {
      token += static_cast<char>(c);
    } else {
      token += '%';
      token += digits[c >> 4];
      token += digits[c & 15];
    }
  }
  return token;
}

std::optional<std::string> decode_token(std::string_view token) {
  std::string name;
  name.reserve(token.size());
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '%') {
      if (is_reserved(static_cast<unsigned char>(token[i]))) return std::nullopt;
      name += token[i];
      continue;
    }
    if (token.size() - i < 3) return std::nullopt;
    const int high = hex_value(token[i + 1]), low = hex_value(token[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    name += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return name;
}

std::string command_subject(std::string_view workspace, std::string_view entity, std::string_view command) {
  return subject_of({"cmd", workspace, entity, command});
}
std::string request_subject(std::string_view workspace, std::string_view entity, std::string_view command) {
  return subject_of({"req", workspace, entity, command});
}
std::string query_subject(std::string_view workspace, std::string_view entity, std::string_view verb) {
  return subject_of({"qry", workspace, entity, verb});
}
std::string event_subject(std::string_view workspace, std::string_view entity, std::string_view name,
                          std::string_view event) {
  return subject_of({"evt", workspace, entity, name, event});
}
std::string telemetry_subject(std::string_view workspace, std::string_view job, std::string_view kind) {
  return subject_of({"tlm", workspace, "job", job, kind});
}
std::string receipt_subject(std::string_view command_id) { return subject_of({"receipt", command_id}); }
std::string work_subject(std::string_view worker) { return subject_of({"work", worker, "lease"}); }
std::string beat_subject(std::string_view worker) { return subject_of({"beat", worker}); }

std::optional<std::vector<std::string>> parse_subject(std::string_view subject) {
  if (subject.size() > subject_bytes_max || subject.substr(0, prefix.size()) != prefix) return std::nullopt;
  subject.remove_prefix(prefix.size());
  std::vector<std::string> tokens;
  while (true) {
    const auto dot = subject.find('.');
    auto token = decode_token(subject.substr(0, dot));
    if (!token || token->empty()) return std::nullopt;
    tokens.push_back(std::move(*token));
    if (dot == std::string_view::npos) return tokens;
    subject.remove_prefix(dot + 1);
  }
}

}  // namespace luthier::bus
