// A node: everything of one control plane in one process, with its children (nats-server, a worker), from a configuration.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "events/base/result.hpp"

namespace luthier::node {

class Node {
 public:
  // Returns once all of it answers. `log`: one line for each thing worth knowing.
  static Result<std::unique_ptr<Node>> start(const config::Config& config, std::function<void(std::string)> log);
  ~Node();  // ends everything that it started, within 10 s

  const std::string& http_url() const;
  const std::string& nats_url() const;
  // The reason why this process must end, once there is one; empty until then.
  std::string failure() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// `luthier up` and `luthier serve`: starts, prints "ready <http> <nats>" on `out`, waits for SIGTERM or SIGINT, stops. The exit
// code: 0 stopped as asked, 1 it could not start or had to end, with one line on `errors`.
int run_node(const config::Config& config, std::ostream& out, std::ostream& errors);

}  // namespace luthier::node
