// Commands at random, from a seed: few names, so that they meet; reports that are sometimes stale; nothing is made sure of.
#pragma once

#include <array>
#include <random>

#include "events/world/story_test.hpp"

namespace luthier::events {

class RandomStory {
 public:
  explicit RandomStory(std::uint32_t seed) : random_(seed) { story.limits.job_attempts_max = 3; }

  Story story;

  Request next() {
    switch (below(60)) {
      case 0: return in_system(workspace(), CreateWorkspace{});
      case 1: return chance(4) ? in_system(workspace(), DeleteWorkspace{}) : chance(8) ? in_system(worker(), DrainWorker{}) : place_job();
      case 2: return hello_of(worker());
      case 3: return chance(3) ? in_system(worker(), LoseWorker{incarnation(), "lease"}) : hello_of(worker());
      case 4: return create_fileset();
      case 5: return change_fileset();
      case 6: return to(model(), CreateModel{reference(fileset()), "", chance(4) ? reference(model()) : ""});
      case 7: return chance(8) ? to(model(), DeleteModel{}) : to(model(), UpdateModel{maybe(reference(fileset())), maybe("text")});
      case 8: return fill_spec();
      case 9: return fill_spec();
      case 10: return to(model(), CreateAdapter{adapter(), reference(fileset()), "", chance(2), LoraShape{8, 16}});
      case 11: return change_adapter();
      case 12: return start_job();
      case 13: return start_job();
      case 14: return wish_of_job();
      case 15: return place_job();
      case 16: return place_job();
      case 17: return with_job([&](auto name, auto attempt) { return in(name, BeginAttempt{attempt, job_steps(name)}); });
      case 18: return with_job([&](auto name, auto attempt) { return in(name, RecordCheckpoint{attempt, below(12)}); });
      case 19: return with_job([&](auto name, auto attempt) { return in(name, Story::complete(attempt)); });
      case 20: return with_job([&](auto name, auto attempt) { return in(name, FailAttempt{attempt, "crashed", "", !chance(6)}); });
      case 21: return with_job([&](auto name, auto attempt) { return in(name, ConfirmStopped{attempt, below(12)}); });
      case 22: return to(deployment(), CreateDeployment{reference(model()), "", chance(2)});
      case 23: return chance(8) ? to(deployment(), DeleteDeployment{}) : to(deployment(), UpdateDeployment{{}, chance(2)});
      case 24: return place_deployment();
      case 25: return report_of_deployment();
      case 34: return change_workspace();
      // Nobody clears it in these stories: from then on it only refuses, so it is rare.
      case 35: return chance(200) ? in_system("lab", DeleteWorkspace{true}) : change_workspace();
      case 36: return change_secret();
      case 37:
      case 38: return change_record();
      case 39: return submit_job();
      case 40: return submit_job();
      case 41: return prepare_job();
      case 42: return change_ended_job();
      case 43: return change_details();
      case 44: return move_by_hand();
      case 45: return platform_job();
      default: return adapter_of_deployment();
    }
  }

 private:
  std::int64_t below(std::int64_t bound) { return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_); }
  bool chance(std::int64_t one_in) { return below(one_in) == 0; }
  std::string pick(const std::string& stem, std::int64_t count) { return stem + std::to_string(below(count)); }
  std::optional<std::string> maybe(const std::string& text) { return chance(2) ? std::optional(text) : std::nullopt; }

  std::string workspace() { return chance(4) ? "lab" : "default"; }
  std::string worker() { return pick("worker", 2); }
  std::string incarnation() { return pick("inc", 3); }
  std::string fileset() { return pick("files", 3); }
  std::string model() { return pick("model", 2); }
  std::string adapter() { return pick("adapter", 3); }
  std::string deployment() { return pick("serve", 2); }
  std::string reference(const std::string& name) { return chance(5) ? "lab/" + name : "default/" + name; }

  template <class C>
  Request in_system(const std::string& name, C command) { return story.request("system", name, std::move(command)); }
  template <class C>
  Request to(const std::string& name, C command) { return story.request(workspace(), name, std::move(command)); }
  template <class C>
  Request in(const World::Name& name, C command) { return story.request(name.first, name.second, std::move(command)); }

  template <class State>
  World::Name any(const std::map<World::Name, State>& entities) {
    if (entities.empty()) return {"default", "nothing"};
    return std::next(entities.begin(), below(static_cast<std::int64_t>(entities.size())))->first;
  }

  World::Name open_job() {
    const auto& open = story.world.open_jobs;
    if (open.empty() || chance(10)) return any(story.world.jobs);
    return *std::next(open.begin(), below(static_cast<std::int64_t>(open.size())));
  }

  std::int64_t about(std::int64_t number) { return chance(6) ? number + below(3) - 1 : number; }

  template <class Make>
  Request with_job(const Make& make) {
    const World::Name name = open_job();
    const auto job = story.world.jobs.find(name);
    return make(name, about(job == story.world.jobs.end() ? 1 : job->second.attempt));
  }

  std::int64_t job_steps(const World::Name& name) {
    const auto job = story.world.jobs.find(name);
    return job == story.world.jobs.end() ? 0 : job->second.checkpoint_step;
  }

  Request hello_of(const std::string& name) {
    return in_system(name, RegisterWorker{incarnation_of(name), "host", "engine", {{"cpu", "cpu", "", "", 1, 2}}});
  }

  Request create_fileset() {
    CreateFileset create{"", "generic", {}};
    for (std::int64_t i = below(3); i > 0; --i) create.files.push_back(file("f" + std::to_string(i)));
    return to(fileset(), create);
  }

  Request change_fileset() {
    switch (below(6)) {
      case 0: return to(fileset(), DeleteFileset{});
      case 1: return to(fileset(), DeleteFile{pick("f", 3)});
      case 2: return to(fileset(), UpdateFileset{maybe("text"), maybe("model")});
      default: return to(fileset(), PutFile{pick("f", 3), std::string(64, static_cast<char>('a' + below(4))), 1});
    }
  }

  Request fill_spec() {
    const World::Name name = any(story.world.models);
    const auto found = story.world.models.find(name);
    FillModelSpec fill{"", 0, JsonText{R"({"family":"llama"})"}, chance(20) ? "unreadable" : ""};
    if (found != story.world.models.end()) {
      fill.fileset_id = found->second.fileset_id;
      for (const auto& [other, files] : story.world.filesets)
        if (files.id == fill.fileset_id) fill.fileset_version = about(files.content_version);
    }
    return in(name, fill);
  }

  Request change_adapter() {
    const World::Name name = any(story.world.models);
    switch (below(5)) {
      case 0: return in(name, EnableAdapter{adapter()});
      case 1: return in(name, DisableAdapter{adapter()});
      case 2: return in(name, DeleteAdapter{adapter()});
      case 3: return in(name, UpdateAdapter{adapter(), reference(fileset()), {}, LoraShape{4, 8}});
      default: return in(name, EnableAdapter{adapter()});
    }
  }

  Request start_job() {
    const World::Name model_name = any(story.world.models), data = any(story.world.filesets);
    StartJob start;
    start.model = model_name.first + "/" + model_name.second;
    start.dataset = data.first + "/" + data.second;
    start.output = chance(2) ? adapter() : model();
    start.config.text = R"({"method":")" + std::string(chance(3) ? "full" : "lora") + R"(","lora":{"r":8,"alpha":32}})";
    start.inputs.emplace().steps = 10;
    if (const auto found = story.world.models.find(model_name); found != story.world.models.end()) {
      start.inputs->model_id = found->second.id;
      start.inputs->model_fileset_id = found->second.fileset_id;
    }
    if (const auto found = story.world.filesets.find(data); found != story.world.filesets.end())
      start.inputs->dataset_fileset_id = found->second.id;
    return story.request(chance(4) ? workspace() : model_name.first, pick("job", 40), start);
  }

  Request wish_of_job() {
    const World::Name name = open_job();
    switch (below(8)) {
      case 0: return in(name, CancelJob{"enough"});
      case 1: return in(name, PauseJob{});
      default: return in(name, ResumeJob{});
    }
  }

  std::string incarnation_of(const std::string& name) {
    const auto found = story.world.workers.find(name);
    return found == story.world.workers.end() || chance(8) ? incarnation() : found->second.incarnation;
  }

  Request place_job() {
    const World::Name name = open_job();
    const auto job = story.world.jobs.find(name);
    const std::string host = worker();
    return in(name, PlaceJob{about(job == story.world.jobs.end() ? 1 : job->second.attempt + 1), host, incarnation_of(host), "cpu"});
  }

  Request place_deployment() {
    const World::Name name = any(story.world.deployments);
    const auto found = story.world.deployments.find(name);
    const std::string host = worker();
    return in(name, PlaceDeployment{about(found == story.world.deployments.end() ? 1 : found->second.attempt + 1), host,
                                    incarnation_of(host), "cpu"});
  }

  std::int64_t deployment_attempt(const World::Name& name) {
    const auto found = story.world.deployments.find(name);
    return about(found == story.world.deployments.end() ? 1 : found->second.attempt);
  }

  Request report_of_deployment() {
    const World::Name name = any(story.world.deployments);
    const std::int64_t attempt = deployment_attempt(name);
    switch (below(5)) {
      case 0: return in(name, FailDeployment{attempt, "crashed", "", !chance(4)});
      case 1: return in(name, ConfirmUndeployed{attempt});
      default: return in(name, ReportReady{attempt, pick("http://h:", 2)});
    }
  }

  Request adapter_of_deployment() {
    const World::Name name = any(story.world.deployments);
    const std::int64_t attempt = deployment_attempt(name);
    const auto found = story.world.deployments.find(name);
    const std::string model_name = found == story.world.deployments.end() ? "" : found->second.model;
    const World::Name of = parse_reference(model_name, "").value_or(World::Name{"default", "model0"});
    const auto base = story.world.models.find(of);
    const std::string adapter_name = base == story.world.models.end() || base->second.adapters.empty() || chance(4)
                                         ? adapter() : base->second.adapters.begin()->first;
    const std::string served = served_name(of.first, adapter_name);
    std::string key = "none@1";
    if (base != story.world.models.end() && base->second.adapters.contains(adapter_name))
      key = base->second.adapters.at(adapter_name).key();
    switch (below(7)) {
      case 0: return in(name, RequestAdapterUnload{attempt, served});
      case 1: return in(name, ConfirmAdapterUnloaded{attempt, served});
      case 2: return in(name, FailAdapterLoad{attempt, served, key, "no"});
      case 3:
      case 4: return in(name, ConfirmAdapterLoaded{attempt, served, key});
      default: return in(name, RequestAdapterLoad{attempt, served, key});
    }
  }

  Request change_workspace() {
    const std::string name = workspace();
    switch (below(5)) {
      case 0: return in_system(name, UpdateWorkspace{pick("text", 3)});
      case 1: return in_system(name, RemoveMember{pick("person", 3)});
      default: return in_system(name, SetMember{pick("person", 3), {chance(2) ? "Admin" : "Editor"}});
    }
  }

  SealedValue sealed() { return {pick("key", 5), "cipher"}; }
  Request change_secret() {
    const std::string name = pick("SECRET", 3);
    switch (below(4)) {
      case 0: return to(name, DeleteSecret{});
      case 1: return to(name, UpdateSecret{maybe("text"), std::string("box"), sealed()});
      default: return to(name, CreateSecret{maybe("text"), "box", sealed()});
    }
  }

  std::string record_key() {
    const auto& ids = story.world.record_ids;
    const std::string parent = ids.empty() || !chance(3) ? "" : std::next(ids.begin(), below(static_cast<std::int64_t>(ids.size())))->first;
    return pick("entity.kind", 2) + ":" + parent + ":" + pick("thing", 3);
  }
  Request change_record() {
    const JsonText data{"{\"n\":" + std::to_string(below(3)) + "}"};
    if (chance(2)) return to(record_key(), CreateRecord{"", data});
    const World::Name name = any(story.world.records);
    UpdateRecord update;
    switch (below(5)) {
      case 0: return in(name, DeleteRecord{});
      case 1: update.rename = pick("thing", 5); break;
      case 2: update.patch = data; break;
      default: update.data = data;
    }
    return in(name, update);
  }

  Request submit_job() {
    const Request start = start_job();
    const auto& wish = std::get<StartJob>(start.command);
    SubmitJob submit;
    submit.model = wish.model;
    submit.dataset = wish.dataset;
    submit.output = wish.output;
    submit.config = wish.config;
    if (chance(4)) {
      submit.config.text = R"({"method":"full","distillation":{}})";
      const World::Name teacher = any(story.world.models);
      if (!chance(4)) submit.teacher = teacher.first + "/" + teacher.second;
    }
    if (chance(2)) submit.deploy = WishedDeployment{deployment(), "config", {R"({"versions":[]})"}, true};
    return story.request(start.key.workspace, start.name, submit);
  }

  Request prepare_job() {
    World::Name name = open_job();
    for (const auto& open : story.world.open_jobs)
      if (story.world.jobs.at(open).phase == JobPhase::checking) name = open;
    if (chance(8)) return in(name, RejectJob{"no rows"});
    PrepareJob prepare{{R"({"method":"lora"})"}, {}};
    if (const auto job = story.world.jobs.find(name); job != story.world.jobs.end()) {
      prepare.config = job->second.config;
      prepare.inputs.model_id = job->second.model_id;
      prepare.inputs.dataset_fileset_id = job->second.inputs.dataset_fileset_id;
      prepare.inputs.steps = 10;
      prepare.teacher = job->second.teacher;
    }
    return in(name, prepare);
  }

  Request change_ended_job() {
    const World::Name name = any(story.world.jobs);
    if (chance(4)) return in(name, DeleteJob{});
    return in(name, UpdateJob{{"{\"n\":" + std::to_string(below(3)) + "}"}});
  }

  Request change_details() {
    const JsonText details{"{\"n\":" + std::to_string(below(5)) + "}"};
    switch (below(3)) {
      case 0: return in(any(story.world.filesets), UpdateFileset{{}, {}, details});
      case 1: return in(any(story.world.models), UpdateModel{{}, {}, details});
      default: return in(any(story.world.deployments), UpdateDeployment{{}, {}, details});
    }
  }

  Request move_by_hand() {
    switch (below(6)) {
      case 0: return to(deployment(), CreateDeployment{chance(2) ? "default/later" : reference(model()), "", true, true, {}});
      case 1: return in(any(story.world.deployments), SetDeploymentStatus{chance(3) ? "DELETED" : "READY", "by hand", {}});
      case 2: return in(any(story.world.deployments), DeleteDeployment{true});
      case 3: return in(any(story.world.deployments), PostponeDeployment{pick("reason", 2), chance(4)});
      case 4: return in(any(story.world.deployments), ReviseDeployment{chance(3) ? "default/later" : reference(model()), chance(2), {}});
      default: return in(any(story.world.deployments), ResolveDeployment{});
    }
  }

  Request platform_job() {
    const World::Name name = any(story.world.platform_jobs);
    static constexpr std::array statuses{"pending", "active", "completed", "completed", "paused", "cancelled", "error"};
    switch (below(12)) {
      case 0:
      case 1:
      case 2: return to(pick("run", 6), CreatePlatformJob{"test", "", "", {"{}"}, {R"({"steps":[{"name":"one"},{"name":"two"}]})"}, {}});
      case 3: return in(name, PutTask{chance(2) ? "one" : "two", "task", {}, {}, {}, {}});
      case 4: return in(name, MergeJobDetails{{"{\"n\":" + std::to_string(below(5)) + "}"}});
      case 5: return chance(2) ? in(name, CancelPlatformJob{}) : in(name, PausePlatformJob{});
      case 6: return in(name, ResumePlatformJob{});
      case 7: return in(name, PutJobResult{pick("result", 2), "default/files", "fileset"});
      case 8: return chance(2) ? in(name, DeletePlatformJob{}) : in(name, PutTask{"one", "task", {}, {}, {}, {}});
      default: return in(name, SetStepStatus{chance(2) ? "one" : "two", statuses[static_cast<std::size_t>(below(7))], {}, {}});
    }
  }

  std::mt19937 random_;
};

}  // namespace luthier::events
