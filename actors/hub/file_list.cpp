#include "actors/hub/file_list.hpp"

#include <algorithm>
#include <unordered_set>

#include "actors/blobs/digest.hpp"
#include "events/json/utf8.hpp"

namespace luthier::hub {

Result<void> FileList::add(RemoteFile file) {
  if (files_.size() == files_max_)
    return Error{ErrorCode::limit,
                 place_ + ": it has more than " + std::to_string(files_max_) + " files, which is as many as can be imported", "files"};
  if (auto fine = blobs::check_path(file.path); !fine || !json::is_utf8(file.path))
    return wrong("it lists a file called \"" + quotable(file.path) +
                 "\": " + (fine ? "that is not UTF-8" : quotable(fine.error().message)));
  if (file.size < 0) return wrong(quotable(file.path) + ": its listing gives no size");
  files_.push_back(std::move(file));
  return {};
}

Result<std::vector<RemoteFile>> FileList::finish() {
  std::sort(files_.begin(), files_.end(), [](const RemoteFile& a, const RemoteFile& b) { return a.path < b.path; });
  std::unordered_set<std::string_view> paths;
  for (const auto& file : files_)
    if (!paths.insert(file.path).second) return wrong("it lists \"" + quotable(file.path) + "\" twice");
  for (const auto& file : files_)
    for (auto slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1))
      if (paths.count(std::string_view(file.path).substr(0, slash)) > 0)
        return wrong("it lists \"" + quotable(file.path.substr(0, slash)) + "\" as a file and as a directory");
  return std::move(files_);
}

std::string quotable(std::string_view text, std::string_view secret) {
  std::string clean(text.substr(0, 4096));
  for (std::size_t at; !secret.empty() && (at = clean.find(secret)) != std::string::npos;) clean.replace(at, secret.size(), "…");
  std::replace_if(clean.begin(), clean.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return json::repaired_utf8(clean, 200);
}

Error placed(Error error, const std::string& place) {
  if (error.message.rfind(place, 0) == 0) return error;
  const auto host = place.substr(0, place.find(": ")) + ": ";
  if (error.message.rfind(host, 0) == 0) error.message.erase(0, host.size());
  return with_context(std::move(error), place);
}

Result<json::Value> read_json(const Page& page, const std::string& place) {
  auto value = json::parse(page.body, {.bytes_max = page.body.size(), .depth_max = 64});
  if (!value)
    return Error{ErrorCode::unavailable,
                 place + ": the answer is not JSON (" + value.error().message + "): is " + page.url.origin() + " the right address?",
                 {}};
  return value;
}

}  // namespace luthier::hub
