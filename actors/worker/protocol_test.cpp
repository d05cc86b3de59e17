#include "actors/worker/protocol.hpp"

#include <catch2/catch.hpp>

namespace luthier::worker {
namespace {

const std::string digest(64, 'a');

Lease full_lease() {
  Task train;
  train.id = {TaskKind::train, "job-1", 3};
  train.workspace = "default";
  train.name = "first";
  train.device = "cpu";
  train.stop = "pause";
  train.model_files = {{"config.json", digest, 12}};
  train.method = "lora";
  train.config = R"({"method":"lora","epochs":1})";
  train.dataset = events::File{"train.jsonl", digest, 100};
  train.validation = events::File{"validation.jsonl", digest, 10};
  train.base_model = "default/smol";
  Task serve;
  serve.id = {TaskKind::serve, "deployment-1", 1};
  serve.workspace = "default";
  serve.name = "smol";
  serve.device = "cpu";
  serve.served_names = {"default/smol", "smol"};
  serve.adapters = {{"default--kinds", "fileset-1@4", {{"adapter_config.json", digest, 5}}}};
  return {"incarnation-1", 7, 15000, {train, serve}, 42};
}

Beat full_beat() {
  Beat beat;
  beat.worker = "local";
  beat.incarnation = "incarnation-1";
  beat.host = "somewhere";
  beat.engine_version = "0.1.0";
  beat.sequence = 8;
  beat.leaving = true;
  beat.replaces = "incarnation-0";
  beat.devices = {{"cpu", "cpu", "A \"quoted\" CPU", "avx512", 1 << 30, 2}};
  TaskReport ended;
  ended.id = {TaskKind::train, "job-1", 3};
  ended.state = TaskReport::State::ended;
  ended.outcome = TaskReport::Outcome::completed;
  ended.resumed_from_step = 10;
  ended.checkpoint_step = 20;
  ended.files = {{"adapter_model.safetensors", digest, 5000}};
  ended.summary = {30, 9000, 4.5, 0.25, 61.5, 0.5};
  TaskReport serving;
  serving.id = {TaskKind::serve, "deployment-1", 1};
  serving.state = TaskReport::State::running;
  serving.endpoint = "http://127.0.0.1:41234";
  serving.adapters = {{"default--kinds", "fileset-1@4", ""}, {"default--broken", "fileset-2@1", "no such tensor"}};
  beat.tasks = {ended, serving};
  return beat;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a lease and a beat survive the wire") {
  const auto lease = decode_lease(encode(full_lease()));
  REQUIRE(lease);
  CHECK(encode(*lease) == encode(full_lease()));
  CHECK(lease->tasks[0].dataset->path == "train.jsonl");
  CHECK(lease->tasks[1].adapters == full_lease().tasks[1].adapters);
  CHECK(lease->position == 42);

  const auto beat = decode_beat(encode(full_beat()));
  REQUIRE(beat);
  CHECK(encode(*beat) == encode(full_beat()));
  CHECK(beat->tasks == full_beat().tasks);
  CHECK(beat->devices == full_beat().devices);
}

TEST_CASE("a wrong member of a lease is named with its place") {
  const auto good = encode(full_lease());
  const auto field_of = [](const std::string& text) {
    const auto lease = decode_lease(text);
    return lease ? std::string("accepted") : lease.error().field;
  };
  CHECK(field_of(replaced(good, R"("attempt":3)", R"("attempt":"3")")) == "tasks[0].id.attempt");
  CHECK(field_of(replaced(good, R"("attempt":3)", R"("attempt":0)")) == "tasks[0].id.attempt");
  CHECK(field_of(replaced(good, R"("kind":"train")", R"("kind":"cook")")) == "tasks[0].id.kind");
  CHECK(field_of(replaced(good, R"("sequence":7)", R"("sequence":-1)")) == "sequence");
  CHECK(field_of(replaced(good, R"("lease_ms":15000,)", "")) == "lease_ms");
  CHECK(field_of(replaced(good, R"("lease_ms":15000)", R"("lease_ms":15000,"more":1)")) == "more");
  CHECK(field_of(replaced(good, R"("lease_ms":15000)", R"("lease_ms":15000,"a\nb":1)")) == "a?b");  // an error is one line
}

TEST_CASE("a beat needs its worker, its incarnation and a sequence from 1") {
  const auto good = encode(full_beat());
  const auto field_of = [](const std::string& text) {
    const auto beat = decode_beat(text);
    return beat ? std::string("accepted") : beat.error().field;
  };
  CHECK(field_of(replaced(good, R"("worker":"local")", R"("worker":"")")) == "worker");
  CHECK(field_of(replaced(good, R"("incarnation":"incarnation-1")", R"("incarnation":"")")) == "incarnation");
  CHECK(field_of(replaced(good, R"("sequence":8)", R"("sequence":0)")) == "sequence");
  CHECK(field_of(replaced(good, R"("outcome":"completed")", R"("outcome":"perfect")")) == "tasks[0].outcome");
}

TEST_CASE("more than the bounds is refused") {
  auto lease = full_lease();
  lease.tasks.resize(5, lease.tasks[0]);
  ProtocolLimits limits;
  limits.tasks_max = 4;
  const auto many = decode_lease(encode(lease), limits);
  REQUIRE_FALSE(many);
  CHECK(many.error().code == ErrorCode::limit);
  CHECK(many.error().field == "tasks");

  limits = {};
  limits.payload_bytes_max = 10;
  CHECK_FALSE(decode_lease(encode(lease), limits));
  CHECK_FALSE(decode_beat(encode(full_beat()), limits));
}

TEST_CASE("every cut of a message is refused, and none crashes") {
  const auto lease = encode(full_lease());
  const auto beat = encode(full_beat());
  for (std::size_t length = 0; length < lease.size(); ++length) CHECK_FALSE(decode_lease(lease.substr(0, length)));
  for (std::size_t length = 0; length < beat.size(); ++length) CHECK_FALSE(decode_beat(beat.substr(0, length)));
}

}  // namespace luthier::worker
