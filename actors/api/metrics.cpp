#include "actors/api/metrics.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "actors/api/routes.hpp"

namespace luthier::api {
namespace {

class Text {
 public:
  void declare(const char* name, const char* type, const char* help) {
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void sample(const std::string& name_and_labels, double value) {
    char number[40];
    std::snprintf(number, sizeof number, " %.17g\n", value);
    text_.append(name_and_labels).append(number);
  }
  void one(const char* name, const char* type, const char* help, double value) {
    declare(name, type, help);
    sample(name, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

double count_of(std::uint64_t number) { return static_cast<double>(number); }

void add_requests(Text& text, const RequestCounts& requests) {
  text.declare("luthier_http_requests_total", "counter", "Requests answered, by the first digit of their status.");
  for (int hundreds = 1; hundreds <= 5; ++hundreds)
    text.sample("luthier_http_requests_total{status=\"" + std::to_string(hundreds) + "xx\"}", count_of(requests.of_class(hundreds)));
  text.declare("luthier_http_request_seconds", "histogram", "From the parsed request to the answer handed over, streams left out.");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < RequestCounts::bounds_s.size(); ++i) {
    char bound[32];
    std::snprintf(bound, sizeof bound, "%g", RequestCounts::bounds_s[i]);
    text.sample(std::string("luthier_http_request_seconds_bucket{le=\"") + bound + "\"}", count_of(sum += requests.within(i)));
  }
  sum += requests.within(RequestCounts::bounds_s.size());
  text.sample("luthier_http_request_seconds_bucket{le=\"+Inf\"}", count_of(sum));
  text.sample("luthier_http_request_seconds_sum", requests.seconds());
  text.sample("luthier_http_request_seconds_count", count_of(sum));
}

// How many there are, in all workspaces; of those with a state, how many in each.
void add_entities(Text& text, const Services& services) {
  const auto everybody = [](const std::string&) { return true; };
  text.declare("luthier_entities", "gauge", "Entities of a kind.");
  for (const char* kind : {"fileset", "model", "adapter", "secret"})
    text.sample(std::string("luthier_entities{kind=\"") + kind + "\"}", count_of(services.documents.everywhere(kind, everybody).size()));
  text.declare("luthier_by_status", "gauge", "Jobs and deployments in a status.");
  for (const char* kind : {"customization_job", "deployment"}) {
    std::map<std::string, std::uint64_t> by_status;
    for (const auto& document : services.documents.everywhere(kind, everybody)) ++by_status[text_or_empty(document->body, "status")];
    for (const auto& [status, number] : by_status)
      text.sample("luthier_by_status{kind=\"" + std::string(kind) + "\",status=\"" + status + "\"}", count_of(number));
  }
}

std::uint64_t open_files() {
  std::uint64_t number = 0;
  if (DIR* directory = ::opendir("/proc/self/fd")) {
    while (::readdir(directory)) ++number;
    ::closedir(directory);
  }
  return number > 3 ? number - 3 : 0;  // ".", "..", and this directory itself
}

void add_process(Text& text) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
  text.one("process_cpu_seconds_total", "counter", "Processor time of this process.", seconds(usage.ru_utime) + seconds(usage.ru_stime));
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  if (statm >> pages >> resident)
    text.one("process_resident_memory_bytes", "gauge", "Memory that is resident.", count_of(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  text.one("process_open_fds", "gauge", "Open file descriptors.", count_of(open_files()));
}

}  // namespace

void RequestCounts::add(int status, std::chrono::nanoseconds took) {
  by_class_[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))].fetch_add(1, std::memory_order_relaxed);
  const auto seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::lower_bound(bounds_s.begin(), bounds_s.end(), seconds) - bounds_s.begin();
  by_time_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

std::string metrics_text(const Services& services) {
  Text text;
  text.one("luthier_log_position", "counter", "Events of the log that can be read.", count_of(services.platform.read_models().position()));
  if (services.requests) add_requests(text, *services.requests);
  add_entities(text, services);
  add_process(text);
  return text.take();
}

}  // namespace luthier::api
