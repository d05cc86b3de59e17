// The variable `loop` of a for loop, and the elements that the loop still has to visit.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

class Loop {
 public:
  // `passes` is the loop's own `if`; it runs when an element is asked for, because the body may change what it looks at.
  Loop(std::vector<Value> items, std::function<bool(Value&)> passes, std::int64_t depth = 1)
      : items_(std::move(items)), passes_(std::move(passes)), depth_(depth) {}

  bool advance();  // to the next element; false at the end
  const Value& current() const { return current_; }
  void close() { passes_ = nullptr; }  // the loop has ended: what `passes` refers to is gone

  // index, first, last, length …; none: there is no such attribute.
  std::optional<Value> attribute(std::string_view name);
  Value cycle(const Call& call) const;
  bool changed(const Call& call, Budget& budget);
  // Set in a loop that is marked as recursive: what the loop gives for other elements, one level deeper.
  std::function<Value(const Value& items)> recurse;
  std::int64_t depth() const { return depth_; }

 private:
  std::optional<Value> pull();
  const std::optional<Value>& peek();
  std::size_t length();

  std::vector<Value> items_;
  std::function<bool(Value&)> passes_;
  std::int64_t depth_;
  std::size_t next_ = 0;      // in items_
  std::size_t visited_ = 0;   // elements that came so far, the current one included
  Value current_, before_;
  std::optional<Value> after_;
  bool peeked_ = false;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace luthier::text::jinja
