#include "gpu/serve/stop_filter.hpp"

#include <catch2/catch.hpp>

using luthier::serve::StopFilter;

namespace {

struct Outcome {
  std::string text;
  bool stopped;
};

Outcome pass(std::vector<std::string> stops, const std::vector<std::string>& pieces) {
  StopFilter filter(std::move(stops));
  std::string text;
  for (const auto& piece : pieces) text += filter.push(piece);
  const bool stopped = filter.stopped();
  return {text + filter.finish(), stopped};
}

}  // namespace

TEST_CASE("without a stop string all text passes at once") {
  StopFilter filter({});
  CHECK(filter.push("abc") == "abc");
  CHECK(filter.finish().empty());
}

TEST_CASE("a stop string is found wherever the pieces are cut") {
  const std::string text = "one two\n\nUser: three";
  for (std::size_t a = 0; a <= text.size(); ++a)
    for (std::size_t b = a; b <= text.size(); ++b) {
      const auto outcome = pass({"\n\nUser:"}, {text.substr(0, a), text.substr(a, b - a), text.substr(b)});
      CHECK(outcome.text == "one two");
      CHECK(outcome.stopped);
    }
}

TEST_CASE("no part of a stop string is ever shown, and what was held back in vain comes at the end") {
  StopFilter filter({"STOP"});
  CHECK(filter.push("a ST") == "a ");
  CHECK(filter.push("ST") == "ST");
  CHECK(filter.push("O") == "");
  CHECK(filter.finish() == "STO");
  CHECK_FALSE(filter.stopped());
}

TEST_CASE("the earliest of several stop strings counts, and overlapping beginnings are kept apart") {
  CHECK(pass({"world", "lo w"}, {"hello world"}).text == "hel");
  CHECK(pass({"aab"}, {"a", "a", "a", "b", "c"}).text == "a");
  CHECK(pass({"x"}, {"xyz"}).text.empty());
}

TEST_CASE("after a stop nothing more is shown") {
  StopFilter filter({"."});
  CHECK(filter.push("a.b") == "a");
  CHECK(filter.push("c").empty());
  CHECK(filter.finish().empty());
}
