// Work that is done by the time anybody can ask for it. It has no fileset: nobody runs it who would write there.
#include "events/json/value.hpp"
#include "events/platform_job/rules.hpp"

namespace luthier::events {
namespace {

JsonText message_of(const std::string& text) {
  JsonText object{R"({"message":)"};
  json::append(object.text, std::string_view(text));
  object.text += '}';
  return object;
}

// As the jobs service fills in a step that says no more than its name.
JsonText platform_spec(const std::string& step) {
  return {R"({"steps":[{"name":")" + step + R"(","executor":{"provider":"cpu","profile":"default","container":{}},"environment":null,)" +
          R"("config":{},"lifecycle":{"staleness_timeout_seconds":0}}]})"};
}

}  // namespace

Facts job_of_done_work(const World& world, const Request& request, DoneWork work, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  Limits half = limits;  // the other half is for what clients create
  half.entities_per_workspace_max /= 2;
  if (!check_new_job_name(world, "platform_job", workspace, work.name, half)) return {};
  PlatformStepState step;
  step.name = work.step;
  PlatformJobState job;
  job.id = derive_entity_id("platform-job", request.key);
  job.workspace = workspace;
  job.name = work.name;
  job.step_names = {work.step};
  Facts facts{fact_of(job, PlatformJobCreated{std::move(work.source), std::move(work.description), "", {work.step}, std::move(work.spec),
                                              platform_spec(work.step), JsonText{"{}"}, ""}),
              fact_of(job, PlatformStepCreated{work.step})};
  const auto take = [&](Facts more) { facts.insert(facts.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end())); };
  take(step_moved(job, step, StepStatus::active));
  job.status = step.status = StepStatus::active;
  const bool has_failed = !work.error.empty();
  const auto status = has_failed ? StepStatus::error : StepStatus::completed;
  const auto error = has_failed ? std::optional(message_of(work.error)) : std::nullopt;
  take({fact_of(job, PlatformTaskPut{work.step, work.step, std::string(to_string(status)), message_of(has_failed ? work.error : work.message),
                                     error, {}})});
  take(step_moved(job, step, status, {}, error));
  return facts;
}

}  // namespace luthier::events
