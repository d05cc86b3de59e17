#include "gpu/serve/generation.hpp"

#include <utility>

namespace luthier::serve {

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::cancelled: return "cancelled";
  }
  return "cancelled";
}

std::optional<Piece> Generation::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return has_news_; })) return std::nullopt;
  has_news_ = false;
  return std::exchange(news_, {});
}

Piece Generation::wait_all() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return news_.finish.has_value(); });
  has_news_ = false;
  return std::exchange(news_, {});
}

void Generation::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
}

bool Generation::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

std::int64_t Generation::completion_tokens() const {
  const std::lock_guard lock(mutex_);
  return completion_tokens_;
}

void Generation::add(std::string text, std::vector<GeneratedToken> tokens, std::int64_t completion_tokens,
                     std::optional<FinishReason> finish) {
  {
    const std::lock_guard lock(mutex_);
    news_.text += text;
    for (auto& token : tokens) news_.tokens.push_back(std::move(token));
    news_.finish = finish;
    completion_tokens_ = completion_tokens;
    has_news_ = true;
  }
  changed_.notify_all();
  if (finish) ended_.notify_all();
}

void Generation::add_embedding(std::vector<float> embedding) {
  {
    const std::lock_guard lock(mutex_);
    news_.embedding = std::move(embedding);
    news_.finish = FinishReason::stop;
    has_news_ = true;
  }
  changed_.notify_all();
  ended_.notify_all();
}

}  // namespace luthier::serve
