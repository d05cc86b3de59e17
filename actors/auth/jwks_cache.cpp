#include "actors/auth/jwks_cache.hpp"

#include <algorithm>

#include "events/base/file.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t key_file_bytes_max = 1 << 20;

Error no_such_key() { return invalid("the token is signed with a key that the issuer does not publish (kid)"); }

}  // namespace

JwksOptions jwks_options(const Settings& settings) {
  JwksOptions options;
  options.issuer = settings.issuer;
  options.source = settings.jwks;
  options.http.ca_file = settings.ca_file;
  options.http.allows_plain_http = settings.allows_plain_http;
  return options;
}

JwksCache::JwksCache(JwksOptions options, Doors doors) : options_(std::move(options)), getter_(options_.http), doors_(std::move(doors)) {
  if (!doors_.get) doors_.get = [this](const std::string& url) { return getter_.get(url); };
  if (!doors_.now) doors_.now = [] { return std::chrono::steady_clock::now(); };
  want_fetch(doors_.now());
  thread_ = std::thread([this] { run(); });
}

JwksCache::~JwksCache() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  getter_.stop();
  thread_.join();
}

bool JwksCache::is_file() const { return !options_.source.empty() && options_.source.find("://") == std::string::npos; }

bool JwksCache::may_fetch(Time now) const {
  const auto pause = is_file() ? std::min(options_.file_age, options_.refetch_every) : options_.refetch_every;
  return !wanted_ && !fetching_ && (!last_want_ || now - *last_want_ >= pause);
}

void JwksCache::want_fetch(Time now) {
  wanted_ = true;
  last_want_ = now;
  changed_.notify_all();
}

KeyPointer JwksCache::held(const std::string& id, Algorithm algorithm, Time now) const {
  return held_ && now < fresh_until_ + options_.stale_max ? held_->keys.find(id, algorithm) : nullptr;
}

Result<KeyPointer> JwksCache::find(const std::string& id, Algorithm algorithm) {
  std::unique_lock lock(mutex_);
  const auto now = doors_.now();
  const auto known = held(id, algorithm, now);
  if ((!known || now >= fresh_until_) && may_fetch(now)) want_fetch(now);
  if (known) return known;
  // Whoever comes during a fetch waits for that one: it may bring the key.
  if (wanted_ || fetching_)
    changed_.wait_for(lock, options_.wait_max, [this, round = rounds_] { return rounds_ != round || stopping_; });
  if (const auto key = held(id, algorithm, now)) return key;
  if (held_ && now < fresh_until_ + options_.stale_max) return no_such_key();
  return Error{ErrorCode::unavailable, "the issuer's keys are not known" + (trouble_ ? ": " + trouble_->message : std::string()), {}};
}

std::optional<Provider> JwksCache::provider() {
  const std::lock_guard guard(mutex_);
  const auto now = doors_.now();
  if ((!held_ || now >= fresh_until_) && may_fetch(now)) want_fetch(now);
  return held_ ? held_->provider : std::nullopt;
}

std::optional<Error> JwksCache::trouble() const {
  const std::lock_guard guard(mutex_);
  return trouble_;
}

std::chrono::seconds JwksCache::bounded_age(const HttpDocument& document) const {
  return std::clamp(document.age_max.value_or(options_.age_unsaid), options_.age_min, options_.age_max);
}

Result<JwksCache::Fetched> JwksCache::fetch() {
  if (is_file()) {
    const auto text = read_text(options_.source, key_file_bytes_max);
    if (!text) return text.error();
    auto keys = KeySet::parse(*text);
    if (!keys) return with_context(keys.error(), options_.source);
    return Fetched{std::move(*keys), std::nullopt, options_.file_age};
  }
  std::optional<Provider> provider;
  if (options_.source.empty()) {
    const auto description = doors_.get(description_url(options_.issuer));
    if (!description) return description.error();
    auto parsed = parse_provider(description->body, options_.issuer);
    if (!parsed) return parsed.error();
    provider = std::move(*parsed);
  }
  const auto document = doors_.get(provider ? provider->jwks_uri : options_.source);
  if (!document) return document.error();
  auto keys = KeySet::parse(document->body);
  if (!keys) return keys.error();
  return Fetched{std::move(*keys), std::move(provider), bounded_age(*document)};
}

void JwksCache::take(Result<Fetched> fetched) {
  if (!fetched) {
    trouble_ = fetched.error();
    return;
  }
  fresh_until_ = doors_.now() + fetched->age;
  held_ = std::move(*fetched);
  trouble_.reset();
}

void JwksCache::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    fetching_ = true;
    lock.unlock();
    auto fetched = fetch();
    lock.lock();
    fetching_ = false;
    take(std::move(fetched));
    ++rounds_;
    changed_.notify_all();
  }
}

}  // namespace luthier::auth
