// Knowledge distillation from another model of the same vocabulary. Its logits exist for one chunk of rows at a time, as the
// student's do.
#pragma once

#include <filesystem>
#include <memory>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/text/tokenizer.hpp"
#include "gpu/train/config.hpp"
#include "gpu/train/objective.hpp"

namespace luthier::train {

// A teacher must give the same ids the same meaning. Reads descriptions only.
Result<checkpoint::Decoder> check_teacher(const std::filesystem::path& teacher, const checkpoint::Decoder& student,
                                          const text::Tokenizer& tokenizer);

// `pass`: of the student; the teacher's passes are as large, and go forward only.
model::PassSize teacher_pass(const model::PassSize& pass);

Result<std::unique_ptr<Objective>> make_distillation(const Distillation& settings, const std::filesystem::path& teacher,
                                                     const model::PassSize& pass, std::size_t memory_limit_bytes);

}  // namespace luthier::train
