// Durable commands over NATS, with receipts: how many a second with a window in flight, and how long one takes at a given rate.
//
//   command_load CLIENT.URL [--window 64] [--seconds 10] [--rate 0]      prints one JSON object
//
// Each command is a JetStream publish into the durable intake; it counts once its receipt has come, which is after its event has
// been synced to disk. --rate 0: as fast as the window allows; else so many a second, at their times.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "actors/bus/nats_bus.hpp"
#include "actors/bus/subjects.hpp"

using namespace luthier;
using SteadyClock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

class Load {
 public:
  Load(bus::NatsBus& bus, std::string run) : bus_(bus), run_(std::move(run)), inbox_(bus.new_inbox()) {}

  bool open() {
    auto subscribed = bus_.subscribe(inbox_, [this](bus::Message message) { answered(message); });
    if (!subscribed) return false;
    subscription_ = std::move(*subscribed);
    return send("CreateFileset", {{"description", "load"}}) && wait_for(0);
  }

  bool send(const std::string& type, const json& data) {
    const auto id = run_ + "-" + std::to_string(++sent_);
    {
      std::lock_guard lock(mutex_);
      in_flight_[id] = SteadyClock::now();
    }
    const json command{{"id", id}, {"type", type}, {"workspace", "default"}, {"name", run_}, {"data", data}};
    bus_.publish({bus::command_subject("default", "fileset", type), "", {{bus::reply_to_header, inbox_}}, command.dump()});
    return true;
  }

  // Until at most `window` are in flight; false: nothing came for 10 s.
  bool wait_for(std::size_t window) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return in_flight_.size() <= window; });
  }

  void update() { send("UpdateFileset", {{"description", "load " + std::to_string(sent_)}}); }
  void forget_times() { std::lock_guard lock(mutex_); milliseconds_.clear(); }
  std::vector<double> times() { std::lock_guard lock(mutex_); return milliseconds_; }
  std::int64_t refused() const { return refused_; }

 private:
  void answered(const bus::Message& message) {
    const auto receipt = json::parse(message.payload, nullptr, false);
    std::lock_guard lock(mutex_);
    const auto found = in_flight_.find(receipt.value("id", ""));
    if (found == in_flight_.end()) return;
    refused_ += receipt.value("status", "") == "accepted" ? 0 : 1;
    milliseconds_.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - found->second).count());
    in_flight_.erase(found);
    changed_.notify_all();
  }

  bus::NatsBus& bus_;
  std::string run_, inbox_;
  std::int64_t sent_ = 0, refused_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, SteadyClock::time_point> in_flight_;
  std::vector<double> milliseconds_;
  std::unique_ptr<bus::Subscription> subscription_;
};

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Durable commands over NATS, with receipts.");
  std::string url_file;
  std::size_t window = 64;
  double seconds = 10, rate = 0;
  app.add_option("url", url_file, "the file nats/client.url of a data directory")->required();
  app.add_option("--window", window, "commands in flight");
  app.add_option("--seconds", seconds, "how long");
  app.add_option("--rate", rate, "commands a second; 0: as many as the window allows");
  CLI11_PARSE(app, argc, argv);

  bus::NatsOptions options;
  options.credentials = url_file;
  options.name = "command load";
  auto bus = bus::NatsBus::connect(options);
  if (!bus) return std::fprintf(stderr, "command_load: %s\n", bus.error().message.c_str()), 1;
  Load load(**bus, "load-" + std::to_string(std::random_device{}()));
  if (!load.open()) return std::fprintf(stderr, "command_load: the first command got no receipt\n"), 1;
  load.forget_times();

  const auto begin = SteadyClock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  for (std::int64_t i = 0; SteadyClock::now() < end; ++i) {
    if (rate > 0) std::this_thread::sleep_until(begin + std::chrono::duration<double>(static_cast<double>(i) / rate));
    if (!load.wait_for(window - 1)) return std::fprintf(stderr, "command_load: receipts have stopped coming\n"), 1;
    load.update();
  }
  load.wait_for(0);
  const auto took = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  const auto times = load.times();
  std::printf("%s\n", json{{"commands", times.size()}, {"seconds", took}, {"per_second", static_cast<double>(times.size()) / took},
                           {"refused", load.refused()}, {"p50_ms", percentile(times, 0.5)}, {"p99_ms", percentile(times, 0.99)},
                           {"max_ms", percentile(times, 1)}, {"window", window}, {"rate", rate}}.dump().c_str());
  return 0;
}
