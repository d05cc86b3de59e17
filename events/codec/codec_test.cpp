#include <catch2/catch.hpp>
#include <set>

#include "events/codec/codec.hpp"
#include "events/codec/sample_test.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::events {
namespace {

Error refusal(std::string_view type, std::string_view data) {
  const auto command = decode_command(type, data);
  REQUIRE_FALSE(command);
  return command.error();
}

}  // namespace

TEST_CASE("every command reads back as it was written") {
  for (const Command& command : samples_of<Command>()) {
    const EncodedCommand encoded = encode(command);
    INFO(encoded.type);
    const auto decoded = decode_command(encoded.type, encoded.data);
    REQUIRE(decoded);
    CHECK(decoded->index() == command.index());
    CHECK(encode(*decoded).data == encoded.data);
  }
}

TEST_CASE("every event reads back as it was written") {
  for (const Event& event : samples_of<Event>()) {
    const EncodedEvent encoded = encode(event);
    INFO(encoded.type);
    const auto decoded = decode_event(encoded.type, encoded.version, encoded.data);
    REQUIRE(decoded);
    CHECK(decoded->index() == event.index());
    CHECK(encode(*decoded).data == encoded.data);
  }
}

TEST_CASE("stored names are unique, and each belongs to the entity that its stream has") {
  std::set<std::string> names;
  for (const Declaration& declaration : declarations()) {
    INFO(declaration.type);
    CHECK(names.insert(std::string(declaration.type)).second);
    CHECK(json::parse(declaration.schema));
    if (declaration.version == 0)
      CHECK(entity_of_command(declaration.type) == declaration.entity);
    else
      CHECK(entity_of_event(declaration.type) == declaration.entity);
  }
  CHECK(names.size() == std::variant_size_v<Command::Alternatives> + std::variant_size_v<Event::Alternatives>);
  CHECK(entity_of_command("CreateAdapter") == "model");
  CHECK(entity_of_command("MakeCoffee").empty());
  CHECK(entity_of_event("AdapterLoaded") == "deployment");
}

TEST_CASE("a refusal names the member by its path and says what is needed") {
  CHECK(refusal("CreateModel", "{}") == invalid("data.fileset: is required", "data.fileset"));
  CHECK(refusal("CreateModel", R"({"fileset":"a","colour":"red"})").field == "data.colour");
  CHECK(refusal("CreateModel", R"({"fileset":7})") == invalid("data.fileset: a text is needed", "data.fileset"));
  CHECK(refusal("CreateModel", "[]") == invalid("data: an object is needed", "data"));
  CHECK(refusal("CreateAdapter", R"({"adapter":"a","fileset":"f","lora":{"rank":1.5,"alpha":2}})") ==
        invalid("data.lora.rank: a whole number is needed", "data.lora.rank"));
  CHECK(refusal("CreateFileset", R"({"files":[{"path":"a","digest":"d","size":1},{"path":"b","digest":"d"}]})").field ==
        "data.files[1].size");
  CHECK(refusal("MakeCoffee", "{}").field == "type");
}

TEST_CASE("members that may be left out keep their defaults, and null stands for an absent optional") {
  const auto command = decode_command("CreateAdapter", R"({"adapter":"a","fileset":"f","lora":null})");
  REQUIRE(command);
  const auto& create = std::get<CreateAdapter>(*command);
  CHECK(create.enabled);
  CHECK_FALSE(create.lora);
  CHECK(create.description.empty());
}

TEST_CASE("whole numbers stay whole: neither fractions nor what does not fit are rounded") {
  CHECK(decode_command("CancelJob", R"({"reason":"x"})"));
  CHECK(refusal("BeginAttempt", R"({"attempt":1.0})").field == "data.attempt");
  CHECK(refusal("BeginAttempt", R"({"attempt":9223372036854775808})").field == "data.attempt");
  CHECK(refusal("BeginAttempt", R"({"attempt":"1"})").field == "data.attempt");
  CHECK(decode_command("BeginAttempt", R"({"attempt":9223372036854775807})"));
}

TEST_CASE("a stored event that cannot be read is corrupt, and the error says which and where") {
  const auto unknown = decode_event("ModelPainted", 1, "{}");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::corrupt);
  CHECK_FALSE(decode_event("ModelCreated", 2, "{}"));
  const auto broken = decode_event("AdapterEnabled", 1, R"({"adapter":5})");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::corrupt);
  CHECK(broken.error().message == "event AdapterEnabled version 1: adapter: a text is needed");
}

TEST_CASE("configuration that we do not look into keeps the order of its members") {
  const auto command = decode_command("StartJob", R"({"model":"m","dataset":"d","output":"o","config":{"z": 1, "a": [ 1.0 , 2 ]}})");
  REQUIRE(command);
  CHECK(std::get<StartJob>(*command).config.text == R"({"z":1,"a":[1.0,2]})");
}

}  // namespace luthier::events
