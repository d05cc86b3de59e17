// Which handler a method and a raw path lead to. Paths are split before they are decoded, so a %2F inside a parameter stays part of
// its value.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/rest/answer.hpp"
#include "actors/rest/query_fields.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::rest {

// An answer beside a route's first: a part of a file, word that more is wanted. Without a schema it has no body; with the status of
// the first one it is the same answer as another type.
struct OtherAnswer {
  int status = 200;
  std::optional<Schema> schema = {};
  std::string type = "application/json";
};

struct RouteInfo {
  std::string method = {};  // "GET"; a GET answers HEAD as well
  // "/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}". A last segment {tail} takes the rest of the path, slashes and all.
  std::string path = {};
  std::string summary = {};
  std::string tag = {};
  std::optional<Schema> body = {};
  std::optional<Schema> answer = {};
  int success = 200;
  std::vector<QueryField> query = {};
  std::vector<int> errors = {};  // beside 422, which follows from body and query: {404, 409}
  bool body_required = true;
  std::string body_type = "application/json";
  std::string answer_type = "application/json";
  std::string operation_id = {};  // made from method and path when empty
  std::string description = {};
  bool is_public = false;  // needs no credential
  std::vector<OtherAnswer> others = {};
};

// The parameters of a path, decoded.
class PathParameters {
 public:
  const std::string& operator[](std::string_view name) const;  // one that the path declares, else an empty text
  void add(std::string name, std::string value) { all_.emplace_back(std::move(name), std::move(value)); }
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

struct RouteMatch {
  std::size_t handler = 0;
  PathParameters parameters;
};

// Filled at start; match() may then be called by any thread.
class RouteTable {
 public:
  RouteTable();
  ~RouteTable();
  RouteTable(RouteTable&&) noexcept;
  RouteTable& operator=(RouteTable&&) noexcept;

  // The same method and path twice, or a {tail} before the end, is a mistake of ours and asserts.
  void add(RouteInfo info, std::size_t handler);
  // A literal segment goes before a parameter, and a parameter before a tail. 404, 405 with `allow`, or 400 for a path that cannot be
  // decoded.
  Or<RouteMatch> match(std::string_view method, std::string_view raw_path) const;
  const std::vector<RouteInfo>& routes() const { return routes_; }

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  std::vector<RouteInfo> routes_;
};

}  // namespace luthier::rest
