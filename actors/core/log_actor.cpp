#include "actors/core/log_actor.hpp"

#include <caf/all.hpp>

#include "actors/core/follower.hpp"
#include "actors/core/messages.hpp"

namespace luthier::core {
namespace {

struct Waiting {
  std::shared_ptr<const log::Append> append;
  caf::typed_response_promise<Appended> promise;
};

class Writer {
 public:
  Writer(caf::event_based_actor* self, log::EventLog* log, const Clock* clock, Settings settings)
      : self_(self), log_(log), clock_(clock), settings_(settings), told_(log->head().position) {}

  caf::typed_response_promise<Appended> enqueue(const AppendRequest& request) {
    // The flush queues behind everything that is in the mailbox already: that is what gathers a group.
    if (waiting_.empty()) self_->send(self_, Flush{});
    auto promise = self_->make_response_promise<Appended>();
    waiting_.push_back({request.append, promise});
    if (waiting_.size() >= settings_.append_batch_max) flush();
    return promise;
  }

  void flush() {
    if (waiting_.empty()) return;
    auto batch = std::exchange(waiting_, {});
    std::vector<log::Append> appends;
    for (const auto& each : batch) appends.push_back(*each.append);
    auto written = log_->append(appends, clock_->now());
    if (!written) return fail(batch, written.error());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& receipt = written->answers[i];
      if (receipt)
        batch[i].promise.deliver(Appended{std::make_shared<const log::Receipt>(std::move(*receipt)), {}});
      else
        batch[i].promise.deliver(Appended{nullptr, receipt.error()});
    }
    if (!written->records.empty()) tell_followers(std::move(written->records));
  }

  void follow(const Follow& follow) {
    self_->monitor(follow.follower);
    if (follow.applied < told_) {
      auto records = log_->read(follow.applied + 1, static_cast<std::size_t>(told_ - follow.applied));
      if (!records) return quit(records.error());
      auto missed = commit_of(std::move(*records));
      if (!missed) return quit(missed.error());
      self_->send(follow.follower, Committed{*missed});
    }
    (follow.at_once ? prompt_ : patient_).push_back(follow.follower);
  }

  void forget(const caf::down_msg& down) {
    for (auto* followers : {&prompt_, &patient_})
      std::erase_if(*followers, [&](const caf::actor& each) { return each.address() == down.source; });
  }

  void tick() {
    is_resting_ = false;
    tell_patient();
  }

 private:
  void tell_followers(std::vector<log::Record> records) {
    auto commit = commit_of(std::move(records));
    if (!commit) return quit(commit.error());
    told_ = (*commit)->records.back().position;
    for (const auto& follower : prompt_) self_->send(follower, Committed{*commit});
    untold_.push_back(std::move(*commit));
    tell_patient();
  }

  void tell_patient() {
    if (is_resting_ || untold_.empty()) return;
    for (const auto& follower : patient_)
      for (const auto& commit : untold_) self_->send(follower, Committed{commit});
    untold_.clear();
    is_resting_ = true;
    self_->delayed_send(self_, settings_.tell_interval, Tick{});
  }

  static Result<std::shared_ptr<const Commit>> commit_of(std::vector<log::Record> records) {
    auto commit = std::make_shared<Commit>();
    commit->records = std::move(records);
    for (const auto& record : commit->records) {
      auto fact = to_fact(record);
      if (!fact) return fact.error();
      commit->facts.push_back(std::move(*fact));
    }
    return std::shared_ptr<const Commit>(std::move(commit));
  }

  void fail(std::vector<Waiting>& batch, const Error& error) {
    for (auto& each : batch) each.promise.deliver(Appended{nullptr, error});
    quit(error);
  }

  void quit(const Error& error) { self_->quit(caf::make_error(caf::sec::runtime_error, error.message)); }

  caf::event_based_actor* self_;
  log::EventLog* log_;
  const Clock* clock_;
  Settings settings_;
  Position told_;  // what the prompt followers have heard of
  std::vector<Waiting> waiting_;
  std::vector<caf::actor> prompt_, patient_;
  std::vector<std::shared_ptr<const Commit>> untold_;  // what the patient ones have not heard of
  bool is_resting_ = false;  // they were told less than an interval ago
};

}  // namespace

caf::behavior log_actor(caf::event_based_actor* self, log::EventLog* log, const Clock* clock, Settings settings) {
  auto writer = std::make_shared<Writer>(self, log, clock, settings);
  self->set_down_handler([=](caf::down_msg& down) { writer->forget(down); });
  return {
      [=](const AppendRequest& request) { return writer->enqueue(request); },
      [=](const Flush&) { writer->flush(); },
      [=](const Tick&) { writer->tick(); },
      [=](const Follow& follow) { writer->follow(follow); },
  };
}

}  // namespace luthier::core
