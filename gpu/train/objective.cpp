#include "gpu/train/objective.hpp"

#include <cassert>

#include "gpu/kernels/profile.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/head.hpp"

namespace luthier::train {
namespace {

class Supervised : public Objective {
 public:
  std::int64_t weight(const Examples& examples, std::span<const std::size_t> rows) const override { return supervised_tokens(examples, rows); }

  double loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) override {
    const model::Batch batch = rows.batch();
    timed_forward(student.network, batch, dropout, student.workspace);
    const double loss = head(student, batch, scale, dropout);
    timed_backward(student.network, batch, dropout, student.workspace);
    return loss;
  }

  double loss(const Student& student, const RowsOf& rows) override {
    const model::Batch batch = rows.batch();
    model::forward(student.network, batch, {}, student.workspace);
    return model::loss(student.network, batch, student.workspace);
  }

 private:
  static double head(const Student& student, const model::Batch& batch, float scale, const model::PassDropout& dropout) {
    const kernels::Timed timed("head");
    return model::loss_and_gradient(student.network, batch, scale, dropout, student.workspace);
  }
};

}  // namespace

void timed_forward(const model::Network& network, const model::Batch& batch, const model::PassDropout& dropout, model::Workspace& workspace) {
  const kernels::Timed timed("forward");
  model::forward(network, batch, dropout, workspace);
}

void timed_backward(const model::Network& network, const model::Batch& batch, const model::PassDropout& dropout, model::Workspace& workspace) {
  const kernels::Timed timed("backward");
  model::backward(network, batch, dropout, workspace);
}

std::int64_t supervised_tokens(const Examples& examples, std::span<const std::size_t> rows) {
  std::int64_t tokens = 0;
  for (const std::size_t row : rows) tokens += examples.supervised(row);
  return tokens;
}

std::unique_ptr<Objective> make_supervised() { return std::make_unique<Supervised>(); }

Result<void> in_groups(Examples& examples, std::int64_t tokens_max, std::size_t rows_max, const std::function<void(const RowsOf&)>& visit) {
  std::vector<std::size_t> rows;
  std::int64_t tokens = 0;
  const auto flush = [&]() -> Result<void> {
    const auto together = read_rows_of(examples, rows);
    if (!together) return together.error();
    visit(*together);
    rows.clear();
    tokens = 0;
    return {};
  };
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const std::int64_t length = examples.tokens(row);
    assert(length <= tokens_max);
    if (tokens + length > tokens_max || rows.size() >= rows_max)
      if (auto flushed = flush(); !flushed) return flushed;
    rows.push_back(row);
    tokens += length;
  }
  return rows.empty() ? Result<void>{} : flush();
}

Result<LossSum> loss_over(Objective& objective, const Student& student, Examples& examples) {
  LossSum sum;
  const auto seen = in_groups(examples, objective.tokens_together_max(student), objective.rows_together_max(), [&](const RowsOf& rows) {
    sum.loss += objective.loss(student, rows);
    sum.weight += objective.weight(examples, rows.rows);
  });
  if (!seen) return seen.error();
  return sum;
}

}  // namespace luthier::train
