#include "actors/hub/aws_signature.hpp"

#include <array>
#include <ctime>

#include "actors/hub/digests.hpp"
#include "events/base/sha256.hpp"

namespace luthier::hub {
namespace {

std::tm utc(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return parts;
}

std::string basic_time(std::int64_t unix_seconds) {  // 20130524T000000Z
  const auto parts = utc(unix_seconds);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::string http_date(std::int64_t unix_seconds) {  // Tue, 27 Mar 2007 19:36:42 GMT, in English wherever we are
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto parts = utc(unix_seconds);
  char text[40];
  const auto size = std::strftime(text, sizeof text, " %Y %H:%M:%S GMT", &parts);
  const auto day = std::to_string(parts.tm_mday);
  return std::string(days[static_cast<std::size_t>(parts.tm_wday)]) + ", " + (day.size() < 2 ? "0" : "") + day + " " +
         months[static_cast<std::size_t>(parts.tm_mon)] + std::string(text, size);
}

}  // namespace

void sign_v4(const Url& url, const AwsKey& key, std::string_view region, std::int64_t unix_seconds, std::vector<Header>& headers) {
  const auto time = basic_time(unix_seconds), day = time.substr(0, 8), nothing = sha256_hex(std::string_view());
  const auto query = url.target.find('?');
  const std::string path = url.target.substr(0, query), sorted_query = query == std::string::npos ? "" : url.target.substr(query + 1);
  const std::string signed_names = "host;x-amz-content-sha256;x-amz-date";
  const auto canonical = "GET\n" + path + "\n" + sorted_query + "\nhost:" + url.authority() + "\nx-amz-content-sha256:" + nothing +
                         "\nx-amz-date:" + time + "\n\n" + signed_names + "\n" + nothing;
  const auto scope = day + "/" + std::string(region) + "/s3/aws4_request";
  const auto to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + sha256_hex(canonical);
  const auto signing_key = hmac_sha256(hmac_sha256(hmac_sha256(hmac_sha256("AWS4" + key.secret, day), region), "s3"), "aws4_request");
  headers.push_back({"x-amz-date", time});
  headers.push_back({"x-amz-content-sha256", nothing});
  headers.push_back({"Authorization", "AWS4-HMAC-SHA256 Credential=" + key.id + "/" + scope + ", SignedHeaders=" + signed_names +
                                          ", Signature=" + hex_encoded(hmac_sha256(signing_key, to_sign))});
}

void sign_v2(std::string_view resource, const AwsKey& key, std::int64_t unix_seconds, std::vector<Header>& headers) {
  const auto date = http_date(unix_seconds);
  const auto to_sign = "GET\n\n\n" + date + "\n" + std::string(resource);
  headers.push_back({"Date", date});
  headers.push_back({"Authorization", "AWS " + key.id + ":" + base64_encoded(hmac_sha1(key.secret, to_sign))});
}

}  // namespace luthier::hub
