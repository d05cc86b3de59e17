#include "gpu/train/preference.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/kernels/cross_entropy.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/model/head.hpp"

namespace luthier::train {
namespace {

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double sigmoid(double x) { return x > 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

// Which sequence each head row belongs to. Rows stand in the sequences' order.
std::vector<std::size_t> sequences_of(const model::Batch& batch) {
  std::vector<std::size_t> sequences;
  std::size_t sequence = 0;
  for (const std::int32_t row : batch.head_rows) {
    while (row >= batch.starts[sequence + 1]) ++sequence;
    sequences.push_back(sequence);
  }
  return sequences;
}

}  // namespace

// Each pair is two sequences of the batch, chosen and rejected.
std::vector<PreferenceObjective::Pair> PreferenceObjective::pairs_of(const model::Network& network, const model::Batch& batch,
                                                                     const model::PassDropout& dropout, model::Workspace& ws) {
  model::forward(network, batch, dropout, ws);
  std::vector<double> sums(batch.starts.size() - 1);
  const auto sequences = sequences_of(batch);
  std::vector<float> losses(static_cast<std::size_t>(ws.size.head_chunk));
  for (std::int64_t first = 0; first < batch.supervised(); first += ws.size.head_chunk) {
    const std::int64_t rows = std::min(ws.size.head_chunk, batch.supervised() - first);
    const float* logits = model::chunk_logits(network, batch, first, rows, dropout, ws);
    kernels::cross_entropy(rows, network.decoder.vocab_size, logits, batch.targets.data() + first, 0, nullptr, losses.data());
    for (std::int64_t r = 0; r < rows; ++r)
      sums[sequences[static_cast<std::size_t>(first + r)]] -= static_cast<double>(losses[static_cast<std::size_t>(r)]);
  }
  std::vector<Pair> pairs;
  for (std::size_t s = 0; s + 1 < sums.size(); s += 2) pairs.push_back({sums[s], sums[s + 1]});
  return pairs;
}

std::vector<std::optional<PreferenceObjective::Pair>>& PreferenceObjective::known(const Examples& examples) {
  for (Known& one : known_)
    if (one.examples == &examples) return one.pairs;
  known_.push_back({&examples, std::vector<std::optional<Pair>>(examples.size())});
  return known_.back().pairs;
}

void PreferenceObjective::ask(const RowsOf& rows, const model::Batch& batch, model::Workspace& workspace) {
  auto& pairs = known(*rows.examples);
  bool all = true;
  for (const std::size_t row : rows.rows) all = all && pairs[row];
  if (all) return;
  const kernels::Timed timed("reference");
  const auto answers = pairs_of(reference_, batch, {}, workspace);
  for (std::size_t i = 0; i < answers.size(); ++i) pairs[rows.rows[i]] = answers[i];
}

Result<void> PreferenceObjective::begin(model::Workspace& workspace) {
  for (Examples* examples : ask_first_)
    for (std::size_t row = 0; row < examples->size(); ++row) {
      const auto alone = read_rows_of(*examples, {&row, 1});
      if (!alone) return alone.error();
      ask(*alone, alone->batch(), workspace);
    }
  return {};
}

std::vector<double> PreferenceObjective::margins(const RowsOf& rows, const std::vector<Pair>& pairs) {
  const auto& reference = known(*rows.examples);
  std::vector<double> margins;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Pair& was = *reference[rows.rows[i]];
    margins.push_back(dpo_.beta * ((pairs[i].chosen - was.chosen) - (pairs[i].rejected - was.rejected)));
  }
  return margins;
}

// The gradient of the sum of each sequence's cross entropy times its weight.
void PreferenceObjective::head_backward(const Student& student, const model::Batch& batch, const std::vector<float>& weights,
                                        const model::PassDropout& dropout) {
  const kernels::Timed timed("head");
  const auto sequences = sequences_of(batch);
  const std::int64_t vocabulary = student.network.decoder.vocab_size;
  model::loss_and_gradient_by(student.network, batch, dropout, student.workspace, [&](std::int64_t first, std::int64_t count, float* logits) {
    for (std::int64_t begin = 0; begin < count;) {  // runs of rows of one sequence have one weight
      const std::size_t sequence = sequences[static_cast<std::size_t>(first + begin)];
      std::int64_t end = begin + 1;
      while (end < count && sequences[static_cast<std::size_t>(first + end)] == sequence) ++end;
      float* run = logits + begin * vocabulary;
      kernels::cross_entropy(end - begin, vocabulary, run, batch.targets.data() + first + begin, weights[sequence], run, nullptr);
      begin = end;
    }
    return 0.0;
  });
}

double PreferenceObjective::loss(const Student& student, const RowsOf& rows) {
  const model::Batch batch = rows.batch();
  ask(rows, batch, student.workspace);
  double total = 0;
  for (const double margin : margins(rows, pairs_of(student.network, batch, {}, student.workspace))) total += softplus(-margin);
  return total;
}

// The loss's gradient is that of a sum of log-probabilities in which each answer has its own weight, known only when both answers
// have been read to their end: so the head runs twice.
double PreferenceObjective::loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) {
  const model::Batch batch = rows.batch();
  ask(rows, batch, student.workspace);
  const auto pair_margins = [&] {
    const kernels::Timed timed("forward");
    return margins(rows, pairs_of(student.network, batch, dropout, student.workspace));
  }();
  double total = 0;
  std::vector<float> weights;  // of each sequence's cross entropy
  for (const double margin : pair_margins) {
    total += softplus(-margin);
    const auto weight = static_cast<float>(dpo_.beta * sigmoid(-margin)) * scale;
    weights.push_back(weight);
    weights.push_back(-weight);
  }
  head_backward(student, batch, weights, dropout);
  timed_backward(student.network, batch, dropout, student.workspace);
  return total;
}

}  // namespace luthier::train
