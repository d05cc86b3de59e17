#include "actors/core/query_actor.hpp"

#include <caf/all.hpp>
#include <list>
#include <nlohmann/json.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/admission.hpp"
#include "actors/core/messages.hpp"
#include "actors/core/query.hpp"
#include "actors/core/receipt_json.hpp"
#include "projections/projections.hpp"

namespace luthier::core {
namespace {

constexpr std::chrono::milliseconds look_interval{5};  // while a query waits for a position

class Queries {
 public:
  Queries(caf::event_based_actor* self, bus::Bus* bus, projections::Projections* projections, const log::EventLog* log,
          std::shared_ptr<const WaitingReasons> waiting, Settings settings)
      : self_(self), bus_(bus), projections_(projections), log_(log), waiting_jobs_(std::move(waiting)), settings_(settings),
        inside_(std::make_shared<Admission>(settings.queries_in_flight_max)) {}

  void open() {
    const auto me = caf::actor_cast<caf::actor>(self_);
    auto subscribed = bus_->subscribe(std::string(bus::all_queries), [me, bus = bus_, inside = inside_](bus::Message message) {
      if (inside->enter()) caf::anon_send(me, Queried{std::move(message)});
      else reply(*bus, message, error_json({ErrorCode::limit, "too many queries at a time; ask again later", ""}));
    });
    if (subscribed) subscription_ = std::move(*subscribed);
    else self_->delayed_send(self_, settings_.publish_retry, Tick{});
  }

  void close() { subscription_.reset(); }

  void queried(const bus::Message& message) {
    auto query = parse_query(message);
    if (!query) return answer(message, error_json(query.error()));
    if (query->min_position <= projections_->position()) return answer(message, run(*query));
    waiting_.push_back({message, std::move(*query), self_->clock().now() + settings_.query_wait_max});
    if (waiting_.size() == 1) self_->delayed_send(self_, look_interval, Flush{});
  }

  void look() {
    for (auto each = waiting_.begin(); each != waiting_.end();) {
      const bool is_there = each->query.min_position <= projections_->position();
      if (!is_there && self_->clock().now() < each->until) {
        ++each;
        continue;
      }
      answer(each->message, is_there ? run(each->query) : error_json({ErrorCode::unavailable,
             "position " + std::to_string(each->query.min_position) + " is not there yet", "min_position"}));
      each = waiting_.erase(each);
    }
    if (!waiting_.empty()) self_->delayed_send(self_, look_interval, Flush{});
  }

 private:
  struct Waiting {
    bus::Message message;
    Query query;
    std::chrono::steady_clock::time_point until;
  };

  std::string run(const Query& query) const { return run_query(query, *projections_, *log_, waiting_jobs_->get()); }

  void answer(const bus::Message& message, std::string payload) {
    inside_->leave();
    reply(*bus_, message, std::move(payload));
  }

  static void reply(bus::Bus& bus, const bus::Message& message, std::string payload) {
    if (!message.reply.empty()) bus.publish({message.reply, "", {}, std::move(payload)});
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  projections::Projections* projections_;
  const log::EventLog* log_;
  std::shared_ptr<const WaitingReasons> waiting_jobs_;
  Settings settings_;
  std::shared_ptr<Admission> inside_;
  std::list<Waiting> waiting_;
  std::unique_ptr<bus::Subscription> subscription_;
};

}  // namespace

caf::behavior query_actor(caf::event_based_actor* self, bus::Bus* bus, projections::Projections* projections,
                          const log::EventLog* log, std::shared_ptr<const WaitingReasons> waiting, Settings settings) {
  auto queries = std::make_shared<Queries>(self, bus, projections, log, std::move(waiting), settings);
  self->attach_functor([queries](const caf::error&) { queries->close(); });
  self->send(self, Tick{});
  return {
      [=](const Queried& queried) { queries->queried(queried.message); },
      [=](const Flush&) { queries->look(); },
      [=](const Tick&) { queries->open(); },
  };
}

}  // namespace luthier::core
