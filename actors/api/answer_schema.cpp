#include "actors/api/answer_schema.hpp"

#include "actors/rest/schema_node.hpp"

namespace luthier::api {

using namespace rest;

Schema deleted_schema() {
  return object({required("message", text()), required("id", text()), required("deleted_count", integer().at_least(0))}).named("DeleteResponse");
}

Schema rows_schema(const Schema& row) { return object({required("data", list_of(row))}).named(row.node().component + "List"); }

Schema bytes_schema() { return text().format("binary"); }

Schema job_status_schema() {
  const auto details = map_of(any());
  const auto task = object({required("id", text()), required("name", text()), required("status", text()), optional("status_details", details),
                            optional("error_details", details), optional("error_stack", text()), required("created_at", timestamp()),
                            required("updated_at", timestamp())})
                        .named("PlatformJobTaskStatusResponse");
  const auto step = object({required("id", text()), required("name", text()), required("status", text()), optional("status_details", details),
                            optional("error_details", details), required("created_at", timestamp()), required("updated_at", timestamp()),
                            required("tasks", list_of(task))})
                        .named("PlatformJobStepStatusResponse");
  return object({required("id", text()), required("name", text()), required("status", text()), optional("status_details", details),
                 optional("error_details", details), required("created_at", timestamp()), required("updated_at", timestamp()),
                 required("steps", list_of(step))})
      .named("PlatformJobStatusResponse");
}

Schema log_lines_schema() {
  const auto line = object({required("timestamp", text()), required("job", text()), required("job_step", text()), required("job_task", text()),
                            required("message", text())})
                        .named("PlatformJobLog");
  return object({required("data", list_of(line)), required("total", integer().at_least(0)), optional("next_page", text()),
                 optional("prev_page", text())})
      .named("PlatformJobLogPage");
}

}  // namespace luthier::api
