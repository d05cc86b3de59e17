// Time comes in through this door alone, so that a whole node runs under a virtual clock.
#pragma once

#include "events/base/ids.hpp"

namespace luthier {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;  // wall time: data, never used for time-outs
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

}  // namespace luthier
