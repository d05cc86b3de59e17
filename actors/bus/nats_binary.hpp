// Which nats-server to run, and which version it is: an option unknown to an old server would stop it.
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::bus {

struct NatsVersion {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const NatsVersion&) const = default;
};

struct NatsBinary {
  std::filesystem::path path;
  NatsVersion version;
};

// `given`, or else the first of: beside our own program, the newest under .cache/nats-server/ of a folder above our
// program (the build tree), /usr/sbin, and the folders of `search_path` ("a:b:c").
Result<NatsBinary> find_nats_server(const std::filesystem::path& given, std::string_view search_path);

// "nats-server: v2.15.1"
Result<NatsVersion> parse_nats_version(std::string_view text);

}  // namespace luthier::bus
