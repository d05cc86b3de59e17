// Direct preference optimisation (arXiv 2305.18290): the loss of a pair is -log sigmoid(beta * (how much more likely the chosen answer
// has become than it was under the reference, less the same of the rejected one)). Log-probabilities are sums over an answer's tokens.
#pragma once

#include <optional>
#include <vector>

#include "gpu/train/config.hpp"
#include "gpu/train/objective.hpp"

namespace luthier::train {

// The reference is asked for a row's log-probabilities once and never kept beside the student: with an adapter it is the base without
// it, at any time; of full weights it is the student before its first step, so it is asked for all rows then.
class PreferenceObjective : public Objective {
 public:
  // `ask_first`: rows to ask the reference about before the first step.
  PreferenceObjective(Dpo dpo, const model::Network& reference, std::vector<Examples*> ask_first)
      : dpo_(dpo), reference_(reference), ask_first_(std::move(ask_first)) {}

  Result<void> begin(model::Workspace& workspace) override;
  std::int64_t weight(const Examples&, std::span<const std::size_t> rows) const override { return static_cast<std::int64_t>(rows.size()); }
  double loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) override;
  double loss(const Student& student, const RowsOf& rows) override;

 private:
  struct Pair {
    double chosen, rejected;
  };
  struct Known {
    const Examples* examples;
    std::vector<std::optional<Pair>> pairs;
  };
  static std::vector<Pair> pairs_of(const model::Network& network, const model::Batch& batch, const model::PassDropout& dropout,
                                    model::Workspace& workspace);
  static void head_backward(const Student& student, const model::Batch& batch, const std::vector<float>& weights, const model::PassDropout& dropout);
  std::vector<std::optional<Pair>>& known(const Examples& examples);
  void ask(const RowsOf& rows, const model::Batch& batch, model::Workspace& workspace);
  // How far the student prefers the chosen answer of each pair beyond the reference, times beta.
  std::vector<double> margins(const RowsOf& rows, const std::vector<Pair>& pairs);

  Dpo dpo_;
  const model::Network& reference_;
  std::vector<Examples*> ask_first_;
  std::vector<Known> known_;  // one for each file: of training and of validation rows
};

}  // namespace luthier::train
