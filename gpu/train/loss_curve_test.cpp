#include "gpu/train/loss_curve.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace luthier::train;

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the picture has a line of losses and a dot for every validation") {
  std::vector<LossPoint> points;
  for (std::int64_t step = 1; step <= 20; ++step)
    points.push_back({.step = step, .loss = 3.0 / static_cast<double>(step), .validation_loss = step % 5 == 0 ? std::optional(1.0) : std::nullopt});
  const auto picture = loss_curve_svg(points);
  CHECK(count_of(picture, "<polyline") == 2);
  CHECK(count_of(picture, "<circle") == 4);
  CHECK(picture.find("validation loss") != std::string::npos);
  CHECK(picture.find("nan") == std::string::npos);
  CHECK(loss_curve_svg(points) == picture);
  CHECK(count_of(loss_curve_svg(points, 0.7), "<circle") == 5);
}

TEST_CASE("a long run's picture stays small, and one of no step or one loss is a picture still") {
  std::vector<LossPoint> points;
  for (std::int64_t step = 1; step <= 100'000; ++step) points.push_back({.step = step, .loss = 2 + std::sin(static_cast<double>(step)), .validation_loss = 2.0});
  CHECK(loss_curve_svg(points).size() < 60'000);
  for (const auto& few : {std::vector<LossPoint>{}, std::vector<LossPoint>{{.step = 1, .loss = 0}}}) {
    const auto picture = loss_curve_svg(few);
    CHECK(picture.find("nan") == std::string::npos);
    CHECK(picture.find("inf") == std::string::npos);
    CHECK(picture.ends_with("</svg>\n"));
  }
}
