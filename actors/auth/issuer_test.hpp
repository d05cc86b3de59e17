// An issuer for tests: keys made on the spot, tokens signed with them or spoilt on purpose.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "actors/auth/base64url.hpp"
#include "actors/auth/jwt.hpp"

namespace luthier::auth {

constexpr Timestamp test_now = 1'790'000'000'000'000;  // 2026-09-21
constexpr std::int64_t test_now_s = test_now / 1'000'000;

class TestKey {
 public:
  static TestKey rsa(unsigned bits = 2048) { return TestKey(EVP_RSA_gen(bits)); }
  static TestKey ec(const char* curve = "P-256") { return TestKey(EVP_EC_gen(curve)); }

  EVP_PKEY* get() const { return key_.get(); }
  bool is_rsa() const { return EVP_PKEY_get_base_id(get()) == EVP_PKEY_RSA; }

  std::string number(const char* name) const {  // big-endian, of a P-256 key 32 bytes
    BIGNUM* raw = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(get(), name, &raw) == 1);
    const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(raw, BN_free);
    std::string bytes(is_rsa() ? static_cast<std::size_t>(BN_num_bytes(raw)) : 32, '\0');
    REQUIRE(BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) > 0);
    return bytes;
  }

  std::string jwk(const std::string& id, const std::string& more = "") const {
    const auto b64 = [&](const char* name) { return base64url(number(name)); };
    const auto numbers = is_rsa() ? R"("kty":"RSA","n":")" + b64("n") + R"(","e":")" + b64("e") + "\""
                                  : R"("kty":"EC","crv":"P-256","x":")" + b64("qx") + R"(","y":")" + b64("qy") + "\"";
    return "{" + numbers + (id.empty() ? "" : ",\"kid\":\"" + id + "\"") + more + "}";
  }

  std::string sign(const std::string& message) const {  // as JOSE has it
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(1024, '\0');
    auto size = signature.size();
    REQUIRE(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, get()) == 1);
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1);
    signature.resize(size);
    return is_rsa() ? signature : raw_of(signature);
  }

  std::string public_pem() const {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
    REQUIRE(PEM_write_bio_PUBKEY(bio.get(), get()) == 1);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

 private:
  explicit TestKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) { REQUIRE(key); }

  static std::string raw_of(const std::string& der) {
    const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
    auto* const parsed = d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(der.size()));
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> both(parsed, ECDSA_SIG_free);
    std::string raw(64, '\0');
    auto* const out = reinterpret_cast<unsigned char*>(raw.data());
    REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), out, 32) == 32);
    REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), out + 32, 32) == 32);
    return raw;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

inline const TestKey& rsa_key() {
  static const auto key = TestKey::rsa();
  return key;
}
inline const TestKey& ec_key() {
  static const auto key = TestKey::ec();
  return key;
}

inline std::string key_set_of(const std::string& jwks) { return R"({"keys":[)" + jwks + "]}"; }
inline std::string test_key_set() { return key_set_of(rsa_key().jwk("rsa-1") + "," + ec_key().jwk("ec-1")); }

inline const std::string test_issuer = "https://login.example.com/realms/lab";

// Of a good payload, with `more` members behind: R"(,"email":"a@b")".
inline std::string payload_with(const std::string& more = "", const std::string& subject = "ada") {
  return R"({"iss":")" + test_issuer + R"(","aud":"luthier","sub":")" + subject + R"(","iat":)" + std::to_string(test_now_s - 10) +
         R"(,"exp":)" + std::to_string(test_now_s + 600) + more + "}";
}

inline std::string signed_parts(const TestKey& key, const std::string& header, const std::string& payload) {
  const auto message = base64url(header) + "." + base64url(payload);
  return message + "." + base64url(key.sign(message));
}
inline std::string rs256(const std::string& payload) {
  return signed_parts(rsa_key(), R"({"alg":"RS256","typ":"JWT","kid":"rsa-1"})", payload);
}
inline std::string es256(const std::string& payload) {
  return signed_parts(ec_key(), R"({"alg":"ES256","kid":"ec-1"})", payload);
}

}  // namespace luthier::auth
