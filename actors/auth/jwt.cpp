#include "actors/auth/jwt.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "actors/auth/base64url.hpp"
#include "events/json/value.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t token_bytes_max = 16 << 10, header_bytes_max = 4 << 10, key_id_bytes_max = 256;
constexpr std::size_t depth_max = 32, groups_max = 500, scopes_max = 200, audiences_max = 100;
constexpr double leeway_s = 60, time_s_max = 253'402'300'799;  // the end of the year 9999

// The words of the JSON reader may repeat names from the token; ours do not.
Result<json::Value> parse_object(std::string_view part, std::string_view what) {
  const auto bytes = decode_base64url(part);
  if (!bytes) return invalid("the token's " + std::string(what) + " is not base64url");
  auto value = json::parse(*bytes, {.bytes_max = token_bytes_max, .depth_max = depth_max});
  if (!value || !value->object()) return invalid("the token's " + std::string(what) + " is not a JSON object");
  return value;
}

const std::string* text_member(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member ? member->text() : nullptr;
}

struct Header {
  Algorithm algorithm;
  std::string key_id;
};

bool is_known_type(std::string_view type) {
  std::string lower(type.substr(0, 32));
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower == "jwt" || lower == "at+jwt" || lower == "application/jwt" || lower == "application/at+jwt";
}

Result<Header> read_header(std::string_view part) {
  if (part.size() > header_bytes_max) return Error{ErrorCode::invalid, "the token's header is longer than 4 KiB", {}};
  const auto value = parse_object(part, "header");
  if (!value) return value.error();
  if (value->find("crit")) return invalid("the token demands an extension (crit) that is not supported");
  if (value->find("b64")) return invalid("the token's payload is not encoded (b64), which is not supported");
  if (const auto* type = value->find("typ"); type && (!type->text() || !is_known_type(*type->text())))
    return invalid("the token is not an access or identity token (typ)");
  const auto* name = text_member(*value, "alg");
  const auto algorithm = name ? parse_algorithm(*name) : std::nullopt;
  if (!algorithm) return invalid("the token is not signed with RS256 or ES256");
  const auto* id = value->find("kid");
  if (id && (!id->text() || id->text()->empty() || id->text()->size() > key_id_bytes_max))
    return invalid("the token's key id (kid) is not a text of 1 to 256 bytes");
  return Header{*algorithm, id ? *id->text() : ""};
}

// Seconds, also with a fraction. None: not there.
Result<std::optional<double>> read_time(const json::Value& payload, std::string_view name) {
  const auto* member = payload.find(name);
  if (!member) return std::optional<double>();
  double seconds = -1;
  if (const auto* whole = std::get_if<std::int64_t>(&member->held)) seconds = static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&member->held)) seconds = *real;
  if (!(seconds >= 0 && seconds <= time_s_max)) return invalid("the token's time " + std::string(name) + " is not a number of seconds");
  return std::optional(seconds);
}

Result<double> check_times(const json::Value& payload, double now_s) {
  const auto expires = read_time(payload, "exp"), begins = read_time(payload, "nbf"), issued = read_time(payload, "iat");
  for (const auto* time : {&expires, &begins, &issued})
    if (!*time) return time->error();
  if (!*expires) return invalid("the token has no end (exp)");
  if (**expires + leeway_s <= now_s) return invalid("the token has expired");
  if (*begins && **begins - leeway_s > now_s) return invalid("the token is not valid yet (nbf)");
  if (*issued && **issued - leeway_s > now_s) return invalid("the token was issued in the future (iat); compare the clocks");
  return **expires;
}

// A list of texts, or texts with blanks between them; none when the member is of another form or has too many.
std::optional<std::vector<std::string>> read_texts(const json::Value* member, std::size_t count_max, bool splits) {
  std::vector<std::string> texts;
  if (!member || member->is_null()) return texts;
  if (const auto* text = member->text()) {
    if (!splits) return std::vector{*text};
    for (std::size_t begin = 0; begin < text->size();) {
      const auto end = std::min(text->find(' ', begin), text->size());
      if (end > begin) texts.push_back(text->substr(begin, end - begin));
      begin = end + 1;
    }
    return texts.size() <= count_max ? std::optional(texts) : std::nullopt;
  }
  const auto* list = member->array();
  if (!list || list->size() > count_max) return std::nullopt;
  for (const auto& item : *list) {
    if (!item.text()) return std::nullopt;
    texts.push_back(*item.text());
  }
  return texts;
}

Result<void> check_audience(const json::Value& payload, const std::vector<std::string>& wanted) {
  const auto given = read_texts(payload.find("aud"), audiences_max, false);
  const auto is_wanted = [&](const std::string& text) { return std::find(wanted.begin(), wanted.end(), text) != wanted.end(); };
  if (given && std::any_of(given->begin(), given->end(), is_wanted)) return {};
  return invalid("the token is meant for another audience (aud)");
}

Result<Claims> read_claims(const json::Value& payload, const JwtRules& rules, Timestamp now) {
  const auto expires_s = check_times(payload, static_cast<double>(now) / 1e6);
  if (!expires_s) return expires_s.error();
  const auto* issuer = text_member(payload, "iss");
  if (!issuer || *issuer != rules.issuer) return invalid("the token is of another issuer than " + rules.issuer);
  if (auto ok = check_audience(payload, rules.audiences); !ok) return ok.error();
  Claims claims;
  const auto* subject = text_member(payload, "sub");
  if (!subject || subject->empty()) return invalid("the token names no subject (sub)");
  claims.subject = *subject;
  if (const auto* email = text_member(payload, "email")) claims.email = *email;
  const auto* verified = payload.find("email_verified");
  claims.email_is_verified = verified && std::get_if<bool>(&verified->held) && std::get<bool>(verified->held);
  auto groups = read_texts(payload.find(rules.groups_claim), groups_max, false);
  if (!groups) return invalid("the token's groups are not a list of at most 500 texts");
  auto scopes = read_texts(payload.find("scope") ? payload.find("scope") : payload.find("scp"), scopes_max, true);
  if (!scopes) return invalid("the token's scope is not a text of at most 200 words");
  claims.groups = std::move(*groups);
  claims.scopes = std::move(*scopes);
  claims.expires_at = static_cast<Timestamp>(*expires_s) * 1'000'000;
  return claims;
}

// header.payload.signature; five parts would be an encrypted one.
std::optional<std::array<std::string_view, 3>> split(std::string_view token) {
  const auto first = token.find('.'), second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return std::array{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

}  // namespace

Result<Claims> verify_jwt(std::string_view token, const JwtRules& rules, const KeyFinder& find_key, Timestamp now) {
  if (token.size() > token_bytes_max) return invalid("the token is longer than 16 KiB");
  const auto parts = split(token);
  if (!parts) return invalid("the token is not a signed JWT of three parts");
  const auto [head, body, tail] = *parts;
  const auto header = read_header(head);
  if (!header) return header.error();
  const auto signature = decode_base64url(tail);
  if (!signature || signature->empty()) return invalid("the token has no signature in base64url");
  const auto key = find_key(header->key_id, header->algorithm);
  if (!key) return key.error();
  if ((*key)->algorithm() != header->algorithm) return invalid("the token's key is of another algorithm");
  if (!(*key)->verifies(token.substr(0, head.size() + 1 + body.size()), *signature)) return invalid("the token's signature is wrong");
  // Only what the issuer has signed is read.
  const auto payload = parse_object(body, "payload");
  if (!payload) return payload.error();
  return read_claims(*payload, rules, now);
}

}  // namespace luthier::auth
