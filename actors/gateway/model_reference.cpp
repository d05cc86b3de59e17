#include "actors/gateway/model_reference.hpp"

namespace luthier::gateway {
namespace {

constexpr std::size_t name_bytes_max = 255;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && text.find('/') == std::string_view::npos;
}

}  // namespace

std::optional<ModelReference> parse_model_reference(std::string_view text) {
  // "--" cannot occur in a name, so that it divides for sure.
  const auto dashes = text.find("--"), slash = text.find('/');
  const bool is_adapter = dashes != std::string_view::npos;
  ModelReference reference{is_adapter, "default", std::string(text)};
  if (is_adapter) {
    reference.workspace = text.substr(0, dashes);
    reference.name = text.substr(dashes + 2);
  } else if (slash != std::string_view::npos) {
    reference.workspace = text.substr(0, slash);
    reference.name = text.substr(slash + 1);
  }
  if (!is_name(reference.workspace) || !is_name(reference.name)) return std::nullopt;
  return reference;
}

}  // namespace luthier::gateway
