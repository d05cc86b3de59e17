// What a run minimises: the loss of some rows and its gradient, for one pass through the network at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"
#include "gpu/train/examples.hpp"

namespace luthier::train {

// What trains, and where its passes run.
struct Student {
  const model::Network& network;
  model::Workspace& workspace;
};

using Measures = std::vector<std::pair<std::string, double>>;  // by their names in metrics.jsonl

class Objective {
 public:
  virtual ~Objective() = default;

  // Before the first step, and before a checkpoint's weights take the place of the first ones.
  virtual Result<void> begin(model::Workspace&) { return {}; }

  // Of how many things the loss is a mean: supervised tokens, preference pairs, or queries.
  virtual std::int64_t weight(const Examples& examples, std::span<const std::size_t> rows) const = 0;

  // The sum of the rows' losses; their gradient times `scale` is added to what is trained.
  virtual double loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) = 0;

  // The sum of the rows' losses alone.
  virtual double loss(const Student& student, const RowsOf& rows) = 0;

  // How many rows a validation puts through the network together at most: where a row's loss depends on the others.
  virtual std::size_t rows_together_max() const { return std::numeric_limits<std::size_t>::max(); }
  // And how many tokens: those of one pass, where the objective does not divide the rows itself.
  virtual std::int64_t tokens_together_max(const Student& student) const { return student.workspace.size.tokens; }

  // What a validation says beside the loss.
  virtual Result<Measures> measure(const Student&, Examples&) { return Measures{}; }
};

// model::forward() and backward(), as phases of a profile.
void timed_forward(const model::Network& network, const model::Batch& batch, const model::PassDropout& dropout, model::Workspace& workspace);
void timed_backward(const model::Network& network, const model::Batch& batch, const model::PassDropout& dropout, model::Workspace& workspace);

// The next token's cross entropy, where the rows' labels say so.
std::unique_ptr<Objective> make_supervised();

std::int64_t supervised_tokens(const Examples& examples, std::span<const std::size_t> rows);

struct LossSum {
  double loss = 0;          // over all supervised tokens, or pairs
  std::int64_t weight = 0;  // how many those are

  double mean() const { return weight > 0 ? loss / static_cast<double>(weight) : 0; }
};

// All rows in order, as many together as have at most so many tokens. None may be longer than that.
Result<void> in_groups(Examples& examples, std::int64_t tokens_max, std::size_t rows_max, const std::function<void(const RowsOf&)>& visit);

// Over all rows, without training on them. They go through the network together as long as they fit into the workspace; none of them
// may be longer than it.
Result<LossSum> loss_over(Objective& objective, const Student& student, Examples& examples);

}  // namespace luthier::train
