#include "gpu/text/jinja_loop.hpp"

namespace luthier::text::jinja {

std::optional<Value> Loop::pull() {
  while (next_ < items_.size()) {
    Value item = items_[next_++];
    if (!passes_ || passes_(item)) return item;
  }
  return std::nullopt;
}

const std::optional<Value>& Loop::peek() {
  if (!peeked_) after_ = pull();
  peeked_ = true;
  return after_;
}

bool Loop::advance() {
  auto item = peeked_ ? std::move(after_) : pull();
  peeked_ = false;
  if (!item) return false;
  ++visited_;
  before_ = std::move(current_);
  current_ = *std::move(item);
  return true;
}

std::size_t Loop::length() {
  const std::size_t seen = visited_ + (peeked_ && after_ ? 1 : 0);
  if (passes_) {
    std::vector<Value> rest;
    while (auto item = pull()) rest.push_back(*std::move(item));
    items_ = std::move(rest);
    next_ = 0;
    passes_ = nullptr;
  }
  return seen + items_.size() - next_;
}

std::optional<Value> Loop::attribute(std::string_view name) {
  const auto count = [](std::size_t value) { return integer(static_cast<std::int64_t>(value)); };
  if (name == "index") return count(visited_);
  if (name == "index0") return count(visited_ - 1);
  if (name == "first") return boolean(visited_ == 1);
  if (name == "last") return boolean(!peek());
  if (name == "length") return count(length());
  if (name == "revindex") return count(length() - visited_ + 1);
  if (name == "revindex0") return count(length() - visited_);
  if (name == "depth") return integer(depth_);
  if (name == "depth0") return integer(depth_ - 1);
  if (name == "previtem") return visited_ == 1 ? undefined("there is no previous item") : before_;
  if (name == "nextitem") return peek() ? *after_ : undefined("there is no next item");
  return std::nullopt;
}

Value Loop::cycle(const Call& call) const {
  if (call.positional.empty()) throw Failure{"no items for cycling given"};
  return call.positional[(visited_ - 1) % call.positional.size()];
}

bool Loop::changed(const Call& call, Budget& budget) {
  bool same = last_changed_ && last_changed_->size() == call.positional.size();
  for (std::size_t i = 0; same && i < call.positional.size(); ++i) same = equal((*last_changed_)[i], call.positional[i], budget);
  if (!same) last_changed_ = call.positional;
  return !same;
}

}  // namespace luthier::text::jinja
