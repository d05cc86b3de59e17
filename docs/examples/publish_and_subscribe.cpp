// A publisher and subscriber of Luthier in one file, with the NATS client alone: creates a model from a fileset, starts a
// LoRA job on it, and prints the job's events until it ends.
//
//   publish_and_subscribe DATA/nats/client.url WORKSPACE FILESET MODEL DATASET OUTPUT [STEPS]
//
// FILESET holds the model's files, DATASET the rows; MODEL and OUTPUT are names for the new model and adapter. Ends with 0
// when the job completed, 1 when it did not, 2 when something was refused.
#include <nats/nats.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

using nlohmann::json;

namespace {

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

void check(natsStatus status, const std::string& doing) {
  if (status != NATS_OK) fail(doing + ": " + natsStatus_GetText(status));
}

// A name becomes one token of a subject: what NATS gives a meaning to is percent-encoded.
std::string token(const std::string& name) {
  std::string made;
  char escaped[4];
  for (unsigned char c : name) {
    const bool reserved = c <= ' ' || c == 0x7f || c == '.' || c == '*' || c == '>' || c == '%';
    std::snprintf(escaped, sizeof escaped, "%%%02X", c);
    made += reserved ? std::string(escaped) : std::string(1, static_cast<char>(c));
  }
  return made;
}

// Any unique text names a command. The same id again is the same command: it never takes effect twice.
std::string new_id() {
  std::random_device random;
  char id[64];
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::snprintf(id, sizeof id, "example-%012llx-%08x%08x",
                static_cast<unsigned long long>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()), random(), random());
  return id;
}

struct Luthier {
  natsConnection* connection = nullptr;
  jsCtx* jetstream = nullptr;

  explicit Luthier(const std::string& url_file) {
    std::ifstream file(url_file);
    std::string url;
    if (!(file >> url)) fail("cannot read " + url_file + ": is it the nats/client.url of a data directory?");
    check(natsConnection_ConnectTo(&connection, url.c_str()), "connecting to NATS");
    check(natsConnection_JetStream(&jetstream, connection, nullptr), "preparing JetStream");
  }

  natsSubscription* subscribe(const std::string& subject) {
    natsSubscription* subscription = nullptr;
    check(natsConnection_SubscribeSync(&subscription, connection, subject.c_str()), "subscribing to " + subject);
    check(natsConnection_Flush(connection), "subscribing to " + subject);
    return subscription;
  }

  // Sends a durable command and gives its receipt. The server's acknowledgement says only that the command is stored; the
  // receipt, that its events are on disk. If none comes, the same command is sent again.
  json command(const std::string& entity, const std::string& type, const std::string& workspace, const std::string& name,
               const json& data) {
    const auto id = new_id();
    const json envelope{{"id", id}, {"type", type}, {"workspace", workspace}, {"name", name}, {"data", data}};
    const auto subject = "luthier.v1.cmd." + token(workspace) + "." + entity + "." + type;
    const auto body = envelope.dump();
    auto* receipts = subscribe("luthier.v1.receipt." + token(id));
    for (int attempt = 0; attempt < 5; ++attempt) {
      std::printf("> %s\n  %s\n", subject.c_str(), body.c_str());
      check(js_Publish(nullptr, jetstream, subject.c_str(), body.data(), static_cast<int>(body.size()), nullptr, nullptr), "storing " + type);
      natsMsg* message = nullptr;
      const auto status = natsSubscription_NextMsg(&message, receipts, 10000);
      if (status == NATS_TIMEOUT) continue;
      check(status, "waiting for the receipt of " + type);
      const auto receipt = json::parse(natsMsg_GetData(message), natsMsg_GetData(message) + natsMsg_GetDataLength(message));
      std::printf("< %s\n  %s\n", natsMsg_GetSubject(message), receipt.dump().c_str());
      natsMsg_Destroy(message);
      natsSubscription_Destroy(receipts);
      return receipt;
    }
    fail(type + ": no receipt came");
  }

  // Prints the events of a job. True: it completed.
  bool follow(natsSubscription* events) {
    while (true) {
      natsMsg* message = nullptr;
      check(natsSubscription_NextMsg(&message, events, 600000), "waiting for the job's next event");
      const auto event = json::parse(natsMsg_GetData(message), natsMsg_GetData(message) + natsMsg_GetDataLength(message));
      std::printf("< %s\n  position %lld, %s\n  %s\n", natsMsg_GetSubject(message), event.at("position").get<long long>(),
                  event.at("time").get<std::string>().c_str(), event.at("data").dump().c_str());
      std::fflush(stdout);
      natsMsg_Destroy(message);
      const auto type = event.at("type").get<std::string>();
      if (type == "luthier.JobCompleted.v1") return true;
      if (type == "luthier.JobFailed.v1" || type == "luthier.JobCancelled.v1") return false;
    }
  }
};

bool is_accepted(const json& receipt) { return receipt.at("status") == "accepted"; }

json training_config(int steps) {
  return {{"method", "lora"},
          {"lora", {{"r", 8}, {"alpha", 32}, {"dropout", 0}, {"target_modules", "all-linear"}}},
          {"max_steps", steps},
          {"batch_size", 8},
          {"learning_rate", 1e-3},
          {"warmup_steps", 2},
          {"schedule", "linear"},
          {"max_grad_norm", 1.0},
          {"max_seq_length", 256}};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 7 && argc != 8) fail("usage: publish_and_subscribe DATA/nats/client.url WORKSPACE FILESET MODEL DATASET OUTPUT [STEPS]");
  const std::string workspace = argv[2], fileset = argv[3], model = argv[4], dataset = argv[5], output = argv[6];
  Luthier luthier(argv[1]);

  const auto created = luthier.command("model", "CreateModel", workspace, model, {{"fileset", fileset}});
  if (!is_accepted(created) && created.at("error").at("code") != "conflict") return 2;  // conflict: it is there already

  auto* events = luthier.subscribe("luthier.v1.evt." + token(workspace) + ".job." + token(output) + ".*");
  const json data{{"model", model}, {"dataset", dataset}, {"output", output}, {"config", training_config(argc == 8 ? std::atoi(argv[7]) : 10)}};
  if (!is_accepted(luthier.command("job", "StartJob", workspace, output, data))) return 2;
  return luthier.follow(events) ? 0 : 1;
} catch (const json::exception& error) {
  fail(std::string("this is not what Luthier sends: ") + error.what());
}
