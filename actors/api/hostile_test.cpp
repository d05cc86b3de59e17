// Requests that ask for harm; tests/openapi/hostile.py sends many more of them to a whole server.
#include "actors/api/api_fixture_test.hpp"

namespace luthier::api {

TEST_CASE("a header that is sent on for a provider cannot begin another one") {
  ApiFixture f;
  const auto create = [&f](const std::string& name, const std::string& member, const std::string& headers) {
    return f.call("POST", "/apis/models/v2/workspaces/default/providers",
                  R"({"name":")" + name + R"(","host_url":"http://127.0.0.1:9",")" + member + "\":" + headers + "}");
  };
  for (const char* member : {"default_extra_headers", "required_extra_headers"})
    for (const char* headers : {R"({"X-A":"1\r\nX-B: 2"})", R"({"X-A\r\nX-B":"1"})", R"({"X-A":"1\nX-B: 2"})", R"({"X-A":"\u0000"})", R"({"":"1"})",
                                R"({"X A":"1"})", R"({"X-A:":"1"})"}) {
      INFO(member << ' ' << headers);
      CHECK(create("bad", member, headers).status == 422);
    }
  CHECK(create("good", "default_extra_headers", R"({"X-Mock-Served-Models":"[\"m1\", \"m2\"]","X-Empty":"","X-Name":"é"})").status == 201);
}

TEST_CASE("a body that says it is compressed is refused, whatever it is for") {
  ApiFixture f;
  REQUIRE(f.call("POST", "/apis/files/v2/workspaces/default/filesets", R"({"name":"rows"})").status == 200);
  const std::string file = "/apis/files/v2/workspaces/default/filesets/rows/-/a", projects = "/apis/entities/v2/workspaces/default/projects";
  for (const char* encoding : {"gzip", "GZIP", "gzip, gzip", "deflate", "br"}) {
    const auto header = std::string("Content-Encoding: ") + encoding + "\r\n";
    CHECK(f.call("POST", projects, R"({"name":"p1"})", header).status == 415);
    CHECK(f.call("PUT", file, "abc", header).status == 415);
  }
  CHECK(f.call("POST", projects, R"({"name":"p1"})", "Content-Encoding: identity\r\n").status == 201);
  CHECK(f.call("PUT", file, "abc", "Content-Encoding: identity\r\n").status == 200);
}

TEST_CASE("a parameter that makes no difference is read all the same") {
  ApiFixture f;
  const std::string workspaces = "/apis/entities/v2/workspaces";
  CHECK(f.call("POST", workspaces + "?wait_role_propagation=2", R"({"name":"ws1"})").status == 422);
  CHECK(f.call("POST", workspaces + "?wait_role_propagation=false", R"({"name":"ws1"})").status == 201);
  CHECK(f.call("POST", workspaces + "/ws1/members?wait_role_propagation=x", R"({"principal":"p1"})").status == 422);
  CHECK(f.call("DELETE", workspaces + "/ws1/members/nobody?wait_role_propagation=x").status == 422);
}

}  // namespace luthier::api
