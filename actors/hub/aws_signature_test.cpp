#include "actors/hub/aws_signature.hpp"

#include <catch2/catch.hpp>

using namespace luthier::hub;

namespace {

// The signatures were made by botocore 1.44.8 from the same requests.
const AwsKey key{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
constexpr std::int64_t then = 1772860089;  // 2026-03-07T05:08:09Z

std::string value_of(const std::vector<Header>& headers, const std::string& name) {
  for (const auto& header : headers)
    if (header.name == name) return header.value;
  return {};
}

std::string signature_of(const std::string& url) {
  std::vector<Header> headers;
  sign_v4(*parse_url(url, "url"), key, "eu-west-1", then, headers);
  CHECK(value_of(headers, "x-amz-date") == "20260307T050809Z");
  CHECK(value_of(headers, "x-amz-content-sha256") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto text = value_of(headers, "Authorization");
  const std::string before =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260307/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
      "Signature=";
  REQUIRE(text.rfind(before, 0) == 0);
  return text.substr(before.size());
}

}  // namespace

TEST_CASE("requests are signed as another implementation of signature version 4 signs them") {
  CHECK(signature_of("https://data.s3.eu-west-1.amazonaws.com/a%20dir/%C3%A9%2B.txt") ==
        "659acfb5ced9bf5c14b1c5ee9b79d7ee2982a0b2b15144239eb273dfeb46bb4c");
  CHECK(signature_of("http://127.0.0.1:9000/data/?continuation-token=1%2F2%3D&encoding-type=url&list-type=2&prefix=a%2F") ==
        "d39185e14a495784bc6aba6507a62b3ebf1a5069eac6688959be5d06614c5408");
}

TEST_CASE("requests are signed as another implementation of the older signature signs them") {
  std::vector<Header> headers;
  sign_v2("/data/a%20dir/x", key, then, headers);
  CHECK(value_of(headers, "Date") == "Sat, 07 Mar 2026 05:08:09 GMT");
  CHECK(value_of(headers, "Authorization") == "AWS AKIDEXAMPLE:gWGpfQ8YLSNAJM7z7ym2OAmyykg=");
}
