#include "actors/node/telemetry_store.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "actors/bus/subjects.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::node {
namespace {

class QuietBus final : public bus::Bus {
 public:
  Handler handler;

  void publish(bus::Message message) override {
    if (handler) handler(std::move(message));
  }
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, Handler given) override {
    CHECK(subject == bus::all_telemetry);
    handler = std::move(given);
    return std::unique_ptr<bus::Subscription>(new Held(*this));
  }
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t, std::function<void(bus::Delivery)>) override {
    return Error{ErrorCode::unavailable, "no commands here", ""};
  }
  void acknowledge(std::uint64_t) override {}
  Result<bus::EventCopy> event_copy() override { return bus::EventCopy{}; }
  void publish_events(std::int64_t, std::vector<bus::Message>, std::function<void(Result<void>)> done) override { done({}); }
  bool connected() const override { return true; }

 private:
  struct Held final : bus::Subscription {
    explicit Held(QuietBus& from) : bus(from) {}
    ~Held() override { bus.handler = nullptr; }
    QuietBus& bus;
  };
};

class Rows final : public projections::ReadModels {
 public:
  std::map<std::pair<std::string, std::string>, std::string> jobs;  // (workspace, name) -> row

  Position position() const override { return 1; }
  Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace, const std::string& name) const override {
    const auto found = jobs.find({workspace, name});
    if (entity != "job" || found == jobs.end()) return std::optional<std::string>();
    return std::optional(found->second);
  }
  Result<projections::Page> list(const std::string& entity, const std::string& workspace, const std::string&, std::size_t) const override {
    projections::Page page;
    if (entity == "workspace") page.items = {R"({"id":"workspace-1","name":"default"})"};
    for (const auto& [name, row] : jobs)
      if (entity == "job" && name.first == workspace) page.items.push_back(row);
    return page;
  }
};

struct Given {
  TemporaryDirectory directory;
  QuietBus bus;
  Rows rows;
  SystemClock clock;
  TelemetryOptions options;
  std::unique_ptr<TelemetryStore> store;

  Given() {
    options.directory = directory / "telemetry";
    rows.jobs[{"default", "tune"}] = R"({"id":"job-1","name":"tune","config":{"epochs":2}})";
    start();
  }
  ~Given() { store.reset(); }
  void start() {
    store.reset();
    auto started = TelemetryStore::start(bus, rows, clock, options);
    REQUIRE(started);
    store = std::move(*started);
  }
  void say(const std::string& kind, const std::string& payload, const std::string& job = "tune") {
    bus.publish({bus::telemetry_subject("default", job, kind), "", {}, payload});
  }
  void step(int number, double loss = 1.5) {
    say("progress", R"({"attempt":1,"phase":"training","step":)" + std::to_string(number) + R"(,"max_steps":10,"loss":)" + std::to_string(loss) + "}");
  }
  void deleted(const std::string& id) {
    const events::Fact fact{{"job", id}, "default", "tune", events::JobDeleted{}};
    rows.jobs.clear();
    store->changed({&fact, 1});
  }
};

std::vector<std::string> messages(const api::LogPage& page) {
  std::vector<std::string> all;
  for (const auto& line : page.lines) all.push_back(line.message);
  return all;
}

}  // namespace

TEST_CASE("progress and log lines of a job are kept under its id, and outlive a restart") {
  Given given;
  given.step(1, 2.5);
  given.step(6, 2.0);
  given.say("log", R"({"attempt":1,"worker":"bench","line":"hello \"you\""})");
  given.say("log", R"({"attempt":1,"worker":"bench","line":"of nobody"})", "stranger");
  given.say("progress", "no json");
  given.store->settle();
  const auto check = [&] {
    const auto progress = given.store->progress("job-1");
    REQUIRE(progress);
    CHECK(progress->step == 6);
    CHECK(progress->max_steps == 10);
    CHECK(progress->epoch == 2);
    CHECK(progress->num_epochs == 2);
    CHECK(progress->phase == "training");
    CHECK(progress->train_losses.size() == 2);
    CHECK(*progress->train_loss == 2.0);
    CHECK(messages(given.store->logs("job-1", {})) == std::vector<std::string>{"hello \"you\""});
  };
  check();
  given.start();
  check();
  given.step(7);
  given.store->settle();
  CHECK(given.store->progress("job-1")->train_losses.size() == 3);
  CHECK_FALSE(given.store->progress("job-2"));
  CHECK_FALSE(given.store->progress("../job-1"));
}

TEST_CASE("a job that is deleted leaves nothing, and one of its name begins anew") {
  Given given;
  given.step(1);
  given.say("log", R"({"attempt":1,"line":"one"})");
  given.store->settle();
  given.deleted("job-1");
  CHECK_FALSE(given.store->progress("job-1"));
  CHECK(given.store->logs("job-1", {}).total == 0);
  given.step(2);
  given.store->settle();
  CHECK_FALSE(given.store->progress("job-1"));
  given.rows.jobs[{"default", "tune"}] = R"({"id":"job-9","name":"tune","config":{}})";
  const events::Fact submitted{{"job", "job-9"}, "default", "tune", events::JobSubmitted{}};
  given.store->changed({&submitted, 1});
  given.step(1);
  given.store->settle();
  CHECK(given.store->progress("job-9"));
  given.store.reset();
  for (const auto& file : std::filesystem::directory_iterator(given.options.directory)) CHECK(file.path().filename().string().starts_with("job-9."));
}

TEST_CASE("what came too fast for the bus is read when the attempt has ended") {
  Given given;
  given.options.work = given.directory / "work";
  given.start();
  const auto out = given.options.work / "job-1" / "1" / "out";
  std::filesystem::create_directories(out);
  std::ofstream metrics(out / "metrics.jsonl");
  for (int step = 1; step <= 8; ++step) metrics << "{\"step\":" << step << ",\"loss\":" << step << ".5,\"lr\":0.1}\n";
  metrics << "{\"step\":9,";  // cut off
  metrics.close();
  given.step(3);
  given.store->settle();
  const events::Fact completed{{"job", "job-1"}, "default", "tune", events::JobCompleted{1, "", "", "", {}}};
  given.store->changed({&completed, 1});
  const auto progress = given.store->progress("job-1");
  REQUIRE(progress);
  CHECK(progress->train_losses.size() == 8);
  CHECK(progress->train_losses[0].value == 1.5);
  CHECK(progress->step == 8);
  CHECK(*progress->lr == 0.1);
  given.start();
  CHECK(given.store->progress("job-1")->train_losses.size() == 8);
}

TEST_CASE("the progress of few jobs is in memory, that of the others is read again") {
  Given given;
  given.options.jobs_max = 2;
  given.start();
  for (const std::string id : {"a", "b", "c", "d"}) {
    given.rows.jobs[{"default", "run-" + id}] = R"({"id":"job-)" + id + R"(","config":{}})";
    given.say("progress", R"({"attempt":1,"step":3,"loss":1.0})", "run-" + id);
  }
  given.store->settle();
  given.start();
  for (const std::string id : {"a", "b", "c", "d"}) {
    const auto progress = given.store->progress("job-" + id);
    INFO(id);
    if (id == "c" || id == "d") REQUIRE(progress);  // the first two had to give way before they were written: they are expendable
    if (progress) CHECK(progress->step == 3);
  }
}

TEST_CASE("files that nobody owns are swept away, young ones are not") {
  Given given;
  given.store.reset();
  const auto old = given.options.directory / "job-old.jsonl", young = given.options.directory / "job-young.jsonl", kept = given.options.directory / "job-1.jsonl";
  for (const auto& file : {old, young, kept}) std::ofstream(file) << "\n";
  for (const auto& file : {old, kept}) std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  given.start();
  for (int i = 0; i < 100 && std::filesystem::exists(old); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(std::filesystem::exists(old));
  CHECK(std::filesystem::exists(young));
  CHECK(std::filesystem::exists(kept));
}

TEST_CASE("a curve keeps its first and its newest point and never more than a thousand") {
  TrainingProgress training(3);
  for (int step = 1; step <= 12'345; ++step)
    training.take(R"({"attempt":1,"phase":"training","step":)" + std::to_string(step) + R"(,"max_steps":20000,"loss":)" + std::to_string(step) + ".5}");
  const auto& points = training.progress().train_losses;
  CHECK(points.size() <= TrainingProgress::points_max);
  CHECK(points.size() > 300);
  CHECK(points.front().step == 1);
  CHECK(points.back().step == 12'345);
  CHECK(points.back().epoch == 2);
  CHECK(std::is_sorted(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.step < b.step; }));
  const auto again = TrainingProgress::from_json(training.to_json());
  REQUIRE(again);
  CHECK(again->to_json() == training.to_json());
  CHECK_FALSE(TrainingProgress::from_json("{}"));
}

TEST_CASE("a resumed training does again what came after its checkpoint, and an older attempt is not heard any more") {
  TrainingProgress training;
  for (int step = 1; step <= 8; ++step) training.take(R"({"attempt":1,"step":)" + std::to_string(step) + R"(,"loss":1.0,"validation_loss":2.0})");
  CHECK(training.take(R"({"attempt":2,"phase":"starting","step":0,"max_steps":10,"resumed_from_step":5})"));
  CHECK(training.progress().train_losses.back().step == 5);
  CHECK(training.progress().val_losses.back().step == 5);
  CHECK_FALSE(training.take(R"({"attempt":1,"step":9,"loss":1.0})"));
  CHECK(training.take(R"({"attempt":2,"step":6,"loss":0.5})"));
  CHECK(training.progress().train_losses.size() == 6);
  CHECK_FALSE(training.take("[1]"));
}

}  // namespace luthier::node
