// What holds after every command, whatever came before: checked on random stories. A failing seed repeats itself.
#include <algorithm>
#include <set>

#include "events/world/random_story_test.hpp"

namespace luthier::events {
namespace {

// Looks at the facts alone, as an outsider who knows nothing of decide.
class Oracle {
 public:
  void saw(const Fact& fact, Version version) {
    const std::string type = type_of(fact);
    std::string prefix = fact.stream.entity + "-";
    std::replace(prefix.begin(), prefix.end(), '_', '-');
    if (fact.stream.entity != "record") REQUIRE(fact.stream.id.starts_with(prefix));  // a record's id begins with its kind
    REQUIRE(version == ++versions_[fact.stream]);
    REQUIRE_FALSE(closed_.contains(fact.stream));
    if (ended_.contains(fact.stream)) REQUIRE((type == "JobDetailsSet" || type == "JobDeleted"));
    if (type == "JobCompleted" || type == "JobFailed" || type == "JobCancelled") ended_.insert(fact.stream);
    if (type == "WorkspaceDeleted" || type == "FilesetDeleted" || type == "ModelDeleted" || type == "DeploymentDeleted" ||
        type == "JobDeleted" || type == "SecretDeleted" || type == "RecordDeleted" || type == "PlatformJobDeleted")
      closed_.insert(fact.stream);
    ++types_[type];
  }
  const std::map<std::string, int>& types() const { return types_; }

 private:
  std::map<StreamKey, Version> versions_;
  std::set<StreamKey> closed_, ended_;
  std::map<std::string, int> types_;
};

void check_jobs(const World& world) {
  std::set<std::pair<std::string, std::string>> devices;
  for (const auto& [name, job] : world.jobs) {
    REQUIRE(world.open_jobs.contains(name) == !is_terminal(job.phase));
    REQUIRE(job.worker.empty() == !holds_device(job.phase));
    if (holds_device(job.phase)) REQUIRE(devices.insert({job.worker, job.device}).second);
    if (holds_device(job.phase)) REQUIRE(world.workers.at(job.worker).incarnation == job.incarnation);
    if (holds_device(job.phase)) REQUIRE(world.workers.at(job.worker).present);
    if (is_terminal(job.phase)) continue;
    const auto* model = &world.models.at(*parse_reference(job.model, ""));
    REQUIRE(model->id == job.model_id);
    REQUIRE(world.filesets.at(*parse_reference(job.dataset, "")).id == job.inputs.dataset_fileset_id);
  }
  REQUIRE(world.open_jobs.size() <= world.jobs.size());
}

void check_models(const World& world) {
  std::size_t adapters = 0;
  for (const auto& [name, model] : world.models) {
    if (!model.fileset.empty()) REQUIRE(world.filesets.at(*parse_reference(model.fileset, "")).id == model.fileset_id);
    for (const auto& [reference, adapter] : model.adapters) {
      ++adapters;
      const World::Name own{adapter.workspace, adapter.name};
      REQUIRE(short_reference(own, name.first) == reference);
      REQUIRE(world.adapter_models.at(own) == short_reference(name, own.first));
      REQUIRE(world.filesets.at(*parse_reference(adapter.fileset, "")).id == adapter.fileset_id);
    }
  }
  REQUIRE(world.adapter_models.size() == adapters);
}

void check_deployments(const World& world) {
  for (const auto& [name, deployment] : world.deployments) {
    if (!deployment.model_id.empty()) REQUIRE(world.models.at(*parse_reference(deployment.model, "")).id == deployment.model_id);
    if (!deployment.set_status.empty() && deployment.phase == DeploymentPhase::pending) REQUIRE(deployment.worker.empty());
    REQUIRE((deployment.phase == DeploymentPhase::ready || deployment.phase == DeploymentPhase::deleting || deployment.adapters.empty()));
    if (deployment.phase != DeploymentPhase::deleting) REQUIRE(deployment.worker.empty() == !holds_device(deployment.phase));
  }
}

void check_counts(const World& world) {
  std::map<World::Name, std::size_t> counts;
  const auto count = [&](const std::string& entity, const auto& entities) {
    for (const auto& [name, state] : entities) ++counts[{entity, name.first}];
  };
  count("fileset", world.filesets);
  count("model", world.models);
  count("job", world.jobs);
  count("deployment", world.deployments);
  count("adapter", world.adapter_models);
  count("secret", world.secrets);
  count("record", world.records);
  count("platform_job", world.platform_jobs);
  for (std::size_t i = 0; i < world.workspaces.size(); ++i) ++counts[{"workspace", "system"}];
  for (std::size_t i = 0; i < world.workers.size(); ++i) ++counts[{"worker", "system"}];
  REQUIRE(counts == world.entity_counts);
}

}  // namespace

TEST_CASE("random stories never break what always holds, and the world is a fold of its facts") {
  std::map<std::string, int> types;
  for (std::uint32_t seed = 1; seed <= 900; ++seed) {
    INFO("seed " << seed);
    RandomStory random(seed);
    World& world = random.story.world;
    Oracle oracle;
    World folded;
    for (int step = 0; step < 1000; ++step) {
      const auto decision = decide(world, random.next(), random.story.limits);
      if (!decision) {
        REQUIRE(decision.error().code != ErrorCode::internal);
        continue;
      }
      for (const Fact& fact : *decision) {
        oracle.saw(fact, world.version_before(fact) + 1);
        evolve(world, fact);
        evolve(folded, fact);
      }
      check_jobs(world);
      check_models(world);
      check_deployments(world);
      check_counts(world);
    }
    REQUIRE(world == folded);
    for (const auto& [type, count] : oracle.types()) types[type] += count;
  }
  CHECK(types.size() == std::variant_size_v<AnyEvent>);  // the stories are wild enough to see everything
  for (const auto& [type, count] : types) {
    INFO(type << " " << count);
    CHECK(count >= 5);
  }
}

TEST_CASE("the same world decides the same command the same way") {
  RandomStory one(7), two(7);
  for (int step = 0; step < 500; ++step) {
    const auto first = decide(one.story.world, one.next()), second = decide(two.story.world, two.next());
    REQUIRE(static_cast<bool>(first) == static_cast<bool>(second));
    if (!first) continue;
    for (const Fact& fact : *first) evolve(one.story.world, fact);
    for (const Fact& fact : *second) evolve(two.story.world, fact);
    REQUIRE(one.story.world == two.story.world);
  }
}

}  // namespace luthier::events
