#include "events/model/analysis.hpp"

#include <algorithm>
#include <cctype>

#include "events/json/value.hpp"
#include "events/platform_job/rules.hpp"

namespace luthier::events {
namespace {

constexpr const char* step_name = "model-spec-analysis";
constexpr std::size_t suffix_length = 8;

// "models-system-<8 characters>", the same for the same command.
std::string job_name(const Request& request) {
  const auto id = derive_entity_id("platform-job", request.key);
  std::string suffix = id.substr(id.size() - suffix_length);
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::string(analysis_source).append("-").append(suffix);
}

std::string number_text(const json::Value& spec, const char* name, const char* unit) {
  const auto* value = spec.find(name);
  const auto* number = value ? std::get_if<std::int64_t>(&value->held) : nullptr;
  return number ? ", " + std::to_string(*number) + unit : "";
}

std::string words(const json::Value& spec, const char* name) {
  const auto* value = spec.find(name);
  return value && value->text() ? *value->text() : "";
}

std::string gist(const JsonText& text, const Limits& limits) {
  const auto spec = json::parse(text.text);
  if (!spec) return "";
  auto family = words(*spec, "family");
  auto message = (family.empty() ? "a checkpoint" : std::move(family)) + number_text(*spec, "num_layers", " layers") + number_text(*spec, "base_num_parameters", " parameters");
  if (const auto precision = words(*spec, "precision"); !precision.empty()) message += " in " + precision;
  if (const auto why = words(*spec, "unsupported"); !why.empty()) message += "; it cannot be used here: " + why;
  return readable(message, limits);
}

}  // namespace

bool is_news(const ModelState& model, const std::string& error) { return model.spec_fileset_version == 0 || model.spec_error != error; }

Facts analysis_job(const World& world, const Request& request, const ModelState& model, const FilesetState& fileset, const JsonText& spec,
                   const std::string& error, const Limits& limits) {
  DoneWork work{job_name(request), std::string(analysis_source), "", step_name, {}, "", error};
  work.description = "Analysis of the checkpoint of model " + reference_to(model) + " in fileset " + reference_to(fileset) + ", " +
                     std::to_string(fileset.files.size()) + (fileset.files.size() == 1 ? " file" : " files");
  work.spec.text = R"({"fileset":")" + reference_to(fileset) + R"(","model":")" + reference_to(model) + R"("})";
  if (error.empty()) work.message = gist(spec, limits);
  return job_of_done_work(world, request, std::move(work), limits);
}

}  // namespace luthier::events
