// JSON as the HTTP contract handles it: read by our strict parser, held as a tree whose members keep their order, written without
// ever throwing.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "events/json/value.hpp"

namespace luthier::rest {

using Json = nlohmann::ordered_json;

struct BodyBounds {
  std::size_t bytes_max = 1024 * 1024;
  std::size_t depth_max = 64;
};

Json to_json(const json::Value& value);
// Strict: a member that is there twice, bytes that are not UTF-8 and what is longer or deeper than the bounds are refused.
Result<Json> parse_json(std::string_view text, const BodyBounds& bounds = {});

// One line. Bytes that are not UTF-8 become U+FFFD, numbers that JSON cannot write become null.
std::string dump(const Json& value);
// Members that are null are left out of objects, at any depth; elements of lists stay.
Json without_nulls(Json value);

// Puts a member at the end without looking for one of that name: the library's own way walks through the object each time, which
// a large object makes quadratic. The caller knows that the name is new.
void append_member(Json& object, std::string name, Json value);
// The member of that name, in an object; null pointer when there is none, or when this is no object.
const Json* find_member(const Json& value, std::string_view name);
// Equal as JSON: the order of members does not matter, and 1 equals 1.0.
bool same_json(const Json& one, const Json& other);

}  // namespace luthier::rest
