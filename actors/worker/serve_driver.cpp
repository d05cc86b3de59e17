#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "actors/worker/server_admin.hpp"
#include "actors/worker/task_driver.hpp"
#include "actors/worker/work_directory.hpp"
#include "events/base/file.hpp"

namespace luthier::worker {
namespace {

using Clock = std::chrono::steady_clock;
using Outcome = TaskReport::Outcome;

std::string random_token() {
  std::random_device random;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string token;
  while (token.size() < 64) {
    const auto bits = random();
    for (int shift = 0; shift < 32; shift += 4) token += digits[(bits >> shift) & 15];
  }
  return token;
}

// The driver's thread runs the process; a second one, the keeper, talks to it over HTTP once it answers.
class ServeDriver final : public TaskDriver {
 public:
  ServeDriver(const DriverContext& context, const Task& task)
      : config_(context.config), blobs_(context.blobs), listener_(context.listener), task_(task),
        directory_(context.config.work, task.id) {}

  void run() override {
    auto ended = serve();
    end_keeper();
    listener_(std::move(ended));
  }

  void load_adapter(const AdapterWish& adapter) override { order({adapter, true}); }
  void unload_adapter(const std::string& served_name) override { order({{served_name, "", {}}, false}); }

  void clean(bool) override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_.model(), ignored);
    std::filesystem::remove_all(directory_.attempt / "adapters", ignored);
    std::filesystem::remove(directory_.admin_token(), ignored);
  }

 private:
  struct Order {
    AdapterWish adapter;
    bool is_load;
  };

  ProcessEnded serve() {
    if (auto ok = prepare(); !ok) return ended_before_start(ok.error(), switch_.is_pressed());
    if (switch_.is_pressed()) return ended_before_start({}, true);
    const auto begun_at = Clock::now();
    keeper_ = std::thread([this, begun_at] { keep(begun_at); });
    const auto exit = run_child(spec(), switch_, {nullptr, [this](const std::string& line) { said(line); },
                                                  [this](const std::string& line) { listener_(LogLine{line}); }});
    if (!exit) return ended_before_start(exit.error(), switch_.is_pressed());
    auto ended = ended_as(*exit);
    const std::lock_guard lock(mutex_);
    if (!given_up_.empty()) ended = {Outcome::crashed, given_up_, true, {}, {}};
    return ended;
  }

  Result<void> prepare() {
    if (auto ok = make_directory(directory_.attempt); !ok) return ok;
    if (auto ok = blobs_.materialise(task_.model_files, directory_.model()); !ok) return with_context(ok.error(), "the model");
    token_ = random_token();
    return write_file_durably(directory_.admin_token(), token_ + "\n", 0600);
  }

  ChildSpec spec() const {
    ChildSpec spec;
    spec.program = config_.program;
    spec.arguments = {"luthier", "engine", "serve",
                      "--model", model_argument(directory_.model(), task_.model_files),
                      "--listen", config_.serve_host + ":0",
                      "--admin-token-file", directory_.admin_token()};
    for (const auto& name : task_.served_names) {
      spec.arguments.push_back("--served-name");
      spec.arguments.push_back(name);
    }
    spec.log = directory_.log();
    spec.log_bytes_max = config_.log_bytes_max;
    return spec;
  }

  void said(const std::string& line) {
    constexpr std::string_view ready = "ready ";
    if (!line.starts_with(ready)) return listener_(LogLine{line});
    auto endpoint = line.substr(ready.size());
    endpoint = endpoint.substr(0, endpoint.find(' '));
    {
      const std::lock_guard lock(mutex_);
      if (!endpoint_.empty()) return;
      endpoint_ = endpoint;
    }
    listener_(ServerReady{endpoint});
    changed_.notify_all();
  }

  void order(Order order) {
    {
      const std::lock_guard lock(mutex_);
      orders_.push_back(std::move(order));
    }
    changed_.notify_all();
  }

  void end_keeper() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    if (keeper_.joinable()) keeper_.join();
  }

  // One thing at a time, so that what is told comes in the order in which it happened.
  void keep(Clock::time_point begun_at) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, begun_at + config_.ready_wait, [this] { return is_over_ || !endpoint_.empty(); })) {
      lock.unlock();
      return give_up("it did not load its model within " + std::to_string(config_.ready_wait.count() / 1000) + " s");
    }
    if (is_over_) return;
    const ServerAdmin admin(endpoint_, token_);
    auto healthy_at = Clock::now();
    while (!is_over_) {
      const bool has_order = changed_.wait_for(lock, config_.adapters_interval, [this] { return is_over_ || !orders_.empty(); });
      if (is_over_) return;
      std::optional<Order> order;
      if (has_order) {
        order = std::move(orders_.front());
        orders_.pop_front();
      }
      lock.unlock();
      if (order) obey(admin, *order);
      else look(admin, healthy_at);
      lock.lock();
    }
  }

  void obey(const ServerAdmin& admin, const Order& order) {
    const auto& [served_name, key, files] = order.adapter;
    const auto done = order.is_load ? load(admin, order.adapter) : unload(admin, served_name);
    if (!done)
      listener_(AdapterFailed{served_name, key, done.error().message});
    else if (order.is_load)
      listener_(AdapterIn{served_name, key});
    else
      listener_(AdapterOut{served_name});
  }

  Result<void> load(const ServerAdmin& admin, const AdapterWish& adapter) {
    const auto directory = directory_.adapter(adapter.served_name, adapter.key);
    if (auto ok = blobs_.materialise(adapter.files, directory); !ok) return ok;
    if (auto ok = admin.load(adapter.served_name, directory, adapter.key); !ok) return ok;
    const auto seen = admin.adapters();
    if (!seen) return seen.error();
    for (const auto& loaded : *seen)
      if (loaded.served_name == adapter.served_name && loaded.key == adapter.key) return {};
    return Error{ErrorCode::internal, "the server said that it had loaded it, and does not list it", ""};
  }

  Result<void> unload(const ServerAdmin& admin, const std::string& served_name) {
    if (auto ok = admin.unload(served_name); !ok) return ok;
    const auto seen = admin.adapters();
    if (!seen) return seen.error();
    for (const auto& loaded : *seen)
      if (loaded.served_name == served_name)
        return Error{ErrorCode::internal, "the server said that it had unloaded it, and still lists it", ""};
    return {};
  }

  // What is loaded is told as the server sees it. One that has not answered for too long is ended, and placed anew.
  void look(const ServerAdmin& admin, Clock::time_point& healthy_at) {
    if (admin.is_healthy(std::min<std::chrono::milliseconds>(config_.health_patience, std::chrono::seconds(10))))
      healthy_at = Clock::now();
    if (Clock::now() - healthy_at >= config_.health_patience)
      return give_up("it did not answer /health for " + std::to_string(config_.health_patience.count() / 1000) + " s");
    if (auto seen = admin.adapters()) listener_(AdaptersSeen{std::move(*seen)});
  }

  void give_up(std::string why) {
    {
      const std::lock_guard lock(mutex_);
      if (is_over_ || switch_.is_pressed()) return;
      given_up_ = std::move(why);
    }
    switch_.press(grace_of(StopWhy::stuck));
  }

  const ProcessConfig& config_;
  BlobDoor& blobs_;
  TaskRunner::Listener listener_;
  const Task task_;
  const ServeDirectory directory_;
  std::string token_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  std::string endpoint_, given_up_;
  bool is_over_ = false;
  std::thread keeper_;
};

}  // namespace

std::unique_ptr<TaskDriver> make_serve_driver(const DriverContext& context, const Task& task) {
  return std::make_unique<ServeDriver>(context, task);
}

}  // namespace luthier::worker
