#include "actors/node/http_platform.hpp"

#include <openssl/rand.h>

#include <caf/all.hpp>

#include "actors/core/messages.hpp"

namespace luthier::node {
namespace {

using namespace std::chrono_literals;

constexpr auto receipt_wait_max = 120s;  // a check may read a large checkpoint
constexpr auto projection_wait_max = 10s;

}  // namespace

Result<api::Done> HttpPlatform::submit(events::Request request) {
  const Error no_answer{ErrorCode::unavailable, "the command was not answered; ask whether it took effect before sending it again", ""};
  caf::scoped_actor self(system_);
  core::Outcome outcome;
  auto asked = self->request(entity_, caf::infinite, core::Submit{std::make_shared<const events::Request>(std::move(request))});
  // A time-out of the request itself would wake the thread of CAF's clock each time.
  if (!self->await_data(std::chrono::high_resolution_clock::now() + receipt_wait_max)) return no_answer;
  asked.receive([&](const core::Outcome& answered) { outcome = answered; }, [&](const caf::error&) { outcome.error = no_answer; });
  if (outcome.error) return *outcome.error;
  const auto& receipt = *outcome.receipt;
  if (receipt.refusal) return *receipt.refusal;
  if (!wait_for(receipt.position))
    return Error{ErrorCode::unavailable, "the command took effect at position " + std::to_string(receipt.position) + ", which cannot be read yet", ""};
  return api::Done{receipt.position, receipt.version, receipt.events};
}

bool HttpPlatform::wait_for(Position position) {
  if (models_.position() >= position) return true;
  std::condition_variable told;
  std::unique_lock lock(mutex_);
  const auto place = waiting_.emplace(position, &told);
  const bool is_there = told.wait_for(lock, projection_wait_max, [&] { return models_.position() >= position; });
  waiting_.erase(place);
  return is_there;
}

void HttpPlatform::projected() {
  const std::lock_guard lock(mutex_);  // so that nobody misses it between looking and waiting
  const auto position = models_.position();
  for (auto waiting = waiting_.begin(); waiting != waiting_.end() && waiting->first <= position; ++waiting) waiting->second->notify_one();
}

std::string HttpPlatform::random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  // The generator of a running process does not fail; if it does, no id may be guessed from what is left in memory.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) std::abort();
  return bytes;
}

}  // namespace luthier::node
