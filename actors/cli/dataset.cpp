#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/dataset_check.hpp"
#include "actors/cli/listing.hpp"
#include "actors/cli/upload.hpp"
#include "gpu/text/dataset_source.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct DatasetOptions {
  std::string source, name, description, model;
  std::int64_t length_max = 0;
};

// Structure for every .jsonl file; with a model also what its tokenizer and template make of the rows.
Result<ordered_json> check_file(const LocalFile& file, const DatasetOptions& options) {
  const auto found = check_rows(file.file);
  if (!found) return found.error();
  ordered_json report{{"file", file.path}, {"kind", found->kind}, {"rows", found->rows}};
  if (options.model.empty()) return report;
  const auto tokenizer = text::Tokenizer::load(options.model);
  if (!tokenizer) return tokenizer.error();
  auto rows = text::RowSource::open({file.file}, *tokenizer, {.rows = {.max_seq_length = options.length_max}});
  if (!rows) return rows.error();
  const auto& summary = rows->summary();
  report["rows_left_out"] = summary.left_out.count;
  report["tokens"] = summary.tokens;
  report["supervised_tokens"] = summary.supervised_tokens;
  return report;
}

Result<ordered_json> check_all(const std::vector<LocalFile>& files, const DatasetOptions& options) {
  auto reports = ordered_json::array();
  for (const auto& file : files) {
    if (!file.path.ends_with(".jsonl")) continue;
    auto report = check_file(file, options);
    if (!report) return report.error();
    reports.push_back(std::move(*report));
  }
  if (reports.empty()) return invalid(options.source + ": there is no .jsonl file");
  return reports;
}

void print_reports(const Context& context, const ordered_json& reports) {
  for (const auto& report : reports) {
    auto line = text_of(report, "file") + ": " + text_of(report, "rows") + " rows of the kind " + text_of(report, "kind");
    if (report.contains("tokens"))
      line += ", " + text_of(report, "tokens") + " tokens (" + text_of(report, "supervised_tokens") + " trained), " + text_of(report, "rows_left_out") + " rows left out";
    context.print(line);
  }
}

int check(Context& context, const DatasetOptions& options) {
  const auto files = files_of(options.source);
  if (!files) return context.fail(files.error());
  const auto reports = check_all(*files, options);
  if (!reports) return context.fail(reports.error());
  if (context.json) context.print_json(*reports);
  else print_reports(context, *reports);
  return exit_ok;
}

int import(Context& context, const DatasetOptions& options) {
  const auto files = files_of(options.source);
  if (!files) return context.fail(files.error());
  const auto reports = check_all(*files, options);
  if (!reports) return context.fail(reports.error());
  const auto stored = upload(context, *files);
  if (!stored) return context.fail(stored.error());
  const auto name = parse_name(context, options.name);
  if (auto ok = create_fileset(context, name, "dataset", options.description, *stored); !ok) return context.fail(ok.error());
  if (context.json) {
    context.print_json({{"fileset", name.text()}, {"files", *reports}});
    return exit_ok;
  }
  print_reports(context, *reports);
  context.print("dataset " + name.text() + ": " + std::to_string(stored->size()) + (stored->size() == 1 ? " file" : " files"));
  return exit_ok;
}

}  // namespace

void add_datasets(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("dataset", "Training rows: JSONL with prompt and completion, messages, preferences, or input_ids");
  noun.require_subcommand(1);
  const auto options = std::make_shared<DatasetOptions>();
  auto* import_verb = add_verb(noun, "import", "Check a file, or a directory of files, and store it as a fileset", context,
                               [&context, options] { return import(context, *options); });
  import_verb->add_option("source", options->source, "FILE.jsonl or DIR")->required();
  import_verb->add_option("--name", options->name, "The fileset's name")->required();
  import_verb->add_option("--description", options->description, "What the rows teach");
  auto* check_verb = add_verb(noun, "check", "Check rows, without a server", context, [&context, options] { return check(context, *options); });
  check_verb->add_option("source", options->source, "FILE.jsonl or DIR")->required();
  for (auto* verb : {import_verb, check_verb}) {
    verb->add_option("--with-model", options->model, "DIR or FILE.gguf: also look at them with its tokenizer and chat template");
    verb->add_option("--max-seq-length", options->length_max, "With it: rows are cut at this length")->check(CLI::NonNegativeNumber);
  }
  add_examples(noun, {"luthier dataset check train.jsonl --with-model ./smol.gguf", "luthier dataset import train.jsonl --name wordnet"});
}

}  // namespace luthier::cli
