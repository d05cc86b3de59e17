// What an installation chooses about authentication. The configuration fills it once.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::auth {

struct Settings {
  bool enabled = false;  // off: every call acts as an all-powerful principal

  std::filesystem::path token_file;  // of Luthier's own tokens (keys/tokens.json); empty: none

  // Of an OIDC issuer; without `issuer` no JWT is taken.
  std::string issuer;                  // "https://login.example.com/realms/lab", exactly as tokens name it
  std::vector<std::string> audiences;  // a token must be meant for one of them
  std::string jwks;                    // URL or file of the issuer's keys; empty: as the issuer's own description says
  std::filesystem::path ca_file;       // PEM; empty: the authorities that the system trusts
  bool allows_plain_http = false;      // to an issuer beyond the loopback
  std::string groups_claim = "groups";
  bool trusts_unverified_email = false;  // true only when nobody can choose the address that the issuer tells

  std::vector<std::string> admins;    // ids or "group:<name>": admin of the installation
  std::vector<std::string> services;  // subjects of JWTs that count as services; a token for "service:<name>" does anyway
  std::vector<std::string> speakers;  // services that may name another principal in X-NMP-Principal-Id or …-On-Behalf-Of

  // What clients are told for logging in.
  std::string client_id = "luthier", default_scopes = "openid profile email", scope_prefix;
};

// Refuses what could not work or would let in more than meant; names the member.
Result<void> check_settings(const Settings& settings);

}  // namespace luthier::auth
