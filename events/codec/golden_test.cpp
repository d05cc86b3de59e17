// Every event version has a file with a filled sample of it. Such files are added and never changed: a program that can no
// longer read one, or writes it differently, has broken somebody's history.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "events/codec/codec.hpp"
#include "events/codec/sample_test.hpp"

namespace luthier::events {
namespace {

std::filesystem::path golden_file(const EncodedEvent& event) {
  return std::filesystem::path("tests/golden/events") / (event.type + ".v" + std::to_string(event.version) + ".json");
}

std::string contents_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("the golden file of every event version is there, is written the same and is read the same") {
  for (const Event& event : samples_of<Event>()) {
    const EncodedEvent encoded = encode(event);
    INFO(golden_file(encoded));
    const std::string golden = contents_of(golden_file(encoded));
    CHECK(golden == encoded.data + "\n");
    const auto decoded = decode_event(encoded.type, encoded.version, golden);
    REQUIRE(decoded);
    CHECK(encode(*decoded).data == encoded.data);
  }
}

TEST_CASE("each golden file belongs to an event that this program still reads") {
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator("tests/golden/events")) {
    const std::string stem = file.path().stem();
    INFO(file.path());
    const auto dot = stem.rfind(".v");
    REQUIRE(dot != stem.npos);
    const int version = std::stoi(stem.substr(dot + 2));
    CHECK(decode_event(stem.substr(0, dot), version, contents_of(file.path())));
    ++files;
  }
  CHECK(files >= static_cast<int>(std::variant_size_v<Event::Alternatives>));
}

// By hand, for a new event: events_codec_test "[.write-golden]". Leaves the files that exist alone.
TEST_CASE("write the golden files of new events", "[.write-golden]") {
  for (const Event& event : samples_of<Event>()) {
    const EncodedEvent encoded = encode(event);
    if (!std::filesystem::exists(golden_file(encoded))) std::ofstream(golden_file(encoded)) << encoded.data << "\n";
  }
}

}  // namespace luthier::events
