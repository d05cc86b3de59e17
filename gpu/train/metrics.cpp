#include "gpu/train/metrics.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

namespace luthier::train {
namespace {

std::string line_of(const Progress& step) {
  nlohmann::ordered_json line{{"step", step.step},
                              {"loss", step.loss},
                              {"grad_norm", step.grad_norm},
                              {"lr", step.learning_rate},
                              {"tokens", step.tokens},
                              {"tokens_read", step.tokens_read}};
  if (step.validation_loss) line["validation_loss"] = *step.validation_loss;
  for (const auto& [name, value] : step.measures) line["validation_" + name] = value;
  if (step.is_best) line["best"] = true;
  return line.dump() + "\n";
}

}  // namespace

void Totals::add(const Progress& step) {
  if (steps++ == 0) first_loss = step.loss;
  final_loss = step.loss;
  tokens += step.tokens;
  tokens_read += step.tokens_read;
  if (step.validation_loss) validation_loss = step.validation_loss;
}

Result<Metrics> Metrics::open(const std::filesystem::path& directory, std::string lines_before) {
  Metrics metrics;
  metrics.path_ = directory / "metrics.jsonl";
  metrics.file_.open(metrics.path_, std::ios::trunc);
  metrics.file_ << lines_before << std::flush;
  if (!metrics.file_) return Error{ErrorCode::io, metrics.path_.string() + " cannot be written", {}};
  std::istringstream lines(lines_before);
  for (std::string line; std::getline(lines, line);) {
    const auto step = nlohmann::json::parse(line, nullptr, false);
    if (!step.is_object()) continue;
    if (step.value("step", std::int64_t{0}) == 0) {
      metrics.start_ = step.value("validation_loss", 0.0);
      continue;
    }
    Progress before{.step = step.value("step", std::int64_t{0}), .loss = step.value("loss", 0.0),
                    .tokens = step.value("tokens", std::int64_t{0}), .tokens_read = step.value("tokens_read", std::int64_t{0})};
    if (step.contains("validation_loss")) before.validation_loss = step.value("validation_loss", 0.0);
    metrics.totals_.add(before);
    metrics.points_.push_back({before.step, before.loss, before.validation_loss});
  }
  metrics.lines_ = std::move(lines_before);
  return metrics;
}

Result<void> Metrics::add(const Progress& step) {
  totals_.add(step);
  points_.push_back({step.step, step.loss, step.validation_loss});
  return write(line_of(step));
}

Result<void> Metrics::add_start(double validation_loss) {
  start_ = validation_loss;
  return write(nlohmann::ordered_json{{"step", 0}, {"validation_loss", validation_loss}}.dump() + "\n");
}

Result<void> Metrics::write(const std::string& line) {
  lines_ += line;
  if (!(file_ << line << std::flush)) return Error{ErrorCode::io, path_.string() + " cannot be written", {}};
  return {};
}

}  // namespace luthier::train
