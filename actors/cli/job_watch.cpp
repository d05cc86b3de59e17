#include "actors/cli/job_watch.hpp"

#include <condition_variable>
#include <deque>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "actors/bus/nats_bus.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "actors/worker/work_directory.hpp"

namespace luthier::cli {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr milliseconds look_interval{500};     // events may be missed: the job itself is what counts
constexpr milliseconds draw_interval{200};
constexpr milliseconds print_interval{2'000};  // where nothing can be drawn anew
constexpr int curve_height = 8;

bool has_ended(const std::string& status) { return status == "completed" || status == "error" || status == "cancelled"; }

// What has arrived, from a thread of the bus to this one.
class Inbox {
 public:
  struct Item {
    bool is_event;
    std::string payload;
  };
  void put(bool is_event, std::string payload) {
    const std::lock_guard lock(mutex_);
    if (items_.size() < items_max) items_.push_back({is_event, std::move(payload)});
    arrived_.notify_one();
  }
  std::deque<Item> wait(milliseconds time) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, time, [this] { return !items_.empty(); });
    return std::exchange(items_, {});
  }

 private:
  static constexpr std::size_t items_max = 10'000;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Item> items_;
};

// Some lines at the end of the terminal that are drawn again and again.
class Region {
 public:
  explicit Region(std::ostream& out) : out_(out) {}
  void clear() {
    if (height_ > 0) out_ << "\x1b[" << height_ << "A\r\x1b[J";
    height_ = 0;
  }
  void draw(const std::vector<std::string>& lines) {
    clear();
    for (const auto& line : lines) out_ << line << "\n";
    height_ = lines.size();
    out_.flush();
  }

 private:
  std::ostream& out_;
  std::size_t height_ = 0;
};

}  // namespace

struct JobWatch::Parts {
  Parts(Context& context, Name name, Client& client) : context(context), name(std::move(name)), client(client) {}

  Context& context;
  Name name;
  Client& client;
  Inbox inbox;
  std::vector<std::unique_ptr<bus::Subscription>> subscriptions;
  TrainingView view;
  Region region{*context.out};
  Clock::time_point drawn_at{}, looked_at{};
  std::string last_line;

  Result<void> listen();
  void read_metrics(const ordered_json& row);
  void take(const Inbox::Item& item);
  void say(const std::string& line);
  void show();
  int finish(const ordered_json& row);
};

Result<void> JobWatch::Parts::listen() {
  const auto add = [&](const std::string& subject, bool is_event) -> Result<void> {
    auto subscribed = client.subscribe(subject, [this, is_event](bus::Message message) { inbox.put(is_event, std::move(message.payload)); });
    if (!subscribed) return subscribed.error();
    subscriptions.push_back(std::move(*subscribed));
    return {};
  };
  const auto events = "luthier.v1.evt." + bus::encode_token(name.workspace) + ".job." + bus::encode_token(name.name) + ".*";
  if (auto ok = add(events, true); !ok) return ok;
  return add(bus::telemetry_subject(name.workspace, name.name, "progress"), false);
}

// What was before we listened, where the worker's disk is this one.
void JobWatch::Parts::read_metrics(const ordered_json& row) {
  const auto attempts = row.find("attempts");
  if (attempts == row.end() || !attempts->is_array() || attempts->empty()) return;
  const worker::TaskId task{worker::TaskKind::train, text_of(row, "id"), number_of(attempts->back(), "attempt")};
  std::ifstream file(worker::TrainDirectory(context.data / "work", task).out() / "metrics.jsonl");
  std::string line;
  TrainingView before;
  while (std::getline(file, line)) before.take(ordered_json::parse(line, nullptr, false));
  if (before.losses.size() > view.losses.size()) view.losses = before.losses;
}

void JobWatch::Parts::take(const Inbox::Item& item) {
  const auto value = ordered_json::parse(item.payload, nullptr, false);
  if (!value.is_object()) return;
  if (context.json) return context.print_json(value);
  if (!item.is_event) return view.take(value);
  if (const auto line = event_line(value); !line.empty()) say(line);
}

void JobWatch::Parts::say(const std::string& line) {
  region.clear();
  context.print(line);
}

void JobWatch::Parts::show() {
  if (context.json) return;
  const auto now = Clock::now();
  const auto& screen = context.screen;
  if (now - drawn_at < (screen.is_terminal ? draw_interval : print_interval)) return;
  drawn_at = now;
  const auto line = view.status_line(screen.width);
  if (!screen.is_terminal) {
    if (line != last_line && view.max_steps > 0) context.print(line);
    last_line = line;
    return;
  }
  auto lines = view.curve_lines(screen.width, curve_height);
  lines.push_back(line);
  region.draw(lines);
}

int JobWatch::Parts::finish(const ordered_json& row) {
  const auto status = text_of(row, "status");
  const int code = status == "completed" || status == "paused" ? exit_ok : exit_refused;
  if (context.json) {
    context.print_json(row);
    return code;
  }
  region.clear();
  read_metrics(row);
  for (const auto& line : view.curve_lines(context.screen.width, curve_height)) context.print(line);
  auto line = "job " + name.text() + ": " + status;
  if (status == "completed")
    line += " after " + text_of(row, "summary.steps") + " steps in " + duration_text(std::stod("0" + text_of(row, "summary.seconds"))) +
            ", loss " + text_of(row, "summary.first_loss") + " -> " + text_of(row, "summary.final_loss");
  if (const auto validation = text_of(row, "summary.validation_loss"); !validation.empty()) line += ", validation " + validation;
  if (const auto reason = text_of(row, "reason"); !reason.empty()) line += ": " + reason;
  if (const auto fileset = text_of(row, "output_fileset"); !fileset.empty()) line += "; " + text_of(row, "output_kind") + " " + text_of(row, "output");
  context.print(line);
  return code;
}

JobWatch::JobWatch(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
JobWatch::~JobWatch() { parts_->subscriptions.clear(); }

Result<std::unique_ptr<JobWatch>> JobWatch::begin(Context& context, const Name& name) {
  const auto client = context.connect();
  if (!client) return client.error();
  auto parts = std::make_unique<Parts>(context, name, **client);
  if (auto ok = parts->listen(); !ok) return ok.error();
  return std::unique_ptr<JobWatch>(new JobWatch(std::move(parts)));
}

int JobWatch::run() {
  auto& parts = *parts_;
  bool is_first = true;
  while (true) {
    for (const auto& item : parts.inbox.wait(milliseconds(100))) parts.take(item);
    parts.show();
    if (!is_first && Clock::now() - parts.looked_at < look_interval) continue;
    parts.looked_at = Clock::now();
    const auto row = parts.client.get(parts.name.workspace, "job", parts.name.name);
    if (!row && row.error().code == ErrorCode::unavailable) continue;  // the server is away: it trains on
    if (!row) return parts.context.fail(row.error());
    if (is_first) parts.read_metrics(*row);
    is_first = false;
    const auto status = text_of(*row, "status");
    if (!has_ended(status) && status != "paused") continue;
    for (const auto& item : parts.inbox.wait(milliseconds(200))) parts.take(item);
    return parts.finish(*row);
  }
}

}  // namespace luthier::cli
