#include "actors/bus/event_window.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace luthier;
using namespace luthier::bus;

namespace {

EventWindow::Time in_ms(int ms) { return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms); }

struct Answers {
  std::vector<std::string> heard;
  EventWindow::Done note(const std::string& name) {
    return [this, name](Result<void> answer) {
      heard.push_back(name + (answer ? " ok" : " " + std::string(to_string(answer.error().code))));
    };
  }
};

}  // namespace

TEST_CASE("events are answered in the order of their calls") {
  EventWindow window(8);
  Answers answers;
  const auto one = window.add(1, in_ms(1000), answers.note("1"));
  const auto two = window.add(2, in_ms(1000), answers.note("2"));
  window.resolve(*two, {});
  window.resolve(*one, {});
  (*window.take())();
  (*window.take())();
  CHECK(answers.heard == std::vector<std::string>{"1 ok", "2 ok"});
}

TEST_CASE("an event that nobody answers counts as lost after its time, and once only") {
  EventWindow window(8);
  Answers answers;
  const auto id = window.add(1, in_ms(20), answers.note("1"));
  (*window.take())();
  window.resolve(*id, {});
  window.close({ErrorCode::unavailable, "closed", {}});
  CHECK_FALSE(window.take());
  CHECK(answers.heard == std::vector<std::string>{"1 unavailable"});
}

TEST_CASE("beyond the window an event is refused in its turn") {
  EventWindow window(1);
  Answers answers;
  const auto one = window.add(1, in_ms(1000), answers.note("1"));
  CHECK_FALSE(window.add(2, in_ms(1000), answers.note("2")));
  window.resolve(*one, {});
  (*window.take())();
  (*window.take())();
  CHECK(answers.heard == std::vector<std::string>{"1 ok", "2 limit"});
}

TEST_CASE("closing the window answers everything that waits") {
  EventWindow window(8);
  Answers answers;
  const auto one = window.add(1, in_ms(100000), answers.note("1"));
  window.add(2, in_ms(100000), answers.note("2"));
  window.resolve(*one, {});
  window.close({ErrorCode::unavailable, "closed", {}});
  while (auto call = window.take()) (*call)();
  CHECK(answers.heard == std::vector<std::string>{"1 ok", "2 unavailable"});
}
