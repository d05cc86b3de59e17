#include "actors/hub/s3_address.hpp"

#include <algorithm>

namespace luthier::hub {
namespace {

bool is_made_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || others.find(c) != std::string_view::npos; });
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

Result<S3Address> address_of(const S3& source) {
  if (source.bucket.size() < 3 || source.bucket.size() > 63 || !is_made_of(source.bucket, "-.") || source.bucket.front() == '.' ||
      source.bucket.find("..") != std::string::npos)
    return invalid("a bucket's name has 3 to 63 small letters, digits, dots and hyphens", "bucket");
  const auto region = source.region.empty() ? std::string("us-east-1") : source.region;
  if (region.size() > 63 || !is_made_of(region, "-")) return invalid("a region has a name such as eu-west-1", "region");
  auto root = parse_url(source.endpoint_url.empty() ? "https://s3." + region + ".amazonaws.com" : source.endpoint_url, "endpoint_url");
  if (!root) return root.error();
  if (root->target.find('?') != std::string::npos) return invalid("the endpoint must not have a query", "endpoint_url");
  const bool is_amazon = ends_with(root->host, ".amazonaws.com") || ends_with(root->host, ".amazonaws.com.cn");
  if (is_amazon && source.bucket.find('.') == std::string::npos)
    root->host = source.bucket + "." + root->host;
  else
    root = below(*root, "/" + source.bucket);
  return S3Address{std::move(*root), region};
}

}  // namespace luthier::hub
