#include "gpu/serve/http_listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

#include "gpu/serve/http_connection.hpp"

namespace luthier::serve {
namespace {

thread_local HttpConnection* current_connection = nullptr;
thread_local bool no_thread_is_free = false;

// A thread for each connection, started when first needed. When all are busy the connection is still handed over, on
// the accepting thread and with a mark, so that it is refused at once instead of waiting unseen.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(std::size_t threads_max) : threads_max_(threads_max) {}

  void enqueue(std::function<void()> serve) override {
    {
      const std::lock_guard lock(mutex_);
      if (busy_ < threads_max_) {
        ++busy_;
        tasks_.push_back(std::move(serve));
        if (tasks_.size() + working_ > threads_.size()) threads_.emplace_back([this] { work(); });
        serve = nullptr;
      }
    }
    if (serve == nullptr) return work_to_do_.notify_one();
    no_thread_is_free = true;
    serve();
    no_thread_is_free = false;
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_to_do_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  bool full() const { return busy_ >= threads_max_; }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_to_do_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto serve = std::move(tasks_.front());
      tasks_.pop_front();
      ++working_;
      lock.unlock();
      serve();
      serve = nullptr;
      lock.lock();
      --working_;
      --busy_;
    }
  }

  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable work_to_do_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t working_ = 0;
  std::atomic<std::size_t> busy_{0};  // working or about to
  bool stopping_ = false;
};

std::string_view reason_of(int status) {
  switch (status) {
    case 400: return "the request is not HTTP";
    case 413: return "the body is too large";
    case 414: return "the request's path is too long";
    case 431: return "the request's header is too large";
    case 503: return "Service Unavailable";
    default: return "the request was refused";
  }
}

// Closing a socket with unread bytes resets the connection, and the peer may lose our answer: so the rest is taken in
// for a moment.
void close_politely(int socket) {
  ::shutdown(socket, SHUT_WR);
  const timeval patience{0, 200'000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::array<char, 16384> ignored{};
  for (int reads = 0; reads < 64 && ::recv(socket, ignored.data(), ignored.size(), 0) > 0; ++reads) {
  }
  ::close(socket);
}

std::string raw_answer(int status, const HttpAnswer& answer) {
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_of(status)) + "\r\nContent-Type: " + answer.content_type + "\r\nContent-Length: " + std::to_string(answer.body.size()) +
         "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + answer.body;
}

}  // namespace

bool client_has_gone() { return current_connection != nullptr && current_connection->peer_has_closed(); }

struct HttpListener::Parts final : httplib::Server {
  HttpOptions options;
  std::vector<Route> routes;
  std::function<HttpAnswer(int, std::string)> error_answer;
  ConnectionThreads* threads = nullptr;  // the server owns it
  std::atomic<bool> draining{false}, stopping{false};
  std::atomic<int> answers_under_way{0};
  int bound_port = 0;
  std::thread accepting;

  const Route* find(const httplib::Request& request, bool& path_exists) const;
  HttpAnswer run(const Route& route, const httplib::Request& request, std::string body) const;
  void put(httplib::Response& response, HttpAnswer answer) const;
  HandlerResponse route_without_body(const httplib::Request& request, httplib::Response& response);
  void serve_body(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader);
  void serve_connection(HttpConnection& connection);
  bool process_and_close_socket(socket_t socket) override;
  void set_up();
};

const HttpListener::Route* HttpListener::Parts::find(const httplib::Request& request, bool& path_exists) const {
  path_exists = false;
  for (const auto& route : routes) {
    const bool matches = route.path.ends_with('*')
                             ? request.path.starts_with(route.path.substr(0, route.path.size() - 1))
                             : request.path == route.path;
    if (!matches) continue;
    path_exists = true;
    if (route.method == request.method) return &route;
  }
  return nullptr;
}

HttpAnswer HttpListener::Parts::run(const Route& route, const httplib::Request& request, std::string body) const {
  try {
    return route.handler({request.method, request.path, std::move(body), request.get_header_value("Authorization")});
  } catch (const std::bad_alloc&) {
    return error_answer(503, "not enough memory for this request");
  } catch (const std::exception& fault) {
    return error_answer(500, std::string("a fault of the server: ") + fault.what());
  }
}

void HttpListener::Parts::put(httplib::Response& response, HttpAnswer answer) const {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  if (!answer.stream) return response.set_content(answer.body, answer.content_type);
  response.set_chunked_content_provider("text/event-stream", [stream = std::move(answer.stream)](
                                                                 std::size_t, httplib::DataSink& sink) {
    bool sent = true;
    const bool goes_on = stream([&](const std::string& piece) { return sent = sink.write(piece.data(), piece.size()); });
    if (sent && !goes_on) sink.done();
    return sent;
  });
}

// Everything is decided here by plain comparison, before the library looks at its regular expressions. Only a request
// with a body that has a route goes on to it.
httplib::Server::HandlerResponse HttpListener::Parts::route_without_body(const httplib::Request& request,
                                                                         httplib::Response& response) {
  bool path_exists = false;
  const Route* route = find(request, path_exists);
  const bool has_body = request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
  const auto refuse = [&](int status, std::string message) {
    if (has_body && current_connection != nullptr) current_connection->close_after = true;
    put(response, error_answer(status, std::move(message)));
    return HandlerResponse::Handled;
  };
  if (draining) return refuse(503, "the server is stopping");
  const auto length = request.get_header_value("Content-Length");
  if (length.size() > 15 || (!length.empty() && std::strtoull(length.c_str(), nullptr, 10) > options.body_bytes_max))
    return refuse(413, "the body is larger than " + std::to_string(options.body_bytes_max) + " bytes");
  if (!path_exists) return refuse(404, "there is no " + request.method + " " + request.path.substr(0, 200));
  if (route == nullptr) return refuse(405, request.method + " is not possible on " + request.path.substr(0, 200));
  if (route->method == "POST") {
    if (request.is_multipart_form_data()) return refuse(400, "the body must be JSON, not a form");
    return HandlerResponse::Unhandled;
  }
  if (has_body && current_connection != nullptr) current_connection->close_after = true;
  put(response, run(*route, request, {}));
  return HandlerResponse::Handled;
}

void HttpListener::Parts::serve_body(const httplib::Request& request, httplib::Response& response,
                                     const httplib::ContentReader& reader) {
  std::string body;
  bool too_large = false;
  const bool complete = reader([&](const char* data, std::size_t size) {
    if (body.size() + size > options.body_bytes_max) too_large = true;
    if (!too_large) body.append(data, size);
    return !too_large;
  });
  if (!complete || too_large) {
    if (current_connection != nullptr) current_connection->close_after = true;
    const bool large = too_large || response.status == 413;
    return put(response, large ? error_answer(413, "the body is larger than " + std::to_string(options.body_bytes_max) + " bytes")
                               : error_answer(400, "the body did not arrive whole"));
  }
  bool path_exists = false;
  if (const Route* route = find(request, path_exists)) put(response, run(*route, request, std::move(body)));
}

void HttpListener::Parts::serve_connection(HttpConnection& connection) {
  using std::chrono::milliseconds;
  bool first = true;
  for (bool open = true; open;) {
    const auto patience = first ? options.request_timeout : options.keep_alive_timeout;
    for (milliseconds waited{0}; !connection.has_request(milliseconds(100)); waited += milliseconds(100))
      if (waited >= patience || stopping || (!first && (draining || threads->full()))) return;
    first = false;
    connection.begin_request();
    bool closed = false;
    const bool close_connection = draining || threads->full();
    ++answers_under_way;
    const bool answered = process_request(connection, close_connection, closed, nullptr);
    --answers_under_way;
    open = answered && !closed && !close_connection && !connection.close_after;
  }
}

bool HttpListener::Parts::process_and_close_socket(socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (no_thread_is_free) {
    const auto text = raw_answer(503, error_answer(503, "all connections are in use; try again"));
    [[maybe_unused]] const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else {
    HttpConnection connection(socket, options);
    current_connection = &connection;
    serve_connection(connection);
    current_connection = nullptr;
    if (connection.close_after) return close_politely(socket), true;
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return true;
}

void HttpListener::Parts::set_up() {
  new_task_queue = [this] { return threads = new ConnectionThreads(options.connections_max); };
  set_payload_max_length(options.body_bytes_max);
  set_pre_routing_handler([this](const auto& request, auto& response) { return route_without_body(request, response); });
  for (const auto& route : routes)
    if (route.method == "POST")
      Post(route.path, [this](const auto& request, auto& response, const auto& reader) { serve_body(request, response, reader); });
  set_error_handler(httplib::Server::Handler([this](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    const bool header_too_large = current_connection != nullptr && current_connection->has_exceeded_header();
    const int status = header_too_large ? 431 : response.status;
    put(response, error_answer(status, std::string(reason_of(status))));
  }));
}

HttpListener::HttpListener() : parts_(std::make_unique<Parts>()) {}

Result<std::unique_ptr<HttpListener>> HttpListener::start(const HttpOptions& options, std::vector<Route> routes,
                                                          std::function<HttpAnswer(int, std::string)> error_answer) {
  std::unique_ptr<HttpListener> listener(new HttpListener);
  auto& parts = *listener->parts_;
  parts.options = options;
  parts.routes = std::move(routes);
  parts.error_answer = std::move(error_answer);
  parts.set_up();
  parts.bound_port = options.port == 0 ? parts.bind_to_any_port(options.host)
                     : parts.bind_to_port(options.host, options.port) ? options.port : -1;
  if (parts.bound_port <= 0)
    return Error{ErrorCode::unavailable, "cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " +
                 std::strerror(errno), "listen"};
  parts.accepting = std::thread([&parts] { parts.listen_after_bind(); });
  while (!parts.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return listener;
}

HttpListener::~HttpListener() { stop(); }

int HttpListener::port() const { return parts_->bound_port; }
void HttpListener::drain() { parts_->draining = true; }
bool HttpListener::is_answering() const { return parts_->answers_under_way > 0; }

void HttpListener::stop() {
  parts_->draining = parts_->stopping = true;
  if (!parts_->accepting.joinable()) return;
  parts_->httplib::Server::stop();
  parts_->accepting.join();
}

}  // namespace luthier::serve
