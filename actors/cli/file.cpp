#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "actors/cli/upload.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

struct FileOptions {
  std::string fileset, path, source, out, at;
};

int put(Context& context, const FileOptions& options) {
  auto files = files_of(options.source);
  if (!files) return context.fail(files.error());
  const bool is_one = std::filesystem::is_regular_file(options.source);
  for (auto& file : *files)
    if (!options.path.empty()) file.path = is_one ? options.path : options.path + "/" + file.path;
  const auto stored = upload(context, *files);
  if (!stored) return context.fail(stored.error());
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto name = parse_name(context, options.fileset);
  auto receipts = ordered_json::array();
  for (const auto& file : *stored) {
    const ordered_json data{{"path", file.path}, {"digest", file.digest}, {"size", file.size}};
    auto receipt = (*client)->must({"fileset", "PutFile", name.workspace, name.name, "", data.dump(), "", ""});
    if (!receipt) return context.fail(receipt.error());
    if (!context.json) context.print(file.path + "  " + bytes_text(file.size) + "  sha256:" + file.digest.substr(0, 12) + "…");
    receipts.push_back(std::move(*receipt));
  }
  if (context.json) context.print_json(is_one ? receipts[0] : receipts);
  return exit_ok;
}

Result<ordered_json> files_in(Context& context, const FileOptions& options) {
  const auto client = context.connect();
  if (!client) return client.error();
  const auto name = parse_name(context, options.fileset);
  auto row = (*client)->get(name.workspace, "fileset", name.name, options.at);
  if (!row) return row;
  const auto files = row->find("files");
  return files != row->end() && files->is_array() ? *files : ordered_json::array();
}

int list(Context& context, const FileOptions& options) {
  const auto files = files_in(context, options);
  if (!files) return context.fail(files.error());
  if (context.json) {
    context.print_json(*files);
    return exit_ok;
  }
  Table table({"PATH", "SIZE", "SHA-256"});
  for (const auto& file : *files) table.add({text_of(file, "path"), bytes_text(number_of(file, "size")), text_of(file, "digest")});
  *context.out << table.text();
  return exit_ok;
}

int get(Context& context, const FileOptions& options) {
  const auto files = files_in(context, options);
  if (!files) return context.fail(files.error());
  for (const auto& file : *files) {
    if (text_of(file, "path") != options.path) continue;
    const std::filesystem::path to = options.out.empty() ? std::filesystem::path(options.path).filename() : std::filesystem::path(options.out);
    const events::File wanted{options.path, text_of(file, "digest"), number_of(file, "size")};
    if (auto ok = download(context, wanted, to); !ok) return context.fail(ok.error());
    if (context.json) context.print_json(file);
    else context.print(to.string() + "  " + bytes_text(wanted.size));
    return exit_ok;
  }
  return context.fail({ErrorCode::not_found, "fileset " + options.fileset + " has no file " + options.path, "path"});
}

int remove(Context& context, const FileOptions& options) {
  const auto name = parse_name(context, options.fileset);
  return send_command(context, "fileset", "DeleteFile", name, ordered_json{{"path", options.path}}, "deleted " + options.path);
}

}  // namespace

void add_files(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("file", "Files of a fileset");
  noun.require_subcommand(1);
  const auto options = std::make_shared<FileOptions>();
  const auto add_fileset = [&](CLI::App* verb) { verb->add_option("-f,--fileset", options->fileset, "The fileset: NAME, or WORKSPACE/NAME")->required(); };
  auto* put_verb = add_verb(noun, "put", "Store a file, or every file of a directory", context, [&context, options] { return put(context, *options); });
  put_verb->add_option("source", options->source, "FILE or DIR")->required();
  put_verb->add_option("--path", options->path, "Its path in the fileset; of a directory: what its paths begin with");
  add_fileset(put_verb);
  auto* list_verb = add_verb(noun, "list", "List the files of a fileset", context, [&context, options] { return list(context, *options); });
  add_fileset(list_verb);
  list_verb->add_option("--at", options->at, "As it was at this position or time");
  auto* get_verb = add_verb(noun, "get", "Write a file of a fileset to this disk, verified", context, [&context, options] { return get(context, *options); });
  get_verb->add_option("path", options->path, "Its path in the fileset")->required();
  get_verb->add_option("-o,--out", options->out, "Where to write it");
  get_verb->add_option("--at", options->at, "As it was at this position or time");
  add_fileset(get_verb);
  auto* delete_verb = add_verb(noun, "delete", "Take a file out of a fileset", context, [&context, options] { return remove(context, *options); });
  delete_verb->add_option("path", options->path, "Its path in the fileset")->required();
  add_fileset(delete_verb);
  add_examples(noun, {"luthier file put train.jsonl --fileset rows", "luthier file put ./notes --fileset notes --path 2026",
                      "luthier file get train.jsonl --fileset rows --out copy.jsonl"});
}

}  // namespace luthier::cli
