#include "gpu/train/contrastive.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "gpu/kernels/gemm.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/train/retrieval.hpp"

namespace luthier::train {
namespace {

using kernels::Transpose;
constexpr std::array<std::int64_t, 3> measured_ks{1, 5, 10};
constexpr std::size_t measured_floats_max = 16 << 20;  // of documents' vectors: 64 MiB; validation rows beyond it are not ranked

// Which parts of the batch are queries and which documents, and whose.
struct Roles {
  std::vector<std::size_t> queries, documents;  // the texts' numbers in the batch
  std::vector<std::size_t> positive, row;       // of each query its positive among the documents; of each document its row
};

Roles roles_of(const RowsOf& rows) {
  Roles roles;
  std::size_t text = 0;
  for (std::size_t row = 0; row < rows.read.size(); ++row) {
    roles.queries.push_back(text++);
    roles.positive.push_back(roles.documents.size());
    for (std::size_t part = 1; part < rows.read[row].parts.size(); ++part) {
      roles.documents.push_back(text++);
      roles.row.push_back(row);
    }
  }
  return roles;
}

std::vector<float> chosen(const TextVectors& vectors, const std::vector<std::size_t>& texts) {
  std::vector<float> out;
  out.reserve(texts.size() * static_cast<std::size_t>(vectors.width));
  for (const std::size_t text : texts) out.insert(out.end(), vectors.of(text), vectors.of(text) + vectors.width);
  return out;
}

void put_back(const std::vector<float>& from, const std::vector<std::size_t>& texts, std::size_t width, std::vector<float>& to) {
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(i * width), width, to.begin() + static_cast<std::ptrdiff_t>(texts[i] * width));
}

// Each query's loss over its scores, which become their gradient times `scale`.
class Comparison {
 public:
  Comparison(const Contrastive& settings, const RowsOf& rows, model::Batch batch)
      : settings_(settings), batch_(std::move(batch)), roles_(roles_of(rows)) {}

  double loss(const TextVectors& vectors, float scale, std::vector<float>* gradient) {
    const auto queries = static_cast<std::int64_t>(roles_.queries.size()), documents = static_cast<std::int64_t>(roles_.documents.size());
    const std::int64_t width = vectors.width;
    const auto q = chosen(vectors, roles_.queries), d = chosen(vectors, roles_.documents);
    const float by = static_cast<float>(1 / settings_.temperature);
    std::vector<float> scores(static_cast<std::size_t>(queries * documents));
    kernels::gemm(Transpose::no, Transpose::yes, queries, documents, width, by, q.data(), width, d.data(), width, 0, scores.data(),
                  documents);
    double total = 0;
    for (std::int64_t query = 0; query < queries; ++query)
      total += softmax(static_cast<std::size_t>(query), scores.data() + query * documents, scale);
    if (gradient) {
      std::vector<float> dq(q.size()), dd(d.size());
      kernels::gemm(Transpose::no, Transpose::no, queries, width, documents, by, scores.data(), documents, d.data(), width, 0, dq.data(),
                    width);
      kernels::gemm(Transpose::yes, Transpose::no, documents, width, queries, by, scores.data(), documents, q.data(), width, 0, dd.data(),
                    width);
      gradient->assign(vectors.unit.size(), 0);
      put_back(dq, roles_.queries, static_cast<std::size_t>(width), *gradient);
      put_back(dd, roles_.documents, static_cast<std::size_t>(width), *gradient);
    }
    return total;
  }

 private:
  std::span<const std::int32_t> ids(std::size_t document) const {
    const std::size_t text = roles_.documents[document];
    const auto first = static_cast<std::size_t>(batch_.starts[text]), last = static_cast<std::size_t>(batch_.starts[text + 1]);
    return std::span(batch_.ids).subspan(first, last - first);
  }

  bool counts(std::size_t query, std::size_t document) const {
    const std::size_t positive = roles_.positive[query];
    if (document == positive) return true;
    return (settings_.in_batch_negatives || roles_.row[document] == query) && !std::ranges::equal(ids(document), ids(positive));
  }

  double softmax(std::size_t query, float* scores, float scale) const {
    const std::size_t documents = roles_.documents.size(), positive = roles_.positive[query];
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    std::vector<bool> in(documents);
    for (std::size_t j = 0; j < documents; ++j) {
      in[j] = counts(query, j);
      if (in[j]) largest = std::max(largest, static_cast<double>(scores[j]));
    }
    for (std::size_t j = 0; j < documents; ++j)
      if (in[j]) sum += std::exp(static_cast<double>(scores[j]) - largest);
    const double loss = std::log(sum) + largest - static_cast<double>(scores[positive]);
    for (std::size_t j = 0; j < documents; ++j) {
      const double share = in[j] ? std::exp(static_cast<double>(scores[j]) - largest) / sum : 0;
      scores[j] = static_cast<float>((share - (j == positive ? 1 : 0)) * static_cast<double>(scale));
    }
    return loss;
  }

  const Contrastive& settings_;
  model::Batch batch_;
  Roles roles_;
};

// Rows of a batch that go through the network together.
struct Part {
  model::Batch batch;
  std::size_t first_text = 0;
  model::PassDropout dropout;
};

std::vector<Part> parts_of(const RowsOf& rows, std::int64_t rows_at_once, const model::PassDropout& dropout) {
  const auto at_once = static_cast<std::size_t>(rows_at_once);
  std::vector<Part> parts;
  std::size_t texts = 0;
  for (std::size_t first = 0; first < rows.read.size(); first += at_once) {
    const auto count = std::min(at_once, rows.read.size() - first);
    const auto own = rows.read.begin() + static_cast<std::ptrdiff_t>(first);
    const RowsOf some{rows.examples, rows.rows.subspan(first, count), {own, own + static_cast<std::ptrdiff_t>(count)}};
    Part part{some.batch(), texts, dropout};
    // Masks of its own, the same ones both times. An odd number, so that no two parts of a run have one seed.
    part.dropout.seed += 0x9E3779B97F4A7C15u * parts.size();
    texts += part.batch.starts.size() - 1;
    parts.push_back(std::move(part));
  }
  return parts;
}

void add(const TextVectors& some, TextVectors& all) {
  all.width = some.width;
  all.unit.insert(all.unit.end(), some.unit.begin(), some.unit.end());
  all.length.insert(all.length.end(), some.length.begin(), some.length.end());
}

std::string key_of(const text::Row& text) {
  return {reinterpret_cast<const char*>(text.ids.data()), text.ids.size() * sizeof(text::TokenId)};
}

// The queries and documents of rows that came through the network together.
void add_to(RetrievalSet& set, TextSet& documents, const RowsOf& rows, const TextVectors& vectors) {
  const auto append = [&](std::vector<float>& to, std::size_t text) {
    to.insert(to.end(), vectors.of(text), vectors.of(text) + vectors.width);
  };
  std::size_t text = 0;
  for (const text::Example& example : rows.read) {
    append(set.queries, text++);
    for (std::size_t part = 1; part < example.parts.size(); ++part, ++text) {
      const auto [number, is_new] = documents.add(key_of(example.parts[part]));
      if (is_new) append(set.documents, text);
      if (part == 1) set.relevant.push_back({number});
    }
  }
}

}  // namespace

Result<void> check_pools(const checkpoint::Decoder& decoder, const std::filesystem::path& model) {
  if (decoder.pooling != checkpoint::Pooling::none) return {};
  return invalid(
      model.string() + ": a " + decoder.architecture +
          " makes no vectors of texts, because nothing says how to pool its hidden states. To make it an embedding model, put a file "
          "1_Pooling/config.json with {\"pooling_mode_lasttoken\": true} (or pooling_mode_mean_tokens, pooling_mode_cls_token) into its "
          "directory",
      "model");
}

// Which validation asks for. Where parts of a batch go through the network one by one, its rows need not fit together.
std::int64_t ContrastiveObjective::tokens_together_max(const Student& student) const {
  return rows_at_once_ < batch_size_ ? std::numeric_limits<std::int64_t>::max() : student.workspace.size.tokens;
}

double ContrastiveObjective::loss_and_gradient(const Student& student, const RowsOf& rows, float scale, const model::PassDropout& dropout) {
  const auto parts = parts_of(rows, rows_at_once_, dropout);
  TextVectors all, own;
  const auto read_part = [&](const Part& part) {
    timed_forward(student.network, part.batch, part.dropout, student.workspace);
    const kernels::Timed timed("head");
    own = text_vectors(student.network, part.batch, student.workspace);
  };
  for (const Part& part : parts) read_part(part), add(own, all);
  std::vector<float> gradient;
  double total = 0;
  {
    const kernels::Timed timed("head");
    total = Comparison(settings_, rows, rows.batch()).loss(all, scale, &gradient);
  }
  // The last part is in the workspace still, and so comes first.
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part != parts.rbegin()) read_part(*part);
    const auto first = gradient.begin() + static_cast<std::ptrdiff_t>(part->first_text * static_cast<std::size_t>(own.width));
    {
      const kernels::Timed timed("head");
      text_vectors_gradient(student.network, part->batch, own, {first, first + static_cast<std::ptrdiff_t>(own.unit.size())}, student.workspace);
    }
    timed_backward(student.network, part->batch, part->dropout, student.workspace);
  }
  return total;
}

double ContrastiveObjective::loss(const Student& student, const RowsOf& rows) {
  TextVectors all;
  for (const Part& part : parts_of(rows, rows_at_once_, {})) {
    model::forward(student.network, part.batch, {}, student.workspace);
    add(text_vectors(student.network, part.batch, student.workspace), all);
  }
  return Comparison(settings_, rows, rows.batch()).loss(all, 0, nullptr);
}

Result<Measures> ContrastiveObjective::measure(const Student& student, Examples& examples) {
  RetrievalSet set;
  set.width = student.network.decoder.hidden_size;
  TextSet documents;
  const auto seen = in_groups(examples, student.workspace.size.tokens, rows_together_max(), [&](const RowsOf& rows) {
    if (set.documents.size() > measured_floats_max) return;
    const model::Batch batch = rows.batch();
    model::forward(student.network, batch, {}, student.workspace);
    add_to(set, documents, rows, text_vectors(student.network, batch, student.workspace));
  });
  if (!seen) return seen.error();
  const RetrievalScores scores = score_retrieval(set, measured_ks);
  Measures measures;
  for (const auto& [k, recall] : scores.recall) measures.emplace_back("recall@" + std::to_string(k), recall);
  measures.emplace_back("ndcg@" + std::to_string(ndcg_ranks), scores.ndcg);
  return measures;
}

}  // namespace luthier::train
