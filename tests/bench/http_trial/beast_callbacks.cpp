// Boost.Beast on asio's callbacks: two threads, each with an io_context of its own, and Beast's time-outs.
#include <utility>  // asio 1.74 uses it and does not include it

#include <array>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "tests/bench/http_trial/answer.hpp"

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;

namespace {

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : stream_(std::move(socket)) {}
  void read() {
    parser_.emplace();
    stream_.expires_after(std::chrono::seconds(30));
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    response_.emplace(http::status::ok, 11);
    response_->set(http::field::content_type, "application/json");
    response_->body() = {trial_answer().data(), trial_answer().size()};
    response_->prepare_payload();
    http::async_write(stream_, *response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error && self->parser_->keep_alive()) self->read();
    });
  }
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::span_body<const char>>> response_;
};

}  // namespace

int main() {
  std::array<boost::asio::io_context, 2> contexts{boost::asio::io_context(1), boost::asio::io_context(1)};
  std::array<std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>, 2> guards;
  for (int i = 0; i < 2; ++i) guards[i].emplace(contexts[i].get_executor());
  for (auto& context : contexts) std::thread([&context] { context.run(); }).detach();
  boost::asio::io_context accepting;
  tcp::acceptor acceptor(accepting, {boost::asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", int{acceptor.local_endpoint().port()});
  std::fflush(stdout);
  for (unsigned next = 0;; ++next) {
    auto& context = contexts[next % contexts.size()];
    tcp::socket socket(context);
    acceptor.accept(socket);
    socket.set_option(tcp::no_delay(true));
    boost::asio::post(context, [made = std::make_shared<Session>(std::move(socket))] { made->read(); });
  }
}
