#include "actors/node/http_platform.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <optional>
#include <utility>
#include <vector>

#include "actors/core/messages.hpp"

namespace luthier::node {
namespace {

using namespace std::chrono_literals;

constexpr auto receipt_wait_max = 120s;  // a check may read a large checkpoint
constexpr auto projection_wait_max = 10s;

Error no_answer() {
  return {ErrorCode::unavailable, "the command was not answered; ask whether it took effect before sending it again", ""};
}

}  // namespace

struct HttpPlatform::Waiting {
  std::condition_variable told;
  std::optional<core::Outcome> outcome;
  bool is_over = false;  // nothing more will come: it was refused, or its rows are there
};

// What the entity actor calls; whatever way it goes away, its request is answered.
class HttpPlatform::Answering {
 public:
  Answering(HttpPlatform& platform, std::shared_ptr<Waiting> waiting) : platform_(platform), waiting_(std::move(waiting)) {}
  ~Answering() { answer({nullptr, no_answer()}); }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

  void answer(const core::Outcome& outcome) {
    if (auto waiting = std::exchange(waiting_, nullptr)) platform_.answered(std::move(waiting), outcome);
  }

 private:
  HttpPlatform& platform_;
  std::shared_ptr<Waiting> waiting_;
};

Result<api::Done> HttpPlatform::submit(events::Request request) {
  const auto waiting = std::make_shared<Waiting>();
  caf::anon_send(entity_, core::Ask{std::make_shared<const events::Request>(std::move(request)),
                                    [answering = std::make_shared<Answering>(*this, waiting)](const core::Outcome& outcome) { answering->answer(outcome); }});
  const auto outcome = wait(*waiting);
  if (outcome.error) return *outcome.error;
  const auto& receipt = *outcome.receipt;
  if (receipt.refusal) return *receipt.refusal;
  return api::Done{receipt.position, receipt.version, receipt.events};
}

// The thread is woken once, when all has been done.
core::Outcome HttpPlatform::wait(Waiting& waiting) {
  std::unique_lock lock(mutex_);
  const auto begun = std::chrono::steady_clock::now();
  for (bool had_receipt = false; !waiting.told.wait_for(lock, projection_wait_max, [&] { return waiting.is_over; });
       had_receipt = waiting.outcome.has_value()) {
    if (had_receipt)
      return {nullptr, Error{ErrorCode::unavailable, "the command took effect at position " + std::to_string(waiting.outcome->receipt->position) +
                                                         ", which cannot be read yet", ""}};
    if (!waiting.outcome && std::chrono::steady_clock::now() - begun >= receipt_wait_max) return {nullptr, no_answer()};
  }
  return *waiting.outcome;
}

void HttpPlatform::answered(std::shared_ptr<Waiting> waiting, const core::Outcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    waiting->outcome = outcome;
    const bool has_rows = outcome.receipt && !outcome.receipt->refusal;
    if (has_rows && models_.position() < outcome.receipt->position) {
      waiting_.emplace(outcome.receipt->position, std::move(waiting));
      return;
    }
    waiting->is_over = true;
  }
  waiting->told.notify_one();
}

void HttpPlatform::projected() {
  std::vector<std::shared_ptr<Waiting>> over;
  {
    const std::lock_guard lock(mutex_);  // so that nobody misses it between looking and waiting
    const auto end = waiting_.upper_bound(models_.position());
    for (auto each = waiting_.begin(); each != end; ++each) {
      each->second->is_over = true;
      over.push_back(std::move(each->second));
    }
    waiting_.erase(waiting_.begin(), end);
  }
  for (const auto& waiting : over) waiting->told.notify_one();
}

// From a store of each thread, given out once: the generator takes as long for an id as for 64 of them.
std::string HttpPlatform::random_bytes(std::size_t count) {
  thread_local std::array<char, 1024> store;
  thread_local std::size_t left = 0;
  std::string bytes;
  while (bytes.size() < count) {
    if (left == 0) {
      // The generator of a running process does not fail; if it does, no id may be guessed from what is left in memory.
      if (RAND_bytes(reinterpret_cast<unsigned char*>(store.data()), static_cast<int>(store.size())) != 1) std::abort();
      left = store.size();
    }
    const auto taken = std::min(left, count - bytes.size());
    bytes.append(store.data() + store.size() - left, taken);
    OPENSSL_cleanse(store.data() + store.size() - left, taken);
    left -= taken;
  }
  return bytes;
}

}  // namespace luthier::node
