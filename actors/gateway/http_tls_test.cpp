// TLS with a certificate that openssl makes on the spot.
#include "actors/gateway/http_tls.hpp"

#include <httplib.h>

#include <fstream>

#include "actors/gateway/http_server.hpp"
#include "actors/gateway/peers_test.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::gateway;
using namespace std::chrono_literals;

namespace {

void run(const std::string& arguments) { REQUIRE(std::system(("openssl " + arguments + " 2>/dev/null").c_str()) == 0); }

struct Certificate {
  TemporaryDirectory held;
  std::filesystem::path certificate = held.path() / "certificate.pem", key = held.path() / "key.pem";
  Certificate() {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
        "-keyout " + key.string() + " -out " + certificate.string());
  }
  GatewayOptions options() const {
    GatewayOptions made;
    made.tls_certificate_file = certificate;
    made.tls_key_file = key;
    return made;
  }
};

struct Client : httplib::SSLClient {
  Client(const HttpServer& server, const Certificate& trusted) : SSLClient("127.0.0.1", server.port()) {
    set_ca_cert_path(trusted.certificate.c_str());
    enable_server_certificate_verification(true);
    set_keep_alive(true);
  }
};

}  // namespace

TEST_CASE("with a certificate everything is encrypted, large bodies both ways") {
  const Certificate certificate;
  auto server = HttpServer::start(certificate.options(), [](Exchange& exchange) {
    const auto body = exchange.body().read_all();
    exchange.answer(body ? 200 : 400, "text/plain", body ? *body : body.error().message);
  });
  REQUIRE(server);
  Client client(**server, certificate);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{20000}, std::size_t{3 << 20}}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 2654435761u >> 13);
    const auto answer = client.Post("/", body, "text/plain");
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == body);
  }
}

TEST_CASE("a client that speaks no TLS, or begins and falls silent, is let go") {
  const Certificate certificate;
  auto options = certificate.options();
  options.header_timeout = 200ms;
  auto server = HttpServer::start(options, [](Exchange& exchange) { exchange.answer(200, "text/plain", "ok"); });
  REQUIRE(server);
  auto plain = connect_to((*server)->port());
  plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(plain.wait_for_end(2000));
  CHECK(plain.received().find("HTTP/1.1") == std::string::npos);
  auto silent = connect_to((*server)->port());
  silent.send(std::string("\x16\x03\x01", 3));
  CHECK(silent.wait_for_end(2000));
  Client client(**server, certificate);
  CHECK(client.Get("/")->body == "ok");  // the others are served
}

TEST_CASE("a client that goes in the middle of an encrypted answer does not end the process") {
  const Certificate certificate;
  std::atomic<bool> ended = false;
  auto server = HttpServer::start(certificate.options(), [&](Exchange& exchange) {
    const std::string piece(1 << 20, 'x');
    exchange.begin(200, {}, -1);
    while (!exchange.client_has_gone() && exchange.write(piece)) {}
    for (int i = 0; i < 3; ++i) exchange.write(piece);
    ended = true;
  });
  REQUIRE(server);
  Client client(**server, certificate);
  client.Get("/", [](const char*, std::size_t) { return false; });
  client.stop();
  CHECK(eventually([&] { return ended.load(); }));
}

TEST_CASE("an encrypted server stops as a plain one does") {
  const Certificate certificate;
  auto server = HttpServer::start(certificate.options(), [](Exchange& exchange) { exchange.answer(200, "text/plain", "ok"); });
  REQUIRE(server);
  Client client(**server, certificate);
  REQUIRE(client.Get("/"));
  const auto begin = std::chrono::steady_clock::now();
  (*server)->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 4s);  // not all of `drain`
}

TEST_CASE("files that are no certificate, no key, or not of each other are named") {
  const Certificate one, other;
  const auto refused = [](const std::filesystem::path& certificate, const std::filesystem::path& key) {
    GatewayOptions options;
    options.tls_certificate_file = certificate;
    options.tls_key_file = key;
    const auto server = HttpServer::start(options, [](Exchange&) {});
    REQUIRE_FALSE(server);
    CHECK(server.error().code == ErrorCode::invalid);
    return server.error();
  };
  CHECK(refused(one.certificate, {}).field == "tls_key_file");
  CHECK(refused({}, one.key).field == "tls_certificate_file");
  const auto absent = refused("/absent.pem", one.key);
  CHECK(absent.field == "tls_certificate_file");
  CHECK(absent.message.find("/absent.pem") != std::string::npos);
  CHECK(refused(one.certificate, "/absent.pem").message.find("/absent.pem") != std::string::npos);
  CHECK(refused(one.key, one.key).field == "tls_certificate_file");
  const auto mixed = refused(one.certificate, other.key);
  CHECK(mixed.field == "tls_key_file");
  CHECK(mixed.message.find(other.key.string()) != std::string::npos);
  const auto locked = one.held.path() / "locked.pem";
  run("ec -aes256 -passout pass:secret -in " + one.key.string() + " -out " + locked.string());
  CHECK(refused(one.certificate, locked).message.find("without a passphrase") != std::string::npos);
}
