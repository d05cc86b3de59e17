#include <catch2/catch.hpp>
#include <map>

#include "actors/hub/digests.hpp"
#include "actors/hub/s3_address.hpp"
#include "actors/hub/servers_test.hpp"
#include "events/base/sha256.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

std::string md5_of(const std::string& bytes) {
  WeakDigest digest(WeakDigest::Kind::md5);
  digest.update(bytes);
  return digest.hex();
}

// A store with one bucket, "data", that lists two keys a page.
struct StoreDouble {
  std::map<std::string, std::string> objects{{"train/", ""},
                                             {"train/a b+é.jsonl", "{}\n"},
                                             {"train/deep/x", "x"},
                                             {"train/y", std::string(400'000, 'y')},
                                             {"training", "not below train/"},
                                             {"z", "z"}};
  std::map<std::string, std::string> etags;  // where it is not the MD5
  int refusal = 0;
  std::string code, encryption, extra;
  WebServer server{[this](const httplib::Request& request, httplib::Response& response) { answer(request, response); }};

  S3 source(const std::string& prefix = "train") const { return {server.endpoint(), "", "data", prefix, "AKIDEXAMPLE", "hunter2", "s3v4"}; }
  std::string etag_of(const std::string& key) const { return "\"" + (etags.count(key) ? etags.at(key) : md5_of(objects.at(key))) + "\""; }

 private:
  void refuse(httplib::Response& response, int status, const std::string& what) const {
    response.status = status;
    response.set_content("<?xml version=\"1.0\"?><Error><Code>" + what + "</Code><Message>no</Message>" + extra + "</Error>",
                         "application/xml");
  }
  void answer(const httplib::Request& request, httplib::Response& response) {
    if (refusal != 0) return refuse(response, refusal, code);
    if (request.path.rfind("/data/", 0) != 0) return refuse(response, 404, "NoSuchBucket");
    const auto key = request.path.substr(6);
    if (key.empty()) return list_objects(request, response);
    if (!objects.count(key)) return refuse(response, 404, "NoSuchKey");
    if (request.has_header("If-Match") && request.get_header_value("If-Match") != etag_of(key))
      return refuse(response, 412, "PreconditionFailed");
    response.set_header("ETag", etag_of(key));
    if (!encryption.empty()) response.set_header("x-amz-server-side-encryption", encryption);
    response.set_content(objects.at(key), "binary/octet-stream");
  }
  void list_objects(const httplib::Request& request, httplib::Response& response) {
    const auto prefix = request.get_param_value("prefix"), after = request.get_param_value("continuation-token");
    std::string body = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EncodingType>url</EncodingType>", last;
    int number = 0;
    bool is_truncated = false;
    for (const auto& [key, bytes] : objects) {
      if (key.rfind(prefix, 0) != 0 || (!after.empty() && key <= after)) continue;
      if (number++ == 2) {
        is_truncated = true;
        break;
      }
      last = key;
      auto encoded = httplib::detail::encode_query_param(key);
      for (std::size_t at; (at = encoded.find("%20")) != std::string::npos;) encoded.replace(at, 3, "+");
      body += "<Contents><Key>" + encoded + "</Key><Size>" + std::to_string(bytes.size()) + "</Size><ETag>&quot;" +
              etag_of(key).substr(1, etag_of(key).size() - 2) + "&quot;</ETag></Contents>";
    }
    response.set_content(
        body + "<IsTruncated>" +
            (is_truncated ? "true</IsTruncated><NextContinuationToken>" + last + "</NextContinuationToken>" : "false</IsTruncated>") +
            "</ListBucketResult>",
        "application/xml");
  }
};

Error refusal_of(const S3& source) {
  const auto listing = list(source, quick());
  REQUIRE_FALSE(listing);
  return listing.error();
}

}  // namespace

TEST_CASE("a bucket is listed below its prefix, page by page, without what stands for directories") {
  const StoreDouble store;
  const auto listing = list(store.source(), quick());
  REQUIRE(listing);
  CHECK(listing->revision.empty());
  REQUIRE(listing->files.size() == 3);
  CHECK(listing->files[0] == RemoteFile{"a b+é.jsonl", 3, {}, {}, "\"" + md5_of("{}\n") + "\""});
  CHECK(listing->files[1].path == "deep/x");
  CHECK(listing->files[2].path == "y");
  CHECK(store.server.seen().size() == 2);
  CHECK(store.server.seen()[0].target == "/data/?encoding-type=url&list-type=2&prefix=train%2F");
  CHECK(contains(store.server.seen()[0].header("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
  CHECK(contains(store.server.seen()[0].header("Authorization"), "/us-east-1/s3/"));
}

TEST_CASE("objects arrive, pinned to the ETag of the listing and verified by it where it is an MD5") {
  StoreDouble store;
  const TemporaryDirectory directory;
  const auto listing = list(store.source(), quick());
  REQUIRE(listing);
  for (const auto& file : listing->files) {
    const auto digest = fetch(store.source(), *listing, file, directory / file.path, quick());
    REQUIRE(digest);
    CHECK(*digest == sha256_hex(store.objects.at("train/" + file.path)));
  }
  CHECK(contains(store.server.seen()[2].target, "/data/train/a%20b%2B%C3%A9.jsonl"));

  store.objects["train/y"] += "more";
  const auto changed = fetch(store.source(), *listing, listing->files[2], directory / "again", quick());
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == ErrorCode::conflict);
  CHECK(contains(changed.error().message, "changed since it was listed"));
}

TEST_CASE("an MD5 that does not fit is corrupt; an ETag that is no MD5 is none") {
  StoreDouble store;
  const TemporaryDirectory directory;
  const auto get = [&] {
    const auto listing = list(store.source(), quick());
    REQUIRE(listing);
    return fetch(store.source(), *listing, listing->files[2], directory / "y", quick());
  };
  store.etags["train/y"] = std::string(32, 'a');
  const auto wrong = get();
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == ErrorCode::corrupt);
  CHECK(contains(wrong.error().message, "MD5"));
  store.etags["train/y"] = std::string(32, 'a') + "-2";  // of an upload in two parts
  CHECK(get());
  store.etags["train/y"] = std::string(32, 'a');
  store.encryption = "aws:kms";
  CHECK(get());
}

TEST_CASE("refusals of a store are told apart, each with what to do") {
  StoreDouble store;
  const auto with = [&](int status, const std::string& code) {
    store.refusal = status;
    store.code = code;
    return refusal_of(store.source());
  };
  CHECK(with(403, "InvalidAccessKeyId").field == "access_key_id_secret.value");
  CHECK(with(403, "SignatureDoesNotMatch").field == "secret_access_key_secret.value");
  CHECK(with(403, "AccessDenied").field == "access_key_id_secret");
  CHECK(contains(with(403, "AccessDenied").message, "s3:ListBucket"));
  CHECK(with(403, "RequestTimeTooSkewed").field == "clock");
  CHECK(with(404, "NoSuchBucket").field == "bucket");
  CHECK(with(404, "NoSuchBucket").code == ErrorCode::not_found);
  store.extra = "<Region>eu-west-1</Region>";
  CHECK(with(400, "AuthorizationHeaderMalformed").field == "region");
  CHECK(contains(with(301, "PermanentRedirect").message, "region eu-west-1"));
  CHECK(with(503, "SlowDown").code == ErrorCode::unavailable);
  CHECK(with(418, "hunter2").code == ErrorCode::invalid);
  CHECK_FALSE(contains(with(418, "hunter2").message, "hunter2"));
  store.refusal = 403;
  store.code = "AccessDenied";
  auto anonymous = store.source();
  anonymous.access_key_id.clear();
  anonymous.secret_access_key.clear();
  CHECK(contains(refusal_of(anonymous).message, "give an access key"));
  CHECK(store.server.seen().back().header("Authorization").empty());
}

TEST_CASE("an object that is gone, and a bucket that never was, are not_found") {
  StoreDouble store;
  const TemporaryDirectory directory;
  const auto gone = fetch(store.source(), Listing{}, {"gone", 3, {}, {}, {}}, directory / "x", quick());
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::not_found);
  CHECK(gone.error().field == "path");
  auto source = store.source();
  source.bucket = "other";
  CHECK(refusal_of(source).field == "bucket");
}

TEST_CASE("the older signature is made where it is asked for") {
  const StoreDouble store;
  auto source = store.source();
  source.signature_version = "s3";
  CHECK(list(source, quick()));
  CHECK(contains(store.server.seen()[0].header("Authorization"), "AWS AKIDEXAMPLE:"));
  source.signature_version = "s5";
  CHECK(refusal_of(source).field == "signature_version");
}

TEST_CASE("keys that would leave their directory are refused, and so are answers that are no listing") {
  StoreDouble store;
  store.objects["train/../../etc/passwd"] = "root";
  CHECK(refusal_of(store.source()).code == ErrorCode::corrupt);
  const WebServer other([](const httplib::Request&, httplib::Response& response) { response.set_content("<html></html>", "text/html"); });
  auto source = store.source();
  source.endpoint_url = other.endpoint();
  CHECK(contains(refusal_of(source).message, "endpoint_url"));
  const WebServer endless([](const httplib::Request&, httplib::Response& response) {
    response.set_content(
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>",
        "application/xml");
  });
  source.endpoint_url = endless.endpoint();
  CHECK(refusal_of(source).code == ErrorCode::unavailable);
}

TEST_CASE("half an access key, and one with a line break, are refused before anything is sent") {
  const StoreDouble store;
  auto source = store.source();
  source.secret_access_key.clear();
  CHECK(refusal_of(source).field == "secret_access_key_secret");
  source = store.source();
  source.access_key_id += "\n";
  CHECK(refusal_of(source).field == "access_key_id_secret.value");
  CHECK(store.server.seen().empty());
}

TEST_CASE("a bucket is a part of Amazon's host names, and of other stores' paths") {
  const auto root_of = [](const std::string& endpoint, const std::string& region, const std::string& bucket) {
    const auto address = address_of({endpoint, region, bucket, "", "", "", "s3v4"});
    return address ? address->root.origin() + address->root.target : address.error().field;
  };
  CHECK(root_of("", "", "data") == "https://data.s3.us-east-1.amazonaws.com/");
  CHECK(root_of("", "eu-west-1", "data") == "https://data.s3.eu-west-1.amazonaws.com/");
  CHECK(root_of("", "eu-west-1", "my.data") == "https://s3.eu-west-1.amazonaws.com/my.data");
  CHECK(root_of("https://s3.us-west-2.amazonaws.com", "", "data") == "https://data.s3.us-west-2.amazonaws.com/");
  CHECK(root_of("http://127.0.0.1:9000/", "", "data") == "http://127.0.0.1:9000/data");
  CHECK(root_of("http://127.0.0.1:9000", "EU", "data") == "region");
  for (const auto* bucket : {"", "ab", "Data", "a/b", "..x", "a..b"}) CHECK(root_of("", "", bucket) == "bucket");
  CHECK(root_of("localhost:9000", "", "data") == "endpoint_url");
}
