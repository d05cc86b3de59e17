#define BOOST_DISABLE_ASSERTS  // some of Beast's assertions are about what the other side sends: docs/decisions/0006
#include "actors/gateway/http_head.hpp"

#include <algorithm>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>
#include <charconv>
#include <limits>

namespace luthier::gateway {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

constexpr std::size_t headers_max = 100;

std::string copy(BeastText text) { return {text.data(), text.size()}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); });
}

// Beast calls us back for each part of a head. The bounds are ours: the socket has measured the head already.
template <bool is_request>
class HeadParser final : public http::basic_parser<is_request> {
 public:
  HeadParser() {
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  std::string method, target;
  int version = 0, status = 0;
  std::size_t hosts = 0;
  HttpHeaders headers;

 private:
  void on_request_impl(http::verb, BeastText name, BeastText asked, int number, BeastError&) override {
    method = copy(name);
    target = copy(asked);
    version = number;
  }
  void on_response_impl(int code, BeastText, int, BeastError&) override { status = code; }
  void on_field_impl(http::field field, BeastText name, BeastText value, BeastError& error) override {
    if (headers.all().size() == headers_max) {
      error = http::error::header_limit;
      return;
    }
    if (field == http::field::host) ++hosts;
    headers.add(copy(name), copy(value));
  }
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastText, BeastError&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastText, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText, BeastError&) override { return 0; }
  void on_finish_impl(BeastError&) override {}
};

template <bool is_request>
Result<void> parse(HeadParser<is_request>& parser, std::string_view text) {
  // A line that begins with a blank continues the one before it, for those programs that still know of it.
  if (text.find("\n ") != std::string_view::npos || text.find("\n\t") != std::string_view::npos)
    return invalid("a header goes on in a second line: put it into one");
  std::string whole(text);
  whole += text.size() >= 2 && text.substr(text.size() - 2) == "\r\n" ? "\r\n" : "\r\n\r\n";
  BeastError error;
  const auto used = parser.put({whole.data(), whole.size()}, error);
  if (error == http::error::header_limit) return Error{ErrorCode::limit, "there are more than " + std::to_string(headers_max) + " headers", {}};
  if (error == http::error::need_more || (!error && used != whole.size())) return invalid("the head has an empty line too early or too late");
  if (error) return invalid((is_request ? "this is no HTTP request: " : "this is no HTTP answer: ") + error.message());
  return {};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

template <bool is_request>
Result<std::string> text_of(http::message<is_request, http::empty_body>& message, const HttpHeaders::Entries& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_value(value)) return invalid("the header " + name.substr(0, 100) + " has characters that it must not have");
    message.insert(BeastText(name.data(), name.size()), BeastText(value.data(), value.size()));
  }
  std::string text;
  http::serializer<is_request, http::empty_body> serializer(message);
  serializer.split(true);
  BeastError error;
  serializer.next(error, [&](BeastError&, const auto& buffers) {
    for (const auto& buffer : boost::beast::buffers_range_ref(buffers)) text.append(static_cast<const char*>(buffer.data()), buffer.size());
  });
  return text;
}

// Those that Beast has no name for, or an older one.
std::string_view own_reason(int status) {
  switch (status) {
    case 413: return "Content Too Large";
    case 418: return "I'm a teapot";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    default: return {};
  }
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
  const auto has_name = [&](const auto& entry) { return equals_ignoring_case(entry.first, name); };
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), has_name));
}

std::optional<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
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
  HeadParser<true> parser;
  if (auto parsed = parse(parser, text); !parsed) return parsed.error();
  if (parser.hosts > 1) return invalid("the header Host is there twice");
  if (parser.hosts == 0 && parser.version > 10) return invalid("a request of HTTP/1.1 needs the header Host");  // RFC 9112, 3.2
  RequestHead head;
  head.method = std::move(parser.method);
  head.target = std::move(parser.target);
  head.headers = std::move(parser.headers);
  head.is_1_0 = parser.version == 10;
  head.keeps_connection = parser.keep_alive();
  const bool is_plain = std::all_of(head.target.begin(), head.target.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!is_plain || head.target[0] != '/')
    return invalid("the target of a request is a path that begins with '/', other characters as percent codes");
  const auto end = head.target.find('?');
  head.raw_path = head.target.substr(0, end);
  if (end != std::string::npos) head.query = head.target.substr(end + 1);
  auto path = decode_percent(head.raw_path);
  if (!path) return invalid("the path has a broken percent code");
  head.path = std::move(*path);
  return head;
}

Result<ResponseHead> parse_response_head(std::string_view text) {
  HeadParser<false> parser;
  if (auto parsed = parse(parser, text); !parsed) return parsed.error();
  if (parser.status < 100 || parser.status > 599) return invalid("this is no HTTP answer: status " + std::to_string(parser.status));
  return ResponseHead{parser.status, std::move(parser.headers)};
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

Result<std::string> response_head_text(int status, const HttpHeaders::Entries& headers) {
  http::response<http::empty_body> message;
  message.version(11);
  message.result(static_cast<unsigned>(status));
  if (const auto reason = own_reason(status); !reason.empty()) message.reason({reason.data(), reason.size()});
  return text_of(message, headers);
}

Result<std::string> request_head_text(const std::string& method, const std::string& target, const HttpHeaders::Entries& headers) {
  if (!is_token(method) || target.empty() || !is_value(target) || target.find_first_of(" \t") != std::string::npos)
    return invalid("a request's method or target has characters that it must not have");
  http::request<http::empty_body> message;
  message.version(11);
  message.method_string({method.data(), method.size()});
  message.target({target.data(), target.size()});
  return text_of(message, headers);
}

}  // namespace luthier::gateway
