#include "actors/auth/jwks_cache.hpp"

#include <atomic>
#include <map>

#include "actors/auth/issuer_test.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::auth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string keys_url = "https://login.example.com/keys";

std::string description(const std::string& issuer = test_issuer) {
  return R"({"issuer":")" + issuer + R"(","jwks_uri":")" + keys_url +
         R"(","token_endpoint":"https://login.example.com/token","userinfo_endpoint":"no url"})";
}

// The issuer's side and the clock, both in our hands.
class Issuer {
 public:
  Issuer() {
    answer(description_url(test_issuer), description());
    answer(keys_url, test_key_set());
  }

  JwksCache::Doors doors() {
    return {[this](const std::string& url) { return get(url); }, [this] { return Clock::time_point(seconds(now_s_)); }};
  }
  void answer(const std::string& url, std::string body, std::optional<seconds> age = {}) {
    const std::lock_guard guard(mutex_);
    documents_[url] = {std::move(body), age};
  }
  void pass(seconds time) { now_s_ += time.count(); }
  void set_down(bool is_down) { is_down_ = is_down; }
  void hold() { gate_ = true; }
  void release() {
    gate_ = false;
    gate_.notify_all();
  }
  int gets_of_keys() const { return gets_of_keys_; }
  // Until the keys were asked for `count` times, and for a short while longer for a time that should not come.
  bool were_asked(int count) const {
    for (int i = 0; i < 500 && gets_of_keys_ < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return gets_of_keys_ == count;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Result<HttpDocument> get(const std::string& url) {
    if (url == keys_url) ++gets_of_keys_;
    gate_.wait(true);
    const std::lock_guard guard(mutex_);
    if (is_down_) return Error{ErrorCode::unavailable, "login.example.com does not answer", {}};
    const auto found = documents_.find(url);
    if (found == documents_.end()) return Error{ErrorCode::unavailable, "404", {}};
    return found->second;
  }

  std::mutex mutex_;
  std::map<std::string, HttpDocument> documents_;
  std::atomic<std::int64_t> now_s_ = 1'000'000;
  std::atomic<bool> is_down_ = false, gate_ = false;
  std::atomic<int> gets_of_keys_ = 0;
};

JwksOptions options() {
  JwksOptions options;
  options.issuer = test_issuer;
  return options;
}

bool has(JwksCache& cache, const std::string& id = "rsa-1") {
  return static_cast<bool>(cache.find(id, id[0] == 'r' ? Algorithm::rs256 : Algorithm::es256));
}

// When the fetch in the background has brought it.
bool comes_to_have(JwksCache& cache, const std::string& id) {
  for (int i = 0; i < 500; ++i) {
    if (has(cache, id)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("keys are fetched once, by way of the issuer's description, and kept") {
  Issuer issuer;
  JwksCache cache(options(), issuer.doors());
  for (int i = 0; i < 100; ++i) REQUIRE(has(cache));
  CHECK(has(cache, "ec-1"));
  CHECK(issuer.gets_of_keys() == 1);
  const auto provider = cache.provider();
  REQUIRE(provider);
  CHECK(provider->token_endpoint == "https://login.example.com/token");
  CHECK(provider->userinfo_endpoint.empty());
  CHECK(provider->device_authorization_endpoint.empty());
  CHECK_FALSE(cache.trouble());
}

TEST_CASE("an unknown key is asked for again, but not within thirty seconds") {
  Issuer issuer;
  JwksCache cache(options(), issuer.doors());
  REQUIRE(has(cache));
  for (int i = 0; i < 50; ++i) {
    const auto found = cache.find("r-stranger" + std::to_string(i), Algorithm::rs256);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ErrorCode::invalid);
  }
  CHECK(issuer.gets_of_keys() == 1);
  const auto fresh = TestKey::rsa();
  issuer.answer(keys_url, key_set_of(rsa_key().jwk("rsa-1") + "," + fresh.jwk("rsa-2")));
  issuer.pass(seconds(29));
  CHECK_FALSE(has(cache, "rsa-2"));
  issuer.pass(seconds(1));
  CHECK(has(cache, "rsa-2"));
  CHECK(issuer.gets_of_keys() == 2);
  CHECK_FALSE(has(cache, "ec-1"));  // the issuer has withdrawn it
}

TEST_CASE("how long keys are fresh is the issuer's choice within bounds") {
  for (const auto& [said, fresh] : std::map<int, seconds>{{-1, hours(1)}, {0, minutes(5)}, {1800, minutes(30)}, {1 << 30, hours(24)}}) {
    Issuer issuer;
    issuer.answer(keys_url, test_key_set(), said < 0 ? std::nullopt : std::optional(seconds(said)));
    JwksCache cache(options(), issuer.doors());
    REQUIRE(has(cache));
    issuer.pass(fresh - seconds(1));
    CHECK(has(cache));
    CHECK(issuer.were_asked(1));
    issuer.pass(seconds(1));
    CHECK(has(cache));  // at once, while the fetch goes on behind
    CHECK(issuer.were_asked(2));
  }
}

TEST_CASE("many who ask at once cause one fetch, and all get its key") {
  Issuer issuer;
  issuer.hold();
  JwksCache cache(options(), issuer.doors());
  std::atomic<int> found = 0;
  std::vector<std::thread> askers;
  for (int i = 0; i < 16; ++i) askers.emplace_back([&] { found += has(cache); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  issuer.release();
  for (auto& asker : askers) asker.join();
  CHECK(found == 16);
  CHECK(issuer.gets_of_keys() == 1);
}

TEST_CASE("a slow issuer holds up nobody whose key is known, and others only for a time") {
  Issuer issuer;
  auto impatient = options();
  impatient.wait_max = std::chrono::milliseconds(30);
  JwksCache cache(impatient, issuer.doors());
  REQUIRE(comes_to_have(cache, "rsa-1"));
  issuer.hold();
  issuer.pass(hours(2));
  for (int i = 0; i < 10; ++i) CHECK(has(cache));
  CHECK_FALSE(has(cache, "r-stranger"));
  issuer.release();
}

TEST_CASE("while the issuer is down old keys serve for three days, with one attempt in thirty seconds") {
  Issuer issuer;
  JwksCache cache(options(), issuer.doors());
  REQUIRE(has(cache));
  issuer.set_down(true);
  issuer.pass(hours(1) + hours(71));
  CHECK(has(cache));
  for (int i = 0; i < 500 && !cache.trouble(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(cache.trouble());
  CHECK_THAT(cache.trouble()->message, Catch::Matchers::Contains("does not answer"));
  issuer.pass(hours(1));
  const auto found = cache.find("rsa-1", Algorithm::rs256);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::unavailable);
  issuer.set_down(false);
  CHECK_FALSE(has(cache));
  issuer.pass(seconds(30));
  CHECK(has(cache));
  CHECK_FALSE(cache.trouble());
}

TEST_CASE("an issuer that was never reached makes keys unavailable, not unknown") {
  Issuer issuer;
  issuer.set_down(true);
  JwksCache cache(options(), issuer.doors());
  const auto found = cache.find("rsa-1", Algorithm::rs256);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::unavailable);
  CHECK_FALSE(cache.provider());
  issuer.set_down(false);
  issuer.pass(seconds(30));
  CHECK(has(cache));
}

TEST_CASE("a description of another issuer, and bad documents, change nothing of what is known") {
  Issuer issuer;
  JwksCache cache(options(), issuer.doors());
  REQUIRE(has(cache));
  const auto refreshes_to = [&](const std::string& words) {
    issuer.pass(hours(25));
    CHECK(has(cache));
    for (int i = 0; i < 500 && !(cache.trouble() && cache.trouble()->message.find(words) != std::string::npos); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return cache.trouble() && cache.trouble()->message.find(words) != std::string::npos;
  };
  issuer.answer(description_url(test_issuer), description("https://evil.example.com"));
  CHECK(refreshes_to("another issuer"));
  issuer.answer(description_url(test_issuer), description());
  issuer.answer(keys_url, "<html>");
  CHECK(refreshes_to("not valid JSON"));
}

TEST_CASE("keys of a file are read again when they are old or one is missing") {
  TemporaryDirectory directory;
  const auto file = directory / "keys.json";
  REQUIRE(write_file_durably(file, key_set_of(rsa_key().jwk("rsa-1"))));
  Issuer issuer;
  auto from_file = options();
  from_file.source = file.string();
  JwksCache cache(from_file, issuer.doors());
  REQUIRE(has(cache));
  CHECK_FALSE(has(cache, "ec-1"));
  REQUIRE(write_file_durably(file, test_key_set()));
  issuer.pass(seconds(5));
  CHECK(has(cache, "ec-1"));
  CHECK(issuer.gets_of_keys() == 0);
}

TEST_CASE("a cache ends while it fetches and while others wait") {
  for (int i = 0; i < 20; ++i) {
    Issuer issuer;
    JwksCache cache(options(), issuer.doors());
    if (i % 2) (void)static_cast<bool>(cache.find("rsa-1", Algorithm::rs256));
  }
}

TEST_CASE("what a server says about keeping is read") {
  CHECK(age_in("public, max-age=3600, must-revalidate") == seconds(3600));
  CHECK(age_in("Max-Age=5") == seconds(5));
  CHECK(age_in("max-age=5, no-store") == seconds(0));
  CHECK(age_in("no-cache") == seconds(0));
  for (const auto* text : {"", "public", "max-age=", "max-age=-1", "max-age=9999999999999", "max-age=1x", "s-maxage=3", ",,,"})
    CHECK_FALSE(age_in(text));
}

}  // namespace luthier::auth
