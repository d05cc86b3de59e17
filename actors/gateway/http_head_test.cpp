#include "actors/gateway/http_head.hpp"

#include <catch2/catch.hpp>

using namespace luthier;
using namespace luthier::gateway;

TEST_CASE("a request's head is taken apart") {
  const auto head = parse_request_head("GET /v1/models/default%2Fsmol?x=1 HTTP/1.1\r\nHost: here\r\nX-Empty:\r\nAuthorization:  Bearer  t \r\n");
  REQUIRE(head);
  CHECK(head->method == "GET");
  CHECK(head->target == "/v1/models/default%2Fsmol?x=1");
  CHECK(head->path == "/v1/models/default/smol");
  CHECK(head->keeps_connection);
  CHECK(*head->headers.find("authorization") == "Bearer  t");
  CHECK(head->headers.find("X-EMPTY")->empty());
  CHECK_FALSE(head->headers.find("absent"));
  CHECK_FALSE(parse_request_head("GET / HTTP/1.1\r\nConnection: close\r\n")->keeps_connection);
  CHECK_FALSE(parse_request_head("GET / HTTP/1.0\r\n")->keeps_connection);
}

TEST_CASE("a head that two programs could read differently is refused") {
  const std::vector<std::string> bad{"", "GET", "GET /", "GET / HTTP/2.0", "GET  / HTTP/1.1", "GET x HTTP/1.1", "GET http://x/ HTTP/1.1",
                                     "G(T / HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /a b HTTP/1.1", "GET /%zz HTTP/1.1", "GET /%00 HTTP/1.1",
                                     "GET / HTTP/1.1\r\nno colon", "GET / HTTP/1.1\r\nName : x", "GET / HTTP/1.1\r\n: x",
                                     "GET / HTTP/1.1\r\n folded: x", "GET / HTTP/1.1\nHost: x", "GET / HTTP/1.1\r\nA: b\rC: d",
                                     "GET / HTTP/1.1\r\nA: b\nC: d", std::string("GET / HTTP/1.1\r\nA: \0", 20)};
  for (const auto& text : bad) {
    INFO(text);
    CHECK_FALSE(parse_request_head(text));
  }
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  CHECK(parse_request_head(many).error().code == ErrorCode::limit);
}

TEST_CASE("the length of a body is said once and clearly") {
  const auto length = [](std::string_view headers, bool is_request = true) {
    return body_length(parse_request_head("POST / HTTP/1.1\r\n" + std::string(headers))->headers, is_request);
  };
  CHECK(length("")->bytes == 0);
  CHECK_FALSE(length("", false)->bytes);
  CHECK(length("Content-Length: 12\r\n")->bytes == 12);
  CHECK(length("Transfer-Encoding: Chunked\r\n")->is_chunked);
  for (const char* bad : {"Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 1x\r\n", "Content-Length:\r\n",
                          "Content-Length: 99999999999999999999\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
                          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
                          "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"})
    CHECK_FALSE(length(bad));
}

TEST_CASE("an answer's head is taken apart") {
  const auto head = parse_response_head("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n");
  REQUIRE(head);
  CHECK(head->status == 404);
  CHECK(parse_response_head("HTTP/1.1 200\r\n")->status == 200);
  for (const char* bad : {"", "HTTP/1.1", "HTTP/1.1 2x0 OK", "HTTP/1.1 999 -", "ICY 200 OK     ", "HTTP/1.1  20 OK"}) CHECK_FALSE(parse_response_head(bad));
}
