#include "gpu/train/profile_report.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"

namespace luthier::train {
namespace {

std::string line(const char* name, double seconds, double all, std::int64_t calls, std::int64_t steps) {
  char text[160];
  std::snprintf(text, sizeof text, "  %-34s %10.3f ms %6.1f %% %8.0f calls\n", name, 1e3 * seconds / static_cast<double>(steps), 100 * seconds / all,
                static_cast<double>(calls) / static_cast<double>(steps));
  return text;
}

}  // namespace

std::string profile_table(const kernels::Profile& profile, std::int64_t steps) {
  if (steps == 0) return "profile: no step was measured\n";
  char title[160];
  std::snprintf(title, sizeof title, "profile of %lld steps: %.3f ms a step, %.1f %% of it in the operations below\n", static_cast<long long>(steps),
                1e3 * profile.seconds() / static_cast<double>(steps), 100 * profile.accounted());
  std::string text = title;
  double small = 0;
  std::int64_t small_calls = 0;
  for (const auto& row : profile.rows()) {
    if (row.seconds >= profile.seconds() / 1000) {
      text += line(row.name.c_str(), row.seconds, profile.seconds(), row.calls, steps);
      continue;
    }
    small += row.seconds;
    small_calls += row.calls;
  }
  return small_calls > 0 ? text + line("less than a thousandth each", small, profile.seconds(), small_calls, steps) : text;
}

Result<void> write_trace(const std::filesystem::path& file, const kernels::Profile& profile) {
  auto out = DurableFile::create(file);
  if (!out) return out.error();
  const auto write = [&](const std::string& text) { return out->write(std::as_bytes(std::span(text))); };
  if (auto written = write("{\"displayTimeUnit\":\"ms\",\"otherData\":{\"events_left_out\":" + std::to_string(profile.events_left_out()) + "},\"traceEvents\":[\n"); !written)
    return written;
  bool first = true;
  for (const auto& event : profile.events()) {
    char text[240];
    std::snprintf(text, sizeof text, "%s{\"name\":%s,\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":1,\"tid\":1}", first ? "" : ",\n",
                  nlohmann::json(event.name).dump().c_str(), event.begin * 1e6, event.seconds * 1e6);
    first = false;
    if (auto written = write(text); !written) return written;
  }
  if (auto written = write("\n]}\n"); !written) return written;
  return out->commit();
}

}  // namespace luthier::train
