#include "actors/auth/public_key.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string>

namespace luthier::auth {
namespace {

constexpr int rsa_bits_min = 2048, rsa_bits_max = 8192;
constexpr std::size_t rsa_exponent_bytes_max = 8;  // a huge exponent would make each check slow
constexpr std::size_t p256_bytes = 32;

template <class T, void (*release)(T*)>
struct Releaser {
  void operator()(T* held) const { release(held); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Releaser<T, release>>;

using Number = Owned<BIGNUM, BN_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using EcSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

// OpenSSL leaves its errors in a queue of the thread, where the next user would take them for its own.
struct ErrorQueueCleaner {
  ~ErrorQueueCleaner() { ERR_clear_error(); }
};

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Number number_of(std::string_view bytes) { return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr)); }

std::shared_ptr<EVP_PKEY> make_key(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return {made, EVP_PKEY_free};
}

// From r and s, 32 bytes each, to the DER that OpenSSL reads.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * p256_bytes) return {};
  auto r = number_of(signature.substr(0, p256_bytes)), s = number_of(signature.substr(p256_bytes));
  const EcSignature both(ECDSA_SIG_new());
  if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  if (size <= 0) return {};
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::string_view to_string(Algorithm algorithm) { return algorithm == Algorithm::rs256 ? "RS256" : "ES256"; }

std::optional<Algorithm> parse_algorithm(std::string_view text) {
  if (text == "RS256") return Algorithm::rs256;
  if (text == "ES256") return Algorithm::es256;
  return std::nullopt;
}

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  const ErrorQueueCleaner cleaner;
  if (modulus.size() > rsa_bits_max / 8 || exponent.empty() || exponent.size() > rsa_exponent_bytes_max)
    return invalid("an RSA key needs a modulus of 2048 to 8192 bits and an exponent of at most 8 bytes");
  const auto n = number_of(modulus), e = number_of(exponent);
  if (!n || !e) return Error{ErrorCode::out_of_memory, "no memory for a key", {}};
  if (BN_num_bits(n.get()) < rsa_bits_min) return invalid("an RSA key of fewer than 2048 bits is too weak");
  if (!BN_is_odd(n.get()) || !BN_is_odd(e.get()) || BN_is_one(e.get())) return invalid("is not an RSA key");
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return Error{ErrorCode::out_of_memory, "no memory for a key", {}};
  auto key = make_key("RSA", builder.get());
  if (!key) return invalid("is not an RSA key");
  return PublicKey(Algorithm::rs256, std::move(key));
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  const ErrorQueueCleaner cleaner;
  if (x.size() != p256_bytes || y.size() != p256_bytes) return invalid("a P-256 key has two numbers of 32 bytes");
  const auto point = "\x04" + std::string(x) + std::string(y);  // 4: both numbers follow
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return Error{ErrorCode::out_of_memory, "no memory for a key", {}};
  auto key = make_key("EC", builder.get());
  if (!key) return invalid("is not a point of the curve P-256");
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1) return invalid("is not a point of the curve P-256");
  return PublicKey(Algorithm::es256, std::move(key));
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  const ErrorQueueCleaner cleaner;
  const std::string der = algorithm_ == Algorithm::es256 ? der_of(signature) : std::string(signature);
  const DigestContext context(EVP_MD_CTX_new());
  return !der.empty() && context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(message), message.size()) == 1;
}

}  // namespace luthier::auth
