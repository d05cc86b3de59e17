#include "actors/hub/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace luthier::hub {
namespace {

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

Error unusable(const std::string& why) { return {ErrorCode::unavailable, "no TLS connection: " + why, {}}; }

std::string last_reason() {
  const auto code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text ? text : "the other side does not speak TLS";
}

}  // namespace

void Tls::ContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void Tls::SessionDeleter::operator()(ssl_st* session) const { SSL_free(session); }

Result<Tls> Tls::handshake(Socket& socket, const std::string& host, const std::filesystem::path& ca_file, const Patience& patience) {
  ERR_clear_error();
  Tls tls;
  tls.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!tls.context_) return unusable(last_reason());
  SSL_CTX_set_min_proto_version(tls.context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(tls.context_.get(), SSL_VERIFY_PEER, nullptr);
  const bool has_authorities = ca_file.empty() ? SSL_CTX_set_default_verify_paths(tls.context_.get()) == 1
                                               : SSL_CTX_load_verify_locations(tls.context_.get(), ca_file.c_str(), nullptr) == 1;
  if (!has_authorities) return invalid((ca_file.empty() ? "the system's certificates" : ca_file.string()) + " cannot be read", "ca_file");

  tls.session_.reset(SSL_new(tls.context_.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (!tls.session_ || !in || !out) {
    BIO_free(in);
    BIO_free(out);
    return unusable("memory is out");
  }
  BIO_set_mem_eof_return(in, -1);  // empty means "more will come"
  SSL_set_bio(tls.session_.get(), in, out);
  bool is_set = true;
  if (is_address(host))
    is_set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls.session_.get()), host.c_str()) == 1;
  else
    is_set = SSL_set1_host(tls.session_.get(), host.c_str()) == 1 && SSL_set_tlsext_host_name(tls.session_.get(), host.c_str()) == 1;
  if (!is_set) return unusable(last_reason());
  SSL_set_connect_state(tls.session_.get());
  if (auto done = tls.shake(socket, host, patience); !done) return done.error();
  return tls;
}

Result<void> Tls::shake(Socket& socket, const std::string& host, const Patience& patience) {
  while (true) {
    const int answer = SSL_do_handshake(session_.get());
    const int reason = SSL_get_error(session_.get(), answer);
    auto sent = flush(socket, patience);
    if (answer == 1) return sent;
    if (reason != SSL_ERROR_WANT_READ) return failure(host);  // what we had to say about it was sent, if it could be
    if (!sent) return sent;
    const auto more = feed(socket, patience);
    if (!more) return more.error();
    if (!*more) return unusable("the other side closed the connection");
  }
}

Error Tls::failure(const std::string& host) const {
  const auto verdict = SSL_get_verify_result(session_.get());
  if (verdict == X509_V_OK) return unusable(last_reason());
  return invalid("its certificate is not accepted for " + host + " (" + X509_verify_cert_error_string(verdict) +
                     "): if its authority is your own, name a file with that certificate in SSL_CERT_FILE",
                 "endpoint");
}

Result<void> Tls::flush(Socket& socket, const Patience& patience) {
  char* bytes = nullptr;
  BIO* out = SSL_get_wbio(session_.get());
  const auto size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) return {};
  const std::string copy(bytes, static_cast<std::size_t>(size));
  BIO_reset(out);
  return socket.send(copy, patience);
}

Result<bool> Tls::feed(Socket& socket, const Patience& patience) {
  char bytes[32 * 1024];
  const auto got = socket.receive(bytes, sizeof bytes, patience);
  if (!got) return got.error();
  if (*got > 0 && BIO_write(SSL_get_rbio(session_.get()), bytes, static_cast<int>(*got)) != static_cast<int>(*got))
    return unusable("memory is out");
  return *got > 0;
}

Result<std::size_t> Tls::receive(Socket& socket, char* to, std::size_t size, const Patience& patience) {
  while (true) {
    ERR_clear_error();
    std::size_t got = 0;
    const int answer = SSL_read_ex(session_.get(), to, size, &got);
    if (answer == 1) return got;
    const int reason = SSL_get_error(session_.get(), answer);
    if (reason == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    if (reason != SSL_ERROR_WANT_READ) return unusable(last_reason());
    if (auto sent = flush(socket, patience); !sent) return sent.error();  // a change of keys may have an answer
    const auto more = feed(socket, patience);
    if (!more) return more.error();
    if (!*more) return std::size_t{0};
  }
}

Result<void> Tls::send(Socket& socket, std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t taken = 0;
    if (SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &taken) != 1) return unusable(last_reason());
    bytes.remove_prefix(taken);
    if (auto sent = flush(socket, patience); !sent) return sent;
  }
  return {};
}

}  // namespace luthier::hub
