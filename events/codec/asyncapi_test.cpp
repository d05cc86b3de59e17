#include "events/codec/asyncapi.hpp"

#include <catch2/catch.hpp>

#include "events/codec/codec.hpp"
#include "events/json/value.hpp"

namespace luthier::events {
namespace {

const json::Value* at(const json::Value& document, std::string_view path) {
  const json::Value* value = &document;
  while (value && !path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    value = value->find(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return value;
}

void check_references(const json::Value& document, const json::Value& value, int& count) {
  if (const auto* to = value.find("$ref"); to && to->text()) {
    INFO(*to->text());
    CHECK(at(document, std::string_view(*to->text()).substr(2)));
    ++count;
  }
  if (const auto* object = value.object())
    for (const auto& member : object->values) check_references(document, member, count);
  if (const auto* array = value.array())
    for (const auto& element : *array) check_references(document, element, count);
}

}  // namespace

TEST_CASE("the AsyncAPI document has a subject for every event and every public command, and no dangling reference") {
  const auto document = json::parse(asyncapi_document());
  REQUIRE(document);
  CHECK(*at(*document, "asyncapi")->text() == "3.0.0");
  CHECK(*at(*document, "channels/requestCreateModel/address")->text() == "luthier.v1.req.{workspace}.model.CreateModel");
  CHECK(*at(*document, "channels/eventModelCreatedV1/address")->text() == "luthier.v1.evt.{workspace}.model.{name}.ModelCreated");
  CHECK(at(*document, "components/schemas/CreateModel/properties/data/properties/fileset"));
  for (const Declaration& declared : declarations()) {
    const std::string type(declared.type);
    INFO(type);
    if (declared.version > 0)
      CHECK(at(*document, "channels/event" + type + "V1"));
    else
      CHECK((at(*document, "channels/durable" + type) != nullptr) == is_public_command(type));
  }
  int references = 0;
  check_references(*document, *document, references);
  CHECK(references > 200);
}

}  // namespace luthier::events
