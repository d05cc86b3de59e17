// Training of embedding models (InfoNCE, arXiv 1807.03748): each query must find its own document among others. Scores are cosines
// divided by the temperature, the loss of a row is the cross entropy of its query's scores with its positive.
//
// Others are the row's own negatives, and with in_batch_negatives the positives and negatives of all rows of the micro-batch; a document
// that is the same as the row's positive is none of them. Micro-batches of one step do not see each other: only batch_size brings more.
//
// A batch may be more rows than the network can have at once (GradCache, arXiv 2101.06983): parts of it go through the network for their
// vectors alone, the loss of all gives each vector's gradient, and each part goes through again, to hand that on to the weights. The
// gradients are those of the whole batch, for a forward pass more of all parts but one.
#pragma once

#include "gpu/train/config.hpp"
#include "gpu/train/objective.hpp"
#include "gpu/train/text_vectors.hpp"

namespace luthier::train {

// An embedding model says how it pools; what to do about one that does not.
Result<void> check_pools(const checkpoint::Decoder& decoder, const std::filesystem::path& model);

class ContrastiveObjective : public Objective {
 public:
  ContrastiveObjective(Contrastive settings, std::int64_t batch_size, std::int64_t rows_at_once)
      : settings_(std::move(settings)), batch_size_(batch_size), rows_at_once_(rows_at_once) {}

  std::int64_t weight(const Examples&, std::span<const std::size_t> rows) const override { return static_cast<std::int64_t>(rows.size()); }
  double loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) override;
  double loss(const Student& student, const RowsOf& rows) override;
  // A loss depends on what it is compared with: validation compares as training does.
  std::size_t rows_together_max() const override { return static_cast<std::size_t>(batch_size_); }
  std::int64_t tokens_together_max(const Student& student) const override;
  // "recall@1", "recall@5", "recall@10" and "ndcg@10" of the rows' queries among all their documents.
  Result<Measures> measure(const Student& student, Examples& examples) override;

 private:
  Contrastive settings_;
  std::int64_t batch_size_, rows_at_once_;
};

}  // namespace luthier::train
