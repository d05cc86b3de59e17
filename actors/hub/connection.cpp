#include "actors/hub/connection.hpp"

#include <algorithm>
#include <cstring>

namespace luthier::hub {

Result<Connection> Connection::open(const std::string& host, int port, const Patience& patience) {
  auto socket = Socket::connect(host, port, patience);
  if (!socket) return socket.error();
  return Connection(std::move(*socket));
}

Result<void> Connection::encrypt(const std::string& host, const std::filesystem::path& ca_file, const Patience& patience) {
  if (begin_ < buffer_.size()) return Error{ErrorCode::unavailable, "somebody speaks before TLS has begun", {}};
  auto tls = Tls::handshake(socket_, host, ca_file, patience);
  if (!tls) return tls.error();
  tls_ = std::move(*tls);
  return {};
}

Result<std::size_t> Connection::receive(char* to, std::size_t size, const Patience& patience) {
  if (begin_ == buffer_.size()) {
    buffer_.resize(64 * 1024);
    begin_ = 0;
    const auto got =
        tls_ ? tls_->receive(socket_, buffer_.data(), buffer_.size(), patience) : socket_.receive(buffer_.data(), buffer_.size(), patience);
    buffer_.resize(got ? *got : 0);
    if (!got || *got == 0) return got;
  }
  const auto count = std::min(size, buffer_.size() - begin_);
  std::memcpy(to, buffer_.data() + begin_, count);
  begin_ += count;
  return count;
}

Result<void> Connection::send(std::string_view bytes, const Patience& patience) {
  return tls_ ? tls_->send(socket_, bytes, patience) : socket_.send(bytes, patience);
}

}  // namespace luthier::hub
