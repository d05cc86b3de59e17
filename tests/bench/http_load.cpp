// HTTP requests as fast as a number of clients gets answers: how many a second, and how long one takes.
//
//   http_load http://127.0.0.1:PORT --path /p/{n} [--method GET] [--body TEXT] [--status 200] [--contains TEXT] [--modulo 0]
//             [--clients 8] [--seconds 5 | --requests N]                                        prints one JSON object
//
// Each client is a kept connection that sends its next request when it has the answer to the last one. {n} is the number of the
// request, modulo --modulo, in path, body and what the answer must contain. An answer counts only with the status and the text that
// were asked for; all others are counted apart, and the first of them is shown. One thread and epoll: what it takes of a core itself is in
// the result (own_share), since it shares the machine with the server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

// A text with the request's number wherever it has {n}.
class Numbered {
 public:
  explicit Numbered(const std::string& text) {
    std::size_t from = 0;
    for (auto at = text.find("{n}"); at != text.npos; from = at + 3, at = text.find("{n}", from)) pieces_.push_back(text.substr(from, at - from));
    pieces_.push_back(text.substr(from));
  }

  void append_to(std::string& to, std::string_view number) const {
    to += pieces_[0];
    for (std::size_t i = 1; i < pieces_.size(); ++i) to.append(number).append(pieces_[i]);
  }
  bool is_empty() const { return pieces_.size() == 1 && pieces_[0].empty(); }

 private:
  std::vector<std::string> pieces_;
};

struct Plan {
  std::string host, method = "GET", status = "200";
  Numbered path, body, contains;
  std::uint64_t modulo = 0, requests_max = 0;
};

struct Tally {
  std::vector<std::uint32_t> microseconds;  // of right answers
  std::uint64_t wrong_status = 0, wrong_body = 0, broken = 0;
  std::string first_wrong;

  void note(const std::string& what) {
    if (first_wrong.empty()) first_wrong = what.substr(0, 500);
  }
};

// Where an answer ends. Only lengths are understood: both servers that are compared say them.
struct Answer {
  std::string_view status, body;
  std::size_t bytes = 0;
};
enum class Read { partial, whole, foreign };

Read parse(std::string_view text, Answer& answer) {
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == text.npos) return Read::partial;
  if (!text.starts_with("HTTP/1.1 ")) return Read::foreign;
  answer.status = text.substr(9, 3);
  std::optional<std::size_t> length = answer.status == "204" ? std::optional<std::size_t>(0) : std::nullopt;
  constexpr std::string_view name = "content-length:";
  for (auto line = text.find("\r\n"); line < head_end; line = text.find("\r\n", line + 2)) {
    auto field = text.substr(line + 2, head_end - line - 2);
    if (field.size() <= name.size() || field[7] != '-') continue;
    const bool is_it = std::equal(name.begin(), name.end(), field.begin(),
                                  [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
    if (!is_it) continue;
    field.remove_prefix(name.size());
    while (!field.empty() && field[0] == ' ') field.remove_prefix(1);
    std::size_t value = 0;
    if (std::from_chars(field.data(), field.data() + field.size(), value).ec == std::errc()) length = value;
  }
  if (!length) return Read::foreign;
  answer.bytes = head_end + 4 + *length;
  if (text.size() < answer.bytes) return Read::partial;
  answer.body = text.substr(head_end + 4, *length);
  return Read::whole;
}

class Load {
 public:
  Load(const Plan& plan, const sockaddr_in& address, std::size_t clients) : plan_(plan), address_(address), clients_(clients) {}
  ~Load() {
    for (const auto& client : clients_) ::close(client.descriptor);
    ::close(epoll_);
  }

  bool connect() {
    for (auto& client : clients_)
      if (!open(client)) return false;
    return true;
  }

  void run(Clock::duration time) {
    const auto end = Clock::now() + time;
    stop_ = [this, end](Clock::time_point now) { return plan_.requests_max > 0 ? sent_ >= plan_.requests_max : now >= end; };
    for (auto& client : clients_) send(client, Clock::now());
    std::vector<epoll_event> events(clients_.size());
    while (under_way_ > 0) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 60'000);
      if (count <= 0) {
        tally.broken += under_way_;
        return tally.note("no answer for 60 s");
      }
      for (int i = 0; i < count; ++i) receive(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }

  Tally tally;

 private:
  struct Client {
    int descriptor = -1;
    std::string received, wanted;
    Clock::time_point begun;
  };

  bool open(Client& client) {
    client.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client.descriptor, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) return false;
    const int yes = 1;
    ::setsockopt(client.descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_event event{EPOLLIN, {}};
    event.data.ptr = &client;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.descriptor, &event) == 0;
  }

  void send(Client& client, Clock::time_point now) {
    if (stop_(now)) return;
    const auto number = std::to_string(plan_.modulo > 0 ? sent_ % plan_.modulo : sent_);
    ++sent_;
    request_.assign(plan_.method).append(" ");
    plan_.path.append_to(request_, number);
    request_.append(" HTTP/1.1\r\nHost: ").append(plan_.host).append("\r\nAccept: application/json\r\n");
    if (!plan_.body.is_empty()) {
      body_.clear();
      plan_.body.append_to(body_, number);
      request_.append("Content-Type: application/json\r\nContent-Length: ").append(std::to_string(body_.size())).append("\r\n\r\n").append(body_);
    } else {
      request_.append("\r\n");
    }
    client.wanted.clear();
    plan_.contains.append_to(client.wanted, number);
    client.received.clear();
    client.begun = now;
    ++under_way_;
    // A request is far smaller than a socket's buffer, which is empty now: it goes as a whole.
    if (::send(client.descriptor, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size())) broke(client, "a request could not be sent");
  }

  void receive(Client& client) {
    const auto got = ::recv(client.descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return broke(client, "the server closed the connection");
    std::string_view text(buffer_.data(), static_cast<std::size_t>(got));
    if (!client.received.empty()) text = client.received.append(text);
    Answer answer;
    switch (parse(text, answer)) {
      case Read::partial:
        if (client.received.empty()) client.received = text;
        return;
      case Read::foreign: return broke(client, "not an answer with a length: " + std::string(text));
      case Read::whole: break;
    }
    const auto now = Clock::now();
    --under_way_;
    judge(client, answer, text, now);
    send(client, now);
  }

  void judge(const Client& client, const Answer& answer, std::string_view text, Clock::time_point now) {
    if (answer.status != plan_.status) {
      ++tally.wrong_status;
      tally.note(std::string(text));
    } else if (answer.bytes != text.size() || answer.body.find(client.wanted) == answer.body.npos) {
      ++tally.wrong_body;
      tally.note("\"" + client.wanted + "\" is not in " + std::string(text));
    } else {
      tally.microseconds.push_back(static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(now - client.begun).count()));
    }
  }

  // What was under way has no answer, and the client goes on with a new connection.
  void broke(Client& client, const std::string& why) {
    --under_way_;
    ++tally.broken;
    tally.note(why);
    ::close(client.descriptor);
    if (open(client) && tally.broken < 1'000) send(client, Clock::now());
  }

  const Plan& plan_;
  const sockaddr_in address_;
  std::vector<Client> clients_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::function<bool(Clock::time_point)> stop_;
  std::uint64_t sent_ = 0, under_way_ = 0;
  std::string request_, body_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
};

double percentile_ms(std::vector<std::uint32_t>& microseconds, double share) {
  if (microseconds.empty()) return 0;
  const auto at = std::min(microseconds.size() - 1, static_cast<std::size_t>(share * static_cast<double>(microseconds.size())));
  std::nth_element(microseconds.begin(), microseconds.begin() + static_cast<std::ptrdiff_t>(at), microseconds.end());
  return microseconds[at] / 1000.0;
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

// "http://127.0.0.1:8080"
std::optional<sockaddr_in> address_of(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  const auto colon = url.rfind(':');
  if (!url.starts_with(scheme) || colon < scheme.size()) return std::nullopt;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(std::string(url.substr(colon + 1)).c_str())));
  if (::inet_pton(AF_INET, std::string(url.substr(scheme.size(), colon - scheme.size())).c_str(), &address.sin_addr) != 1) return std::nullopt;
  return address;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("HTTP requests as fast as a number of clients gets answers.");
  std::string url, path, body, contains, method = "GET", status = "200";
  std::size_t clients = 8;
  std::uint64_t modulo = 0, requests = 0;
  double seconds = 5;
  app.add_option("url", url, "http://ADDRESS:PORT")->required();
  app.add_option("--path", path, "of each request")->required();
  app.add_option("--method", method, "of each request");
  app.add_option("--body", body, "JSON of each request");
  app.add_option("--status", status, "that each answer must have");
  app.add_option("--contains", contains, "what each answer must contain");
  app.add_option("--modulo", modulo, "{n} begins again after so many; 0: never");
  app.add_option("--clients", clients, "connections");
  app.add_option("--seconds", seconds, "how long");
  app.add_option("--requests", requests, "so many, however long it takes");
  CLI11_PARSE(app, argc, argv);
  const auto address = address_of(url);
  if (!address) return std::fprintf(stderr, "http_load: %s is not http://ADDRESS:PORT\n", url.c_str()), 1;

  const Plan plan{url.substr(7), method, status, Numbered(path), Numbered(body), Numbered(contains), modulo, requests};
  Load load(plan, *address, clients);
  if (!load.connect()) return std::fprintf(stderr, "http_load: nobody listens at %s\n", url.c_str()), 1;
  const auto cpu_before = cpu_seconds();
  const auto begin = Clock::now();
  load.run(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
  const auto took = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto share = (cpu_seconds() - cpu_before) / took;
  auto& times = load.tally.microseconds;
  const auto answers = times.size();
  std::printf("%s\n", json{{"answers", answers}, {"seconds", took}, {"per_second", static_cast<double>(answers) / took},
                           {"wrong_status", load.tally.wrong_status}, {"wrong_body", load.tally.wrong_body}, {"broken", load.tally.broken},
                           {"first_wrong", load.tally.first_wrong}, {"p50_ms", percentile_ms(times, 0.5)}, {"p99_ms", percentile_ms(times, 0.99)},
                           {"max_ms", percentile_ms(times, 1)}, {"clients", clients}, {"own_share", share}}.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  return 0;
}
