// A log that a story has been written to, as the log actor writes it: one append per accepted command.
#pragma once

#include "events/codec/codec.hpp"
#include "events/log/memory_log.hpp"
#include "events/world/random_story_test.hpp"
#include "projections/decoding.hpp"
#include "projections/projections.hpp"

namespace luthier::projections {

class StoryLog {
 public:
  events::Story story;
  log::MemoryLog log;

  // Decides, appends and applies; false when it was refused.
  bool send(const events::Request& request) {
    const auto decision = events::decide(story.world, request, story.limits);
    if (!decision) return false;
    log::Append append;
    append.command = request.key;
    append.command_digest = "digest";
    append.causation = request.causation;
    append.traceparent = request.traceparent;
    for (const events::Fact& fact : *decision) {
      if (append.events.empty() || !expects(append, fact.stream)) append.expected.push_back({fact.stream, story.world.version_before(fact)});
      const auto encoded = events::encode(fact.event);
      append.events.push_back({fact.stream, fact.workspace, fact.name, encoded.type, encoded.version, encoded.data});
    }
    for (const events::Fact& fact : *decision) events::evolve(story.world, fact);
    const auto written = log.append({&append, 1}, time_ += 1'500'000);
    REQUIRE(written);
    REQUIRE(written->answers.front());
    return true;
  }

  template <class C>
  void must(const std::string& name, C command, const std::string& workspace = "default") {
    REQUIRE(send(story.request(workspace, name, std::move(command))));
  }

  void workshop() {
    must("default", events::CreateWorkspace{}, "system");
    must("bench", events::hello(), "system");
    must("smol-files", events::CreateFileset{"", "model", {events::file("model.gguf")}});
    must("rows", events::CreateFileset{"", "dataset", {events::file("train.jsonl", 'd', 100), events::file("a/b.txt", 'e', 11)}});
    must("smol", events::CreateModel{"smol-files", "tiny", ""});
    must("smol", story.spec_of("smol"));
  }

 private:
  static bool expects(const log::Append& append, const StreamKey& stream) {
    return std::any_of(append.expected.begin(), append.expected.end(), [&](const auto& expected) { return expected.stream == stream; });
  }

  Timestamp time_ = 1'700'000'000'000'000;
};

// Every document there is, in the two workspaces of the random stories and in workspace system.
inline std::string everything(const ReadModels& models) {
  std::string all;
  for (const std::string entity : {"workspace", "fileset", "model", "adapter", "job", "deployment", "worker"})
    for (const std::string workspace : {"system", "default", "lab"}) {
      std::string after;
      while (true) {
        const auto page = models.list(entity, workspace, after, 7);
        REQUIRE(page);
        for (const auto& item : page->items) all += entity + " " + item + "\n";
        if (!page->next) break;
        after = *page->next;
      }
    }
  return all;
}

// A log full of everything, from a seed.
inline void tell_random_story(StoryLog& into, std::uint32_t seed, int steps) {
  events::RandomStory random(seed);
  for (int step = 0; step < steps; ++step) {
    random.story.world = into.story.world;
    into.story.limits = random.story.limits;
    into.send(random.next());
  }
}

inline std::vector<log::Record> records_of(const log::EventLog& log) {
  auto records = log.read(1, static_cast<std::size_t>(log.head().position));
  REQUIRE(records);
  return std::move(*records);
}

inline std::vector<events::Fact> facts_of(std::span<const log::Record> records) {
  std::vector<events::Fact> facts;
  for (const auto& record : records) {
    auto fact = decode_record(record);
    REQUIRE(fact);
    facts.push_back(std::move(*fact));
  }
  return facts;
}

}  // namespace luthier::projections
