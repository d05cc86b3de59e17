#include "actors/gateway/http_tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <climits>
#include <string_view>

namespace luthier::gateway {
namespace {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason ? reason : "unknown reason";
}

Error wrong_file(const char* option, const std::filesystem::path& file, const std::string& why) {
  return invalid("the file " + file.string() + " is of no use: " + why, option);
}

// Of what a client offers, this is what is spoken here.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char spoken[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, spoken, sizeof spoken - 1, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

int no_passphrase(char*, int, int, void*) { return 0; }  // instead of asking on the terminal of a server

}  // namespace

struct TlsContext::Parts {
  std::unique_ptr<SSL_CTX, SslDeleter> context;
};

struct TlsStream::Parts {
  std::unique_ptr<SSL, SslDeleter> ssl;
  Moved after(int result) const;
};

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;
TlsStream::TlsStream(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsStream::~TlsStream() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::filesystem::path& certificate_file, const std::filesystem::path& key_file) {
  ERR_clear_error();
  auto parts = std::make_unique<Parts>();
  parts->context.reset(SSL_CTX_new(TLS_server_method()));
  auto* context = parts->context.get();
  if (!context) return Error{ErrorCode::internal, "OpenSSL does not start: " + openssl_reason(), {}};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1)
    return wrong_file("tls_certificate_file", certificate_file, openssl_reason() + "; a PEM certificate, with those above it behind, is needed");
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return wrong_file("tls_key_file", key_file,
                      openssl_reason() + "; the PEM key of " + certificate_file.string() + ", without a passphrase, is needed");
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(parts)));
}

Result<std::shared_ptr<TlsContext>> TlsContext::trust(const std::filesystem::path& authorities_file) {
  ERR_clear_error();
  auto parts = std::make_unique<Parts>();
  parts->context.reset(SSL_CTX_new(TLS_client_method()));
  auto* context = parts->context.get();
  if (!context) return Error{ErrorCode::internal, "OpenSSL does not start: " + openssl_reason(), {}};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  const int has_authorities = authorities_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                                       : SSL_CTX_load_verify_locations(context, authorities_file.c_str(), nullptr);
  if (has_authorities != 1) return wrong_file("authorities_file", authorities_file, openssl_reason() + "; PEM certificates are needed");
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(parts)));
}

Result<std::unique_ptr<TlsStream>> TlsContext::connect(int descriptor, const std::string& host) const {
  auto parts = std::make_unique<TlsStream::Parts>();
  parts->ssl.reset(SSL_new(parts_->context.get()));
  auto* ssl = parts->ssl.get();
  if (!ssl || SSL_set_fd(ssl, descriptor) != 1) return Error{ErrorCode::unavailable, "no memory for a TLS connection", {}};
  unsigned char address[16];
  const bool is_address = ::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1;
  const bool is_set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
                                 : SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  ERR_clear_error();
  if (!is_set) return invalid("no certificate can be for a host called " + host.substr(0, 255), "host");
  SSL_set_connect_state(ssl);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(parts)));
}

Result<std::unique_ptr<TlsStream>> TlsContext::accept(int descriptor) const {
  auto parts = std::make_unique<TlsStream::Parts>();
  parts->ssl.reset(SSL_new(parts_->context.get()));
  if (!parts->ssl || SSL_set_fd(parts->ssl.get(), descriptor) != 1) return Error{ErrorCode::unavailable, "no memory for a TLS connection", {}};
  SSL_set_accept_state(parts->ssl.get());
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(parts)));
}

// Errors of one connection must not be left in the thread's queue, where the next call would find them.
Moved TlsStream::Parts::after(int result) const {
  if (result > 0) return {result, 0};
  const int error = SSL_get_error(ssl.get(), result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return {-1, POLLIN};
  if (error == SSL_ERROR_WANT_WRITE) return {-1, POLLOUT};
  return {0, 0};
}

Moved TlsStream::shake_hands() { return parts_->after(SSL_do_handshake(parts_->ssl.get())); }
Moved TlsStream::read(char* to, std::size_t size) {
  return parts_->after(SSL_read(parts_->ssl.get(), to, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}
Moved TlsStream::write(const char* from, std::size_t size) {
  return parts_->after(SSL_write(parts_->ssl.get(), from, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}
bool TlsStream::has_pending() const { return SSL_has_pending(parts_->ssl.get()) == 1; }
void TlsStream::say_goodbye() {
  if (SSL_is_init_finished(parts_->ssl.get())) SSL_shutdown(parts_->ssl.get());
  ERR_clear_error();
}

}  // namespace luthier::gateway
