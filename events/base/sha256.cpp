#include "events/base/sha256.hpp"

#include <openssl/evp.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <new>
#include <vector>

#include "events/base/file.hpp"

namespace luthier {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

Context make_context() {
  Context context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

// Looked up once: a digest of a short text takes less time than the look-up.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (!fetched) throw std::bad_alloc();
  return fetched;
}

// OpenSSL answers 1 unless memory is out or the provider is gone, neither of which a caller could do anything about.
void must_succeed(int answer) {
  assert(answer == 1);
  if (answer != 1) throw std::bad_alloc();
}

std::string to_hex(const std::array<std::byte, 32>& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace

struct Sha256::State {
  Context context = make_context();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  must_succeed(EVP_DigestInit_ex2(state_->context.get(), algorithm(), nullptr));
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  must_succeed(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

std::array<std::byte, 32> Sha256::digest() const {
  const auto copy = make_context();
  must_succeed(EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()));
  std::array<std::byte, 32> result{};
  must_succeed(EVP_DigestFinal_ex(copy.get(), reinterpret_cast<unsigned char*>(result.data()), nullptr));
  return result;
}

std::string Sha256::hex() const { return to_hex(digest()); }

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<std::byte, 32> result{};
  must_succeed(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(result.data()), nullptr, algorithm(), nullptr));
  return to_hex(result);
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text))); }

Result<std::string> sha256_file(const std::filesystem::path& path) {
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  if (std::error_code ignored; std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return invalid(path.string() + ": is not a regular file");
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return file_error(path, errno);
  Sha256 sum;
  std::vector<std::byte> piece(1 << 20);
  while (const auto got = std::fread(piece.data(), 1, piece.size(), file.get()))
    sum.update(std::span(piece).first(got));
  if (std::ferror(file.get())) return file_error(path, errno);
  return sum.hex();
}

}  // namespace luthier
