// The file of tokens: their digests, never the tokens. Mode 0600, replaced as a whole, and changed by one process at a time under a lock
// file beside it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/base/event_type.hpp"
#include "events/base/result.hpp"

namespace luthier::auth {

struct ScopeRow {
  std::string workspace, role;
  static constexpr auto fields() { return field_list(field("workspace", &ScopeRow::workspace), field("role", &ScopeRow::role)); }
};

struct TokenRow {
  std::string id, name, sha256, principal;
  std::vector<ScopeRow> scopes;
  std::string created_at;
  std::optional<std::string> expires_at = {}, last_used = {};
  static constexpr auto fields() {
    return field_list(field("id", &TokenRow::id),
                      field("name", &TokenRow::name),
                      field("sha256", &TokenRow::sha256),
                      field("principal", &TokenRow::principal),
                      field("scopes", &TokenRow::scopes),
                      field("created_at", &TokenRow::created_at),
                      field_or_default("expires_at", &TokenRow::expires_at),
                      field_or_default("last_used", &TokenRow::last_used));
  }
};

struct TokenFile {
  std::int64_t version = 1;
  std::vector<TokenRow> tokens;
  static constexpr auto fields() { return field_list(field("version", &TokenFile::version), field("tokens", &TokenFile::tokens)); }
};

// Differs whenever the file was replaced or written to; equal for a file that is not there.
struct FileStamp {
  std::array<std::int64_t, 7> parts{};
  bool operator==(const FileStamp&) const = default;
};
Result<FileStamp> stamp_of(const std::filesystem::path& file);

// An absent file has no tokens. Refuses one that others may read or write, or that belongs to somebody else.
Result<TokenFile> read_token_file(const std::filesystem::path& file);
Result<void> write_token_file(const std::filesystem::path& file, const TokenFile& content);

// Held while the file is read, changed and written. Waits for another holder, thread or process, as long as the patience lasts.
class TokenFileLock {
 public:
  // Makes the directory, mode 0700, when it is missing.
  static Result<TokenFileLock> take(const std::filesystem::path& file, std::chrono::milliseconds patience);
  TokenFileLock(TokenFileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  TokenFileLock& operator=(TokenFileLock&&) = delete;
  ~TokenFileLock();

 private:
  explicit TokenFileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace luthier::auth
