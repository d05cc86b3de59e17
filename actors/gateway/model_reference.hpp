// What a client may call a model: "<workspace>/<model>", a bare "<model>" of workspace default, "<workspace>--<adapter>".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace luthier::gateway {

struct ModelReference {
  bool is_adapter = false;
  std::string workspace, name;
  bool operator==(const ModelReference&) const = default;
};
std::optional<ModelReference> parse_model_reference(std::string_view text);  // nullopt: none of the three

}  // namespace luthier::gateway
