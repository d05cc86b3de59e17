#include "actors/api/jobs_spec.hpp"

#include <algorithm>
#include <set>

#include "actors/rest/names.hpp"

namespace luthier::api {

using namespace rest;

namespace {

constexpr std::size_t steps_max = 100, words_max = 1'000, variables_max = 500;
constexpr std::size_t source_bytes_kept = 20, suffix_length = 8;

Schema words() { return list_of(text()).items(0, words_max); }

Schema resources() {
  return object({maybe("requests", map_of(any()).or_null()), maybe("limits", map_of(any()).or_null()),
                 optional("num_nodes", integer().at_least(1), 1), maybe("num_gpus", integer().at_least(0).or_null()), maybe("shm_size", text().or_null())})
      .named("StepResources");
}

rest::Field profile() { return optional("profile", text().length(1, 255), "default"); }

Schema in_container(const char* provider) {
  const auto container =
      object({maybe("image", text().or_null()), maybe("entrypoint", words().or_null()), maybe("command", words().or_null())}).named("StepContainer");
  return object({required("provider", literal(provider)), profile(), required("container", container), maybe("resources", resources().or_null())});
}

Schema as_process() {
  return object({required("provider", literal("subprocess")), profile(), required("command", list_of(text()).items(1, words_max))});
}

Schema executor() {
  return tagged("provider", {{"cpu", in_container("cpu")},
                             {"gpu", in_container("gpu")},
                             {"gpu_distributed", in_container("gpu_distributed")},
                             {"subprocess", as_process()}});
}

bool has_value(const Json& object, const char* name) {
  const auto* member = find_member(object, name);
  return member && !member->is_null();
}

Schema variable() {
  return object({required("name", text().length(1, 255)), maybe("value", text().or_null()),
                 maybe("from_secret", object({required("name", secret_reference())}).or_null())})
      .check([](const Json& value) -> std::optional<std::string> {
        if (has_value(value, "value") != has_value(value, "from_secret")) return std::nullopt;
        return "exactly one of value and from_secret is needed";
      })
      .named("StepVariable");
}

Schema step() {
  return object({required("name", text().pattern(entity_name_pattern, "Invalid step name \"{}\": 2 to 63 characters of a-z 0-9 - @ . + _ are "
                                                                      "needed, a letter first, no -- and no - at the end")),
                 required("executor", executor()), optional("environment", list_of(variable()).items(0, variables_max)),
                 optional("config", map_of(any())),
                 optional("lifecycle", object({optional("staleness_timeout_seconds", integer().at_least(0), 0)}))})
      .named("StepSpec");
}

std::optional<std::string> repeated_name(const Json& steps) {
  std::set<std::string> seen;
  for (const auto& each : steps)
    if (const auto name = each["name"].get<std::string>(); !seen.insert(name).second) return "the step name " + name + " is there twice";
  return std::nullopt;
}

// Entrypoint and command in one; empty: the container's image knows what it runs.
Json command_of(const Json& container) {
  Json command = Json::array();
  for (const auto* part : {"entrypoint", "command"})
    if (has_value(container, part))
      for (const auto& word : container[part]) command.push_back(word);
  return command;
}

Json resolved_executor(const Json& executor) {
  if (executor["provider"] != "cpu") return executor;
  auto command = command_of(executor["container"]);
  if (command.empty()) return executor;
  return {{"provider", "subprocess"}, {"profile", executor["profile"]}, {"command", std::move(command)}};
}

}  // namespace

Schema platform_job_schema() {
  const auto spec = object({required("steps", list_of(step()).items(1, steps_max).check(repeated_name))}).named("PlatformJobSpec");
  return object({optional("name", request_name()), optional("description", text().length(0, 1000)), optional("project", project_reference()),
                 required("spec", map_of(any())), required("platform_spec", spec), required("source", text().length(1, 255)),
                 optional("ownership", map_of(any())), optional("custom_fields", map_of(any()))})
      .named("CreatePlatformJobRequest");
}

Or<Json> resolved_platform_spec(const Json& platform_spec) {
  Json steps = Json::array();
  for (const auto& step : platform_spec["steps"]) {
    const auto profile = step["executor"]["profile"].get<std::string>();
    if (profile != "default")
      return detail(422, "execution profile " + profile + " of step " + step["name"].get<std::string>() + " does not exist; \"default\" does");
    steps.push_back({{"name", step["name"]},
                     {"executor", resolved_executor(step["executor"])},
                     {"environment", step["environment"]},
                     {"config", step["config"].is_null() ? Json(Json::object()) : step["config"]},
                     {"lifecycle", step["lifecycle"].is_null() ? Json{{"staleness_timeout_seconds", 0}} : step["lifecycle"]}});
  }
  return Json{{"steps", std::move(steps)}};
}

std::vector<std::string> secrets_of(const Json& platform_spec) {
  std::vector<std::string> names;
  for (const auto& step : platform_spec["steps"]) {
    if (!has_value(step, "environment")) continue;
    for (const auto& variable : step["environment"])
      if (has_value(variable, "from_secret")) names.push_back(variable["from_secret"]["name"].get<std::string>());
  }
  return names;
}

std::string generated_job_name(const std::string& source, const std::string& random) {
  std::string name;
  for (char c : source) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("@.+_").find(c) != std::string_view::npos)) c = '-';
    if (name.empty() && !(c >= 'a' && c <= 'z')) name = "job-";
    if (c == '-' && name.ends_with('-')) continue;
    name += c;
  }
  if (name.size() > source_bytes_kept) name.resize(source_bytes_kept);
  while (name.ends_with('-')) name.pop_back();
  name += '-';
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t i = 0; i < suffix_length; ++i) name += letters[static_cast<unsigned char>(random[i % random.size()]) % letters.size()];
  return name;
}

}  // namespace luthier::api
