#include "actors/hub/content_check.hpp"

namespace luthier::hub {

// S3's ETag of an object that came in one piece, unless a key of one's own encrypts it.
std::string ContentCheck::expected_md5() const {
  const auto& etag = file_.etag;
  if (etag.size() != 34 || etag.front() != '"' || !is_hex(std::string_view(etag).substr(1, 32), 32)) return {};
  return etag.substr(1, 32);
}

void ContentCheck::restart() {
  sha256_ = Sha256();
  git_.reset();
  md5_.reset();
  if (!file_.git_oid.empty()) {
    git_.emplace(WeakDigest::Kind::sha1);
    git_->update("blob " + std::to_string(file_.size));
    git_->update(std::string_view("\0", 1));
  }
  if (!expected_md5().empty()) md5_.emplace(WeakDigest::Kind::md5);
}

void ContentCheck::update(std::string_view bytes) {
  sha256_.update(bytes);
  if (git_) git_->update(bytes);
  if (md5_) md5_->update(bytes);
}

Result<std::string> ContentCheck::finish() {
  const auto differs = [](const std::string& kind, const std::string& promised, const std::string& found) {
    return Error{ErrorCode::corrupt, "its " + kind + " should be " + promised + " and is " + found, "path"};
  };
  const auto sha256 = sha256_.hex();
  if (!file_.sha256.empty() && file_.sha256 != sha256) return differs("SHA-256", file_.sha256, sha256);
  if (git_)
    if (const auto oid = git_->hex(); !oid.empty() && oid != file_.git_oid) return differs("git object id", file_.git_oid, oid);
  if (md5_ && md5_counts_)
    if (const auto md5 = md5_->hex(); !md5.empty() && md5 != expected_md5()) return differs("MD5", expected_md5(), md5);
  return sha256;
}

}  // namespace luthier::hub
