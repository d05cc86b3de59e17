#include "actors/node/telemetry_progress.hpp"

#include <algorithm>

#include "events/json/fields.hpp"

namespace luthier::node {
namespace {

constexpr json::Bounds line_bounds{.bytes_max = 64 * 1024, .depth_max = 8};

std::optional<double> real(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  if (!member) return std::nullopt;
  if (const auto* number = std::get_if<double>(&member->held)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&member->held)) return static_cast<double>(*number);
  return std::nullopt;
}

std::optional<std::int64_t> whole(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto* number = member ? std::get_if<std::int64_t>(&member->held) : nullptr;
  return number && *number >= 0 ? std::optional(*number) : std::nullopt;
}

// How it is kept: the points as [step, epoch, value].
struct StoredPoint {
  std::int64_t step = 0, epoch = 0;
  double value = 0;
  static constexpr auto fields() {
    return field_list(field("step", &StoredPoint::step), field("epoch", &StoredPoint::epoch), field("value", &StoredPoint::value));
  }
};
struct Stored {
  std::string phase;
  std::int64_t attempt = 0, step = 0, max_steps = 0, epoch = 0, num_epochs = 0, train_spacing = 1, validation_spacing = 1;
  std::optional<double> train_loss, lr, grad_norm, val_loss, seconds_left;
  double tokens_per_second = 0;
  std::vector<StoredPoint> train_losses, val_losses;
  static constexpr auto fields() {
    return field_list(field("phase", &Stored::phase),
                      field("attempt", &Stored::attempt),
                      field("step", &Stored::step),
                      field("max_steps", &Stored::max_steps),
                      field("epoch", &Stored::epoch),
                      field("num_epochs", &Stored::num_epochs),
                      field("train_spacing", &Stored::train_spacing),
                      field("validation_spacing", &Stored::validation_spacing),
                      field("train_loss", &Stored::train_loss),
                      field("lr", &Stored::lr),
                      field("grad_norm", &Stored::grad_norm),
                      field("val_loss", &Stored::val_loss),
                      field("seconds_left", &Stored::seconds_left),
                      field("tokens_per_second", &Stored::tokens_per_second),
                      field("train_losses", &Stored::train_losses),
                      field("val_losses", &Stored::val_losses));
  }
};

template <class To>
std::vector<To> copied(const auto& points) {
  std::vector<To> all;
  for (const auto& point : points) all.push_back({point.step, point.epoch, point.value});
  return all;
}

void drop_after(std::vector<api::Point>& points, std::int64_t step) {
  while (!points.empty() && points.back().step > step) points.pop_back();
}

}  // namespace

std::int64_t TrainingProgress::epoch_of(std::int64_t step) const {
  if (progress_.num_epochs <= 0 || progress_.max_steps <= 0 || step <= 0) return 0;
  return std::min(progress_.num_epochs, (step - 1) * progress_.num_epochs / progress_.max_steps + 1);
}

// The newest point is always there; one that is too near to the one before it gives way to the next.
void TrainingProgress::add(std::vector<api::Point>& points, Curve& curve, double value) {
  drop_after(points, progress_.step - 1);
  const api::Point point{progress_.step, progress_.epoch, value};
  if (points.size() > 1 && points.back().step - points[points.size() - 2].step < curve.spacing) points.back() = point;
  else points.push_back(point);
  if (points.size() <= points_max) return;
  curve.spacing *= 2;
  std::vector<api::Point> fewer;
  for (std::size_t i = 0; i < points.size(); i += 2) fewer.push_back(points[i]);
  if (points.size() % 2 == 0) fewer.push_back(points.back());
  points = std::move(fewer);
}

bool TrainingProgress::take(std::string_view text) {
  const auto line = json::parse(text, line_bounds);
  if (!line || !line->object()) return false;
  const auto attempt = whole(*line, "attempt").value_or(attempt_);
  if (attempt < attempt_) return false;  // of one that is over
  attempt_ = attempt;
  if (const auto* phase = line->find("phase"); phase && phase->text()) progress_.phase = phase->text()->substr(0, 64);
  if (const auto steps = whole(*line, "max_steps")) progress_.max_steps = *steps;
  if (const auto resumed = whole(*line, "resumed_from_step")) {  // what lies after it is done again
    progress_.step = *resumed;
    drop_after(progress_.train_losses, *resumed);
    drop_after(progress_.val_losses, *resumed);
  }
  const auto step = whole(*line, "step");
  if (step) progress_.step = *step;
  progress_.epoch = epoch_of(progress_.step);
  if (const auto rate = real(*line, "tokens_per_second")) progress_.tokens_per_second = *rate;
  if (const auto left = real(*line, "seconds_left")) progress_.seconds_left = left;
  if (const auto rate = real(*line, "lr")) progress_.lr = rate;
  if (const auto norm = real(*line, "grad_norm")) progress_.grad_norm = norm;
  const auto loss = real(*line, "loss"), validation = real(*line, "validation_loss");
  if (loss) progress_.train_loss = loss;
  if (validation) progress_.val_loss = validation;
  if (loss && step) add(progress_.train_losses, train_, *loss);
  if (validation && step) add(progress_.val_losses, validation_, *validation);
  return true;
}

std::string TrainingProgress::to_json() const {
  const auto& p = progress_;
  const Stored stored{p.phase, attempt_, p.step, p.max_steps, p.epoch, p.num_epochs, train_.spacing, validation_.spacing, p.train_loss, p.lr,
                      p.grad_norm, p.val_loss, p.seconds_left, p.tokens_per_second, copied<StoredPoint>(p.train_losses),
                      copied<StoredPoint>(p.val_losses)};
  return json::to_json(stored);
}

std::optional<TrainingProgress> TrainingProgress::from_json(std::string_view text) {
  const auto stored = json::from_json<Stored>(text);
  if (!stored || stored->train_losses.size() > points_max || stored->val_losses.size() > points_max) return std::nullopt;
  TrainingProgress made;
  made.attempt_ = stored->attempt;
  made.train_.spacing = stored->train_spacing;
  made.validation_.spacing = stored->validation_spacing;
  made.progress_ = {stored->step, stored->max_steps, stored->epoch, stored->num_epochs, stored->train_loss, stored->lr, stored->grad_norm,
                    stored->val_loss, stored->tokens_per_second, stored->seconds_left, copied<api::Point>(stored->train_losses),
                    copied<api::Point>(stored->val_losses), stored->phase};
  return made;
}

}  // namespace luthier::node
