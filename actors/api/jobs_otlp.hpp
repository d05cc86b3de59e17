// Log records as OpenTelemetry sends them (an ExportLogsServiceRequest, as JSON or as protobuf), read into log lines. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/api/job_telemetry.hpp"
#include "events/base/ids.hpp"

namespace luthier::api {

struct OtlpLogs {
  std::vector<LogLine> lines;
  std::int64_t rejected = 0;  // records that do not say which job they are of
};

// Nothing: it is no such request. `now` is the time of records that have none.
std::optional<OtlpLogs> read_otlp_json(std::string_view text, Timestamp now);
std::optional<OtlpLogs> read_otlp_protobuf(std::string_view bytes, Timestamp now);

}  // namespace luthier::api
