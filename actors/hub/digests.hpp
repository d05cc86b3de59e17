// The digests that stores use beside SHA-256, and the two codes that they write them in.
#pragma once

#include <optional>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace luthier::hub {

// SHA-1 (git) or MD5 (S3) of a stream of bytes. Neither is proof against an attacker; each finds what a network or a disk broke.
class WeakDigest {
 public:
  enum class Kind { sha1, md5 };
  explicit WeakDigest(Kind kind);
  WeakDigest(WeakDigest&&) noexcept;
  WeakDigest& operator=(WeakDigest&&) noexcept;
  ~WeakDigest();

  void update(std::string_view bytes);
  std::string hex();  // the last call; empty where this machine's OpenSSL is told not to compute it

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;  // null: not to be had
};

std::string hmac_sha256(std::string_view key, std::string_view text);  // as bytes
std::string hmac_sha1(std::string_view key, std::string_view text);

std::string hex_encoded(std::string_view bytes);  // lower case
bool is_hex(std::string_view text, std::size_t digits);  // lower case, and so many
std::string base64_encoded(std::string_view bytes);
std::optional<std::string> base64_decoded(std::string_view text);  // nullopt: that is none

}  // namespace luthier::hub
