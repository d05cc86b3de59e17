#include "gpu/train/loss_curve.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace luthier::train {
namespace {

constexpr double width = 720, height = 320, left = 56, right = 16, top = 28, bottom = 36;
constexpr std::size_t points_max = 360;  // one for every two pixels

struct Dot {
  double step, loss;
};

std::string number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// The next of 1, 2, 5, 10, 20 … that divides `range` into at most five.
double tick_of(double range) {
  const double rough = range / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

std::vector<Dot> thinned(const std::vector<LossPoint>& points) {
  const std::size_t group = std::max<std::size_t>(1, (points.size() + points_max - 1) / points_max);
  std::vector<Dot> dots;
  for (std::size_t begin = 0; begin < points.size(); begin += group) {
    const std::size_t end = std::min(begin + group, points.size());
    Dot mean{0, 0};
    for (std::size_t i = begin; i < end; ++i) {
      mean.step += static_cast<double>(points[i].step);
      mean.loss += points[i].loss;
    }
    dots.push_back({mean.step / static_cast<double>(end - begin), mean.loss / static_cast<double>(end - begin)});
  }
  return dots;
}

class Picture {
 public:
  Picture(double steps, double highest) : steps_(steps), loss_tick_(tick_of(highest)), highest_(std::ceil(highest / loss_tick_) * loss_tick_) {}

  void axes() {
    for (int i = 0; loss_tick_ * i <= highest_ * (1 + 1e-9); ++i) {
      const std::string at = number("%.1f", y(loss_tick_ * i));
      out_ += "<path d=\"M" + number("%.0f", left) + " " + at + "H" + number("%.0f", width - right) + "\" stroke=\"#ddd\"/>\n";
      text(left - 8, y(loss_tick_ * i) + 4, "end", number("%g", loss_tick_ * i));
    }
    const double tick = std::max(1.0, tick_of(steps_));
    for (int i = 0; tick * i <= steps_; ++i) text(x(tick * i), height - 14, "middle", number("%.0f", tick * i));
    text(width - right, height - 1, "end", "step");
  }

  void line(const std::vector<Dot>& dots, const char* colour) {
    out_ += "<polyline fill=\"none\" stroke=\"" + std::string(colour) + "\" stroke-width=\"1.5\" points=\"";
    for (const Dot& dot : dots) out_ += (&dot == dots.data() ? "" : " ") + number("%.1f", x(dot.step)) + "," + number("%.1f", y(dot.loss));
    out_ += "\"/>\n";
  }

  void dots(const std::vector<Dot>& dots, const char* colour) {
    for (const Dot& dot : dots)
      out_ += "<circle cx=\"" + number("%.1f", x(dot.step)) + "\" cy=\"" + number("%.1f", y(dot.loss)) + "\" r=\"2.5\" fill=\"" + colour + "\"/>\n";
  }

  void text(double at_x, double at_y, const char* anchor, const std::string& words, const char* colour = "#555") {
    out_ += "<text x=\"" + number("%.1f", at_x) + "\" y=\"" + number("%.1f", at_y) + "\" text-anchor=\"" + anchor + "\" fill=\"" + colour + "\">" + words + "</text>\n";
  }

  std::string finish() const {
    const std::string w = number("%.0f", width), h = number("%.0f", height);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + w + " " + h + "\" width=\"" + w + "\" height=\"" + h +
           "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"" + w + "\" height=\"" + h + "\" fill=\"#fff\"/>\n" + out_ + "</svg>\n";
  }

 private:
  double x(double step) const { return left + step / steps_ * (width - left - right); }
  double y(double loss) const { return height - bottom - std::clamp(loss / highest_, 0.0, 1.0) * (height - top - bottom); }

  double steps_, loss_tick_, highest_;
  std::string out_;
};

}  // namespace

std::string loss_curve_svg(const std::vector<LossPoint>& points, std::optional<double> start) {
  const auto training = thinned(points);
  std::vector<LossPoint> validated;
  if (start) validated.push_back({.step = 0, .loss = *start});
  for (const LossPoint& point : points)
    if (point.validation_loss) validated.push_back({.step = point.step, .loss = *point.validation_loss});
  const auto validation = thinned(validated);
  double highest = 1e-6;
  for (const auto* dots : {&training, &validation})
    for (const Dot& dot : *dots) highest = std::max(highest, dot.loss);
  constexpr const char *blue = "#1f6fb2", *orange = "#d1600a";
  Picture picture(points.empty() ? 1.0 : static_cast<double>(points.back().step), highest);
  picture.axes();
  picture.line(training, blue);
  picture.text(left, 16, "start", "training loss", blue);
  if (!validation.empty()) {
    picture.line(validation, orange);
    picture.dots(validation, orange);
    picture.text(left + 110, 16, "start", "validation loss", orange);
  }
  return picture.finish();
}

}  // namespace luthier::train
