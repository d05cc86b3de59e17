// How a command or an event is declared, once: the struct, its stored name and version, and its fields. Encoding,
// decoding, the round-trip tests and the golden files all come from the declaration.
#pragma once

#include <string>
#include <string_view>

namespace luthier {

// The name and the version are on disk for ever. Rename a struct freely, never the string. A changed meaning is a new
// version, plus one function that reads the old one.
struct EventType {
  std::string_view name;
  int version;
};

template <class Struct, class Member>
struct Field {
  std::string_view name;
  Member Struct::*member;
  bool required;
};

// A member that must be there.
template <class Struct, class Member>
constexpr Field<Struct, Member> field(std::string_view name, Member Struct::*member) {
  return {name, member, true};
}

// A member that may be left out; it then keeps the default of the struct. It is always written, except for an empty optional
// (which is null where the member must be there).
template <class Struct, class Member>
constexpr Field<Struct, Member> field_or_default(std::string_view name, Member Struct::*member) {
  return {name, member, false};
}

// What a struct's `fields()` returns: called with a function, it hands it all the fields. (A std::tuple would do; its instantiation for
// each struct of the vocabulary took more of a build than everything else in these headers.)
template <class... Fields>
constexpr auto field_list(Fields... fields) {
  return [=](auto&& use) -> decltype(auto) { return use(fields...); };
}

// JSON of a shape that the log does not look into (a model's spec, a training configuration): canonical text, whose
// members keep their order. It is embedded as JSON, not as a string.
struct JsonText {
  std::string text = "null";
  bool operator==(const JsonText&) const = default;
};

}  // namespace luthier
