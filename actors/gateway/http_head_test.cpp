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
  CHECK(head->raw_path == "/v1/models/default%2Fsmol");
  CHECK(head->query == "x=1");
  CHECK(parse_request_head("GET /?a=%zz?b HTTP/1.1\r\nHost: x")->query == "a=%zz?b");
  CHECK(parse_request_head("GET /a? HTTP/1.1\r\nHost: x")->raw_path == "/a");
  CHECK(head->keeps_connection);
  CHECK(*head->headers.find("authorization") == "Bearer  t");
  CHECK(head->headers.find("X-EMPTY")->empty());
  CHECK_FALSE(head->headers.find("absent"));
  CHECK_FALSE(parse_request_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")->keeps_connection);
  CHECK_FALSE(parse_request_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n")->keeps_connection);
  CHECK_FALSE(parse_request_head("GET / HTTP/1.0\r\n")->keeps_connection);
  CHECK(parse_request_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n")->keeps_connection);
}

TEST_CASE("a head that two programs could read differently is refused") {
  const std::vector<std::string> bad{"", "GET", "GET /", "GET / HTTP/2.0", "GET  / HTTP/1.1", "GET x HTTP/1.1", "GET http://x/ HTTP/1.1",
                                     "G(T / HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /a b HTTP/1.1", "GET /%zz HTTP/1.1", "GET /%00 HTTP/1.1",
                                     "GET / HTTP/1.1\r\nHost: x\r\nno colon", "GET / HTTP/1.1\r\nHost: x\r\nName : x", "GET / HTTP/1.1\r\nHost: x\r\n: x",
                                     "GET / HTTP/1.1\r\n folded: x", "GET / HTTP/1.1\nHost: x", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d",
                                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d", std::string("GET / HTTP/1.1\r\nHost: x\r\nA: \0", 29),
                                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded: x", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tfolded", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\n b",
                                     "GET / HTTP/1.1\r\nHost: a\r\nHost: a", "GET / HTTP/1.1\r\nHost: a\r\nhost: b", "GET * HTTP/1.1", "OPTIONS * HTTP/1.1",
                                     "CONNECT a:1 HTTP/1.1", "GET /\xc3\xa9 HTTP/1.1", "GET /\x7f HTTP/1.1", std::string("GET /\0 HTTP/1.1", 15), "GET / HTTP/1.2",
                                     "GET / http/1.1", "GET / HTTP/1.1 ", "GET / HTTP/1.1x", "\r\nGET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\nA: b",
                                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\nA\xe9: b", "GET / HTTP/1.1\r\nHost: x\r\n\"a\": b",
                                     "GET / HTTP/1.1\r\nHost: x\r\nConnection: ,;"};
  for (const auto& text : bad) {
    INFO(text);
    CHECK_FALSE(parse_request_head(text.find("\r\n") == text.npos ? text + "\r\nHost: x" : text));
  }
  CHECK_FALSE(parse_request_head("GET / HTTP/1.1\r\nA: b"));  // without Host
  CHECK(parse_request_head("GET / HTTP/1.0\r\nA: b"));
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  CHECK(parse_request_head(many).error().code == ErrorCode::limit);
}

TEST_CASE("the length of a body is said once and clearly") {
  const auto length = [](std::string_view headers, bool is_request = true) {
    const auto head = parse_request_head("POST / HTTP/1.1\r\nHost: x\r\n" + std::string(headers));
    return head ? body_length(head->headers, is_request) : Result<BodyLength>(head.error());
  };
  CHECK(length("")->bytes == 0);
  CHECK_FALSE(length("", false)->bytes);
  CHECK(length("Content-Length: 12\r\n")->bytes == 12);
  CHECK(length("Transfer-Encoding: Chunked\r\n")->is_chunked);
  for (const char* bad : {"Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 1x\r\n", "Content-Length:\r\n",
                          "Content-Length: 99999999999999999999\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
                          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
                          "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                          "Content-Length: 1, 1\r\n", "Content-Length: 1\r\ncontent-length: 2\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: \r\n",
                          "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 0x1\r\n", "Content-Length: 9223372036854775808\r\n"})
    CHECK_FALSE(length(bad));
}

TEST_CASE("an answer's head is taken apart") {
  const auto head = parse_response_head("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n");
  REQUIRE(head);
  CHECK(head->status == 404);
  CHECK(parse_response_head("HTTP/1.1 200 \r\n")->status == 200);
  for (const char* bad : {"", "HTTP/1.1", "HTTP/1.1 200", "HTTP/1.1 099 x", "HTTP/1.1 200 OK\r\nno colon", "HTTP/1.1 2x0 OK", "HTTP/1.1 999 -",
                          "ICY 200 OK     ", "HTTP/1.1  20 OK"})
    CHECK_FALSE(parse_response_head(bad));
}

TEST_CASE("a head is written as it will be read") {
  const auto text = response_head_text(404, {{"Content-Type", "text/plain"}, {"X-Two", "a"}, {"X-Two", "b"}});
  REQUIRE(text);
  CHECK(*text == "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-Two: a\r\nX-Two: b\r\n\r\n");
  CHECK(*request_head_text("GET", "/a?b=c", {{"Host", "x"}}) == "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const int status : {100, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413,
                           414, 415, 416, 417, 418, 421, 422, 424, 425, 426, 428, 429, 431, 500, 501, 502, 503, 504, 507, 508}) {
    INFO(status);
    const auto line = response_head_text(status, {})->substr(0, 40);
    CHECK(line.substr(0, 13) == "HTTP/1.1 " + std::to_string(status) + " ");
    CHECK(line.find("nknown") == std::string::npos);
    CHECK(line.find_first_of("\r") > 14);
  }
}

TEST_CASE("no header that we send can begin another one") {
  for (const std::string value : {"a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\x7f", "\x01"}) {
    INFO(value);
    CHECK_FALSE(response_head_text(200, {{"X-Name", value}}));
    CHECK_FALSE(request_head_text("GET", "/", {{"X-Name", value}}));
  }
  CHECK_FALSE(response_head_text(200, {{"X", std::string("a\0b", 3)}}));
  for (const std::string name : {"", "a b", "a:", "a\r\n", "\xc3\xa9"}) CHECK_FALSE(response_head_text(200, {{name, "x"}}));
  CHECK(response_head_text(200, {{"X-Name", "caf\xc3\xa9, \t\"x\""}}));
  for (const std::string target : {"", "/a b", "/a\r\nX: y", "/a\tb"}) CHECK_FALSE(request_head_text("GET", target, {}));
  CHECK_FALSE(request_head_text("GE T", "/", {}));
}
