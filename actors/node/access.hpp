// Who is let in over HTTP: the configuration's choices, checked, with the token file and the issuer's keys behind them.
#pragma once

#include <memory>

#include "actors/auth/authenticate.hpp"
#include "actors/node/data_directory.hpp"
#include "config/config.hpp"
#include "events/base/clock.hpp"

namespace luthier::node {

class Access {
 public:
  // Refuses settings that could not work, and an address that would let in anybody without having been told to.
  static Result<std::unique_ptr<Access>> open(const config::Config& config, const Layout& layout, const Clock& clock);

  auth::Authenticated authenticate(const auth::HeaderLookup& headers);
  std::string discovery();
  bool enabled() const { return settings_.enabled; }

 private:
  Access(auth::Settings settings, const Clock& clock) : settings_(std::move(settings)), clock_(clock) {}

  auth::Settings settings_;
  const Clock& clock_;
  std::unique_ptr<auth::TokenStore> tokens_;
  std::unique_ptr<auth::JwksCache> keys_;
};

}  // namespace luthier::node
