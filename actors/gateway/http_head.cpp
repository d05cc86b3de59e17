#include "actors/gateway/http_head.hpp"

#include <algorithm>
#include <charconv>

namespace luthier::gateway {
namespace {

constexpr std::size_t headers_max = 100;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); });
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A line ends with CR LF. A bare LF is refused, and so is what a CR might hide.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  if (line.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  return line;
}

Result<HttpHeaders> parse_headers(std::string_view text) {
  HttpHeaders headers;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!line) return invalid("a header line does not end with CR LF");
    const auto colon = line->find(':');
    if (colon == std::string_view::npos) return invalid("a header has no colon");
    const auto name = line->substr(0, colon), value = trimmed(line->substr(colon + 1));
    if (!is_token(name) || !is_value(value)) return invalid("a header's name or value has characters that it must not have");
    if (headers.all().size() == headers_max) return Error{ErrorCode::limit, "there are more than 100 headers", {}};
    headers.add(std::string(name), std::string(value));
  }
  return headers;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* HttpHeaders::find(std::string_view name) const {
  for (const auto& [key, value] : entries_)
    if (equals_ignoring_case(key, name)) return &value;
  return nullptr;
}

std::size_t HttpHeaders::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return equals_ignoring_case(entry.first, name); }));
}

std::optional<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

Result<RequestHead> parse_request_head(std::string_view text) {
  const auto line = take_line(text);
  if (!line) return invalid("the request line does not end with CR LF");
  const auto first = line->find(' '), last = line->rfind(' ');
  if (first == std::string_view::npos || first == last) return invalid("this is no HTTP request");
  const auto version = line->substr(last + 1);
  RequestHead head;
  head.method = line->substr(0, first);
  head.target = line->substr(first + 1, last - first - 1);
  const bool is_plain = std::all_of(head.target.begin(), head.target.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!is_token(head.method) || !is_plain || head.target.empty() || head.target[0] != '/')
    return invalid("this is no HTTP request");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return invalid("only HTTP/1.1 and HTTP/1.0 are spoken here");
  head.is_1_0 = version == "HTTP/1.0";
  auto path = decode_percent(std::string_view(head.target).substr(0, head.target.find('?')));
  if (!path) return invalid("the path has a broken percent code");
  head.path = std::move(*path);
  auto headers = parse_headers(text);
  if (!headers) return headers.error();
  head.headers = std::move(*headers);
  const auto* connection = head.headers.find("Connection");
  head.keeps_connection = head.is_1_0 ? connection && equals_ignoring_case(*connection, "keep-alive")
                                      : !(connection && equals_ignoring_case(*connection, "close"));
  return head;
}

Result<ResponseHead> parse_response_head(std::string_view text) {
  const auto line = take_line(text);
  if (!line || line->size() < 12 || line->substr(0, 7) != "HTTP/1." || (*line)[8] != ' ') return invalid("this is no HTTP answer");
  ResponseHead head;
  const auto [end, error] = std::from_chars(line->data() + 9, line->data() + 12, head.status);
  if (error != std::errc() || end != line->data() + 12 || head.status < 100 || head.status > 599) return invalid("this is no HTTP answer");
  auto headers = parse_headers(text);
  if (!headers) return headers.error();
  head.headers = std::move(*headers);
  return head;
}

Result<BodyLength> body_length(const HttpHeaders& headers, bool is_request) {
  BodyLength length;
  const auto* coding = headers.find("Transfer-Encoding");
  const auto* bytes = headers.find("Content-Length");
  // Both, or one twice: two programs in a row might disagree where the next request begins.
  if (headers.count("Transfer-Encoding") > 1 || headers.count("Content-Length") > 1 || (coding && bytes))
    return invalid("the length of the body is said twice");
  if (coding) {
    if (!equals_ignoring_case(*coding, "chunked")) return invalid("of the transfer codings only \"chunked\" is known here");
    length.is_chunked = true;
  } else if (bytes) {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(bytes->data(), bytes->data() + bytes->size(), number);
    if (error != std::errc() || end != bytes->data() + bytes->size() || number < 0 || !(*bytes)[0] || (*bytes)[0] == '-')
      return invalid("the length of the body is not a number");
    length.bytes = number;
  } else if (is_request) {
    length.bytes = 0;
  }
  return length;
}

}  // namespace luthier::gateway
