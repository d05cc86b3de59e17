#include "gpu/serve/scheduler.hpp"

#include <algorithm>

namespace luthier::serve {

void Scheduler::release(Sequence& sequence) {
  for (const BlockId block : sequence.blocks) pool_.release(block);
  sequence.blocks.clear();
  sequence.computed = 0;
  sequence.pool.clear();
}

void Scheduler::remove_if(const std::function<bool(Sequence&)>& ends) {
  std::erase_if(running_, [&](const auto& sequence) {
    if (!ends(*sequence)) return false;
    release(*sequence);
    return true;
  });
  std::erase_if(waiting_, [&](const auto& sequence) { return ends(*sequence); });
}

// Takes the blocks for all tokens known so far and the next one, or leaves the request where it is.
void Scheduler::admit() {
  while (!waiting_.empty() && running() < running_max_) {
    Sequence& next = *waiting_.front();
    const std::int64_t needed = blocks_for(next.length() + 1);
    if (pool_.free() < needed) return;
    for (std::int64_t i = 0; i < needed; ++i) next.blocks.push_back(*pool_.acquire());
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void Scheduler::preempt_youngest() {
  release(*running_.back());
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  ++preemptions_;
}

// False: it was the youngest itself and had to go.
bool Scheduler::grow(Sequence& sequence) {
  while (static_cast<std::int64_t>(sequence.blocks.size()) < blocks_for(sequence.length())) {
    if (const auto block = pool_.acquire()) {
      sequence.blocks.push_back(*block);
      continue;
    }
    const bool is_itself = running_.back().get() == &sequence;
    preempt_youngest();
    if (is_itself) return false;
  }
  return true;
}

std::vector<StepItem> Scheduler::plan() {
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (!grow(*running_[i])) break;
  admit();
  std::vector<StepItem> items;
  std::int64_t prompt_tokens = step_tokens_max_;
  for (const auto& sequence : running_) {
    const std::int64_t pending = sequence->length() - sequence->computed;
    const std::int64_t count = pending == 1 ? 1 : std::min(pending, prompt_tokens);
    if (count == 0 || (whole_texts_ && count < pending)) continue;
    if (pending > 1) prompt_tokens -= count;
    items.push_back({sequence.get(), count, count == pending});
  }
  return items;
}

}  // namespace luthier::serve
