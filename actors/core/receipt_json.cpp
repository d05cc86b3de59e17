#include "actors/core/receipt_json.hpp"

#include <nlohmann/json.hpp>

namespace luthier::core {
namespace {

using nlohmann::ordered_json;

ordered_json error_object(const Error& error) {
  return {{"code", to_string(error.code)}, {"field", error.field}, {"message", error.message}};
}

// Text from outside may be no UTF-8; what we send is.
std::string dump(const ordered_json& value) { return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

}  // namespace

std::string receipt_json(const log::Receipt& receipt) {
  if (receipt.refusal) return refusal_json(receipt.command.id, *receipt.refusal);
  return dump({{"id", receipt.command.id},
               {"status", "accepted"},
               {"position", receipt.position},
               {"version", receipt.version},
               {"events", receipt.events},
               {"hash", receipt.hash}});
}

std::string refusal_json(const std::string& command_id, const Error& error) {
  return dump({{"id", command_id}, {"status", "refused"}, {"error", error_object(error)}});
}

std::string error_json(const Error& error) { return dump({{"error", error_object(error)}}); }

}  // namespace luthier::core
