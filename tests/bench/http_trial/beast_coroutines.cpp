// Boost.Beast on asio's stackful coroutines: two threads, each with an io_context of its own, and Beast's time-outs.
#include <utility>  // asio 1.74 uses it and does not include it

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/spawn.hpp>
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

void serve(beast::tcp_stream& stream, boost::asio::yield_context yield) {
  beast::flat_buffer buffer;
  beast::error_code error;
  while (true) {
    http::request<http::string_body> request;
    stream.expires_after(std::chrono::seconds(30));
    http::async_read(stream, buffer, request, yield[error]);
    if (error) return;
    http::response<http::span_body<const char>> response(http::status::ok, 11);
    response.set(http::field::content_type, "application/json");
    response.body() = {trial_answer().data(), trial_answer().size()};
    response.prepare_payload();
    http::async_write(stream, response, yield[error]);
    if (error || !request.keep_alive()) return;
  }
}

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
    auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
    boost::asio::spawn(context, [stream](boost::asio::yield_context yield) { serve(*stream, yield); });
  }
}
