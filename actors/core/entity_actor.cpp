#include "actors/core/entity_actor.hpp"

#include <caf/all.hpp>
#include <map>

#include "actors/core/messages.hpp"
#include "events/codec/codec.hpp"

namespace luthier::core {
namespace {

using events::Fact;
using events::Request;
using RequestPtr = std::shared_ptr<const Request>;

// A refusal that depends on the moment, not on the command: it is answered, not stored, and the same id may try again.
bool is_transient(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:
    case ErrorCode::io:
    case ErrorCode::internal:
    case ErrorCode::cancelled:
      return true;
    case ErrorCode::invalid:
    case ErrorCode::not_found:
    case ErrorCode::forbidden:
    case ErrorCode::conflict:
    case ErrorCode::limit:
    case ErrorCode::out_of_memory:
    case ErrorCode::corrupt:
      return false;
  }
  return true;
}

Error repeated_with_other_content(const CommandKey& key) {
  return {ErrorCode::conflict, "command id " + key.id + " was used before for another command; use a new id", "id"};
}

log::Append make_append(const Request& request, const std::string& digest) {
  log::Append append;
  append.command = request.key;
  append.command_digest = digest;
  append.correlation = request.key.id;
  append.causation = request.causation;
  append.traceparent = request.traceparent;
  return append;
}

// The events and, for each stream that they touch, the version that they were decided on.
void add_facts(log::Append& append, const events::World& world, const std::vector<Fact>& facts) {
  for (const auto& fact : facts) {
    const auto known = std::any_of(append.expected.begin(), append.expected.end(),
                                   [&](const log::ExpectedVersion& each) { return each.stream == fact.stream; });
    if (!known) append.expected.push_back({fact.stream, world.version_before(fact)});
    auto encoded = events::encode(fact.event);
    append.events.push_back({fact.stream, fact.workspace, fact.name, std::move(encoded.type), encoded.version,
                             std::move(encoded.data)});
  }
}

class Decider {
 public:
  Decider(caf::event_based_actor* self, const log::EventLog* log, Follower follower, caf::actor log_actor,
          caf::actor checker, Settings settings)
      : self_(self), log_(log), world_(std::move(follower.world)), log_actor_(std::move(log_actor)),
        checker_(std::move(checker)), settings_(settings) {}

  void submit(const RequestPtr& request, Answer answer) {
    auto digest = events::request_digest(*request);
    if (const auto found = in_flight_.find(request->key); found != in_flight_.end()) {
      if (found->second.digest != digest) return answer(Outcome{nullptr, repeated_with_other_content(request->key)});
      found->second.answers.push_back(std::move(answer));
      return;
    }
    if (in_flight_.size() >= settings_.requests_in_flight_max)
      return answer(Outcome{nullptr, Error{ErrorCode::unavailable, "too many commands are in flight; try again", ""}});
    auto receipt = log_->find_receipt(request->key);
    if (!receipt) return answer(Outcome{nullptr, receipt.error()});
    if (*receipt) {
      if ((*receipt)->command_digest != digest) return answer(Outcome{nullptr, repeated_with_other_content(request->key)});
      return answer(Outcome{std::make_shared<const log::Receipt>(std::move(**receipt)), {}});
    }
    auto& entry = in_flight_[request->key];
    entry.digest = std::move(digest);
    entry.answers.push_back(std::move(answer));
    check_or_decide(request);
  }

 private:
  struct InFlight {
    std::string digest;
    std::vector<Answer> answers;
  };

  void check_or_decide(const RequestPtr& request) {
    if (!needs_check(request->command)) return decide_now(request);
    auto context = gather(world_, *request);
    if (!context) return refuse(*request, context.error());
    self_->request(checker_, caf::infinite, CheckRequest{request, std::move(*context)})
        .then(
            [this, request](const CheckAnswer& answer) {
              if (answer.error) return refuse(*request, *answer.error);
              auto checked = std::make_shared<Request>(*request);
              checked->command = *answer.command;
              decide_now(checked);
            },
            [this, request](const caf::error&) {
              refuse(*request, {ErrorCode::unavailable, "the check of this command was interrupted; send it again", ""});
            });
  }

  void decide_now(const RequestPtr& request) {
    auto facts = events::decide(world_, *request, settings_.limits);
    if (!facts) return refuse(*request, facts.error());
    auto append = make_append(*request, in_flight_.at(request->key).digest);
    add_facts(append, world_, *facts);
    for (const auto& fact : *facts) events::evolve(world_, fact);
    write(std::move(append));
  }

  void refuse(const Request& request, const Error& error) {
    if (is_transient(error.code)) return finish(request.key, Outcome{nullptr, error});
    auto append = make_append(request, in_flight_.at(request.key).digest);
    append.refusal = error;
    write(std::move(append));
  }

  void write(log::Append append) {
    const auto key = append.command;
    self_->request(log_actor_, caf::infinite, AppendRequest{std::make_shared<const log::Append>(std::move(append))})
        .then(
            [this, key](const Appended& appended) {
              finish(key, Outcome{appended.receipt, appended.error});
              // Our world is ahead of a log that has not taken the events (a second writer, or a disk that refuses).
              if (appended.error) self_->quit(caf::make_error(caf::sec::runtime_error, appended.error->message));
            },
            [this, key](const caf::error& error) {
              finish(key, Outcome{nullptr, Error{ErrorCode::unavailable, "the log has stopped; its state is on disk", ""}});
              self_->quit(error);
            });
  }

  void finish(const CommandKey& key, Outcome outcome) {
    auto entry = in_flight_.extract(key);
    if (entry.empty()) return;
    for (const auto& answer : entry.mapped().answers) answer(outcome);
  }

  caf::event_based_actor* self_;
  const log::EventLog* log_;
  events::World world_;
  caf::actor log_actor_, checker_;
  Settings settings_;
  std::map<CommandKey, InFlight> in_flight_;
};

}  // namespace

caf::behavior entity_actor(caf::event_based_actor* self, const log::EventLog* log, Follower follower,
                           caf::actor log_actor, caf::actor checker, Settings settings) {
  auto decider = std::make_shared<Decider>(self, log, std::move(follower), std::move(log_actor), std::move(checker), settings);
  return {
      [=](const Submit& submit) {
        auto promise = self->make_response_promise<Outcome>();
        decider->submit(submit.request, [promise](const Outcome& outcome) mutable { promise.deliver(outcome); });
        return promise;
      },
      [=](const Ask& ask) { decider->submit(ask.request, ask.answer); },
  };
}

}  // namespace luthier::core
