// The checks of commands against the world, with the engine's own readers: a dataset is checked by the code that will train
// on it, a memory need by the plan that will be followed.
#pragma once

#include <atomic>
#include <filesystem>

#include "actors/blobs/blob_store.hpp"
#include "actors/core/check.hpp"
#include "actors/core/preparer_actor.hpp"
#include "actors/secrets/keyring.hpp"

namespace luthier::node {

class WorldChecker final : public core::Checker, public core::JobPreparer {
 public:
  // `scratch`: a directory for hard links to what is read. `keyring` outlives it.
  WorldChecker(blobs::BlobStore store, std::filesystem::path scratch, secrets::Keyring& keyring)
      : store_(std::move(store)), scratch_(std::move(scratch)), keyring_(keyring) {}

  Result<events::Command> check(const events::Request& request, const core::CheckContext& context) override;
  Result<std::string> describe_model(const std::vector<events::File>& files) override;
  // The rows of a submitted job, found, checked and stored as the engine reads them.
  Result<core::Prepared> prepare(const core::Preparation& preparation) override;
  // What runs ends soon, with `cancelled`, and so does all that is asked afterwards. From any thread.
  void cancel() { is_cancelled_ = true; }

 private:
  Result<events::Command> check_command(const events::CreateFileset& create) const;
  Result<events::Command> check_command(const events::PutFile& put) const;
  Result<events::Command> check_command(const events::CreateAdapter& create, const core::CheckContext& context) const;
  Result<events::Command> check_command(const events::UpdateAdapter& update, const core::CheckContext& context) const;
  Result<events::Command> check_command(const events::StartJob& start, const core::CheckContext& context) const;
  Result<events::Command> check_secret(const events::Request& request) const;
  Result<events::LoraShape> check_adapter(const core::CheckContext& context) const;
  Result<events::File> stored(events::File file, const std::string& field) const;

  blobs::BlobStore store_;
  std::filesystem::path scratch_;
  secrets::Keyring& keyring_;
  std::atomic<bool> is_cancelled_{false};
};

inline constexpr const char* engine_version = "0.1.0";

}  // namespace luthier::node
