#include "actors/rest/route.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <set>

#include "actors/rest/query.hpp"
#include "events/json/utf8.hpp"

namespace luthier::rest {
namespace {

constexpr std::size_t segments_max = 64;  // deeper than any route; a tail counts as one

using Segments = std::vector<std::string_view>;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t start = 1; start <= path.size() && !path.empty();) {
    const auto end = std::min(path.find('/', start), path.size());
    out.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{' && segment.back() == '}'; }
std::string_view name_in(std::string_view segment) { return segment.substr(1, segment.size() - 2); }

bool decode(std::string_view raw, std::string& out) {
  return percent_decode(raw, out, false, false) && json::is_utf8(out) && out.find('\0') == out.npos;
}

}  // namespace

const std::string& PathParameters::operator[](std::string_view name) const {
  static const std::string none;
  for (const auto& [other, value] : all_)
    if (other == name) return value;
  return none;
}

struct RouteTable::Node {
  struct Leaf {
    std::string method;
    std::size_t handler;
    std::vector<std::string> names;  // of the parameters on the way here
  };
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter, tail;
  std::vector<Leaf> leaves;

  const Leaf* leaf_of(std::string_view method) const {
    const auto with = [&](std::string_view wanted) -> const Leaf* {
      const auto at = std::find_if(leaves.begin(), leaves.end(), [&](const Leaf& leaf) { return leaf.method == wanted; });
      return at == leaves.end() ? nullptr : &*at;
    };
    if (const auto* leaf = with(method)) return leaf;
    return method == "HEAD" ? with("GET") : nullptr;
  }
};

namespace {

template <class Node>
class Search {
 public:
  Search(std::string_view method, std::string_view path) : method_(method), segments_(split(path)) {}

  // Depth first; a place without this method is no dead end, another route may suit the same path.
  auto at(const Node& node, std::size_t place) -> decltype(node.leaf_of({})) {
    if (place == segments_.size()) return leaf(node);
    const auto segment = segments_[place];
    if (const auto next = node.literals.find(segment); next != node.literals.end())
      if (const auto* found = at(*next->second, place + 1)) return found;
    if (node.parameter && !segment.empty()) {
      values.push_back(segment);
      if (const auto* found = at(*node.parameter, place + 1)) return found;
      values.pop_back();
    }
    if (!node.tail) return nullptr;
    const auto* last = segments_.back().data() + segments_.back().size();
    values.emplace_back(segment.data(), static_cast<std::size_t>(last - segment.data()));
    if (const auto* found = leaf(*node.tail)) return found;
    values.pop_back();
    return nullptr;
  }

  Segments values;
  std::set<std::string> allowed;

 private:
  auto leaf(const Node& node) -> decltype(node.leaf_of({})) {
    for (const auto& one : node.leaves) {
      allowed.insert(one.method);
      if (one.method == "GET") allowed.insert("HEAD");
    }
    return node.leaf_of(method_);
  }

  std::string_view method_;
  Segments segments_;
};

}  // namespace

RouteTable::RouteTable() : root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;
RouteTable::RouteTable(RouteTable&&) noexcept = default;
RouteTable& RouteTable::operator=(RouteTable&&) noexcept = default;

void RouteTable::add(RouteInfo info, std::size_t handler) {
  assert(info.path.starts_with('/'));
  Node* at = root_.get();
  std::vector<std::string> names;
  const auto segments = split(info.path);
  assert(segments.size() <= segments_max);
  for (const auto& segment : segments) {
    std::unique_ptr<Node>* next = nullptr;
    if (segment == "{tail}") {
      assert(&segment == &segments.back() && "a tail is the last segment");
      next = &at->tail;
    } else if (is_parameter(segment)) {
      next = &at->parameter;
    } else {
      next = &at->literals[std::string(segment)];
    }
    if (is_parameter(segment)) names.emplace_back(name_in(segment));
    if (!*next) *next = std::make_unique<Node>();
    at = next->get();
  }
  assert(std::none_of(at->leaves.begin(), at->leaves.end(), [&](const auto& leaf) { return leaf.method == info.method; }) &&
         "a method and a path lead to one handler");
  at->leaves.push_back({info.method, handler, std::move(names)});
  routes_.push_back(std::move(info));
}

Or<RouteMatch> RouteTable::match(std::string_view method, std::string_view raw_path) const {
  if (!raw_path.starts_with('/')) return detail(400, "The path does not start with a slash.");
  Search<Node> search(method, raw_path);
  const auto* leaf = search.at(*root_, 0);
  if (!leaf) {
    if (search.allowed.empty()) return detail(404, "Not Found");
    Answer refusal = detail(405, "Method Not Allowed");
    std::string allow;
    for (const auto& one : search.allowed) allow += (allow.empty() ? "" : ", ") + one;
    refusal.headers.emplace_back("allow", std::move(allow));
    return refusal;
  }
  RouteMatch match;
  match.handler = leaf->handler;
  for (std::size_t i = 0; i < leaf->names.size(); ++i) {
    std::string value;
    if (!decode(search.values[i], value))
      return detail(400, "The path's " + leaf->names[i] + " is not percent-encoded UTF-8, or has a NUL.");
    match.parameters.add(leaf->names[i], std::move(value));
  }
  return match;
}

}  // namespace luthier::rest
