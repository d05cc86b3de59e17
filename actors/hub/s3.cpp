// S3, Amazon's and others':
//
//   GET /?list-type=2&prefix=…&encoding-type=url&continuation-token=…   ListBucketResult: Contents (Key, Size, ETag) …, IsTruncated,
//                                                                       NextContinuationToken
//   GET /KEY                                                            the content; If-Match pins it to the ETag of the listing
//
// The bucket is a part of the host's name at Amazon, and the first part of the path everywhere else.
#include <algorithm>
#include <chrono>

#include "actors/hub/aws_signature.hpp"
#include "actors/hub/content_range.hpp"
#include "actors/hub/file_list.hpp"
#include "actors/hub/get.hpp"
#include "actors/hub/s3_address.hpp"
#include "actors/hub/source.hpp"
#include "actors/hub/xml.hpp"

namespace luthier::hub {
namespace {

constexpr std::size_t page_bytes_max = 8 << 20, keys_max = 100'000;
constexpr int pages_max = 1'000;

struct Bucket {
  S3Address address;
  const S3& source;
  std::string prefix;  // empty, or with a slash at its end
  std::string place;   // "s3.eu-west-1.amazonaws.com: bucket data"

  // `target` begins with "/" and is below the bucket. Not a word of it goes to another host: no redirect is followed with it.
  Request request(const std::string& target) const {
    Request request{below(address.root, target), {}, {}};
    if (source.access_key_id.empty()) return request;
    const AwsKey key{source.access_key_id, source.secret_access_key};
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (source.signature_version == "s3")
      sign_v2("/" + source.bucket + target.substr(0, target.find('?')), key, now, request.credentials);
    else
      sign_v4(request.url, key, address.region, now, request.credentials);
    return request;
  }
};

Result<Bucket> bucket_of(const S3& source) {
  auto address = address_of(source);
  if (!address) return address.error();
  if (source.signature_version != "s3v4" && source.signature_version != "s3")
    return invalid("signature_version is \"s3v4\" or \"s3\", not \"" + quotable(source.signature_version) + "\"", "signature_version");
  if (source.access_key_id.empty() != source.secret_access_key.empty())
    return invalid("an access key has two parts: give both access_key_id_secret and secret_access_key_secret, or neither",
                   source.access_key_id.empty() ? "access_key_id_secret" : "secret_access_key_secret");
  for (const auto& [text, field] : {std::pair(&source.access_key_id, "access_key_id_secret.value"),
                                    std::pair(&source.secret_access_key, "secret_access_key_secret.value")})
    if (!std::all_of(text->begin(), text->end(), [](unsigned char c) { return c > ' ' && c < 0x7f; }))
      return invalid("wrong: the secret's value cannot be a part of an access key, since it has a blank or a line break in it", field);
  auto prefix = source.prefix;
  while (!prefix.empty() && prefix.front() == '/') prefix.erase(0, 1);
  if (!prefix.empty() && prefix.back() != '/') prefix += '/';
  const auto place = address->root.authority() + ": bucket " + source.bucket;
  return Bucket{std::move(*address), source, prefix, place};
}

Error explain(const Bucket& bucket, const Head& head, const std::string& body, const std::string& file) {
  const auto& place = bucket.place;
  const auto answer = parse_xml(body);
  const auto code = answer ? answer->text_of("Code") : std::string();
  auto region = head.find("x-amz-bucket-region");
  if (region.empty() && answer) region = answer->text_of("Region");
  const bool is_elsewhere = head.status == 301 || head.status == 307 || code == "AuthorizationHeaderMalformed" ||
                            code == "PermanentRedirect" || code == "IllegalLocationConstraintException";
  if (is_elsewhere)
    return invalid(place + ": it is in " +
                       (region.empty() ? std::string("another region than ") + bucket.address.region : "region " + quotable(region)) +
                       ": give that as region",
                   "region");
  if (code == "InvalidAccessKeyId")
    return invalid(place + ": wrong: the store does not know this access key", "access_key_id_secret.value");
  if (code == "SignatureDoesNotMatch")
    return invalid(place + ": wrong: the secret part does not belong to this access key", "secret_access_key_secret.value");
  if (code == "RequestTimeTooSkewed") return invalid(place + ": this machine's clock is wrong by too much: set it, and try again", "clock");
  if (code == "NoSuchBucket") return {ErrorCode::not_found, place + ": there is no such bucket", "bucket"};
  if (head.status == 404)
    return file.empty() ? Error{ErrorCode::not_found, place + ": there is no such bucket", "bucket"}
                        : Error{ErrorCode::not_found, place + ": it has no object for \"" + quotable(file) + "\"", "path"};
  if (head.status == 412)
    return {ErrorCode::conflict, place + ": " + quotable(file) + " has changed since it was listed: import it anew", "path"};
  if (head.status == 401 || head.status == 403)
    return invalid(place + ": denied: " +
                       (bucket.source.access_key_id.empty() ? "give an access key as access_key_id_secret and secret_access_key_secret"
                                                            : "this access key may not read it; it needs s3:ListBucket and s3:GetObject") +
                       (code.empty() || code == "AccessDenied" ? "" : " (" + quotable(code, bucket.source.secret_access_key) + ")"),
                   "access_key_id_secret");
  return placed(unexpected_status(bucket.address.root, head.status,
                                  "reading it" + (code.empty() ? "" : " (" + quotable(code, bucket.source.secret_access_key) + ")")),
                place);
}

// Keys come encoded, since not every key could stand in XML. A blank may be a plus.
std::string decoded_key(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return percent_decoded(text);
}

Result<void> add_files(const Bucket& bucket, const Element& page, FileList& files) {
  const bool is_encoded = page.text_of("EncodingType") == "url";
  for (const auto& entry : page.children) {
    if (entry.name != "Contents") continue;
    const auto raw = entry.text_of("Key");
    const auto key = is_encoded ? decoded_key(raw) : raw;
    if (key.empty() || key.rfind(bucket.prefix, 0) != 0)
      return Error{ErrorCode::corrupt, bucket.place + ": it lists \"" + quotable(key) + "\", which does not have the prefix asked for",
                   "path"};
    if (key.back() == '/' || key.size() == bucket.prefix.size()) continue;  // what consoles put in the place of a directory
    RemoteFile file{key.substr(bucket.prefix.size()), whole_number(entry.text_of("Size")).value_or(-1), {}, {}, entry.text_of("ETag")};
    if (file.etag.size() > 256 || !is_header_value(file.etag)) file.etag.clear();
    if (auto added = files.add(std::move(file)); !added) return added;
  }
  return {};
}

// In the order that the signature wants.
std::string list_target(const Bucket& bucket, const std::string& continuation) {
  return "/?" + (continuation.empty() ? std::string() : "continuation-token=" + percent_encoded(continuation) + "&") +
         "encoding-type=url&list-type=2" + (bucket.prefix.empty() ? "" : "&prefix=" + percent_encoded(bucket.prefix));
}

}  // namespace

Result<Listing> list_files(const S3& source, const Transfer& transfer) {
  const auto bucket = bucket_of(source);
  if (!bucket) return bucket.error();
  FileList files(bucket->place, transfer.files_max);
  std::string continuation;
  std::size_t keys = 0;
  for (int pages = 1;; ++pages) {
    const auto page = get_page(bucket->request(list_target(*bucket, continuation)), page_bytes_max, transfer, Redirects::not_followed);
    if (!page) return placed(page.error(), bucket->place);
    if (page->head.status != 200) return explain(*bucket, page->head, page->body, {});
    const auto root = parse_xml(page->body);
    if (!root || root->name != "ListBucketResult")
      return Error{
          ErrorCode::unavailable,
          bucket->place + ": the answer is no listing of a bucket: is " + bucket->address.root.origin() + " the right endpoint_url?",
          {}};
    if ((keys += root->children.size()) > keys_max || pages == pages_max)
      return Error{ErrorCode::limit, bucket->place + ": its listing has no end", "files"};
    if (auto added = add_files(*bucket, *root, files); !added) return added.error();
    if (root->text_of("IsTruncated") != "true") break;
    const auto next = root->text_of("NextContinuationToken");
    if (next.empty() || next == continuation) return Error{ErrorCode::unavailable, bucket->place + ": the listing breaks off", {}};
    continuation = next;
  }
  auto all = files.finish();
  if (!all) return all.error();
  return Listing{{}, std::move(*all)};
}

Result<Download> download_of(const S3& source, const Listing&, const RemoteFile& file, const Transfer&) {
  const auto bucket = bucket_of(source);
  if (!bucket) return bucket.error();
  Download made;
  made.place = bucket->place + ": " + file.path;
  made.identity = "s3 " + bucket->address.root.origin() + " " + source.bucket + " " + bucket->prefix + file.path + " " +
                  std::to_string(file.size) + " " + file.etag;
  made.request = [bucket = *bucket, &file]() -> Result<Request> {
    auto request = bucket.request("/" + percent_encoded(bucket.prefix + file.path, "/"));
    if (!file.etag.empty()) request.headers.push_back({"If-Match", file.etag});
    return request;
  };
  // A redirect is to another region: that is said, not followed.
  made.check = [bucket = *bucket, &file](const Head& head) -> Result<void> {
    if (is_redirect(head)) return explain(bucket, head, {}, file.path);
    return {};
  };
  made.explain = [bucket = *bucket, &file](const Head& head, const std::string& body) { return explain(bucket, head, body, file.path); };
  // Encrypted with a key of its owner's, an object has an ETag of another kind.
  made.etag_is_md5 = [](const Head& head) {
    return head.find("x-amz-server-side-encryption").rfind("aws:", 0) != 0 &&
           head.find("x-amz-server-side-encryption-customer-algorithm").empty();
  };
  return made;
}

}  // namespace luthier::hub
