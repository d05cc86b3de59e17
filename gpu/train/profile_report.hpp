// A profile as a table for a person, and as a Chrome trace (chrome://tracing, Perfetto).
#pragma once

#include <filesystem>
#include <string>

#include "events/base/result.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::train {

// One line an operation, the longest first; what is below a thousandth of the whole is one line. `steps`: that were measured.
std::string profile_table(const kernels::Profile& profile, std::int64_t steps);

// The Trace Event Format: complete events ("ph": "X") in microseconds.
Result<void> write_trace(const std::filesystem::path& file, const kernels::Profile& profile);

}  // namespace luthier::train
