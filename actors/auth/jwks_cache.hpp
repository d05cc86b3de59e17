// The issuer's keys, kept. A thread of its own fetches them, one fetch at a time, so that a known key is found at once however slow the
// issuer is. Asked for a key that it does not know, it fetches again, but not more often than once in `refetch_every`. While the issuer is
// down the old keys go on for `stale_max`.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "actors/auth/http_get.hpp"
#include "actors/auth/key_set.hpp"
#include "actors/auth/provider.hpp"
#include "actors/auth/settings.hpp"

namespace luthier::auth {

struct JwksOptions {
  std::string issuer;
  std::string source;  // URL or file; empty: what the issuer's description names
  HttpGetOptions http;
  std::chrono::seconds age_min{5 * 60}, age_max{24 * 3600};  // bounds of what the issuer says
  std::chrono::seconds age_unsaid{3600};                     // when it says nothing
  std::chrono::seconds file_age{5};                          // of a file, which costs little to read again
  std::chrono::seconds refetch_every{30};
  std::chrono::seconds stale_max{72 * 3600};
  std::chrono::milliseconds wait_max{10'000};  // for a fetch, of one who asks for an unknown key
};

JwksOptions jwks_options(const Settings& settings);

class JwksCache {
 public:
  struct Doors {  // absent: the network, and the steady clock
    std::function<Result<HttpDocument>(const std::string& url)> get;
    std::function<std::chrono::steady_clock::time_point()> now;
  };

  explicit JwksCache(JwksOptions options, Doors doors = {});  // begins to fetch
  ~JwksCache();                                               // ends a fetch that runs
  JwksCache(const JwksCache&) = delete;
  JwksCache& operator=(const JwksCache&) = delete;

  // Any thread. invalid: the issuer has no such key. unavailable: its keys are not known now, and why.
  Result<KeyPointer> find(const std::string& id, Algorithm algorithm);
  // As last fetched; none when the issuer was never reached or its description is not asked for. Does not wait.
  std::optional<Provider> provider();
  // The last fetch's error; none when it went well. For a health page.
  std::optional<Error> trouble() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Fetched {
    KeySet keys;
    std::optional<Provider> provider;
    std::chrono::seconds age;
  };

  bool is_file() const;
  bool may_fetch(Time now) const;
  void want_fetch(Time now);
  KeyPointer held(const std::string& id, Algorithm algorithm, Time now) const;
  Result<Fetched> fetch();
  std::chrono::seconds bounded_age(const HttpDocument& document) const;
  void take(Result<Fetched> fetched);
  void run();

  const JwksOptions options_;
  HttpGetter getter_;
  Doors doors_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Fetched> held_;
  std::optional<Error> trouble_;
  Time fresh_until_{};             // of held_
  std::optional<Time> last_want_;  // when the last fetch was asked for
  bool wanted_ = false, fetching_ = false, stopping_ = false;
  std::uint64_t rounds_ = 0;  // fetches that ended
  std::thread thread_;
};

}  // namespace luthier::auth
