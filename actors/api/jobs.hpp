// What the jobs service shares: both kinds of jobs behind one name, and the parts that its routes come in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/api/routes.hpp"

namespace luthier::api {

inline constexpr const char* platform_job_kind = "platform_job";  // kinds of documents
inline constexpr const char* training_job_kind = "training_job";
inline constexpr const char* jobs_root = "/apis/jobs/v2/workspaces/{workspace}/jobs";

// A job of the path's workspace: one that a client has made for its own runner, or a fine-tuning job of the platform's.
struct FoundJob {
  DocumentPointer document;  // its body is the JobResponse
  bool is_platform = true;

  const rest::Json& row() const { return document->row; }
  std::string name() const { return document->row["name"].get<std::string>(); }
};
std::optional<FoundJob> find_job(const Context& context, const std::string& name);
std::optional<FoundJob> find_job(const Context& context);  // of the path's {name}
// Jobs of both kinds, each in the order of their creation, as one list in that order.
std::vector<DocumentPointer> in_order(const std::vector<DocumentPointer>& some, const std::vector<DocumentPointer>& others);
rest::Answer no_job();  // 404 "Job not found"

// As it is now, with what its training has told.
rest::Json shown_job(const Context& context, const FoundJob& job);
rest::Json shown_status(const Context& context, const FoundJob& job);

rest::Schema platform_job_answer_schema();

// The status that a refusal has here: a bound that is reached is the caller's, and trying again does not help.
rest::Answer refused(const Error& error);

// The parts, one file each.
void add_job_creation(Routes& routes);
void add_job_steps(Routes& routes);
void add_job_results(Routes& routes);  // under the prefixes of fine-tuning jobs as well
void add_job_logs(Routes& routes);     // the same
void add_log_ingestion(Routes& routes);  // of the files service

}  // namespace luthier::api
