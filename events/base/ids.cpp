#include "events/base/ids.hpp"

#include "events/base/base58.hpp"
#include "events/base/sha256.hpp"

namespace luthier {
namespace {

// Lengths in front of the parts, so that ("ab", "c") and ("a", "bc") are different inputs.
void add_part(std::string& input, std::string_view part) {
  for (int shift = 56; shift >= 0; shift -= 8) input += static_cast<char>(part.size() >> shift & 0xff);
  input += part;
}

}  // namespace

std::string derive_entity_id(const std::string& entity, const CommandKey& command, int ordinal) {
  std::string input;
  for (const auto& part : {command.principal, command.workspace, command.id, entity, std::to_string(ordinal)})
    add_part(input, part);
  Sha256 sum;
  sum.update(input);
  const auto digest = sum.digest();
  return entity + "-" + base58({reinterpret_cast<const std::uint8_t*>(digest.data()), 16});
}

}  // namespace luthier
