// Reading from outside stores: the Hugging Face hub (and mirrors that speak like it), NGC and S3. No state, no thread of its
// own: each call blocks its caller, who can end it through Transfer::cancel, and may be made from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::hub {

struct HuggingFace {
  std::string endpoint = "https://huggingface.co";  // or a mirror, as HF_ENDPOINT names one; it may have a path
  std::string repo_id;                              // "Qwen/Qwen3-0.6B"
  std::string repo_type = "model";                  // "model", "dataset", "space"
  std::string revision = "main";                    // branch, tag or commit
  std::string token;                                // empty: nobody in particular
};

struct Ngc {
  std::string host = "https://api.ngc.nvidia.com";
  std::string org, team, target;
  std::string target_type = "resource";  // "resource", "model"
  std::string version;                   // empty: the latest
  std::string api_key;
  // Where an old key (one that does not start with "nvapi-") is exchanged for a token. It is sent there, and to `host`, alone.
  std::string token_endpoint = "https://authn.nvidia.com/token";
};

struct S3 {
  std::string endpoint_url;  // empty: Amazon's, at https://BUCKET.s3.REGION.amazonaws.com
  std::string region;        // empty: us-east-1
  std::string bucket;
  std::string prefix;  // a directory; paths are relative to it
  std::string access_key_id, secret_access_key;  // both empty: not signed, for a public bucket
  std::string signature_version = "s3v4";        // "s3v4", "s3"
};

using Source = std::variant<HuggingFace, Ngc, S3>;

struct RemoteFile {
  std::string path;       // relative and harmless: it was checked
  std::int64_t size = 0;
  std::string sha256;     // empty: the store does not say
  std::string git_oid;    // SHA-1 of "blob SIZE\0" and the content; the hub says it for files that are not in LFS
  std::string etag;       // as the store spells it, with its quotes; empty: none

  bool operator==(const RemoteFile&) const = default;
};

struct Listing {
  std::string revision;           // what `fetch` reads: a commit, a version; empty for S3, whose objects are pinned by their ETags
  std::vector<RemoteFile> files;  // by path
};

// Which proxy is asked for which address, as the variables of the same names say it. Each is a URL such as
// "http://user:password@proxy:3128", or "proxy:3128"; empty: none.
struct Proxies {
  std::string https_proxy, http_proxy;
  std::string no_proxy;  // "localhost,.example.com,10.0.0.0/8", or "*"
};
// `variable` is std::getenv, or a test's. Lower-case names win; ALL_PROXY stands in for the two.
Proxies proxies_from(const std::function<const char*(const char* name)>& variable);

struct Transfer {
  Proxies proxies;
  std::filesystem::path ca_file;                      // trusted authorities; empty: OpenSSL's default, which SSL_CERT_FILE moves
  std::chrono::milliseconds connect_timeout{10'000};  // also of a TLS handshake and of a proxy's answer
  std::chrono::milliseconds read_timeout{30'000};     // silence on a connection
  std::chrono::milliseconds answer_timeout{120'000};  // one page of a listing, from first to last byte
  std::int64_t bytes_per_second_min = 1024;           // of a file's content; a server that trickles is given up
  int attempts = 5;                                   // each time without progress
  std::chrono::milliseconds backoff{500}, backoff_max{30'000};  // doubled each time, with jitter; bounds Retry-After as well
  std::int64_t bytes_max = std::int64_t{1} << 40;     // of one file
  std::size_t files_max = 10'000;
  std::function<bool()> cancel;                       // asked several times a second; true ends the call with `cancelled`
  std::function<void(std::int64_t bytes)> progress;   // how much of the file is here, what an earlier call left included
};

// Every error says host, repository and file, and what would work; none has a secret in it. Code and `field` tell apart:
//
//   not_found    repo_id, target, bucket      there is no such repository (a hub hides private ones from others in the same way)
//                revision, version            it is there, but not this revision
//                path                         it is there, but not this file
//   invalid      token_secret, api_key_secret, access_key_id_secret
//                                             "denied": no secret, or one whose account may not read this
//                the same with ".value"       "wrong": the store does not know this token or key at all
//                terms                        "gated": its terms must be accepted by the account of the token, at the page named
//                region                       the bucket is in another region, which is named
//                (others)                     a member of the source that cannot be right
//   conflict     path                         the file has changed since it was listed
//   limit        files, bytes                 more than Transfer allows
//   corrupt      path                         the store sends other bytes than it promises, or names files that would leave their directory
//   unavailable                               the host cannot be reached, is busy, or breaks off; later it may work
//   cancelled, io                             as everywhere
inline constexpr std::string_view field_terms = "terms";

// Lists all files, and pins a revision that moves.
Result<Listing> list(const Source& source, const Transfer& transfer);

// Brings one file to `to`, which appears complete or not at all, and returns its SHA-256. What a broken call leaves, in a file with a dot
// beside it, the next call goes on with if the store's file is still the same. Size and every digest that the store says are verified;
// memory is bounded. conflict: another call is fetching the same.
Result<std::string> fetch(const Source& source, const Listing& listing, const RemoteFile& file, const std::filesystem::path& to,
                          const Transfer& transfer);

// Reads [offset, offset + length) of a file, within its size; at most 64 MiB. Not verified: a digest needs all of it.
Result<std::string> read_range(const Source& source, const Listing& listing, const RemoteFile& file, std::int64_t offset,
                               std::int64_t length, const Transfer& transfer);

}  // namespace luthier::hub
