// The reading of a checkpoint as a job of source "models-system", as clients look for it.
#pragma once

#include "events/model/rules.hpp"

namespace luthier::events {

inline constexpr std::string_view analysis_source = "models-system";

// Whether a reading says something that the model does not say yet. Another version of files that are as good or as bad as before, or
// come one by one, does not.
bool is_news(const ModelState& model, const std::string& error);

// The facts of its job. `error`: why there is no spec; empty: `spec` is what was read.
Facts analysis_job(const World& world, const Request& request, const ModelState& model, const FilesetState& fileset, const JsonText& spec,
                   const std::string& error, const Limits& limits);

}  // namespace luthier::events
