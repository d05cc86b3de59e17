#include "actors/hub/url.hpp"

#include <catch2/catch.hpp>

using namespace luthier::hub;

namespace {

std::string whole(const luthier::Result<Url>& url) { return url ? url->origin() + url->target : "refused"; }

}  // namespace

TEST_CASE("an address is taken apart, and the port that its scheme implies is left out") {
  CHECK(whole(parse_url("https://HuggingFace.co", "endpoint")) == "https://huggingface.co/");
  CHECK(whole(parse_url("http://127.0.0.1:8080/hf/?x=1#part", "endpoint")) == "http://127.0.0.1:8080/hf/?x=1");
  CHECK(whole(parse_url("https://h:443/", "endpoint")) == "https://h/");
  CHECK(whole(parse_url("http://h:443?x", "endpoint")) == "http://h:443/?x");
  CHECK(whole(parse_url("http://[::1]:9/x", "endpoint")) == "http://[::1]:9/x");
  CHECK(parse_url("http://[::1]:9/x", "endpoint")->host == "::1");
}

TEST_CASE("what is no address of the web is refused") {
  for (const auto* text :
       {"", "huggingface.co", "ftp://h/", "http://", "http:///x", "http://h:0/", "http://h:65536/", "http://h:1x/", "http://a b/",
        "http://h/\r\nX: y", "http://user@h/", "http://user:p@h/", "http://[::1/", "http://[h]/", "http://h\\x/", "https://h/\xc3\xa9"})
    CHECK(whole(parse_url(text, "endpoint")) == "refused");
  CHECK(parse_url("x", "endpoint").error().field == "endpoint");
}

TEST_CASE("a reference is resolved against the address that it came from") {
  const auto base = *parse_url("https://h:8/a/b?q=1", "endpoint");
  CHECK(whole(resolve(base, "https://other/x")) == "https://other/x");
  CHECK(whole(resolve(base, "//other/x?y")) == "https://other/x?y");
  CHECK(whole(resolve(base, "/x?u=http://z")) == "https://h:8/x?u=http://z");
  CHECK(whole(resolve(base, "c")) == "https://h:8/a/c");
  CHECK(whole(resolve(base, "../c/./d/..")) == "https://h:8/c/");
  CHECK(whole(resolve(base, "?page=2")) == "https://h:8/a/b?page=2");
  CHECK(whole(resolve(base, "/../../x")) == "https://h:8/x");
  CHECK(whole(resolve(base, "/a b\xc3\xa9#f")) == "https://h:8/a%20b%C3%A9");
  CHECK(whole(resolve(base, "javascript:alert(1)")) == "refused");
}

TEST_CASE("percent codes go both ways") {
  CHECK(percent_encoded("a dir/\xc3\xa9+#~", "/") == "a%20dir/%C3%A9%2B%23~");
  CHECK(percent_decoded("a%20dir%2f%C3%A9%2B%") == "a dir/\xc3\xa9+%");
  CHECK(percent_decoded("%zz%4") == "%zz%4");
}

TEST_CASE("what is below an endpoint keeps the endpoint's own path") {
  CHECK(whole(below(*parse_url("http://h/apis/hf/", "endpoint"), "/api/models/x")) == "http://h/apis/hf/api/models/x");
  CHECK(whole(below(*parse_url("http://h", "endpoint"), "/api")) == "http://h/api");
}
