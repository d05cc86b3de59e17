#include "events/codec/codec.hpp"
#include "events/codec/schema.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::events {
namespace {

template <class T>
Declaration declaration_of() {
  if constexpr (std::is_same_v<const EventType, decltype(T::type)>)
    return {T::type.name, T::type.version, entity_of<T>(), schema_of<T>()};
  else
    return {T::type, 0, entity_of<T>(), schema_of<T>()};
}

template <class Any>
void declare_all(std::vector<Declaration>& into) {
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (into.push_back(declaration_of<std::variant_alternative_t<index, typename Any::Alternatives>>()), ...);
  }(std::make_index_sequence<std::variant_size_v<typename Any::Alternatives>>());
}

}  // namespace

std::vector<Declaration> declarations() {
  std::vector<Declaration> all;
  declare_all<Command>(all);
  declare_all<Event>(all);
  return all;
}

}  // namespace luthier::events
