#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>

#include "events/base/file.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/readable.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t config_bytes_max = 1 << 20;
constexpr std::chrono::seconds reading_told_every{10};

ordered_json progress_json(const Progress& p) {
  ordered_json line{{"phase", to_string(p.phase)}, {"step", p.step}, {"max_steps", p.max_steps}};
  if (p.phase == Phase::starting) line["resumed_from_step"] = p.resumed_from_step;
  if (p.phase == Phase::validating && p.validation_loss) line["validation_loss"] = *p.validation_loss;  // before the first step
  if (p.phase != Phase::training) return line;
  line.update(ordered_json{{"loss", p.loss},
                           {"grad_norm", p.grad_norm},
                           {"lr", p.learning_rate},
                           {"tokens", p.tokens},
                           {"tokens_read", p.tokens_read},
                           {"tokens_per_second", p.tokens_per_second},
                           {"seconds_left", p.seconds_left}});
  if (p.validation_loss) line["validation_loss"] = *p.validation_loss;
  for (const auto& [name, value] : p.measures) line["validation_" + name] = value;
  if (p.is_best) line["best"] = true;
  return line;
}

ordered_json result_json(const TrainResult& r) {
  ordered_json line{{"phase", r.stopped ? "stopped" : "done"},
                    {"steps", r.steps},
                    {"tokens", r.tokens},
                    {"tokens_read", r.tokens_read},
                    {"first_loss", r.first_loss},
                    {"final_loss", r.final_loss},
                    {"seconds", r.seconds}};
  if (r.validation_loss) line["validation_loss"] = *r.validation_loss;
  if (r.best_step > 0) line["best_step"] = r.best_step;
  if (r.stopped_early) line["stopped_early"] = true;
  if (!r.profile.empty()) line["profile"] = r.profile;
  return line;
}

std::string progress_text(const Progress& p) {
  char text[160];
  if (p.phase == Phase::validating && p.validation_loss) return "before the first step  validation " + std::to_string(*p.validation_loss);
  if (p.phase != Phase::training) {
    std::snprintf(text, sizeof text, "%s%s", to_string(p.phase),
                  p.resumed_from_step > 0 && p.phase == Phase::starting
                      ? (" again after step " + std::to_string(p.resumed_from_step)).c_str()
                      : "");
    return text;
  }
  std::snprintf(text, sizeof text, "step %lld/%lld  loss %.4f  gradient %.3f  rate %.3g  %.0f tokens/s  %.0f s left",
                static_cast<long long>(p.step), static_cast<long long>(p.max_steps), p.loss, p.grad_norm, p.learning_rate,
                p.tokens_per_second, p.seconds_left);
  if (!p.validation_loss) return text;
  std::string line = text + ("  validation " + std::to_string(*p.validation_loss)) + (p.is_best ? ", the lowest" : "");
  for (const auto& [name, value] : p.measures) line += "  " + name + formatted(" %.3f", value);
  return line;
}

std::string result_text(const TrainResult& r, const std::filesystem::path& out) {
  char text[160];
  std::snprintf(text, sizeof text, "%s after %lld steps in %.1f s: loss %.4f at first, %.4f at last",
                r.stopped ? "stopped" : "done", static_cast<long long>(r.steps), r.seconds, r.first_loss, r.final_loss);
  if (r.stopped) return text;
  return text + std::string(r.stopped_early ? "; the validation loss fell no more" : "") +
         (r.best_step > 0 ? ", lowest validation loss after step " + std::to_string(r.best_step) : "") + ". See " + out.string() + "/README.md";
}

TrainRequest request_of(const TrainOptions& options, TrainingConfig config) {
  return {.model = options.model,
          .adapter = options.adapter,
          .data = options.data,
          .validation = options.validation,
          .teacher = options.teacher,
          .out = options.out,
          .config = std::move(config),
          .base_model_name = options.base_model,
          .validation_every = options.validation_every,
          .checkpoint_directory = options.checkpoint_directory,
          .checkpoint_every = options.checkpoint_every,
          .memory_limit_bytes = options.memory_limit_mib << 20,
          .profile = options.profile,
          .trace = options.trace};
}

// A first look at many rows takes its time: a line now and then for people, and a signal ends it.
void watch_reading(const TrainOptions& options, Signals& signals, std::ostream& out, TrainRequest& request) {
  request.is_cancelled = [&signals] {
    bool stop = false;
    while (const auto signal = signals.take()) stop = stop || *signal != SIGUSR1;  // there is nothing yet to checkpoint
    return stop;
  };
  if (options.progress_json) return;
  using Clock = std::chrono::steady_clock;
  request.reading = [&out, told = Clock::now()](const text::ReadingProgress& now) mutable {
    if (Clock::now() - told < reading_told_every) return;
    told = Clock::now();
    out << "reading rows: " << now.rows << ", " << now.bytes_read * 100 / std::max(now.bytes_total, std::uint64_t{1}) << " %" << std::endl;
  };
}

TrainHooks hooks_for(const TrainOptions& options, Signals& signals, std::ostream& out) {
  TrainHooks hooks;
  if (!options.progress_json) hooks.about_rows = [&](const std::string& line) { out << line << std::endl; };
  hooks.progress = [&](const Progress& p) {
    // The first line is the beginning: where the run goes on from is known then, and the input was good.
    if (p.phase == Phase::loading) return;
    out << (options.progress_json ? progress_json(p).dump() : progress_text(p)) << std::endl;
  };
  hooks.wish = [&] {
    Wish wish = Wish::go_on;
    while (const auto signal = signals.take())
      wish = *signal == SIGUSR1 && wish != Wish::stop ? Wish::checkpoint : Wish::stop;
    return wish;
  };
  hooks.checkpoint_written = [&](std::int64_t step) {
    if (options.progress_json) out << ordered_json{{"checkpoint", step}}.dump() << std::endl;
  };
  return hooks;
}

}  // namespace

int train(const TrainOptions& options, std::ostream& out, std::ostream& err) {
  const auto text = read_text(options.config, config_bytes_max);
  if (!text) return refuse(err, text.error());
  auto config = parse_training_config(*text);
  if (!config) return refuse(err, with_context(config.error(), options.config.string()));
  use_threads(options.threads);
  Signals signals;
  auto request = request_of(options, std::move(*config));
  watch_reading(options, signals, out, request);
  auto result = train(request, hooks_for(options, signals, out));
  if (!result && result.error().code == ErrorCode::cancelled) result = TrainResult{.stopped = true};
  if (!result) return refuse(err, result.error());
  out << (options.progress_json ? result_json(*result).dump() : result_text(*result, options.out)) << std::endl;
  if (!options.progress_json) out << result->profile << std::flush;
  return result->stopped ? exit_stopped : exit_done;
}

}  // namespace luthier::train
