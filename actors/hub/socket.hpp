// A TCP connection that never blocks longer than it is told to, and never raises SIGPIPE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "actors/blobs/descriptor.hpp"
#include "actors/hub/patience.hpp"

namespace luthier::hub {

class Socket {
 public:
  // Tries each address that the name has. unavailable: no such name, or nothing answers. The look-up itself is the system's, and waits as
  // long as the system's resolver is told to.
  static Result<Socket> connect(const std::string& host, int port, const Patience& patience);

  Result<std::size_t> receive(char* to, std::size_t size, const Patience& patience);  // 0: the other side has closed
  Result<void> send(std::string_view bytes, const Patience& patience);

 private:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  blobs::Descriptor descriptor_;
};

}  // namespace luthier::hub
