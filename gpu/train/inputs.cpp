#include "gpu/train/inputs.hpp"

#include <algorithm>
#include <vector>

#include "events/base/sha256.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/kernels/dispatch.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;

// A file's digest; of a directory the names and digests of the files that a model or an adapter is read from.
Result<std::string> digest_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return sha256_file(path);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".json" || extension == ".safetensors" || extension == ".jinja") files.push_back(entry.path());
  }
  if (error) return Error{ErrorCode::io, path.string() + ": " + error.message(), {}};
  std::sort(files.begin(), files.end());
  Sha256 all;
  for (const fs::path& file : files) {
    auto digest = sha256_file(file);
    if (!digest) return digest;
    all.update(file.filename().string() + " " + *digest + "\n");
  }
  return all.hex();
}

}  // namespace

Result<Inputs> inputs_of(const TrainRequest& request, const Examples& data, const Examples& validation) {
  Inputs inputs{{"configuration", canonical_json(request.config)},
                {"instruction set", kernels::instruction_set()},
                {"number of threads", std::to_string(kernels::thread_count())},
                {"engine", "luthier.1"}};
  auto model = checkpoint::locate_checkpoint(request.model);
  if (!model) return model.error();
  fs::path teacher;
  if (!request.teacher.empty()) {
    auto located = checkpoint::locate_checkpoint(request.teacher);
    if (!located) return located.error();
    teacher = std::move(*located);
  }
  for (const auto& [name, path] : {std::pair{"model", *model}, {"adapter", request.adapter}, {"teacher", teacher}}) {
    if (path.empty()) continue;
    auto digest = digest_of(path);
    if (!digest) return digest.error();
    inputs[name] = *digest;
  }
  inputs["data"] = data.digest();
  if (!validation.empty()) inputs["validation data"] = validation.digest();
  return inputs;
}

}  // namespace luthier::train
