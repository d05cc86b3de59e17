// The door between the HTTP contract and the control plane. A request becomes the same command that NATS carries; what it answers
// comes from the read models, once they have folded that command's events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "events/base/ids.hpp"
#include "events/base/result.hpp"
#include "events/world/command.hpp"
#include "projections/projections.hpp"

namespace luthier::api {

struct Done {
  Position position = 0;
  Version version = 0;              // of the entity's stream
  std::vector<std::string> events;  // their types; empty: it was so already
};

class Platform {
 public:
  virtual ~Platform() = default;

  // Waits for the receipt, and then until the read models have what it speaks of. Called from the connection's thread.
  virtual Result<Done> submit(events::Request request) = 0;

  virtual const projections::ReadModels& read_models() const = 0;
  virtual Timestamp now() const = 0;
  virtual std::string random_bytes(std::size_t count) = 0;  // for ids
};

}  // namespace luthier::api
