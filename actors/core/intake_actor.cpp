#include "actors/core/intake_actor.hpp"

#include <caf/all.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/messages.hpp"
#include "actors/core/receipt_json.hpp"
#include "events/codec/codec.hpp"

namespace luthier::core {
namespace {

class Intake {
 public:
  Intake(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, Settings settings)
      : self_(self), bus_(bus), entity_(std::move(entity)), settings_(settings) {}

  // False: the bus is not there yet.
  bool open() {
    const auto me = caf::actor_cast<caf::actor>(self_);
    auto requests = bus_->subscribe(std::string(bus::all_requests),
                                    [me](bus::Message message) { caf::anon_send(me, Requested{std::move(message)}); });
    if (!requests) return false;
    auto deliveries = bus_->consume_commands(settings_.deliveries_in_flight_max, [me](bus::Delivery delivery) {
      caf::anon_send(me, Delivered{std::move(delivery)});
    });
    if (!deliveries) return false;
    requests_ = std::move(*requests);
    deliveries_ = std::move(*deliveries);
    return true;
  }

  void close() {
    requests_.reset();
    deliveries_.reset();
  }

  void requested(const bus::Message& message) {
    if (waiting_ >= settings_.requests_in_flight_max)
      return answer(message, refusal_json("", {ErrorCode::limit, "the intake is full; send the command again later", ""}));
    auto request = decode(message);
    if (!request) return answer(message, refusal_json("", request.error()));
    auto id = request->key.id;
    submit(std::move(*request), [this, message, id](const Outcome& outcome) {
      answer(message, outcome.receipt ? receipt_json(*outcome.receipt) : refusal_json(id, *outcome.error));
    });
  }

  void delivered(const bus::Delivery& delivery) {
    auto request = decode(delivery.message);
    if (!request) {  // it will never get better: answer and be done with it
      answer(delivery.message, refusal_json("", request.error()));
      return bus_->acknowledge(delivery.token);
    }
    auto id = request->key.id;
    submit(std::move(*request), [this, delivery, id](const Outcome& outcome) {
      if (!outcome.receipt) return;  // nothing was decided: it comes again
      const auto receipt = receipt_json(*outcome.receipt);
      answer(delivery.message, receipt);
      bus_->publish({bus::receipt_subject(id), "", {}, receipt});
      bus_->acknowledge(delivery.token);
    });
  }

 private:
  static Result<events::Request> decode(const bus::Message& message) {
    const auto tokens = bus::parse_subject(message.subject);
    if (!tokens || tokens->size() != 4) return invalid("the subject is not luthier.v1.req.<workspace>.<entity>.<Command>");
    auto request = events::decode_request((*tokens)[2], (*tokens)[1], message.payload);
    if (request && request->entity != (*tokens)[2])
      return invalid("the command does not belong to entity " + (*tokens)[2], "type");
    return request;
  }

  template <class Then>
  void submit(events::Request request, Then then) {
    ++waiting_;
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const events::Request>(std::move(request))})
        .then(
            [this, then](const Outcome& outcome) {
              --waiting_;
              then(outcome);
            },
            [this, then](const caf::error&) {
              --waiting_;
              then(Outcome{nullptr, Error{ErrorCode::unavailable, "the control plane is stopping; send the command again", ""}});
            });
  }

  void answer(const bus::Message& message, std::string payload) {
    if (!message.reply.empty()) bus_->publish({message.reply, "", {}, std::move(payload)});
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  caf::actor entity_;
  Settings settings_;
  std::size_t waiting_ = 0;
  std::unique_ptr<bus::Subscription> requests_, deliveries_;
};

}  // namespace

caf::behavior intake_actor(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, Settings settings) {
  auto intake = std::make_shared<Intake>(self, bus, std::move(entity), settings);
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
