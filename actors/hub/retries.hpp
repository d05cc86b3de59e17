// Trying again: what may pass, how often, and how long to wait in between.
#pragma once

#include <chrono>
#include <string>

#include "actors/hub/exchange.hpp"
#include "actors/hub/hub.hpp"

namespace luthier::hub {

bool may_pass(int status);  // 408, 429, 500, 502, 503, 504

class Retries {
 public:
  explicit Retries(const Transfer& transfer) : transfer_(transfer) {}

  // Waits, and says whether to try again. False: `error` is nothing that passes, too often now, or (error.code is then changed to
  // cancelled) somebody has ended the wait.
  bool may_go_on(Error& error);
  void there_was_progress() { failures_ = 0; }
  void not_before(std::chrono::seconds wait) { asked_wait_ = wait; }  // what a Retry-After said

 private:
  const Transfer& transfer_;
  int failures_ = 0;
  std::chrono::seconds asked_wait_{};
};

// Of an answer's Retry-After, as far as it is a number.
std::chrono::seconds asked_wait(const Head& head);

}  // namespace luthier::hub
