#include "actors/auth/jwt.hpp"

#include <random>

#include "actors/auth/issuer_test.hpp"

namespace luthier::auth {
namespace {

const JwtRules rules{test_issuer, {"luthier", "other"}, "groups"};

KeyFinder finder(const std::string& key_set = test_key_set()) {
  auto set = KeySet::parse(key_set);
  REQUIRE(set);
  return [set = *set](const std::string& id, Algorithm algorithm) -> Result<KeyPointer> {
    if (const auto key = set.find(id, algorithm)) return key;
    return invalid("unknown key");
  };
}

Result<Claims> verify(const std::string& token) { return verify_jwt(token, rules, finder(), test_now); }

std::string why(const std::string& token) {
  const auto claims = verify(token);
  if (claims) return "accepted";
  CHECK(claims.error().code == ErrorCode::invalid);
  CHECK(claims.error().message.size() < 300);
  return claims.error().message;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string hs256(const std::string& secret) {
  const auto message = base64url(R"({"alg":"HS256","kid":"rsa-1"})") + "." + base64url(payload_with());
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, message.size(), mac, &size);
  return message + "." + base64url({reinterpret_cast<const char*>(mac), size});
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a token signed with RS256 or ES256 gives its claims") {
  const auto payload = payload_with(R"(,"email":"ada@example.com","email_verified":true,"groups":["lab","all staff"],"scope":"openid  jobs")");
  for (const auto& token : {rs256(payload), es256(payload)}) {
    const auto claims = verify(token);
    REQUIRE(claims);
    CHECK(claims->subject == "ada");
    CHECK(claims->email == "ada@example.com");
    CHECK(claims->email_is_verified);
    CHECK(claims->groups == std::vector<std::string>{"lab", "all staff"});
    CHECK(claims->scopes == std::vector<std::string>{"openid", "jobs"});
    CHECK(claims->expires_at == test_now + 600'000'000);
  }
}

TEST_CASE("an e-mail address is verified only when the issuer says so with the word true") {
  CHECK_FALSE(verify(rs256(payload_with(R"(,"email":"a@b")")))->email_is_verified);
  CHECK_FALSE(verify(rs256(payload_with(R"(,"email":"a@b","email_verified":false)")))->email_is_verified);
  CHECK_FALSE(verify(rs256(payload_with(R"(,"email":"a@b","email_verified":"true")")))->email_is_verified);
}

TEST_CASE("one of several audiences is enough, and a foreign one is refused") {
  CHECK(verify(rs256(replaced(payload_with(), R"("aud":"luthier")", R"("aud":["x","other"])"))));
  CHECK_THAT(why(rs256(replaced(payload_with(), R"("aud":"luthier")", R"("aud":["x","y"])"))), Contains("(aud)"));
  CHECK_THAT(why(rs256(replaced(payload_with(), R"("aud":"luthier",)", ""))), Contains("(aud)"));
  CHECK_THAT(why(rs256(replaced(payload_with(), R"("aud":"luthier")", R"("aud":[7])"))), Contains("(aud)"));
  CHECK_THAT(why(rs256(replaced(payload_with(), R"("aud":"luthier")", R"("aud":"LUTHIER")"))), Contains("(aud)"));
}

TEST_CASE("times count with a minute of leeway") {
  const auto expiring = [](std::int64_t ago_s) {
    return rs256(replaced(payload_with(), std::to_string(test_now_s + 600), std::to_string(test_now_s - ago_s)));
  };
  CHECK(verify(expiring(59)));
  CHECK_THAT(why(expiring(60)), Contains("expired"));
  CHECK(verify(rs256(payload_with(",\"nbf\":" + std::to_string(test_now_s + 60)))));
  CHECK_THAT(why(rs256(payload_with(",\"nbf\":" + std::to_string(test_now_s + 61)))), Contains("not valid yet"));
  CHECK(verify(rs256(payload_with(",\"nbf\":" + std::to_string(test_now_s) + ".5"))));
  const auto issued = [](const std::string& when) { return rs256(replaced(payload_with(), std::to_string(test_now_s - 10), when)); };
  CHECK(verify(issued(std::to_string(test_now_s + 60))));
  CHECK_THAT(why(issued(std::to_string(test_now_s + 61))), Contains("in the future"));
  CHECK_THAT(why(issued("\"yesterday\"")), Contains("iat"));
  CHECK_THAT(why(issued("-1")), Contains("iat"));
  CHECK_THAT(why(issued("1e300")), Contains("iat"));
  CHECK_THAT(why(rs256(replaced(payload_with(), ",\"exp\":" + std::to_string(test_now_s + 600), ""))), Contains("no end"));
  CHECK_THAT(why(rs256(replaced(payload_with(), std::to_string(test_now_s + 600), "99999999999999999999"))), Contains("exp"));
  CHECK_THAT(why(rs256(replaced(payload_with(), std::to_string(test_now_s + 600), "true"))), Contains("exp"));
}

TEST_CASE("a token of another issuer, or without a subject, is refused") {
  CHECK_THAT(why(rs256(replaced(payload_with(), test_issuer, test_issuer + "/"))), Contains("another issuer"));
  CHECK_THAT(why(rs256(replaced(payload_with(), "\"iss\"", "\"was\""))), Contains("another issuer"));
  CHECK_THAT(why(rs256(payload_with("", ""))), Contains("(sub)"));
  CHECK_THAT(why(rs256(replaced(payload_with(), "\"ada\"", "7"))), Contains("(sub)"));
}

TEST_CASE("an unsigned token, and one signed with a shared secret, are refused") {
  const auto unsigned_token = base64url(R"({"alg":"none"})") + "." + base64url(payload_with()) + ".";
  CHECK_THAT(why(unsigned_token), Contains("RS256 or ES256"));
  for (const std::string name : {"None", "NONE", "HS256", "RS512", "PS256", "ES384", "EdDSA", "rs256", ""})
    CHECK_THAT(why(signed_parts(rsa_key(), R"({"kid":"rsa-1","alg":")" + name + "\"}", payload_with())), Contains("RS256 or ES256"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"kid":"rsa-1"})", payload_with())), Contains("RS256 or ES256"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"kid":"rsa-1","alg":["RS256"]})", payload_with())), Contains("RS256 or ES256"));
}

TEST_CASE("the public key is no secret to sign with") {
  CHECK_THAT(why(hs256(rsa_key().public_pem())), Contains("RS256 or ES256"));
  CHECK_THAT(why(hs256(rsa_key().number("n"))), Contains("RS256 or ES256"));
}

TEST_CASE("a key serves its own algorithm alone") {
  CHECK_THAT(why(signed_parts(ec_key(), R"({"alg":"ES256","kid":"rsa-1"})", payload_with())), Contains("unknown key"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"ec-1"})", payload_with())), Contains("unknown key"));
}

TEST_CASE("what the header demands or brings along is not taken") {
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"rsa-1","crit":["exp"]})", payload_with())), Contains("crit"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"rsa-1","crit":[]})", payload_with())), Contains("crit"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"rsa-1","b64":false})", payload_with())), Contains("b64"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"rsa-1","typ":"logout+jwt"})", payload_with())), Contains("typ"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":7})", payload_with())), Contains("kid"));
  CHECK_THAT(why(signed_parts(rsa_key(), R"({"alg":"RS256","kid":")" + std::string(257, 'k') + "\"}", payload_with())), Contains("kid"));
  CHECK(verify(signed_parts(rsa_key(), R"({"alg":"RS256","kid":"rsa-1","typ":"at+JWT"})", payload_with())));
  // A key of the sender's own beside the token changes nothing.
  const auto stranger = TestKey::rsa();
  const auto own = R"({"alg":"RS256","kid":"rsa-1","jku":"http://127.0.0.1:1/","jwk":)" + stranger.jwk("rsa-1") + "}";
  CHECK_THAT(why(signed_parts(stranger, own, payload_with())), Contains("signature is wrong"));
}

TEST_CASE("a signature fits its message alone") {
  const auto token = rs256(payload_with());
  const auto other = rs256(payload_with(R"(,"x":1)"));
  const auto signature = [](const std::string& text) { return text.substr(text.rfind('.')); };
  CHECK_THAT(why(token.substr(0, token.rfind('.')) + signature(other)), Contains("signature is wrong"));
  CHECK_THAT(why(token.substr(0, token.rfind('.') + 1)), Contains("no signature"));
  CHECK_THAT(why(token.substr(0, token.rfind('.') + 1) + base64url(std::string(256, '\0'))), Contains("signature is wrong"));
  // r = s = 0, a number too short, and the DER form that JOSE does not use
  const auto start = [](const std::string& text) { return text.substr(0, text.rfind('.') + 1); };
  const auto small = es256(payload_with());
  CHECK_THAT(why(start(small) + base64url(std::string(64, '\0'))), Contains("signature is wrong"));
  CHECK_THAT(why(start(small) + base64url(std::string(63, '\1'))), Contains("signature is wrong"));
  CHECK_THAT(why(start(small) + base64url("0E" + std::string(70, '\1'))), Contains("signature is wrong"));
}

TEST_CASE("hostile texts are refused in few words and without being repeated") {
  CHECK_THAT(why(""), Contains("three parts"));
  CHECK_THAT(why("a.b"), Contains("three parts"));
  CHECK_THAT(why("a.b.c.d.e"), Contains("three parts"));
  CHECK_THAT(why(".."), Contains("header"));
  CHECK_THAT(why(std::string(1 << 20, 'a')), Contains("16 KiB"));
  CHECK_THAT(why("e30=." + base64url("{}") + ".AA"), Contains("not base64url"));
  CHECK_THAT(why("e30." + base64url("{}") + ".A"), Contains("RS256"));
  CHECK_THAT(why(rs256(payload_with()) + "="), Contains("base64url"));
  CHECK_THAT(why(rs256(payload_with()) + "\n"), Contains("base64url"));
  CHECK_THAT(why(signed_parts(rsa_key(), std::string(2900, '['), "{}")), Contains("not a JSON object"));
  CHECK_THAT(why(signed_parts(rsa_key(), std::string(5000, ' ') + "{}", "{}")), Contains("4 KiB"));
  CHECK_THAT(why(rs256(payload_with(",\"deep\":" + std::string(40, '[') + std::string(40, ']')))), Contains("not a JSON object"));
  CHECK_THAT(why(rs256("[" + payload_with() + "]")), Contains("not a JSON object"));
  CHECK_THAT(why(rs256(payload_with(R"(,"sub":"eve")"))), Contains("not a JSON object"));  // twice
  CHECK_THAT(why(rs256(payload_with(R"(,"groups":"eve-secret)" + std::string(3, '\xff') + "\""))), Contains("not a JSON object"));
  CHECK_THAT(why(rs256(payload_with(R"(,"groups":{"a":1})"))), Contains("groups"));
  CHECK_THAT(why(rs256(payload_with(R"(,"groups":[1])"))), Contains("groups"));
  CHECK_THAT(why(rs256(payload_with(R"(,"scope":7)"))), Contains("scope"));
  CHECK(why(signed_parts(rsa_key(), R"({"alg":"secret-words","kid":"secret-words"})", "{}")).find("secret") == std::string::npos);
  CHECK(why(rs256(replaced(payload_with(), test_issuer, "https://secret-words"))).find("secret") == std::string::npos);
}

TEST_CASE("no change of a byte makes a token that is taken") {
  std::mt19937 random(42);
  for (const auto& good : {rs256(payload_with()), es256(payload_with())}) {
    for (int i = 0; i < 3000; ++i) {
      auto token = good;
      switch (random() % 4) {
        case 0: token[random() % token.size()] = static_cast<char>(random()); break;
        case 1: token.erase(random() % token.size(), 1 + random() % 5); break;
        case 2: token.insert(random() % token.size(), 1, static_cast<char>('A' + random() % 26)); break;
        case 3: std::swap(token[random() % token.size()], token[random() % token.size()]); break;
      }
      if (token != good) REQUIRE_FALSE(verify(token));
    }
  }
}

TEST_CASE("without a key id the only key of the algorithm serves, and of two none") {
  const auto token = signed_parts(rsa_key(), R"({"alg":"RS256"})", payload_with());
  CHECK(verify_jwt(token, rules, finder(), test_now));
  const auto two = key_set_of(rsa_key().jwk("a") + "," + TestKey::rsa().jwk("b"));
  CHECK_FALSE(verify_jwt(token, rules, finder(two), test_now));
}

TEST_CASE("a key set keeps what signs with our algorithms and passes over the rest") {
  const auto set = KeySet::parse(key_set_of(
      rsa_key().jwk("a", R"(,"use":"sig","alg":"RS256","x5c":["x"])") + "," + rsa_key().jwk("b", R"(,"use":"enc")") + "," +
      rsa_key().jwk("c", R"(,"alg":"PS256")") + "," + rsa_key().jwk("d", R"(,"key_ops":["verify"])") + "," +
      rsa_key().jwk("e", R"(,"key_ops":["encrypt"])") + "," + rsa_key().jwk("f", R"(,"use":7)") +
      R"(,{"kty":"oct","k":"AAAA"},7,{"kty":"OKP"},)" + ec_key().jwk("g")));
  REQUIRE(set);
  CHECK(set->size() == 3);
  CHECK(set->find("a", Algorithm::rs256));
  CHECK(set->find("d", Algorithm::rs256));
  CHECK(set->find("g", Algorithm::es256));
  CHECK_FALSE(set->find("b", Algorithm::rs256));
  CHECK_FALSE(set->find("a", Algorithm::es256));
}

TEST_CASE("weak, broken and hostile keys are refused") {
  const auto refused = [](const std::string& text) {
    const auto set = KeySet::parse(text);
    REQUIRE_FALSE(set);
    return set.error().message;
  };
  CHECK_THAT(refused(key_set_of(TestKey::rsa(1024).jwk("weak"))), Contains("2048"));
  const auto huge = R"({"kty":"RSA","e":"AQAB","n":")" + base64url(std::string(1025, '\xff')) + "\"}";
  CHECK_THAT(refused(key_set_of(huge)), Contains("8192"));
  const auto slow = R"({"kty":"RSA","e":")" + base64url(std::string(200, '\xff')) + R"(","n":")" + base64url(rsa_key().number("n")) + "\"}";
  CHECK_THAT(refused(key_set_of(slow)), Contains("exponent"));
  const auto one = R"({"kty":"RSA","e":"AQ","n":")" + base64url(rsa_key().number("n")) + "\"}";
  CHECK_THAT(refused(key_set_of(one)), Contains("not an RSA key"));
  for (const char y : {'\0', '\1', '\2'}) {  // no points of the curve
    const auto x_and_y = base64url(std::string(32, '\0')) + R"(","y":")" + base64url(std::string(32, y));
    CHECK_THAT(refused(key_set_of(R"({"kty":"EC","crv":"P-256","x":")" + x_and_y + "\"}")), Contains("P-256"));
  }
  CHECK_THAT(refused(key_set_of(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})")), Contains("32 bytes"));
  CHECK_THAT(refused(key_set_of("")), Contains("no key for RS256"));
  CHECK_THAT(refused("{}"), Contains("no list"));
  CHECK_THAT(refused("<html>"), Contains("not valid JSON"));
  CHECK_THAT(refused(std::string(2 << 20, ' ')), Contains("at most"));
  std::string many = "1";
  for (int i = 0; i < 100; ++i) many += ",1";
  CHECK_THAT(refused(key_set_of(many)), Contains("100 keys"));
}

TEST_CASE("base64url has one spelling for each text") {
  std::mt19937 random(7);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    CHECK(decode_base64url(base64url(bytes)) == bytes);
  }
  for (const auto* text : {"A", "AAAAA", "AA==", "AB", "AAB", "A+", "A/", "A A", "AA\n", "\xc3\xa4"}) CHECK_FALSE(decode_base64url(text));
}

}  // namespace luthier::auth
