#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"
#include "actors/node/data_directory.hpp"
#include "events/log/rocks_log.hpp"
#include "events/log/verify.hpp"
#include "projections/projections.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

// Draws how far it is on stderr, for a person.
std::function<void(Position, Position)> progress_on(const Context& context, const std::string& what) {
  if (!context.error_screen.is_terminal) return nullptr;
  return [&context, what, drawn = std::chrono::steady_clock::time_point{}](Position done, Position of) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (done < of && now - drawn < std::chrono::milliseconds(100)) return;
    drawn = now;
    *context.err << "\r\x1b[K";
    if (done < of) *context.err << what << " " << progress_bar(of > 0 ? double(done) / double(of) : 1, 30) << " " << done << "/" << of;
    context.err->flush();
  };
}

ordered_json report_json(const log::VerifyReport& report) {
  ordered_json json{{"ok", report.ok}, {"log_id", report.log_id}, {"position", report.head.position}, {"hash", report.head.hash}};
  json["first_bad_position"] = report.first_bad ? ordered_json(*report.first_bad) : ordered_json(nullptr);
  json["findings"] = report.findings;
  json["notes"] = report.notes;
  return json;
}

// A data directory, or a log's own directory (such as a copy).
std::filesystem::path log_directory(const std::filesystem::path& data) {
  return std::filesystem::is_directory(data / "log") ? data / "log" : data;
}

int verify(Context& context) {
  const auto directory = log_directory(context.data);
  std::error_code failure;
  if (!std::filesystem::is_directory(directory, failure))
    return context.fail({ErrorCode::not_found, context.data.string() + ": there is no such directory", "data"});
  log::VerifyOptions options;
  options.on_progress = progress_on(context, "verifying");
  const auto report = log::verify_log(directory, options);
  if (context.json) {
    context.print_json(report_json(report));
    return report.ok ? exit_ok : exit_refused;
  }
  for (const auto& finding : report.findings) context.print(printable(finding));
  for (const auto& note : report.notes) context.print("note: " + printable(note));
  if (report.ok)
    context.print("the log verifies: " + std::to_string(report.head.position) + " events, head " + report.head.hash);
  else if (report.first_bad && *report.first_bad <= report.head.position)
    context.print("THE LOG DOES NOT VERIFY: see position " + std::to_string(*report.first_bad) + "; its chain is whole up to position " +
                  std::to_string(report.head.position));
  else
    context.print("THE LOG DOES NOT VERIFY" + (report.first_bad ? " from position " + std::to_string(*report.first_bad) + " on" : std::string()) +
                  "; up to position " + std::to_string(report.head.position) + " it does");
  return report.ok ? exit_ok : exit_refused;
}

int rebuild(Context& context) {
  const node::Layout layout{std::filesystem::absolute(context.data).lexically_normal()};
  if (!std::filesystem::is_directory(layout.log()))
    return context.fail({ErrorCode::not_found, layout.root.string() + " holds no log", "data"});
  const auto lock = node::DirectoryLock::take(layout.root / "lock");
  if (!lock) return context.fail(lock.error());
  log::RocksLogOptions options;
  options.directory = layout.log();
  options.anchor_file = layout.anchor();
  options.on_progress = progress_on(context, "verifying");
  const auto log = log::RocksLog::open(options);
  if (!log) return context.fail(log.error());
  const auto projections = projections::Projections::open({layout.projections()});
  if (!projections) return context.fail(projections.error());
  if (auto ok = (*projections)->rebuild(**log, progress_on(context, "folding")); !ok) return context.fail(ok.error());
  const auto position = (*projections)->position();
  if (context.json) context.print_json({{"position", position}});
  else context.print("folded " + std::to_string(position) + " events into the read models anew");
  return exit_ok;
}

}  // namespace

void add_audit(CLI::App& app, Context& context) {
  auto& audit = *app.add_subcommand("audit", "Is the log what was written?");
  audit.require_subcommand(1);
  add_verb(audit, "verify", "Check every record's hash and place; needs no server, and names the first bad position", context,
           [&context] { return verify(context); });
  add_examples(audit, {"luthier audit verify --data ./luthier-data", "luthier audit verify --data ./copy-of-log --json"});
  auto& projections = *app.add_subcommand("projections", "The read models, which the log can always make again");
  projections.require_subcommand(1);
  add_verb(projections, "rebuild", "Drop them and fold the whole log; the server must be stopped", context, [&context] { return rebuild(context); });
  add_examples(projections, {"luthier projections rebuild --data ./luthier-data"});
}

}  // namespace luthier::cli
