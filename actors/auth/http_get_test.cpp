#include "actors/auth/http_get.hpp"

#include <httplib.h>
#include <openssl/x509v3.h>

#include <thread>

#include "actors/auth/issuer_test.hpp"
#include "actors/auth/jwks_cache.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::auth {
namespace {

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

// Signed by itself, for 127.0.0.1 (or for another name).
Certificate certificate_for(const TestKey& key, const char* names) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  auto* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  for (const auto& [kind, value] : {std::pair(NID_subject_alt_name, names), std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
    auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    REQUIRE(extension);
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  return certificate;
}

std::string pem_of(const Certificate& certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  REQUIRE(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

class RunningServer {
 public:
  explicit RunningServer(httplib::Server& server) : server_(server) {
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~RunningServer() {
    server_.stop();
    thread_.join();
  }
  std::string url(const std::string& scheme, const std::string& target) const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + target;
  }

 private:
  httplib::Server& server_;
  int port_ = 0;
  std::thread thread_;
};

void serve_documents(httplib::Server& server) {
  server.Get("/doc", [](const httplib::Request&, httplib::Response& answer) {
    answer.set_header("Cache-Control", "max-age=7");
    answer.set_content("hello", "application/json");
  });
  server.Get("/away", [](const httplib::Request&, httplib::Response& answer) { answer.set_redirect("/doc"); });
  server.Get("/long", [](const httplib::Request&, httplib::Response& answer) { answer.set_content(std::string(100'000, 'x'), "text/plain"); });
  server.Get("/drip", [](const httplib::Request&, httplib::Response& answer) {
    answer.set_chunked_content_provider("text/plain", [](std::size_t, httplib::DataSink& sink) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return sink.write("x", 1);
    });
  });
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a document is fetched, and what is too long, too slow, elsewhere or not there is not") {
  httplib::Server server;
  serve_documents(server);
  const RunningServer running(server);
  HttpGetOptions options;
  options.body_bytes_max = 10'000;
  options.total = std::chrono::milliseconds(200);
  HttpGetter getter(options);
  const auto document = getter.get(running.url("http", "/doc"));
  REQUIRE(document);
  CHECK(document->body == "hello");
  CHECK(document->age_max == std::chrono::seconds(7));
  CHECK_THAT(getter.get(running.url("http", "/away")).error().message, Contains("answers 302"));
  CHECK_THAT(getter.get(running.url("http", "/absent")).error().message, Contains("answers 404"));
  CHECK_THAT(getter.get(running.url("http", "/long")).error().message, Contains("10000 bytes"));
  CHECK_THAT(getter.get(running.url("http", "/drip")).error().message, Contains("too slowly"));
  CHECK(getter.get("http://127.0.0.1:1/").error().code == ErrorCode::unavailable);
  CHECK(getter.get("http://192.0.2.1/").error().code == ErrorCode::invalid);  // plain http to the outside
}

TEST_CASE("a fetch that hangs ends when it is stopped") {
  httplib::Server server;
  serve_documents(server);
  const RunningServer running(server);
  HttpGetter getter({});
  const auto begin = std::chrono::steady_clock::now();
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    getter.stop();
  });
  CHECK_FALSE(getter.get(running.url("http", "/drip")));
  stopper.join();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
  CHECK_FALSE(getter.get(running.url("http", "/doc")));
}

TEST_CASE("over TLS the certificate must be of a trusted authority and of the server's name") {
  TemporaryDirectory directory;
  const auto key = TestKey::ec();
  const auto good = certificate_for(key, "IP:127.0.0.1"), misnamed = certificate_for(key, "DNS:other.example.com");
  REQUIRE(write_file_durably(directory / "good.pem", pem_of(good)));
  REQUIRE(write_file_durably(directory / "misnamed.pem", pem_of(misnamed)));
  const auto get_with = [&](const Certificate& certificate, const std::filesystem::path& ca_file) {
    httplib::SSLServer server(certificate.get(), key.get());
    serve_documents(server);
    const RunningServer running(server);
    HttpGetOptions options;
    options.ca_file = ca_file;
    return static_cast<bool>(HttpGetter(options).get(running.url("https", "/doc")));
  };
  CHECK(get_with(good, directory / "good.pem"));
  CHECK_FALSE(get_with(good, {}));
  CHECK_FALSE(get_with(good, directory / "absent.pem"));
  CHECK_FALSE(get_with(good, directory / "misnamed.pem"));
  CHECK_FALSE(get_with(misnamed, directory / "misnamed.pem"));
}

TEST_CASE("keys come from a real issuer over TLS") {
  TemporaryDirectory directory;
  const auto key = TestKey::ec();
  const auto certificate = certificate_for(key, "IP:127.0.0.1");
  REQUIRE(write_file_durably(directory / "ca.pem", pem_of(certificate)));
  httplib::SSLServer server(certificate.get(), key.get());
  std::string issuer;
  server.Get("/lab/.well-known/openid-configuration", [&](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(R"({"issuer":")" + issuer + R"(","jwks_uri":")" + issuer + R"(/keys"})", "application/json");
  });
  server.Get("/lab/keys", [](const httplib::Request&, httplib::Response& answer) { answer.set_content(test_key_set(), "application/json"); });
  const RunningServer running(server);
  issuer = running.url("https", "/lab");
  Settings settings;
  settings.issuer = issuer;
  settings.ca_file = directory / "ca.pem";
  JwksCache cache(jwks_options(settings));
  CHECK(cache.find("rsa-1", Algorithm::rs256));
  CHECK(cache.provider());
}

}  // namespace luthier::auth
