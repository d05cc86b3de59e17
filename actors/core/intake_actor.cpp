#include "actors/core/intake_actor.hpp"

#include <caf/all.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/admission.hpp"
#include "actors/core/messages.hpp"
#include "actors/core/receipt_json.hpp"
#include "events/codec/codec.hpp"

namespace luthier::core {
namespace {

class Intake {
 public:
  Intake(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, std::function<void(std::string)> warn, Settings settings)
      : self_(self), bus_(bus), entity_(std::move(entity)), warn_(std::move(warn)), settings_(settings),
        requests_inside_(std::make_shared<Admission>(settings.requests_in_flight_max)) {}

  // False: the bus is not there yet.
  bool open() {
    const auto me = caf::actor_cast<caf::actor>(self_);
    auto requests = bus_->subscribe(std::string(bus::all_requests), [me, bus = bus_, inside = requests_inside_](bus::Message message) {
      if (inside->enter()) caf::anon_send(me, Requested{std::move(message)});
      else answer(*bus, message, refusal_json("", {ErrorCode::limit, "the intake is full; send the command again later", ""}));
    });
    if (!requests) return not_open(requests.error());
    auto deliveries = bus_->consume_commands(settings_.deliveries_in_flight_max, [me](bus::Delivery delivery) {
      caf::anon_send(me, Delivered{std::move(delivery)});
    });
    if (!deliveries) return not_open(deliveries.error());
    requests_ = std::move(*requests);
    deliveries_ = std::move(*deliveries);
    return true;
  }

  void close() {
    requests_.reset();
    deliveries_.reset();
  }

  void requested(const bus::Message& message) {
    const auto finish = [this, message](std::string payload) {
      requests_inside_->leave();
      answer(*bus_, message, std::move(payload));
    };
    auto request = decode(message);
    if (!request) return finish(refusal_json(events::id_in(message.payload), request.error()));
    auto id = request->key.id;
    submit(std::move(*request), [finish, id](const Outcome& outcome) {
      finish(outcome.receipt ? receipt_json(*outcome.receipt) : refusal_json(id, *outcome.error));
    });
  }

  void delivered(const bus::Delivery& delivery) {
    auto request = decode(delivery.message);
    if (!request) {  // it will never get better: answer and be done with it
      const auto id = events::id_in(delivery.message.payload);
      const auto refusal = refusal_json(id, request.error());
      answer(*bus_, delivery.message, refusal);
      if (!id.empty()) bus_->publish({bus::receipt_subject(id), "", {}, refusal});
      return bus_->acknowledge(delivery.token);
    }
    auto id = request->key.id;
    submit(std::move(*request), [this, delivery, id](const Outcome& outcome) {
      if (!outcome.receipt) return;  // nothing was decided: it comes again
      const auto receipt = receipt_json(*outcome.receipt);
      answer(*bus_, delivery.message, receipt);
      bus_->publish({bus::receipt_subject(id), "", {}, receipt});
      bus_->acknowledge(delivery.token);
    });
  }

 private:
  bool not_open(const Error& error) {
    if (std::exchange(last_warning_, error.message) != error.message && warn_) warn_("commands cannot be taken: " + error.message);
    return false;
  }

  // Without controllers whoever may send commands does their part as well.
  Result<events::Request> decode(const bus::Message& message) const {
    const auto tokens = bus::parse_subject(message.subject);
    if (!tokens || tokens->size() != 4) return invalid("the subject is not luthier.v1.req.<workspace>.<entity>.<Command>");
    auto request = events::decode_request((*tokens)[2], (*tokens)[1], message.payload, {}, !settings_.controllers);
    if (request && request->entity != (*tokens)[2])
      return invalid("the command does not belong to entity " + (*tokens)[2], "type");
    return request;
  }

  template <class Then>
  void submit(events::Request request, Then then) {
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const events::Request>(std::move(request))})
        .then(
            [then](const Outcome& outcome) { then(outcome); },
            [then](const caf::error&) {
              then(Outcome{nullptr, Error{ErrorCode::unavailable, "the control plane is stopping; send the command again", ""}});
            });
  }

  static void answer(bus::Bus& bus, const bus::Message& message, std::string payload) {
    if (!message.reply.empty()) bus.publish({message.reply, "", {}, std::move(payload)});
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  caf::actor entity_;
  std::function<void(std::string)> warn_;
  std::string last_warning_;
  Settings settings_;
  std::shared_ptr<Admission> requests_inside_;
  std::unique_ptr<bus::Subscription> requests_, deliveries_;
};

}  // namespace

caf::behavior intake_actor(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, std::function<void(std::string)> warn,
                           Settings settings) {
  auto intake = std::make_shared<Intake>(self, bus, std::move(entity), std::move(warn), settings);
  self->attach_functor([intake](const caf::error&) { intake->close(); });
  self->send(self, Tick{});
  return {
      [=](const Tick&) {
        if (!intake->open()) self->delayed_send(self, settings.publish_retry, Tick{});
      },
      [=](const Requested& requested) { intake->requested(requested.message); },
      [=](const Delivered& delivered) { intake->delivered(delivered.delivery); },
  };
}

}  // namespace luthier::core
