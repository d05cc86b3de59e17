// Boost.Beast, blocking, a thread for each connection: Beast's own reading and writing, without any deadline.
#include <utility>  // asio 1.74 uses it and does not include it

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <thread>

#include "tests/bench/http_trial/answer.hpp"

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;

namespace {

void serve(tcp::socket socket) {
  beast::flat_buffer buffer;
  beast::error_code error;
  while (true) {
    http::request<http::string_body> request;
    http::read(socket, buffer, request, error);
    if (error) return;
    http::response<http::span_body<const char>> response(http::status::ok, 11);
    response.set(http::field::content_type, "application/json");
    response.body() = {trial_answer().data(), trial_answer().size()};
    response.prepare_payload();
    http::write(socket, response, error);
    if (error || !request.keep_alive()) return;
  }
}

}  // namespace

int main() {
  boost::asio::io_context context;
  tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", int{acceptor.local_endpoint().port()});
  std::fflush(stdout);
  while (true) {
    tcp::socket socket(context);
    acceptor.accept(socket);
    socket.set_option(tcp::no_delay(true));
    std::thread(serve, std::move(socket)).detach();
  }
}
