#include "actors/rest/route.hpp"

#include <catch2/catch.hpp>

namespace luthier::rest {
namespace {

RouteTable table() {
  RouteTable routes;
  auto add = [&, next = std::size_t(0)](const char* method, const char* path) mutable {
    RouteInfo info;
    info.method = method;
    info.path = path;
    routes.add(std::move(info), next++);
  };
  add("GET", "/");                                                          // 0
  add("GET", "/apis/models/v2/workspaces/{workspace}/models");              // 1
  add("POST", "/apis/models/v2/workspaces/{workspace}/models");             // 2
  add("GET", "/apis/models/v2/workspaces/{workspace}/models/{name}");       // 3
  add("DELETE", "/apis/models/v2/workspaces/{workspace}/models/{name}");    // 4
  add("GET", "/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}");  // 5
  add("PUT", "/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}");  // 6
  add("GET", "/jobs/{name}");                                               // 7
  add("GET", "/jobs/-/steps");                                              // 8
  add("GET", "/jobs/{job}/results/{result}");                               // 9
  add("POST", "/jobs/batch");                                               // 10
  return routes;
}

RouteMatch matched(std::string_view method, std::string_view path) {
  auto match = table().match(method, path);
  REQUIRE(std::holds_alternative<RouteMatch>(match));
  return std::get<RouteMatch>(match);
}
Answer refused(std::string_view method, std::string_view path) { return std::get<Answer>(table().match(method, path)); }

}  // namespace

TEST_CASE("a method and a path lead to a handler and its parameters") {
  CHECK(matched("GET", "/").handler == 0);
  CHECK(matched("GET", "/apis/models/v2/workspaces/default/models").handler == 1);
  const auto match = matched("DELETE", "/apis/models/v2/workspaces/default/models/llama");
  CHECK(match.handler == 4);
  CHECK(match.parameters["workspace"] == "default");
  CHECK(match.parameters["name"] == "llama");
  CHECK(match.parameters["other"].empty());
}

TEST_CASE("a path is split before it is decoded: an encoded slash is part of the value") {
  CHECK(matched("GET", "/apis/models/v2/workspaces/a%2Fb/models/x%20%C3%A9").parameters["workspace"] == "a/b");
  CHECK(matched("GET", "/apis/models/v2/workspaces/a%2Fb/models/x%20%C3%A9").parameters["name"] == "x é");
  CHECK(matched("GET", "/apis/models/v2/workspaces/a+b!$&'()*,;=:@/models").parameters["workspace"] == "a+b!$&'()*,;=:@");
}

TEST_CASE("a tail takes the rest of the path, with encoded slashes or real ones") {
  for (const auto* tail : {"d%2Ftraining.jsonl", "d/training.jsonl"}) {
    const auto match = matched("PUT", std::string("/apis/files/v2/workspaces/w/filesets/f/-/") + tail);
    CHECK(match.handler == 6);
    CHECK(match.parameters["tail"] == "d/training.jsonl");
  }
  CHECK(matched("GET", "/apis/files/v2/workspaces/w/filesets/f/-/..%2Fx").parameters["tail"] == "../x");
  CHECK(matched("GET", "/apis/files/v2/workspaces/w/filesets/f/-/a//b/").parameters["tail"] == "a//b/");
  CHECK(matched("GET", "/apis/files/v2/workspaces/w/filesets/f/-/").parameters["tail"].empty());
  CHECK(refused("GET", "/apis/files/v2/workspaces/w/filesets/f/-").status == 404);
}

TEST_CASE("a literal goes before a parameter, and gives way to it when it leads nowhere") {
  CHECK(matched("GET", "/jobs/-/steps").handler == 8);
  CHECK(matched("GET", "/jobs/-").handler == 7);
  CHECK(matched("GET", "/jobs/-/results/r").handler == 9);
  CHECK(matched("GET", "/jobs/-/results/r").parameters["job"] == "-");
  CHECK(matched("GET", "/jobs/batch").handler == 7);
  CHECK(matched("POST", "/jobs/batch").handler == 10);
}

TEST_CASE("a path that nobody serves is 404, also with a slash at the end or an empty segment") {
  for (const auto* path : {"/nothing", "/apis", "/jobs/", "/jobs//", "/apis/models/v2/workspaces//models", "//"}) {
    INFO(path);
    CHECK(refused("GET", path).status == 404);
  }
}

TEST_CASE("another method is 405 and told which are allowed") {
  const auto refusal = refused("PATCH", "/apis/models/v2/workspaces/w/models/m");
  CHECK(refusal.status == 405);
  REQUIRE(refusal.headers.size() == 1);
  CHECK(refusal.headers[0].first == "allow");
  CHECK(refusal.headers[0].second == "DELETE, GET, HEAD");
  CHECK(refused("PUT", "/jobs/batch").headers[0].second == "GET, HEAD, POST");
}

TEST_CASE("HEAD goes where GET goes") {
  CHECK(matched("HEAD", "/apis/models/v2/workspaces/w/models").handler == 1);
  CHECK(refused("HEAD", "/jobs/-/nothing").status == 404);
}

TEST_CASE("a path that cannot be decoded is 400") {
  for (const auto* name : {"%", "%4", "%zz", "%00", "%FF", "a%C3", "%ED%A0%80"}) {
    INFO(name);
    CHECK(refused("GET", std::string("/jobs/") + name).status == 400);
  }
  CHECK(refused("GET", "jobs").status == 400);
  CHECK(refused("GET", "").status == 400);
}

TEST_CASE("a path of very many segments is answered at once") {
  std::string path;
  for (int i = 0; i < 100'000; ++i) path += "/a";
  CHECK(refused("GET", path).status == 404);
  CHECK(matched("GET", "/apis/files/v2/workspaces/w/filesets/f/-" + path).parameters["tail"].size() == path.size() - 1);
}

}  // namespace luthier::rest
