// Whether content is what a store says that it is: by its size and by every digest that is known.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/hub/digests.hpp"
#include "actors/hub/hub.hpp"
#include "events/base/sha256.hpp"

namespace luthier::hub {

class ContentCheck {
 public:
  explicit ContentCheck(const RemoteFile& file) : file_(file) { restart(); }

  void restart();
  void update(std::string_view bytes);
  void etag_is_no_md5() { md5_counts_ = false; }
  // The SHA-256; corrupt names the digest that differs.
  Result<std::string> finish();

  // Bytes of a broken transfer are worth keeping: a mistake would be seen at the end.
  bool finds_mistakes() const { return !file_.sha256.empty() || !file_.git_oid.empty() || !expected_md5().empty(); }

 private:
  std::string expected_md5() const;

  const RemoteFile& file_;
  Sha256 sha256_;
  std::optional<WeakDigest> git_, md5_;
  bool md5_counts_ = true;
};

}  // namespace luthier::hub
