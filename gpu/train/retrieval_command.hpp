// luthier eval-embedding: queries against all documents of a file, and more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace luthier::train {

struct EvalEmbeddingOptions {
  std::filesystem::path model;              // --model
  std::filesystem::path adapter;            // --adapter
  std::filesystem::path data;               // --data: {"query", "pos_doc", "neg_doc"?} a line; rows of one query are one query
  std::filesystem::path corpus;             // --corpus: more documents, {"text"} a line
  std::vector<std::int64_t> ks{1, 5, 10};   // --k
  std::int64_t max_length = 512;            // --max-length: texts are cut to it, and to what the model has positions for
  std::string base_storage = "f32";         // --base-storage f32|bf16|int8|nf4|as_stored: what the weights are kept as
  bool json = false;                        // --json: {"queries", "documents", "recall@1", …, "ndcg@10"}
  int threads = 0;
};
// The process's exit code: 0, or 2 after a line on `err`.
int eval_embedding(const EvalEmbeddingOptions& options, std::ostream& out, std::ostream& err);

}  // namespace luthier::train
