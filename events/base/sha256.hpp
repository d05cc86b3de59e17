// SHA-256 (FIPS 180-4), as lower-case hexadecimal text wherever it is stored or sent.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier {

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  std::array<std::byte, 32> digest() const;  // of what came so far; more may follow
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);
// Of a file of any length, read in pieces.
Result<std::string> sha256_file(const std::filesystem::path& path);

}  // namespace luthier
