// The directories of tasks under work/: what lies where, with names that come from outside made safe.
//
//   work/<job>/lock                        held by the process of the present attempt
//   work/<job>/checkpoints/                shared by its attempts on this disk
//   work/<job>/<attempt>/{inputs,out,log}
//   work/serve/<deployment>/<attempt>/{model,adapters/<name>@<key>,log,admin.token}
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "actors/worker/protocol.hpp"

namespace luthier::worker {

// One path component: what is not a letter, digit or one of "._-@+" becomes %XX, as does a leading dot. Never empty.
std::string safe_component(std::string_view name);

struct TrainDirectory {
  TrainDirectory(const std::filesystem::path& work, const TaskId& task);
  std::filesystem::path job, attempt;
  std::filesystem::path lock() const { return job / "lock"; }
  std::filesystem::path checkpoints() const { return job / "checkpoints"; }
  std::filesystem::path inputs() const { return attempt / "inputs"; }
  std::filesystem::path out() const { return attempt / "out"; }
  std::filesystem::path log() const { return attempt / "log"; }
  std::filesystem::path config() const { return attempt / "config.json"; }
};

struct ServeDirectory {
  ServeDirectory(const std::filesystem::path& work, const TaskId& task);
  std::filesystem::path attempt;
  std::filesystem::path model() const { return attempt / "model"; }
  std::filesystem::path adapter(const std::string& served_name, const std::string& key) const;
  std::filesystem::path log() const { return attempt / "log"; }
  std::filesystem::path admin_token() const { return attempt / "admin.token"; }
};

// What --model gets: the directory, or the .gguf file when that is what the checkpoint is.
std::filesystem::path model_argument(const std::filesystem::path& directory, const std::vector<events::File>& files);

Result<void> make_directory(const std::filesystem::path& directory);

}  // namespace luthier::worker
