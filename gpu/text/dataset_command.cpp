#include "gpu/text/dataset_command.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/text/dataset_files.hpp"
#include "gpu/text/dataset_report.hpp"

namespace luthier::text {
namespace {

constexpr int exit_bad_input = 2;

int refuse(std::ostream& err, const Error& error) {
  std::string line = error.message;
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  err << "luthier: " << line << std::endl;
  return exit_bad_input;
}

DatasetOptions dataset_options(const CheckDataOptions& options, std::ostream& err) {
  DatasetOptions made;
  made.rows.max_seq_length = options.max_seq_length;
  made.rows.append_end_token = options.append_end_token;
  made.rows.prompt_template = options.prompt_template;
  // A directory may have a tokenizer alone; the model's vocabulary is the larger one, where there is a model.
  if (const auto decoder = checkpoint::read_decoder(options.model)) made.rows.vocab_size = decoder->vocab_size;
  if (options.shows_progress)
    made.progress = [&err, last = std::uint64_t{0}](const ReadingProgress& now) mutable {
      const std::uint64_t percent = now.bytes_total > 0 ? now.bytes_read * 100 / now.bytes_total : 100;
      if (percent == last) return;
      err << "\r" << percent << " %" << (percent == 100 ? "\r\033[K" : "") << std::flush;
      last = percent;
    };
  return made;
}

Result<void> print_rows(RowSource& source, std::ostream& out) {
  constexpr std::size_t together = 64;
  for (std::size_t begin = 0; begin < source.size() && out; begin += together) {
    std::vector<std::size_t> rows(std::min(together, source.size() - begin));
    std::iota(rows.begin(), rows.end(), begin);
    const auto examples = source.read(rows);
    if (!examples) return examples.error();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto parts = nlohmann::ordered_json::array();
      for (const Row& part : (*examples)[i].parts) parts.push_back({{"input_ids", part.ids}, {"labels", part.labels}});
      out << nlohmann::ordered_json{{"row", source.at(rows[i]).line}, {"parts", std::move(parts)}}.dump() << "\n";
    }
  }
  if (!out.flush()) return Error{ErrorCode::io, "standard output cannot be written", {}};
  return {};
}

Result<void> print_report(RowSource& source, const Tokenizer& tokenizer, const CheckDataOptions& options, std::ostream& out) {
  const auto report = report_on(source, tokenizer);
  if (!report) return report.error();
  if (options.json)
    out << json_of(*report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  else
    out << text_of(*report, options.coloured) << std::flush;
  return {};
}

}  // namespace

int check_data(const CheckDataOptions& options, std::ostream& out, std::ostream& err) {
  const auto tokenizer = Tokenizer::load(options.model);
  if (!tokenizer) return refuse(err, tokenizer.error());
  const auto files = find_dataset(options.data);
  if (!files) return refuse(err, files.error());
  for (const auto* set : {&files->training, &files->validation}) {
    if (set->empty()) continue;
    auto source = RowSource::open(*set, *tokenizer, dataset_options(options, err));
    if (!source) return refuse(err, source.error());
    if (source->summary().rows_read == 0) return refuse(err, invalid(set->front().string() + ": there are no rows"));
    const auto printed = options.rows ? print_rows(*source, out) : print_report(*source, *tokenizer, options, out);
    if (!printed) return refuse(err, printed.error());
  }
  return 0;
}

}  // namespace luthier::text
