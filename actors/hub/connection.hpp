// A connection to a host, through a proxy or not, encrypted or not.
#pragma once

#include <optional>

#include "actors/hub/hub.hpp"
#include "actors/hub/proxy.hpp"
#include "actors/hub/socket.hpp"
#include "actors/hub/tls.hpp"
#include "actors/hub/url.hpp"

namespace luthier::hub {

class Connection {
 public:
  static Result<Connection> open(const std::string& host, int port, const Patience& patience);
  // From here on everything is encrypted. What the other side has said before must have been read.
  Result<void> encrypt(const std::string& host, const std::filesystem::path& ca_file, const Patience& patience);

  Result<std::size_t> receive(char* to, std::size_t size, const Patience& patience);  // 0: the other side has closed
  Result<void> send(std::string_view bytes, const Patience& patience);

 private:
  explicit Connection(Socket socket) : socket_(std::move(socket)) {}
  Socket socket_;
  std::optional<Tls> tls_;
  std::string buffer_;  // a parser takes byte by byte, the system does not give them so
  std::size_t begin_ = 0;
};

}  // namespace luthier::hub
