// Gives the values of secrets to whoever uses them by name, and destroys the keys of values that no secret has any more.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "actors/api/secret_values.hpp"
#include "actors/secrets/keyring.hpp"
#include "events/world/command.hpp"
#include "projections/projections.hpp"

namespace luthier::node {

class SecretKeeper final : public api::SecretValues {
 public:
  // `platform_key`: of NGC, from the environment; empty: there is none. All outlive it.
  SecretKeeper(secrets::Keyring& keyring, const projections::ReadModels& models, std::string platform_key, std::function<void(std::string)> warn);
  ~SecretKeeper() override;

  std::string box(const std::string& value) override { return keyring_.box(value); }
  Result<std::string> value(const std::string& workspace, const std::string& name) override;
  Result<std::size_t> rotate() override { return keyring_.rotate(); }

  // From the projector. Values that were deleted or replaced have keys that must go.
  void changed(std::span<const events::Fact> facts);

 private:
  void run();
  Result<void> sweep();

  secrets::Keyring& keyring_;
  const projections::ReadModels& models_;
  const std::string platform_key_;
  std::function<void(std::string)> warn_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool wanted_ = true, stopping_ = false;  // one sweep at the start: a crash may have left keys behind
  std::thread thread_;
};

}  // namespace luthier::node
