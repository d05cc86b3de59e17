// The functions that every template may call.
#include <array>
#include <ctime>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_operators.hpp"

namespace luthier::text::jinja {
namespace {

constexpr std::int64_t range_max = 100'000;  // Jinja's sandbox has the same bound

Value range_of(Machine& machine, const Call& call) {
  const Bound bound("range", call, {"start", "stop", "step"});
  const bool only_stop = !bound.has(1);
  const std::int64_t start = only_stop ? 0 : bound.whole(0, 0), stop = only_stop ? bound.whole(0, 0) : bound.whole(1, 0);
  const std::int64_t step = bound.whole(2, 1);
  (void)bound.value(0);
  if (step == 0) throw Failure{"range() arg 3 must not be zero"};
  std::vector<Value> items;
  for (std::int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (static_cast<std::int64_t>(items.size()) == range_max) throw Failure{"Range too big. The sandbox blocks ranges larger than 100000."};
    items.push_back(integer(at));
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  machine.budget().step(items.size() / 16);
  return jinja::range(machine.budget(), std::move(items), start, stop, step);
}

Value dict(Machine& machine, const Call& call) {
  DictMaker made(machine.budget());
  if (call.positional.size() > 1) throw Failure{"dict expected at most 1 argument, got " + std::to_string(call.positional.size())};
  if (!call.positional.empty()) {
    require_defined(call.positional[0]);
    if (const auto* from = call.positional[0].get<DictRef>()) {
      for (const auto& [key, value] : (*from)->entries) made.set(key, value);
    } else {
      for (const auto& pair : elements(call.positional[0], machine.budget())) {
        auto parts = elements(pair, machine.budget());
        if (parts.size() != 2) throw Failure{"a dictionary's element has not two parts"};
        made.set(std::move(parts[0]), std::move(parts[1]));
      }
    }
  }
  for (const auto& [name, value] : call.named) made.set(name, value);
  return made.take();
}

Value raise_exception(Machine& machine, const Call& call) {
  const Bound bound("raise_exception", call, {"message"});
  throw Failure{to_text(bound.value(0), machine.budget())};
}

// The time is the machine's, unless the variable `strftime_now` holds one: seconds since 1970, in UTC.
std::tm time_now(Machine& machine) {
  std::tm broken{};
  if (const Value* given = machine.variable("strftime_now")) {
    const auto seconds = static_cast<std::time_t>(as_integer(*given).value_or(0));
    ::gmtime_r(&seconds, &broken);
  } else {
    const std::time_t seconds = std::time(nullptr);
    ::localtime_r(&seconds, &broken);
  }
  return broken;
}

Value strftime_now(Machine& machine, const Call& call) {
  const Bound bound("strftime_now", call, {"format"});
  const std::string format = bound.text(0);
  if (format.size() > 1024) throw Failure{"the format of strftime_now is longer than 1024 bytes"};
  const std::tm broken = time_now(machine);
  std::array<char, 8192> buffer;
  // An empty result and one that does not fit look the same; a blank in front tells them apart.
  const auto length = std::strftime(buffer.data(), buffer.size(), (" " + format).c_str(), &broken);
  if (length == 0) throw Failure{"the format of strftime_now makes too long a text"};
  return text(machine.budget(), std::string(buffer.data() + 1, length - 1));
}

}  // namespace

std::optional<Value> builtin_function(std::string_view name) {
  if (name == "range") return callable("range", range_of);
  if (name == "dict") return callable("dict", dict);
  if (name == "namespace") return callable("namespace", [](Machine& machine, const Call& call) { return machine.new_namespace(call); });
  if (name == "raise_exception") return callable("raise_exception", raise_exception);
  if (name == "strftime_now") return callable("strftime_now", strftime_now);
  return std::nullopt;
}

}  // namespace luthier::text::jinja
