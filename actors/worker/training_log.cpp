#include "actors/worker/training_log.hpp"

#include <algorithm>
#include <cstdio>

#include "events/json/value.hpp"

namespace luthier::worker {
namespace {

constexpr std::int64_t told_steps = 20;

struct Line {
  const json::Value& value;

  std::string text(std::string_view name) const {
    const auto* member = value.find(name);
    return member && member->text() ? *member->text() : "";
  }
  std::optional<double> number(std::string_view name) const {
    const auto* member = value.find(name);
    if (!member) return std::nullopt;
    if (const auto* whole = std::get_if<std::int64_t>(&member->held)) return static_cast<double>(*whole);
    const auto* real = std::get_if<double>(&member->held);
    return real ? std::optional(*real) : std::nullopt;
  }
  std::int64_t whole(std::string_view name) const { return static_cast<std::int64_t>(number(name).value_or(0)); }
};

template <class... Values>
std::string format(const char* how, Values... values) {
  char text[240];
  std::snprintf(text, sizeof text, how, values...);
  return text;
}

std::string beginning(const Line& line) {
  const auto resumed = static_cast<long long>(line.whole("resumed_from_step")), steps = static_cast<long long>(line.whole("max_steps"));
  if (resumed > 0) return format("training goes on after step %lld of %lld", resumed, steps);
  return format("training begins: %lld steps", steps);
}

std::string step_text(const Line& line) {
  auto text = format("step %lld of %lld: loss %.4f, gradient %.3f, learning rate %.3g, %.0f tokens/s", static_cast<long long>(line.whole("step")),
                     static_cast<long long>(line.whole("max_steps")), line.number("loss").value_or(0), line.number("grad_norm").value_or(0),
                     line.number("lr").value_or(0), line.number("tokens_per_second").value_or(0));
  if (const auto loss = line.number("validation_loss")) text += format(", validation loss %.4f", *loss);
  return text;
}

std::string ending(const Line& line, const char* word) {
  return format("%s: %lld steps in %.1f s: loss %.4f at first, %.4f at last", word, static_cast<long long>(line.whole("steps")),
                line.number("seconds").value_or(0), line.number("first_loss").value_or(0), line.number("final_loss").value_or(0));
}

}  // namespace

std::optional<std::string> TrainingLog::text_of(std::string_view text) {
  const auto value = json::parse(text, {.bytes_max = 64 * 1024, .depth_max = 4});
  if (!value || !value->object()) return std::nullopt;
  const Line line{*value};
  if (line.number("checkpoint")) return format("checkpoint of step %lld", static_cast<long long>(line.whole("checkpoint")));
  const auto phase = line.text("phase");
  if (phase == "starting") return beginning(line);
  if (phase == "done") return ending(line, "trained");
  if (phase == "stopped") return ending(line, "stopped");
  if (phase == "saving") return "saving the result";
  if (phase != "training") return std::nullopt;
  const auto step = line.whole("step"), steps = line.whole("max_steps");
  const auto apart = std::max<std::int64_t>(1, steps / told_steps);
  const bool is_worth_it = told_step_ == 0 || step >= told_step_ + apart || step == steps || line.number("validation_loss");
  if (!is_worth_it) return std::nullopt;
  told_step_ = step;
  return step_text(line);
}

}  // namespace luthier::worker
