#include "actors/auth/tokens.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "actors/auth/token_text.hpp"
#include "events/base/base58.hpp"
#include "events/base/file.hpp"
#include "events/base/sha256.hpp"
#include "events/world/names.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t tokens_max = 10'000, scopes_max = 64, name_bytes_max = 63;
constexpr Timestamp minute_us = 60'000'000, day_us = 24 * 60 * minute_us;
constexpr Timestamp uses_written_every = 5 * minute_us, expired_kept = 30 * day_us;

constexpr auto change_patience = std::chrono::milliseconds(5000);

using Digest = std::array<unsigned char, 32>;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_token_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && is_alphanumeric(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("._@+-").find(c) != std::string_view::npos;
  });
}

Result<void> check_scopes(const std::vector<Grant>& scopes) {
  if (scopes.empty()) return invalid("scopes: at least one is needed, such as default=editor or '*'=viewer", "scopes");
  if (scopes.size() > scopes_max) return Error{ErrorCode::limit, "scopes: at most 64", "scopes"};
  for (const auto& scope : scopes)
    if (scope.workspace != "*" && !events::is_name(scope.workspace))
      return invalid("scopes: '" + scope.workspace.substr(0, name_bytes_max) + "' is neither a workspace's name nor '*'", "scopes");
  return {};
}

Result<void> check_new(const NewToken& wanted, Timestamp now) {
  if (!is_token_name(wanted.name))
    return invalid("name: 1 to 63 letters, digits and . _ @ + -, beginning with a letter or a digit", "name");
  if (auto ok = check_principal_name(wanted.principal, "principal"); !ok) return ok;
  if (is_reserved_name(wanted.principal)) return invalid("principal: '" + wanted.principal + "' is one of Luthier's own names", "principal");
  if (wanted.expires_at && *wanted.expires_at <= now) return invalid("expires_at: lies in the past", "expires_at");
  return check_scopes(wanted.scopes);
}

Result<std::optional<Timestamp>> parse_optional_time(const std::optional<std::string>& text) {
  if (!text) return std::optional<Timestamp>();
  const auto time = parse_time(*text);
  if (!time) return time.error();
  return std::optional(*time);
}

Result<Token> token_of(const TokenRow& row) {
  Token token{row.id, row.name, row.principal, {}, 0, {}, {}};
  for (const auto& scope : row.scopes) {
    const auto role = parse_role(scope.role);
    if (!role) return invalid("token " + row.id + " has a role that does not exist", "role");
    token.scopes.push_back({scope.workspace, *role});
  }
  const auto created = parse_time(row.created_at);
  const auto expires = parse_optional_time(row.expires_at), used = parse_optional_time(row.last_used);
  if (!created) return created.error();
  if (!expires) return expires.error();
  if (!used) return used.error();
  token.created_at = *created;
  token.expires_at = *expires;
  token.last_used = *used;
  return token;
}

// A digest that is not one would never match; a hand that wrote it wants to know.
Result<Digest> digest_of(const TokenRow& row) {
  if (!events::is_digest(row.sha256)) return invalid("token " + row.id + " has no SHA-256 of 64 lower-case hexadecimal digits", "sha256");
  Digest digest{};
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<unsigned char>(nibble(row.sha256[2 * i]) << 4 | nibble(row.sha256[2 * i + 1]));
  return digest;
}

Digest digest_of(std::string_view text) {
  Sha256 sum;
  sum.update(text);
  const auto bytes = sum.digest();
  Digest digest{};
  std::transform(bytes.begin(), bytes.end(), digest.begin(), [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
  return digest;
}

Result<std::string> make_id() {
  std::array<std::uint8_t, 12> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Error{ErrorCode::unavailable, "the system has no random numbers for a token's id", {}};
  return "token-" + base58(random);
}

bool expired_long_ago(const TokenRow& row, Timestamp now) {
  const auto expires = parse_optional_time(row.expires_at);
  return expires && *expires && **expires < now - expired_kept;
}

TokenRow row_of(const NewToken& wanted, std::string id, std::string_view text, Timestamp now) {
  TokenRow row{std::move(id), wanted.name, sha256_hex(text), wanted.principal, {}, format_time(now)};
  for (const auto& scope : wanted.scopes) row.scopes.push_back({scope.workspace, std::string(to_string(scope.role))});
  if (wanted.expires_at) row.expires_at = format_time(*wanted.expires_at);
  return row;
}

}  // namespace

struct TokenStore::Held {
  std::vector<Digest> digests;  // the i-th is that of the i-th token
  std::vector<Token> tokens;

  static Result<std::shared_ptr<const Held>> of(const TokenFile& content, const std::string& name) {
    auto held = std::make_shared<Held>();
    if (content.tokens.size() > tokens_max) return Error{ErrorCode::limit, name + ": has more than 10000 tokens", "tokens"};
    for (const auto& row : content.tokens) {
      auto token = token_of(row);
      auto digest = digest_of(row);
      if (!token || !digest) return Error{ErrorCode::corrupt, name + ": " + (token ? digest.error() : token.error()).message, "token_file"};
      held->tokens.push_back(std::move(*token));
      held->digests.push_back(*digest);
    }
    return std::shared_ptr<const Held>(held);
  }
};

TokenStore::TokenStore(std::filesystem::path file) : file_(std::move(file)) {}
TokenStore::~TokenStore() = default;

Result<CreatedToken> TokenStore::create(const NewToken& wanted, Timestamp now) {
  if (auto ok = check_new(wanted, now); !ok) return ok.error();
  const auto lock = TokenFileLock::take(file_, change_patience);
  if (!lock) return lock.error();
  auto content = read_token_file(file_);
  if (!content) return content.error();
  std::erase_if(content->tokens, [&](const TokenRow& row) { return expired_long_ago(row, now); });
  if (content->tokens.size() >= tokens_max) return Error{ErrorCode::limit, file_.string() + ": holds 10000 tokens; revoke some", "tokens"};
  if (std::any_of(content->tokens.begin(), content->tokens.end(), [&](const TokenRow& row) { return row.name == wanted.name; }))
    return Error{ErrorCode::conflict, "a token named '" + wanted.name + "' already exists; revoke it, or choose another name", "name"};
  auto id = make_id();
  if (!id) return id.error();
  auto text = make_token_text();
  if (!text) return text.error();
  content->tokens.push_back(row_of(wanted, *id, *text, now));
  if (auto written = write_token_file(file_, *content); !written) return written.error();
  return CreatedToken{*text, {*id, wanted.name, wanted.principal, wanted.scopes, now, wanted.expires_at, {}}};
}

Result<std::vector<Token>> TokenStore::list() const {
  const auto content = read_token_file(file_);
  if (!content) return content.error();
  const auto held = Held::of(*content, file_.string());
  if (!held) return held.error();
  return (*held)->tokens;
}

Result<Token> TokenStore::revoke(std::string_view id_or_name) {
  const auto lock = TokenFileLock::take(file_, change_patience);
  if (!lock) return lock.error();
  auto content = read_token_file(file_);
  if (!content) return content.error();
  const auto found = std::find_if(content->tokens.begin(), content->tokens.end(),
                                  [&](const TokenRow& row) { return row.id == id_or_name || row.name == id_or_name; });
  if (found == content->tokens.end())
    return Error{ErrorCode::not_found, "no token has the id or the name '" + std::string(id_or_name.substr(0, name_bytes_max)) + "'", "token"};
  auto token = token_of(*found);
  if (!token) return Error{ErrorCode::corrupt, file_.string() + ": " + token.error().message, "token_file"};
  content->tokens.erase(found);
  if (auto written = write_token_file(file_, *content); !written) return written.error();
  return token;
}

// The stamp is taken before the content: a change in between is seen as one at the next question.
Result<std::shared_ptr<const TokenStore::Held>> TokenStore::current() {
  const std::lock_guard guard(mutex_);
  const auto stamp = stamp_of(file_);
  if (!stamp) return stamp.error();
  if (held_ && *stamp == stamp_) return held_;
  held_.reset();
  const auto content = read_token_file(file_);
  if (!content) return content.error();
  auto held = Held::of(*content, file_.string());
  if (!held) return held.error();
  stamp_ = *stamp;
  return held_ = *held;
}

Result<Token> TokenStore::find(std::string_view text, Timestamp now) {
  if (!is_token_text(text)) return invalid("the token is not complete or has a typing error", "token");
  const auto held = current();
  if (!held) return held.error();
  // All of them, each as a whole: the time says nothing about which digest came close.
  const auto digest = digest_of(text);
  const Token* found = nullptr;
  for (std::size_t i = 0; i < (*held)->digests.size(); ++i)
    if (CRYPTO_memcmp((*held)->digests[i].data(), digest.data(), digest.size()) == 0) found = &(*held)->tokens[i];
  if (!found) return Error{ErrorCode::not_found, "the token is unknown or was revoked", "token"};
  if (found->expires_at && *found->expires_at <= now) return invalid("the token '" + found->name + "' has expired", "token");
  note_use(found->id, now);
  return *found;
}

// Knowing when a token was last used is a convenience: it is written seldom, and a failure to write it fails nothing.
void TokenStore::note_use(const std::string& id, Timestamp now) {
  std::map<std::string, Timestamp> uses;
  {
    const std::lock_guard guard(mutex_);
    uses_[id] = now;
    if (now - uses_written_at_ < uses_written_every) return;
    uses_written_at_ = now;
    uses.swap(uses_);
  }
  const auto lock = TokenFileLock::take(file_, std::chrono::milliseconds(0));
  if (!lock) return;
  auto content = read_token_file(file_);
  if (!content) return;
  for (auto& row : content->tokens)
    if (const auto used = uses.find(row.id); used != uses.end()) row.last_used = format_time(used->second);
  (void)static_cast<bool>(write_token_file(file_, *content));
}

}  // namespace luthier::auth
