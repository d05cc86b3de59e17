// The body of a message, as it arrives: plain or in chunks, with a bound on its bytes and on its time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/gateway/http_chunks.hpp"
#include "actors/gateway/http_head.hpp"
#include "actors/gateway/http_pace.hpp"
#include "actors/gateway/http_socket.hpp"
#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpBody {
 public:
  struct Bounds {
    std::int64_t bytes_max = 0;
    std::chrono::milliseconds time{};   // see Pace
    std::int64_t bytes_per_second = 0;
  };

  HttpBody(HttpSocket& socket, const BodyLength& length, Bounds bounds);

  // 0: the end. limit: more than `bytes_max`.
  Result<std::size_t> read(char* to, std::size_t size);
  Result<std::string> read_all();
  bool is_complete() const { return complete_; }
  const BodyLength& length() const { return length_; }
  void set_bounds(Bounds bounds) { bounds_ = bounds; }  // before the first read

  // The client waits with its body for our word: it gets it with the first read, so that a request can be refused before.
  void owe_continue() { owes_continue_ = true; }
  // Takes in a short rest that nobody wants, so that the connection can go on. False: it is long, or does not come.
  bool skip_rest();

 private:
  Result<std::size_t> read_plain(char* to, std::size_t size);
  Result<std::size_t> read_chunks(char* to, std::size_t size);
  Result<void> keep_promise();
  Error too_long() const;

  HttpSocket& socket_;
  const BodyLength length_;
  Bounds bounds_;
  Pace pace_;
  std::unique_ptr<ChunkReader> chunks_;
  std::int64_t left_ = 0;  // of a plain body
  std::int64_t received_ = 0;
  bool complete_ = false, failed_ = false, owes_continue_ = false;
};

}  // namespace luthier::gateway
