// One function per alternative of a variant, found by its stored name.
#pragma once

#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

namespace luthier::events {

// `make` is a template lambda that turns an alternative's type into (name, entry).
template <class Any, class Entry, class Make>
std::unordered_map<std::string_view, Entry> table_of(const Make& make) {
  std::unordered_map<std::string_view, Entry> table;
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (table.insert(make.template operator()<std::variant_alternative_t<index, typename Any::Alternatives>>()), ...);
  }(std::make_index_sequence<std::variant_size_v<typename Any::Alternatives>>());
  return table;
}

}  // namespace luthier::events
