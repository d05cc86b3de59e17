// Luthier's own bearer tokens. `luthier token create` and a running server use the same file at the same time: what one of them changes
// the other knows at its next question. Any thread may call.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/principal.hpp"
#include "actors/auth/token_file.hpp"
#include "events/base/ids.hpp"

namespace luthier::auth {

struct Token {  // without its secret, which nobody has but whoever it was made for
  std::string id, name, principal;
  std::vector<Grant> scopes;
  Timestamp created_at = 0;
  std::optional<Timestamp> expires_at, last_used;  // the latter is written down every few minutes
};

struct NewToken {
  std::string name;       // ^[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}$, of no other token
  std::string principal;  // "ada@example.com", "service:builder"
  std::vector<Grant> scopes;
  std::optional<Timestamp> expires_at;
};

struct CreatedToken {
  std::string text;  // to be shown once
  Token token;
};

class TokenStore {
 public:
  explicit TokenStore(std::filesystem::path file);
  ~TokenStore();

  // Drops tokens that expired more than 30 days ago. conflict: the name is taken; limit: 10,000 tokens.
  Result<CreatedToken> create(const NewToken& wanted, Timestamp now);
  Result<std::vector<Token>> list() const;
  Result<Token> revoke(std::string_view id_or_name);

  // not_found: nobody's, or revoked. invalid: cut, mistyped or expired. Other codes: the file cannot be trusted or read, and no token
  // is taken until it can.
  Result<Token> find(std::string_view text, Timestamp now);

 private:
  struct Held;  // what the file said, digests as bytes
  Result<std::shared_ptr<const Held>> current();
  void note_use(const std::string& id, Timestamp now);

  std::filesystem::path file_;
  std::mutex mutex_;
  FileStamp stamp_;
  std::shared_ptr<const Held> held_;       // null: to be read
  std::map<std::string, Timestamp> uses_;  // not written down yet, by id
  Timestamp uses_written_at_ = 0;
};

}  // namespace luthier::auth
