#include "actors/hub/exchange.hpp"

#include <httplib.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "actors/hub/connection.hpp"

namespace luthier::hub {
namespace {

using Clock = std::chrono::steady_clock;

// A status line is matched by a regular expression of the library's, which needs stack for each of its bytes.
constexpr std::size_t head_bytes_max = 64 * 1024, status_line_bytes_max = 1024, chunk_line_bytes_max = 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// When the next byte must be there. A window of silence is only granted anew for as many bytes as the least rate brings in it.
class Deadline {
 public:
  Deadline(const Pace& pace, Clock::time_point begin)
      : pace_(pace),
        window_bytes_(pace.bytes_per_second_min * pace.silence.count() / 1000),
        window_end_(begin + pace.silence),
        end_(begin + pace.total) {}

  Clock::time_point time() const { return pace_.total.count() > 0 ? std::min(window_end_, end_) : window_end_; }
  void arrived(std::size_t bytes) {
    in_window_ += static_cast<std::int64_t>(bytes);
    if (in_window_ < window_bytes_) return;
    in_window_ = 0;
    window_end_ = Clock::now() + pace_.silence;
  }
  void head_is_complete() {
    in_window_ = 0;
    window_end_ = Clock::now() + pace_.silence;
  }

 private:
  const Pace& pace_;
  const std::int64_t window_bytes_;
  std::int64_t in_window_ = 0;
  Clock::time_point window_end_, end_;
};

// What the library reads from and writes to.
class BoundedStream final : public httplib::Stream {
 public:
  BoundedStream(Connection& connection, Deadline& deadline, const Transfer& transfer)
      : connection_(connection), deadline_(deadline), transfer_(transfer) {}

  ssize_t read(char* to, size_t size) override {
    if (error_) return -1;
    if (!is_within_bounds(size)) return -1;
    auto got = connection_.receive(to, size, Patience{deadline_.time(), &transfer_.cancel});
    if (!got) {
      error_ = got.error();
      return -1;
    }
    if (*got == 0) has_ended_ = true;
    if (in_head_) {  // which the library takes byte by byte, and the body in larger pieces
      head_.append(to, *got);
      if (*got > 0 && head_.back() == '\n') line_begin_ = head_.size();
    } else {
      deadline_.arrived(*got);
    }
    line_bytes_ = size == 1 && *to != '\n' ? line_bytes_ + 1 : 0;
    return static_cast<ssize_t>(*got);
  }
  ssize_t write(const char* from, size_t size) override {
    if (error_) return -1;
    if (auto sent = connection_.send({from, size}, Patience{deadline_.time(), &transfer_.cancel}); !sent) {
      error_ = sent.error();
      return -1;
    }
    return static_cast<ssize_t>(size);
  }
  bool is_readable() const override { return !error_; }
  bool is_writable() const override { return !error_; }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  Head take_head(int status) {
    in_head_ = false;
    line_bytes_ = 0;
    deadline_.head_is_complete();
    // Before the answer there may have been others, of the kind "100 Continue".
    const auto end = head_.rfind("\r\n\r\n");
    const auto begin = end == std::string::npos || end == 0 ? std::string::npos : head_.rfind("\r\n\r\n", end - 1);
    return {status, begin == std::string::npos ? head_ : head_.substr(begin + 4)};
  }
  const std::optional<Error>& error() const { return error_; }
  bool has_ended() const { return has_ended_; }

 private:
  bool is_within_bounds(std::size_t size) {
    if (in_head_ && head_.size() >= head_bytes_max)
      error_ = Error{ErrorCode::unavailable, "the head of its answer has more than 64 KiB", {}};
    else if (in_head_ && head_.size() - line_begin_ >= status_line_bytes_max &&
             (line_begin_ == 0 || head_.compare(line_begin_, 5, "HTTP/") == 0))
      error_ = Error{ErrorCode::unavailable, "it does not answer in HTTP", {}};
    else if (!in_head_ && size == 1 && line_bytes_ >= chunk_line_bytes_max)
      error_ = Error{ErrorCode::unavailable, "a line between the chunks of its answer has no end", {}};
    return !error_;
  }

  Connection& connection_;
  Deadline& deadline_;
  const Transfer& transfer_;
  bool in_head_ = true, has_ended_ = false;
  std::string head_;
  std::size_t line_begin_ = 0, line_bytes_ = 0;
  std::optional<Error> error_;
};

// The part of the library's client that writes a request and reads the answer, on any stream.
class Messages final : public httplib::ClientImpl {
 public:
  Messages() : ClientImpl("unused") {
    set_url_encode(false);  // targets are encoded already
    set_decompress(false);
  }
  using ClientImpl::process_request;
};

Error not_http(const BoundedStream& stream) {
  if (stream.error()) return *stream.error();
  return {ErrorCode::unavailable, stream.has_ended() ? "the connection broke off" : "it does not answer in HTTP", {}};
}

Result<Head> talk(Connection& connection, httplib::Request&& message, Deadline& deadline, const Transfer& transfer,
                  const Reception& reception) {
  BoundedStream stream(connection, deadline, transfer);
  std::optional<Head> head;
  std::optional<Error> failed;
  bool is_wanted = true;
  message.response_handler = [&](const httplib::Response& answer) {
    head = stream.take_head(answer.status);
    auto wanted = reception.head(*head);
    if (!wanted) failed = wanted.error();
    is_wanted = wanted && *wanted;
    return is_wanted;
  };
  message.content_receiver = [&](const char* bytes, size_t size, uint64_t, uint64_t) {
    if (auto taken = reception.bytes({bytes, size}); !taken) failed = taken.error();
    return !failed;
  };
  Messages messages;
  httplib::Response answer;
  auto error = httplib::Error::Success;
  bool is_complete = false;
  try {
    is_complete = messages.process_request(stream, message, answer, true, error);
  } catch (const std::exception&) {  // its regular expression for the status line, for one
    return Error{ErrorCode::unavailable, "it does not answer in HTTP", {}};
  }
  if (failed) return *failed;
  if (head && (is_complete || !is_wanted)) return *head;
  if (!is_complete) return not_http(stream);
  head = stream.take_head(answer.status);  // answers that have no body: the handler was not asked
  if (auto wanted = reception.head(*head); !wanted) return wanted.error();
  return *head;
}

Result<void> tunnel(Connection& connection, const Url& url, const Proxy& proxy, const Patience& patience, const Transfer& transfer) {
  const auto to = (url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]") + ":" + std::to_string(url.port);
  httplib::Request message;
  message.method = "CONNECT";
  message.path = to;
  message.headers = {{"Host", to}, {"User-Agent", "luthier"}};
  if (!proxy.authorization.empty()) message.headers.emplace("Proxy-Authorization", proxy.authorization);
  const Pace pace{transfer.connect_timeout, 0, {}};
  Deadline deadline(pace, patience.deadline - transfer.connect_timeout);
  const Reception none{[](const Head&) -> Result<bool> { return false; }, [](std::string_view) -> Result<void> { return {}; }};
  const auto head = talk(connection, std::move(message), deadline, transfer, none);
  if (!head) return head.error();
  if (head->status == 407)
    return invalid(
        "the proxy " + proxy.name() + " wants other credentials: give them in HTTPS_PROXY, as in http://user:password@proxy:3128",
        "HTTPS_PROXY");
  if (head->status / 100 != 2)
    return Error{ErrorCode::unavailable,
                 "the proxy " + proxy.name() + " answers " + std::to_string(head->status) + " when asked to connect to it",
                 {}};
  return {};
}

Result<Connection> connect(const Url& url, const std::optional<Proxy>& proxy, const Transfer& transfer) {
  const Patience patience{Clock::now() + transfer.connect_timeout, &transfer.cancel};
  auto connection = proxy ? Connection::open(proxy->host, proxy->port, patience) : Connection::open(url.host, url.port, patience);
  if (!connection && proxy) return with_context(connection.error(), "the proxy " + proxy->name());
  if (!connection || !url.is_tls()) return connection;
  if (proxy)
    if (auto open = tunnel(*connection, url, *proxy, patience, transfer); !open) return open.error();
  if (auto secret = connection->encrypt(url.host, transfer.ca_file, patience); !secret) return secret.error();
  return connection;
}

Result<Head> exchange_unnamed(const Request& request, const Pace& pace, const Transfer& transfer, const Reception& reception) {
  const auto proxy = proxy_for(request.url, transfer.proxies);
  if (!proxy) return proxy.error();
  httplib::Request message;
  message.method = "GET";
  const bool is_forwarded = *proxy && !request.url.is_tls();
  message.path = is_forwarded ? request.url.origin() + request.url.target : request.url.target;
  message.headers = {{"Host", request.url.authority()}, {"User-Agent", "luthier"}, {"Accept-Encoding", "identity"}};
  if (is_forwarded && !(*proxy)->authorization.empty()) message.headers.emplace("Proxy-Authorization", (*proxy)->authorization);
  for (const auto* headers : {&request.headers, &request.credentials})
    for (const auto& [name, value] : *headers) {
      if (!is_header_value(value)) return invalid("a header cannot carry the value of " + name, name);
      message.headers.emplace(name, value);
    }
  auto connection = connect(request.url, *proxy, transfer);
  if (!connection) return connection.error();
  Deadline deadline(pace, Clock::now());
  return talk(*connection, std::move(message), deadline, transfer, reception);
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); });
}

std::string Head::find(std::string_view name) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) continue;
    line.remove_prefix(colon + 1);
    const auto begin = line.find_first_not_of(" \t\r");
    return begin == std::string_view::npos ? std::string() : std::string(line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1));
  }
  return {};
}

Result<Head> exchange(const Request& request, const Pace& pace, const Transfer& transfer, const Reception& reception) {
  std::optional<Error> ours;  // already says what it is about
  auto head = exchange_unnamed(request, pace, transfer,
                               {[&](const Head& head) {
                                  auto wanted = reception.head(head);
                                  if (!wanted) ours = wanted.error();
                                  return wanted;
                                },
                                [&](std::string_view bytes) {
                                  auto taken = reception.bytes(bytes);
                                  if (!taken) ours = taken.error();
                                  return taken;
                                }});
  if (head || ours) return head;
  return with_context(head.error(), request.url.authority());
}

}  // namespace luthier::hub
