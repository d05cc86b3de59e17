#include "gpu/train/retrieval_command.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "gpu/checkpoint/memory.hpp"
#include "gpu/model/block_shape.hpp"
#include "gpu/text/dataset_lines.hpp"
#include "gpu/text/rows.hpp"
#include "gpu/text/text_cut.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/contrastive.hpp"
#include "gpu/train/readable.hpp"
#include "gpu/train/retrieval.hpp"

namespace luthier::train {
namespace {

using nlohmann::json;

constexpr std::int64_t tokens_together = 2048;  // through the network at once, or one text
constexpr std::int64_t states_together = 32;   // there is room for the logits of so many, where the model has them
constexpr std::int64_t k_max = 1'000'000;

// What is asked and what is searched, each text once.
struct Texts {
  TextSet query_numbers, document_numbers;
  std::vector<std::string> queries, documents;
  std::vector<std::vector<std::size_t>> relevant;

  std::size_t document(const std::string& text) {
    const auto [number, is_new] = document_numbers.add(text);
    if (is_new) documents.push_back(text);
    return number;
  }
};

Result<std::string> text_of(const json& row, const char* name) {
  const auto found = row.find(name);
  if (found == row.end()) return invalid("\"" + std::string(name) + "\" is missing", name);
  if (!found->is_string()) return invalid("\"" + std::string(name) + "\" must be a string", name);
  auto text = found->get<std::string>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return invalid("\"" + std::string(name) + "\" is an empty text", name);
  return text;
}

Result<void> add_triple(Texts& texts, const json& row) {
  const auto query = text_of(row, "query");
  if (!query) return with_context(query.error(), "evaluation takes embedding rows, {\"query\", \"pos_doc\", \"neg_doc\": [...]}");
  const auto positive = text_of(row, "pos_doc");
  if (!positive) return positive.error();
  const auto [number, is_new] = texts.query_numbers.add(*query);
  if (is_new) {
    texts.queries.push_back(*query);
    texts.relevant.emplace_back();
  }
  auto& relevant = texts.relevant[number];
  if (const std::size_t document = texts.document(*positive); std::ranges::find(relevant, document) == relevant.end())
    relevant.push_back(document);
  const auto others = row.find("neg_doc");
  if (others == row.end() || others->is_null()) return {};
  if (!others->is_array()) return invalid("\"neg_doc\" must be a list of strings", "neg_doc");
  for (const json& other : *others) {
    const auto text = text_of({{"neg_doc", other}}, "neg_doc");
    if (!text) return text.error();
    texts.document(*text);
  }
  return {};
}

Result<void> add_document(Texts& texts, const json& row) {
  const auto text = text_of(row, "text");
  if (!text) return text.error();
  texts.document(*text);
  return {};
}

Result<void> read_file(const std::filesystem::path& path, Texts& texts, Result<void> (*add)(Texts&, const json&)) {
  const auto file = text::DataFile::open(path);
  if (!file) return file.error();
  text::DataLines lines(*file, text::row_bytes_max);
  for (;;) {
    const auto more = lines.next();
    if (!more) return more.error();
    if (!*more) return {};
    const std::string place = path.string() + ": row " + std::to_string(lines.number());
    if (lines.is_too_long())
      return Error{ErrorCode::limit, place + " is longer than " + std::to_string(text::row_bytes_max) + " bytes", {}};
    if (lines.line().find_first_not_of(" \t\r\n") == std::string_view::npos) continue;
    const auto row = json::parse(lines.line(), nullptr, false);
    if (!row.is_object()) return invalid(place + ": not a JSON object");
    if (auto added = add(texts, row); !added) return with_context(added.error(), place);
  }
}

Result<std::vector<std::vector<text::TokenId>>> encode(const text::Tokenizer& tokenizer, const checkpoint::Decoder& decoder,
                                                       const std::string& prefix, const std::vector<std::string>& texts,
                                                       std::int64_t length) {
  const std::size_t tail = text::tokens_added_at_end(tokenizer);
  std::vector<std::vector<text::TokenId>> encoded;
  for (const std::string& text : texts) {
    auto ids = tokenizer.encode(prefix + text, true);
    if (!ids) return ids.error();
    if (ids->empty())
      return invalid("the text " + json(text.substr(0, 40)).dump(-1, ' ', false, json::error_handler_t::replace) + " has no tokens");
    text::cut_text(*ids, length, tail);
    for (const text::TokenId id : *ids)
      if (id >= decoder.vocab_size)
        return invalid(
            "the tokenizer has a token " + std::to_string(id) + ", the model a vocabulary of " + std::to_string(decoder.vocab_size),
            "model");
    encoded.push_back(std::move(*ids));
  }
  return encoded;
}

// Many short texts go through the network together.
Result<std::vector<float>> embed(const Loaded& loaded, const std::vector<std::vector<text::TokenId>>& texts) {
  std::int64_t longest = tokens_together;
  for (const auto& ids : texts) longest = std::max(longest, static_cast<std::int64_t>(ids.size()));
  auto workspace = model::make_workspace(loaded.base.decoder, loaded.trainable ? loaded.trainable->lora_layout() : nullptr,
                                         {.tokens = longest, .head_chunk = states_together, .stored_weights = loaded.storage != checkpoint::BaseStorage::f32});
  if (!workspace) return workspace.error();
  std::vector<float> vectors;
  vectors.reserve(texts.size() * static_cast<std::size_t>(loaded.base.decoder.hidden_size));
  std::vector<model::Sequence> together;
  std::int64_t tokens = 0;
  bool finite = true;
  const auto flush = [&] {
    const auto batch = model::make_batch(together);
    model::forward(loaded.network, batch, {}, *workspace);
    const TextVectors made = text_vectors(loaded.network, batch, *workspace);
    vectors.insert(vectors.end(), made.unit.begin(), made.unit.end());
    for (const double length : made.length) finite = finite && std::isfinite(length);
    together.clear();
    tokens = 0;
  };
  for (const auto& ids : texts) {
    if (tokens + static_cast<std::int64_t>(ids.size()) > longest) flush();
    together.push_back({ids, {}});
    tokens += static_cast<std::int64_t>(ids.size());
  }
  if (!together.empty()) flush();
  if (!finite)
    return Error{ErrorCode::corrupt, "the model's hidden states are not finite: its weights are damaged, or its training has diverged", "model"};
  return vectors;
}

Result<RetrievalScores> run(const EvalEmbeddingOptions& options) {
  for (const std::int64_t k : options.ks)
    if (k < 1 || k > k_max) return invalid("--k must be whole numbers from 1 to " + std::to_string(k_max), "k");
  if (options.max_length < 1) return invalid("--max-length must be at least 1", "max-length");
  const auto storage = base_storage_of(options.base_storage);
  if (!storage) return storage.error();
  const auto decoder = checkpoint::read_decoder(options.model);
  if (!decoder) return decoder.error();
  if (auto can = check_pools(*decoder, options.model); !can) return can.error();
  const auto tokenizer = text::Tokenizer::load(options.model);
  if (!tokenizer) return tokenizer.error();
  Texts texts;
  if (auto read = read_file(options.data, texts, add_triple); !read) return read.error();
  if (texts.queries.empty()) return invalid(options.data.string() + " has no rows", "data");
  if (!options.corpus.empty())
    if (auto read = read_file(options.corpus, texts, add_document); !read) return read.error();
  const std::size_t vectors_bytes =
      (texts.queries.size() + texts.documents.size()) * static_cast<std::size_t>(decoder->hidden_size) * sizeof(float);
  if (vectors_bytes > checkpoint::free_memory_bytes() / 2)
    return Error{ErrorCode::out_of_memory,
                 "the vectors of " + grouped(static_cast<std::int64_t>(texts.documents.size())) + " documents take " +
                     readable_bytes(vectors_bytes) + ", more than half of what is free",
                 "corpus"};
  const std::int64_t length = std::min(options.max_length, model::length_max(*decoder));
  const auto queries = encode(*tokenizer, *decoder, decoder->query_prefix, texts.queries, length);
  if (!queries) return queries.error();
  const auto documents = encode(*tokenizer, *decoder, decoder->passage_prefix, texts.documents, length);
  if (!documents) return documents.error();
  const auto loaded = load(options.model, options.adapter, model::Keep::values, *storage);
  if (!loaded) return loaded.error();
  auto of_queries = embed(*loaded, *queries);
  if (!of_queries) return of_queries.error();
  auto of_documents = embed(*loaded, *documents);
  if (!of_documents) return of_documents.error();
  return score_retrieval({.width = decoder->hidden_size,
                          .queries = std::move(*of_queries),
                          .documents = std::move(*of_documents),
                          .relevant = std::move(texts.relevant)},
                         options.ks);
}

}  // namespace

int eval_embedding(const EvalEmbeddingOptions& options, std::ostream& out, std::ostream& err) {
  use_threads(options.threads);
  const auto scores = run(options);
  if (!scores) return refuse(err, scores.error());
  nlohmann::ordered_json line{{"queries", scores->queries}, {"documents", scores->documents}};
  for (const auto& [k, recall] : scores->recall) line["recall@" + std::to_string(k)] = recall;
  line["ndcg@" + std::to_string(ndcg_ranks)] = scores->ndcg;
  if (options.json) {
    out << line.dump() << std::endl;
    return exit_done;
  }
  for (const auto& [name, value] : line.items())
    out << name << std::string(12 - std::min<std::size_t>(11, name.size()), ' ')
        << (value.is_number_float() ? formatted("%.4f", value.get<double>()) : grouped(value.get<std::int64_t>())) << "\n";
  out.flush();
  return exit_done;
}

}  // namespace luthier::train
