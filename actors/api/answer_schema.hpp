// What several services answer with alike, as schemas for their routes.
#pragma once

#include "actors/rest/schema.hpp"

namespace luthier::api {

rest::Schema deleted_schema();                      // {"message", "id", "deleted_count"}
rest::Schema rows_schema(const rest::Schema& row);  // {"data": [row, …]}: a list without pages; named after the row
rest::Schema bytes_schema();                        // a file's content

// A job's status with its steps and their tasks, of whatever kind the job is.
rest::Schema job_status_schema();
rest::Schema log_lines_schema();  // a page of a job's log lines

}  // namespace luthier::api
