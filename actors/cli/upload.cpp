#include "actors/cli/upload.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "actors/blobs/blob_client.hpp"
#include "actors/blobs/blob_store.hpp"
#include "actors/cli/client.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t files_max = 10'000;
constexpr std::size_t files_per_command = 1000;  // a command has at most 512 KiB
constexpr std::size_t piece_bytes = 4 << 20;

bool is_hidden(const std::filesystem::path& relative) {
  return std::ranges::any_of(relative, [](const auto& part) { return part.native().starts_with('.'); });
}

// The store that files go through: the server's own, or one that lasts as long as this command, with the server behind it.
class Blobs {
 public:
  static Result<std::unique_ptr<Blobs>> open(const Context& context) {
    auto blobs = std::unique_ptr<Blobs>(new Blobs);
    const bool is_local = context.http_url.empty() && std::filesystem::is_directory(context.data / "blobs");
    if (!is_local) {
      auto scratch = TemporaryDirectory::make();
      if (!scratch) return scratch.error();
      blobs->scratch_ = std::move(*scratch);
    }
    auto store = blobs::BlobStore::open(is_local ? context.data / "blobs" : blobs->scratch_->path() / "blobs");
    if (!store) return store.error();
    blobs->store_ = std::make_unique<blobs::BlobStore>(std::move(*store));
    if (is_local) return blobs;
    const auto url = context.http();
    if (!url) return url.error();
    const auto token = read_text(context.blobs_token.empty() ? context.data / "keys" / "gateway.token" : context.blobs_token, 4096);
    if (!token && !context.blobs_token.empty()) return token.error();
    blobs::BlobClientOptions options;
    options.endpoint = *url;
    options.token = token ? token->substr(0, token->find('\n')) : "";
    blobs->remote_ = std::make_unique<blobs::BlobClient>(options);
    return blobs;
  }

  Result<events::File> put(const LocalFile& file) const {
    const auto blob = store_->put_file(file.file);
    if (!blob) return blob.error();
    if (remote_)
      if (auto sent = remote_->store(blob->digest, *store_); !sent) return with_context(sent.error(), file.path);
    return events::File{file.path, blob->digest, blob->size};
  }

  Result<void> get(const events::File& file, DurableFile& into) const {
    if (remote_)
      if (auto fetched = remote_->fetch(file.digest, *store_); !fetched) return fetched.error();
    for (std::int64_t offset = 0; offset < file.size;) {
      const auto length = static_cast<std::size_t>(std::min<std::int64_t>(piece_bytes, file.size - offset));
      const auto piece = store_->read(file.digest, offset, length);
      if (!piece) return piece.error();
      if (piece->empty()) return Error{ErrorCode::corrupt, file.path + ": the blob is shorter than the fileset says", ""};
      if (auto ok = into.write(std::as_bytes(std::span(*piece))); !ok) return ok;
      offset += static_cast<std::int64_t>(piece->size());
    }
    return {};
  }

 private:
  Blobs() = default;
  std::optional<TemporaryDirectory> scratch_;
  std::unique_ptr<blobs::BlobStore> store_;
  std::unique_ptr<blobs::BlobClient> remote_;
};

void draw(const Context& context, std::size_t done, std::size_t of, const std::string& what) {
  if (!context.error_screen.is_terminal) return;
  *context.err << "\r\x1b[K";
  if (done < of) *context.err << progress_bar(double(done) / double(of), 24) << " " << done << "/" << of << " " << cut_to(printable(what), 40);
  context.err->flush();
}

}  // namespace

Result<std::vector<LocalFile>> files_of(const std::filesystem::path& source) {
  std::error_code failure;
  const auto status = std::filesystem::status(source, failure);
  if (failure || !std::filesystem::exists(status))
    return Error{ErrorCode::not_found, source.string() + ": there is no such file or directory", ""};
  if (std::filesystem::is_regular_file(status)) return std::vector<LocalFile>{{source, source.filename().string()}};
  std::vector<LocalFile> files;
  for (auto entry = std::filesystem::recursive_directory_iterator(source, failure);
       !failure && entry != std::filesystem::recursive_directory_iterator(); entry.increment(failure)) {
    const auto relative = entry->path().lexically_relative(source);
    if (is_hidden(relative) || !entry->is_regular_file()) continue;
    files.push_back({entry->path(), relative.generic_string()});
    if (files.size() > files_max) return Error{ErrorCode::limit, source.string() + ": more than " + std::to_string(files_max) + " files", ""};
  }
  if (failure) return file_error(source, failure.value());
  if (files.empty()) return invalid(source.string() + ": the directory holds no files");
  std::ranges::sort(files, {}, &LocalFile::path);
  return files;
}

Result<std::vector<events::File>> upload(Context& context, const std::vector<LocalFile>& files) {
  const auto blobs = Blobs::open(context);
  if (!blobs) return blobs.error();
  std::vector<events::File> stored;
  for (const auto& file : files) {
    draw(context, stored.size(), files.size(), file.path);
    auto one = (*blobs)->put(file);
    if (!one) {
      draw(context, 1, 1, "");
      return one.error();
    }
    stored.push_back(std::move(*one));
  }
  draw(context, 1, 1, "");
  return stored;
}

Result<void> download(Context& context, const events::File& file, const std::filesystem::path& to) {
  const auto blobs = Blobs::open(context);
  if (!blobs) return blobs.error();
  auto target = DurableFile::create(to);
  if (!target) return target.error();
  if (auto ok = (*blobs)->get(file, *target); !ok) return ok;
  return target->commit();
}

ordered_json files_json(const std::vector<events::File>& files) {
  auto list = ordered_json::array();
  for (const auto& file : files) list.push_back({{"path", file.path}, {"digest", file.digest}, {"size", file.size}});
  return list;
}

Result<void> create_fileset(Context& context, const Name& name, const std::string& purpose, const std::string& description,
                            const std::vector<events::File>& files) {
  const auto client = context.connect();
  if (!client) return client.error();
  const auto first = std::vector<events::File>(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(std::min(files.size(), files_per_command)));
  const ordered_json data{{"description", description}, {"purpose", purpose}, {"files", files_json(first)}};
  auto receipt = (*client)->must({"fileset", "CreateFileset", name.workspace, name.name, "", data.dump(), "", ""});
  if (!receipt) return receipt.error();
  for (std::size_t i = first.size(); i < files.size(); ++i) {
    const ordered_json put{{"path", files[i].path}, {"digest", files[i].digest}, {"size", files[i].size}};
    auto more = (*client)->must({"fileset", "PutFile", name.workspace, name.name, "", put.dump(), "", ""});
    if (!more) {
      remove_fileset(context, name);
      return more.error();
    }
  }
  return {};
}

void remove_fileset(Context& context, const Name& name) {
  if (const auto client = context.connect()) (void)(*client)->send({"fileset", "DeleteFileset", name.workspace, name.name, "", "{}", "", ""});
}

}  // namespace luthier::cli
