#include "gpu/train/distillation.hpp"

#include "gpu/kernels/distillation.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/model/head.hpp"

namespace luthier::train {
namespace {

struct Teacher {
  checkpoint::Model model;
  model::Network network;
  model::Workspace workspace;
};

class Distilled : public Objective {
 public:
  Distilled(const Distillation& settings, Teacher teacher) : settings_(settings), teacher_(std::move(teacher)) {}

  std::int64_t weight(const Examples& examples, std::span<const std::size_t> rows) const override { return supervised_tokens(examples, rows); }

  double loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) override {
    const model::Batch batch = rows.batch();
    ask_teacher(batch);
    timed_forward(student.network, batch, dropout, student.workspace);
    const double loss = head(student, batch, scale, dropout);
    timed_backward(student.network, batch, dropout, student.workspace);
    return loss;
  }

  double loss(const Student& student, const RowsOf& rows) override {
    const model::Batch batch = rows.batch();
    ask_teacher(batch);
    model::forward(student.network, batch, {}, student.workspace);
    double total = 0;
    model::logits(student.network, batch, student.workspace, [&](std::int64_t first, std::int64_t count, const float* logits) {
      total += compare(batch, first, count, logits, 0, nullptr);
    });
    return total;
  }

 private:
  void ask_teacher(const model::Batch& batch) {
    const kernels::Timed timed("teacher");
    model::forward(teacher_.network, batch, {}, teacher_.workspace);
  }

  double head(const Student& student, const model::Batch& batch, float scale, const model::PassDropout& dropout) {
    const kernels::Timed timed("head");
    return model::loss_and_gradient_by(
        student.network, batch, dropout, student.workspace,
        [&](std::int64_t first, std::int64_t count, float* logits) { return compare(batch, first, count, logits, scale, logits); });
  }

  double compare(const model::Batch& batch, std::int64_t first, std::int64_t rows, const float* logits, float scale, float* gradient) {
    const float* taught = model::chunk_logits(teacher_.network, batch, first, rows, {}, teacher_.workspace);
    return kernels::distillation(rows, teacher_.network.decoder.vocab_size, logits, taught, batch.targets.data() + first,
                                 {settings_.temperature, settings_.mixing}, scale, gradient);
  }

  Distillation settings_;
  Teacher teacher_;
};

}  // namespace

Result<checkpoint::Decoder> check_teacher(const std::filesystem::path& teacher, const checkpoint::Decoder& student,
                                          const text::Tokenizer& tokenizer) {
  auto decoder = checkpoint::read_decoder(teacher);
  if (!decoder) return with_context(decoder.error(), "the teacher");
  if (decoder->vocab_size != student.vocab_size)
    return invalid("the teacher " + teacher.string() + " has a vocabulary of " + std::to_string(decoder->vocab_size) + " tokens, the model one of " +
                       std::to_string(student.vocab_size) + "; they must be the same", "teacher");
  const auto theirs = text::Tokenizer::load(teacher);
  if (!theirs) return with_context(theirs.error(), "the teacher");
  for (std::int32_t id = 0; id < student.vocab_size; ++id) {
    const std::int32_t one[] = {id};
    if (theirs->decode(one, false) != tokenizer.decode(one, false))
      return invalid("the teacher " + teacher.string() + " means another text with token " + std::to_string(id) + " than the model; they must share a tokenizer",
                     "teacher");
  }
  return decoder;
}

model::PassSize teacher_pass(const model::PassSize& pass) { return {.tokens = pass.tokens, .head_chunk = pass.head_chunk}; }

Result<std::unique_ptr<Objective>> make_distillation(const Distillation& settings, const std::filesystem::path& path,
                                                     const model::PassSize& pass, std::size_t memory_limit_bytes) {
  auto base = checkpoint::load_model(path, memory_limit_bytes);
  if (!base) return base.error();
  Teacher teacher{.model = std::move(*base), .network = {}, .workspace = {}};
  auto network = model::bind(teacher.model.decoder, {.weights = &teacher.model.weights});
  if (!network) return network.error();
  auto workspace = model::make_workspace(teacher.model.decoder, nullptr, teacher_pass(pass));
  if (!workspace) return workspace.error();
  teacher.network = std::move(*network);  // its pointers are the weights' memory, which moving them leaves where it is
  teacher.workspace = std::move(*workspace);
  return std::unique_ptr<Objective>(std::make_unique<Distilled>(settings, std::move(teacher)));
}

}  // namespace luthier::train
