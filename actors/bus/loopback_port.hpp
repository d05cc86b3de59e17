// Small questions to the network of this machine.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace luthier::bus {

std::optional<int> free_port(const std::string& host);    // nullopt: `host` is not an address of this machine
bool is_port_free(const std::string& host, int port);
// The first line that a server says after a connection was made; empty: none within the time.
std::string greeting_of(const std::string& host, int port, std::chrono::milliseconds timeout);

}  // namespace luthier::bus
