#include "tests/simulation/sim_client.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/bus/subjects.hpp"
#include "events/codec/codec.hpp"

namespace luthier::simulation {
namespace {

using namespace events;
using nlohmann::json;

const char* const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const char* const config = R"({"method":"lora","lora":{"r":8,"alpha":16,"target_modules":"all-linear"},"epochs":1,"learning_rate":0.001})";

CreateFileset fileset(const std::string& purpose, const std::string& path) {
  CreateFileset create;
  create.purpose = purpose;
  create.files = {{path, digest, 0}};
  return create;
}

StartJob job(const std::string& output) {
  StartJob start;
  start.model = "smol";
  start.dataset = "rows";
  start.output = output;
  start.config.text = config;
  return start;
}

}  // namespace

SimClient::SimClient(Agenda& agenda, SimBus& bus, std::string name, int commands)
    : agenda_(agenda), bus_(bus), name_(std::move(name)), inbox_("_INBOX." + name_), commands_left_(commands) {
  auto subscribed = bus_.subscribe(inbox_, [this](bus::Message message) { answered(message); });
  subscription_ = std::move(*subscribed);
}

Request SimClient::request(const std::string& entity, const std::string& name, Command command) const {
  Request made;
  made.key = {name_, entity == "workspace" || entity == "worker" ? "system" : "default", name_ + "-" + std::to_string(number_)};
  made.entity = entity;
  made.name = name;
  made.command = std::move(command);
  return made;
}

// First what the rest needs, then whatever comes.
Request SimClient::make_request() {
  ++number_;
  switch (number_) {
    case 1: return request("workspace", "default", CreateWorkspace{});
    case 2: return request("fileset", "smol-files", fileset("model", "config.json"));
    case 3: return request("fileset", "rows", fileset("dataset", "train.jsonl"));
    case 4: return request("fileset", "by-hand", fileset("model", "adapter_model.safetensors"));
    case 5: return request("model", "smol", CreateModel{"smol-files", "", ""});
    case 6: return request("deployment", "serve", CreateDeployment{"smol", "", true});
    default: break;
  }
  const auto dice = agenda_.between(0, 99);
  if (dice < 25) {
    ++jobs_;
    return request("job", name_ + "-job-" + std::to_string(jobs_ - 1), job("out-" + name_ + "-" + std::to_string(jobs_ - 1)));
  }
  if (dice < 35) return request("job", some_job(), CancelJob{"changed my mind"});
  if (dice < 43) return request("job", some_job(), PauseJob{});
  if (dice < 53) return request("job", some_job(), ResumeJob{});
  if (dice < 63) return request("model", "smol", DisableAdapter{some_adapter()});
  if (dice < 73) return request("model", "smol", EnableAdapter{some_adapter()});
  if (dice < 78) {
    CreateAdapter create;
    create.adapter = "hand-" + std::to_string(number_);
    create.fileset = "by-hand";
    return request("model", "smol", create);
  }
  if (dice < 82) return request("model", "smol", DeleteAdapter{some_adapter()});
  if (dice < 88) return request("fileset", "rows", PutFile{"extra-" + std::to_string(dice) + ".jsonl", digest, 0});
  if (dice < 92) return request("model", "smol", CreateModel{"smol-files", "", ""});
  if (dice < 96) return request("deployment", "serve", DeleteDeployment{});
  return request("deployment", "serve", CreateDeployment{"smol", "", true});
}

void SimClient::next() {
  if (commands_left_ == 0) return;
  --commands_left_;
  const bool repeats = !sent_.empty() && agenda_.happens(0.15);
  waiting_ = repeats ? sent_[static_cast<std::size_t>(agenda_.between(0, static_cast<std::int64_t>(sent_.size()) - 1))] : make_request();
  current_ = waiting_.key.id;
  is_durable_ = agenda_.happens(0.5);
  send();
}

void SimClient::hurry() {
  commands_left_ = 0;
  if (!current_.empty()) send();
}

void SimClient::send() {
  const auto command = json::parse(encode_request(waiting_)).at("type").get<std::string>();
  const auto subject = is_durable_ ? bus::command_subject(waiting_.key.workspace, waiting_.entity, command)
                                   : bus::request_subject(waiting_.key.workspace, waiting_.entity, command);
  bus::Message message{subject, inbox_, {}, encode_request(waiting_)};
  if (is_durable_) bus_.publish_command(message);
  else bus_.publish(message);
  agenda_.in(Time{2'000'000}, [this, id = current_] {
    if (current_ == id) send();
  });
}

void SimClient::answered(const bus::Message& message) {
  const auto receipt = json::parse(message.payload);
  const auto id = receipt.at("id").get<std::string>();
  const bool refused = receipt.at("status") == "refused";
  if (refused && receipt.at("error").at("code") == "unavailable") return;  // nothing was decided: it is sent again
  if (id.empty()) {
    violations_.push_back(name_ + ": a command was refused without its id: " + message.payload);
    return;
  }
  const auto [known, is_new] = receipts_.try_emplace(id, message.payload);
  if (!is_new && known->second != message.payload)
    violations_.push_back("command " + id + " has two receipts: " + known->second + " and " + message.payload);
  if (is_new) {
    Promise promise{id, !refused, 0, "", 0, message.payload};
    if (!refused) {
      promise.position = receipt.at("position").get<std::int64_t>();
      promise.hash = receipt.at("hash").get<std::string>();
      promise.events = receipt.at("events").size();
    }
    promises_.push_back(promise);
    sent_.push_back(waiting_);
  }
  if (id != current_) return;  // a repeated answer
  current_.clear();
  agenda_.in(agenda_.time_between(Time{10'000}, Time{2'000'000}), [this] { next(); });
}

}  // namespace luthier::simulation
