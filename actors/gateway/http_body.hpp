// The body of a message, as it arrives: plain or in chunks, with a bound on its bytes and on its time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "actors/gateway/http_head.hpp"
#include "actors/gateway/http_socket.hpp"
#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpBody {
 public:
  struct Bounds {
    std::int64_t bytes_max = 0;
    // The whole body may take `time` and a second more for each `bytes_per_second` that came: a client that sends a byte
    // now and then does not hold its connection for ever. 0: each piece may take `time`.
    std::chrono::milliseconds time{};
    std::int64_t bytes_per_second = 0;
  };

  HttpBody(HttpSocket& socket, const BodyLength& length, Bounds bounds);

  // 0: the end. limit: more than `bytes_max`.
  Result<std::size_t> read(char* to, std::size_t size);
  Result<std::string> read_all();
  bool is_complete() const { return complete_; }
  void set_bounds(Bounds bounds) { bounds_ = bounds; }

 private:
  HttpSocket::Time deadline() const;
  Result<void> next_chunk();
  Result<std::string> read_line();

  HttpSocket& socket_;
  const BodyLength length_;
  Bounds bounds_;
  HttpSocket::Time begin_ = std::chrono::steady_clock::now();
  std::int64_t left_ = 0;      // of the body, or of the chunk
  std::int64_t received_ = 0;
  bool first_chunk_ = true, complete_ = false;
};

}  // namespace luthier::gateway
