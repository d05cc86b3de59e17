#include "actors/bus/bus.hpp"

namespace luthier::bus {

std::optional<std::string> Message::header(const std::string& name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

}  // namespace luthier::bus
