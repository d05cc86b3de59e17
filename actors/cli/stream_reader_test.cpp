#include "actors/cli/stream_reader.hpp"

#include <catch2/catch.hpp>

namespace luthier::cli {

TEST_CASE("a streamed answer is put together from any pieces") {
  const std::string stream =
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\r\n\r\n"
      ": a comment\n"
      "data:{\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n"
      "data: {\"choices\":[]}\n\ndata: broken\n\n"
      "data: [DONE]\n\n";
  for (std::size_t piece = 1; piece < 40; ++piece) {
    std::string text;
    StreamReader reader([&](const std::string& more) { text += more; });
    for (std::size_t at = 0; at < stream.size(); at += piece) reader.feed(stream.substr(at, piece));
    CHECK(text == "Hello");
    CHECK(reader.is_done());
    CHECK(reader.error().empty());
  }
}

TEST_CASE("an error in the middle of an answer is told, and an endless line ends it") {
  StreamReader reader([](const std::string&) {});
  reader.feed("data: {\"error\":{\"message\":\"the adapter is gone\"}}\n\n");
  CHECK(reader.error() == "the adapter is gone");
  CHECK_FALSE(reader.is_done());
  StreamReader endless([](const std::string&) {});
  for (int i = 0; i < 20; ++i) endless.feed(std::string(100'000, 'x'));
  CHECK_FALSE(endless.error().empty());
}

}  // namespace luthier::cli
