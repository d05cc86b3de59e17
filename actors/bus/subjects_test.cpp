#include "actors/bus/subjects.hpp"

#include <catch2/catch.hpp>

using namespace luthier::bus;

TEST_CASE("a subject says kind, workspace, entity and command") {
  CHECK(command_subject("default", "model", "CreateModel") == "luthier.v1.cmd.default.model.CreateModel");
  CHECK(request_subject("default", "model", "CreateModel") == "luthier.v1.req.default.model.CreateModel");
  CHECK(query_subject("default", "job", "list") == "luthier.v1.qry.default.job.list");
  CHECK(event_subject("default", "model", "smol", "ModelCreated") == "luthier.v1.evt.default.model.smol.ModelCreated");
  CHECK(telemetry_subject("default", "kinds", "step") == "luthier.v1.tlm.default.job.kinds.step");
  CHECK(receipt_subject("01JD") == "luthier.v1.receipt.01JD");
  CHECK(work_subject("laptop") == "luthier.v1.work.laptop.lease");
  CHECK(beat_subject("laptop") == "luthier.v1.beat.laptop");
}

TEST_CASE("a name with reserved characters becomes one token and comes back") {
  CHECK(encode_token("llama-3.2-1b") == "llama-3%2E2-1b");
  CHECK(encode_token("a*b>c d%\r\n") == "a%2Ab%3Ec%20d%25%0D%0A");
  for (const std::string name : {"llama-3.2-1b", "a*b>c d%", "\r\nPUB x 1\r\n", "überall", "%2E", "\x7f\x01"}) {
    const auto token = encode_token(name);
    CHECK(token.find_first_of(". *>\r\n") == std::string::npos);
    CHECK(decode_token(token) == name);
  }
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  CHECK(decode_token(encode_token(all)) == all);
}

TEST_CASE("a broken escape is not a name") {
  for (const std::string token : {"%", "%2", "a%G0", "%2-", "a b", "a.b", "*"}) CHECK_FALSE(decode_token(token));
}

TEST_CASE("a subject is taken apart into decoded tokens") {
  CHECK(parse_subject(event_subject("default", "model", "llama-3.2", "ModelCreated")) ==
        std::vector<std::string>{"evt", "default", "model", "llama-3.2", "ModelCreated"});
  for (const std::string subject : {"", "luthier.v1", "luthier.v1.", "luthier.v2.cmd.a", "luthier.v1.cmd..x", "luthier.v1.cmd.x.",
                                    "luthier.v1.cmd.*", "luthier.v1.cmd.%zz"})
    CHECK_FALSE(parse_subject(subject));
  CHECK_FALSE(parse_subject("luthier.v1." + std::string(1 << 20, 'x')));
}
