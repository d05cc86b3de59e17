#include <catch2/catch.hpp>

#include "events/codec/codec.hpp"
#include "events/codec/sample_test.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::events {
namespace {

constexpr std::string_view create_model =
    R"({"id":"01JD","type":"CreateModel","workspace":"default","name":"smol","data":{"fileset":"default/smol"}})";

std::string with(std::string_view members) {
  return R"({"id":"1","type":"CreateModel","workspace":"default","name":"smol",)" + std::string(members) +
         R"("data":{"fileset":"f"}})";
}

Error refusal(std::string_view payload, bool trusted = false) {
  const auto request = decode_request("model", "default", payload, {}, trusted);
  REQUIRE_FALSE(request);
  return request.error();
}

std::string digest_of(std::string_view entity, std::string_view payload) {
  const auto request = decode_request(entity, "default", payload);
  REQUIRE(request);
  return request_digest(*request);
}

}  // namespace

TEST_CASE("an envelope becomes a request, with an anonymous principal unless it names one") {
  const auto request = decode_request("model", "default", create_model);
  REQUIRE(request);
  CHECK(request->key == CommandKey{"anonymous", "default", "01JD"});
  CHECK(request->entity == "model");
  CHECK(request->name == "smol");
  CHECK_FALSE(request->expected_version);
  CHECK(std::get<CreateModel>(request->command).fileset == "default/smol");
}

TEST_CASE("a request reads back as it was written") {
  for (const Command& command : samples_of<Command>()) {
    Request request{.key = {"system", "default", "id-1"}, .entity = std::string(entity_of_command(encode(command).type)),
                    .name = "some", .expected_version = 3,
                    .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", .causation = "42", .command = command};
    const auto decoded = decode_request(request.entity, "default", encode_request(request), {}, true);
    INFO((decoded ? "" : decoded.error().message));
    REQUIRE(decoded);
    CHECK(decoded->key == request.key);
    CHECK(decoded->expected_version == 3);
    CHECK(decoded->causation == "42");
    CHECK(decoded->traceparent == request.traceparent);
    CHECK(encode_request(*decoded) == encode_request(request));
    CHECK(request_digest(*decoded) == request_digest(request));
  }
}

TEST_CASE("each member of the envelope is checked, and the refusal names it") {
  CHECK(refusal("{").message.starts_with("the command's envelope: not valid JSON"));
  CHECK(refusal("[]").message == "an object is needed");
  CHECK(refusal(R"({"type":"CreateModel"})") == invalid("id: is required", "id"));
  CHECK(refusal(R"({"id":"","type":"CreateModel","workspace":"default","name":"n"})").field == "id");
  CHECK(refusal(R"({"id":")" + std::string(129, 'x') + R"(","type":"CreateModel","workspace":"default","name":"n"})").field == "id");
  CHECK(refusal(R"({"id":"a\nb","type":"CreateModel","workspace":"default","name":"n"})").field == "id");
  CHECK(refusal(R"({"id":"1","type":"CreateJob","workspace":"default","name":"n"})").field == "type");
  CHECK(refusal(R"({"id":"1","type":"StartJob","workspace":"default","name":"n"})").message ==
        "type: StartJob is a command to a job, not to a model");
  CHECK(refusal(R"({"id":"1","type":"CreateModel","workspace":"other","name":"n"})").field == "workspace");
  CHECK(refusal(R"({"id":"1","type":"CreateModel","workspace":"default","name":"n"})").field == "data.fileset");
  CHECK(refusal(with(R"("expected_version":-1,)")).field == "expected_version");
  CHECK(refusal(with(R"("expected_version":1.5,)")).field == "expected_version");
  CHECK(refusal(with(R"("colour":1,)")).field == "colour");
  CHECK(refusal(with(R"("traceparent":"yesterday",)")).field == "traceparent");
  CHECK(refusal(with(R"("name":"twice",)")).message.find("there twice") != std::string::npos);
}

TEST_CASE("an id may have 128 characters of any script") {
  std::string id;
  for (int i = 0; i < 128; ++i) id += "é";
  CHECK(decode_request("model", "default", R"({"id":")" + id + R"(","type":"DeleteModel","workspace":"default","name":"n"})"));
}

TEST_CASE("nobody from outside speaks as one of Luthier's own parts") {
  CHECK(refusal(with(R"("principal":"system",)")).field == "principal");
  CHECK(refusal(with(R"("principal":"worker:a",)")).field == "principal");
  CHECK(refusal(with(R"("causation":"5",)")).field == "causation");
  CHECK(decode_request("model", "default", with(R"("principal":"ada",)")));
  CHECK(decode_request("model", "default", with(R"("principal":"system",)"), {}, true));
}

TEST_CASE("commands of Luthier's own parts are refused from everybody else") {
  const std::string place = R"({"id":"1","type":"PlaceJob","workspace":"default","name":"j",)"
                            R"("data":{"attempt":1,"worker":"w","incarnation":"i","device":"cpu"}})";
  const auto as = [](std::string payload, const std::string& principal) {
    return payload.insert(1, R"("principal":")" + principal + "\",");
  };
  CHECK_FALSE(decode_request("job", "default", place));
  CHECK_FALSE(decode_request("job", "default", place, {}, true));
  CHECK_FALSE(decode_request("job", "default", as(place, "worker:w"), {}, true));
  CHECK(decode_request("job", "default", as(place, "system"), {}, true));

  const std::string begin = R"({"id":"1","type":"BeginAttempt","workspace":"default","name":"j","data":{"attempt":1}})";
  CHECK_FALSE(decode_request("job", "default", begin));
  CHECK_FALSE(decode_request("job", "default", as(begin, "ada"), {}, true));
  CHECK(decode_request("job", "default", as(begin, "worker:w"), {}, true));
  CHECK(decode_request("job", "default", as(begin, "system"), {}, true));

  CHECK(is_public_command("DrainWorker"));
  CHECK_FALSE(is_public_command("LoseWorker"));
  CHECK_FALSE(is_public_command("MakeCoffee"));
}

TEST_CASE("a client cannot fill in what the check of a job finds") {
  StartJob start;
  start.config.text = "{}";
  start.inputs = Sampler().make<JobInputs>();
  const Request request{.key = {"anonymous", "default", "1"}, .entity = "job", .name = "j", .expected_version = {},
                        .traceparent = {}, .causation = {}, .command = start};
  const auto refused = decode_request("job", "default", encode_request(request));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "data.inputs");
  CHECK(decode_request("job", "default", encode_request(request), {}, true));
  start.inputs.reset();
  start.seen_teacher = Sampler().make<JobTeacher>();
  auto other = request;
  other.command = start;
  CHECK(decode_request("job", "default", encode_request(other)).error().field == "data.seen_teacher");
}

TEST_CASE("hostile payloads are refused before they cost anything") {
  const std::string bomb = R"({"id":"1","type":"StartJob","workspace":"default","name":"n","data":{"config":)" +
                           std::string(100'000, '[') + std::string(100'000, ']') + "}}";
  CHECK(refusal(bomb).message.find("nested more than 32 deep") != std::string::npos);
  CHECK(refusal(std::string(600'000, ' ')).code == ErrorCode::limit);
  CHECK(refusal(with(R"("expected_version":1e999,)")).message.find("too large") != std::string::npos);
  CHECK(refusal(with("\"principal\":\"\xC3\x28\",")).message.find("not valid JSON") != std::string::npos);
  CHECK(refusal(with(R"("principal":"\ud800",)")).message.find("not valid JSON") != std::string::npos);
  std::string many = R"({"id":"1")";
  for (int i = 0; i < 40'000; ++i) many += ",\"m" + std::to_string(i) + "\":1";
  CHECK(refusal(many + "}").message == "m0: there is no such member");
}

TEST_CASE("a command without a teacher is written, and so has the digest, as before there were any") {
  CHECK(encode(Command(StartJob{})).data.find("teacher") == std::string::npos);
  CHECK(encode(Command(SubmitJob{})).data.find("teacher") == std::string::npos);
  CHECK(encode(Command(PrepareJob{})).data.find("teacher") == std::string::npos);
}

TEST_CASE("the digest is of the meaning: the order of members does not matter, any value does") {
  const auto start = [](std::string_view config, std::string_view rest = "") {
    return R"({"id":"1","type":"StartJob","workspace":"default","name":"j","data":{"model":"m","dataset":"d","output":"o","config":)" +
           std::string(config) + std::string(rest) + "}}";
  };
  const std::string digest = digest_of("job", start(R"({"method":"lora","lora":{"r":8,"alpha":16}})"));
  CHECK(digest.size() == 64);
  CHECK(digest == digest_of("job", start(R"({"lora": {"alpha":16, "r":8}, "method":"lora"})")));
  CHECK(digest == digest_of("job", start(R"({"method":"lora","lora":{"r":8,"alpha":16}})", R"(,"priority":0)")));
  CHECK(digest != digest_of("job", start(R"({"method":"lora","lora":{"r":9,"alpha":16}})")));
  CHECK(digest != digest_of("job", start(R"({"method":"lora","lora":{"r":8,"alpha":16}})", R"(,"priority":1)")));
  CHECK(digest != digest_of("job", start(R"({"method":"lora","lora":{"r":8,"alpha":16}})", R"(,"teacher":"big")")));
  CHECK(digest_of("model", with("")) != digest_of("model", with(R"("expected_version":0,)")));
  CHECK(digest_of("model", with("")) == digest_of("model", with(R"("principal":"ada",)")));  // who repeats is the key's matter
}

}  // namespace luthier::events
