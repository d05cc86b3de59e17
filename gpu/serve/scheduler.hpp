// Which requests run, and which of their tokens go into the next step. It knows blocks and lengths, not weights.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "gpu/serve/kv_cache.hpp"
#include "gpu/serve/sequence.hpp"

namespace luthier::serve {

struct StepItem {
  Sequence* sequence = nullptr;
  std::int64_t count = 0;    // tokens from sequence->computed on
  bool is_complete = false;  // they are its last known ones: the next token can be sampled
};

// Requests run in order of arrival. One that needs a block when none is free sends the youngest back to the queue, where
// it waits in front and computes its tokens again; so the oldest one always gets on, and no memory is ever lacking.
class Scheduler {
 public:
  // `whole_texts`: no request's tokens are divided among steps; none may be longer than step_tokens_max.
  Scheduler(std::int64_t blocks, std::int64_t running_max, std::int64_t step_tokens_max, bool whole_texts = false)
      : pool_(blocks), running_max_(running_max), step_tokens_max_(step_tokens_max), whole_texts_(whole_texts) {}

  void add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
  // Ends all for which it holds, running or waiting, and gives their blocks back.
  void remove_if(const std::function<bool(Sequence&)>& ends);
  // The next step; every item has its blocks. Empty when there is nothing to do.
  std::vector<StepItem> plan();

  bool idle() const { return waiting_.empty() && running_.empty(); }
  std::int64_t running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  std::int64_t blocks_free() const { return pool_.free(); }
  std::int64_t preemptions() const { return preemptions_; }

 private:
  void admit();
  bool grow(Sequence& sequence);
  void preempt_youngest();
  void release(Sequence& sequence);

  BlockPool pool_;
  const std::int64_t running_max_, step_tokens_max_;
  const bool whole_texts_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // oldest first
  std::int64_t preemptions_ = 0;
};

}  // namespace luthier::serve
