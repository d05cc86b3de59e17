#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/bus/nats_bus.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/cli/client.hpp"
#include "actors/cli/history.hpp"
#include "actors/cli/listing.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t page_max = 1000;
constexpr std::int64_t lines_for_people = 50;

struct TailOptions {
  std::int64_t from = 0, limit = 0;
  bool follow = false;
};

std::string data_text(const ordered_json& data) {
  std::string text;
  if (!data.is_object()) return text;
  for (const auto& [name, member] : data.items()) {
    if (member.is_structured() || member.is_null() || (member.is_string() && member.get_ref<const std::string&>().empty())) continue;
    text += (text.empty() ? "" : " ") + printable(name) + "=" + cut_to(text_of(data, name), 60);
  }
  return text;
}

// "/workspaces/default/models/smol" -> "default/smol"
std::string entity_text(const std::string& source) {
  const auto workspace = source.find('/', 1), kind = source.find('/', workspace + 1), name = source.find('/', kind + 1);
  if (name == std::string::npos) return source;
  return source.substr(workspace + 1, kind - workspace) + source.substr(name + 1);
}

// Reads from a position on, page by page; where it got to.
Result<std::int64_t> read_log(Context& context, Client& client, std::int64_t from, std::int64_t until_count) {
  while (until_count > 0) {
    const ordered_json body{{"from", from}, {"limit", std::min(page_max, until_count)}};
    const auto page = client.query("system", "log", "read", body);
    if (!page) return page.error();
    const auto items = page->find("items");
    if (items == page->end() || !items->is_array() || items->empty()) return from;
    for (const auto& event : *items) {
      print_event(context, event);
      from = number_of(event, "position") + 1;
    }
    until_count -= static_cast<std::int64_t>(items->size());
  }
  return from;
}

Result<std::int64_t> first_position(Client& client, const Context& context, const TailOptions& options) {
  if (options.from > 0) return options.from;
  const auto last = options.limit > 0 ? options.limit : context.json ? 0 : lines_for_people;
  if (last == 0) return 1;
  const auto status = client.query("system", "server", "status", ordered_json::object());
  if (!status) return status.error();
  return std::max<std::int64_t>(1, number_of(*status, "item.log_position") - last + 1);
}

// What is published only wakes us: the log itself is read, so that nothing is missed and nothing comes twice.
int follow(Context& context, Client& client, std::int64_t from) {
  std::atomic<bool> has_news = false;
  const auto subscription = client.subscribe(std::string(bus::all_events), [&](bus::Message) { has_news = true; });
  if (!subscription) return context.fail(subscription.error());
  for (int waited_ms = 0;; waited_ms += 50) {
    if (has_news.exchange(false) || waited_ms >= 2000) {
      const auto next = read_log(context, client, from, INT64_MAX);
      if (!next && next.error().code != ErrorCode::unavailable) return context.fail(next.error());
      if (next) from = *next;
      waited_ms = 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

int tail(Context& context, const TailOptions& options) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto first = first_position(**client, context, options);
  if (!first) return context.fail(first.error());
  const auto next = read_log(context, **client, *first, options.limit > 0 ? options.limit : INT64_MAX);
  if (!next) return context.fail(next.error());
  return options.follow ? follow(context, **client, *next) : exit_ok;
}

}  // namespace

std::string event_row(const ordered_json& event) {
  auto type = text_of(event, "type");
  if (type.starts_with("luthier.")) type = type.substr(8, type.rfind('.') - 8);
  auto time = text_of(event, "time");
  if (time.size() > 19) time.resize(19);
  std::string row = text_of(event, "position") + "  " + time + "  " + type + "  " + entity_text(text_of(event, "source"));
  const auto data = event.find("data");
  if (const auto text = data != event.end() ? data_text(*data) : ""; !text.empty()) row += "  " + text;
  return row;
}

void print_event(const Context& context, const ordered_json& event) {
  if (context.json) context.print_json(event);
  else context.print(context.screen.is_terminal ? cut_to(event_row(event), static_cast<std::size_t>(context.screen.width)) : event_row(event));
}

int print_history(Context& context, const std::string& entity, const Name& name, std::int64_t from) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  std::size_t events = 0;
  while (from > 0) {
    const auto page = (*client)->query(name.workspace, entity, "history", ordered_json{{"name", name.name}, {"from", from}, {"limit", page_max}});
    if (!page) return context.fail(page.error());
    for (const auto& event : page->value("items", ordered_json::array())) {
      print_event(context, event);
      ++events;
    }
    const auto next = text_of(*page, "next");
    from = next.empty() ? 0 : std::strtoll(next.c_str(), nullptr, 10);
  }
  if (events == 0) return context.fail({ErrorCode::not_found, "the log has no " + entity + " " + name.text(), "name"});
  return exit_ok;
}

void add_log(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("log", "The event log: what happened, in order");
  noun.require_subcommand(1);
  const auto options = std::make_shared<TailOptions>();
  auto* verb = add_verb(noun, "tail", "Print events: the last 50, or with --json all", context, [&context, options] { return tail(context, *options); });
  verb->add_option("--from", options->from, "From this position on")->check(CLI::PositiveNumber);
  verb->add_option("--limit,-n", options->limit, "At most so many: the last ones, or with --from the first")->check(CLI::PositiveNumber);
  verb->add_flag("--follow", options->follow, "Stay and print what comes");
  add_examples(noun, {"luthier log tail --follow", "luthier log tail --from 1 --limit 10 --json"});

  struct HistoryOptions {
    std::string entity, name, adapter;
    std::int64_t from = 1;
  };
  const auto history = std::make_shared<HistoryOptions>();
  auto* history_verb = app.add_subcommand("history", "What has happened to one entity, from the log");
  history_verb->add_option("entity", history->entity, "workspace, fileset, model, adapter, job, deployment or worker")->required();
  history_verb->add_option("name", history->name, "NAME, or WORKSPACE/NAME")->required();
  history_verb->add_option("--adapter", history->adapter, "Of a model: only what happened to this adapter");
  history_verb->add_option("--from", history->from, "From this position on")->check(CLI::PositiveNumber);
  history_verb->callback([&context, history] {
    auto name = parse_name(context, history->name);
    auto entity = history->entity;
    if (!history->adapter.empty()) entity = "adapter", name.name = history->adapter;
    if (entity == "worker" || entity == "workspace") name.workspace = "system";
    context.exit_code = print_history(context, entity, name, history->from);
  });
  add_examples(*history_verb, {"luthier history adapter kinds", "luthier history model smol --adapter kinds --json"});
}

}  // namespace luthier::cli
