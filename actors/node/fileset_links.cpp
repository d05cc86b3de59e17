#include "actors/node/fileset_links.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "events/base/file.hpp"
#include "events/json/fields.hpp"
#include "events/json/value.hpp"
#include "events/world/names.hpp"

namespace luthier::node {
namespace fs = std::filesystem;

namespace {

using namespace events;
using namespace std::chrono_literals;

constexpr auto again_after = 30s;
constexpr std::size_t again_max = 1000;
// A workspace's name begins with a letter, so nothing collides.
constexpr const char* aside_name = ".gone";

Result<void> link_file(const fs::path& blob, const fs::path& file) {
  if (::link(blob.c_str(), file.c_str()) == 0) return {};
  // Too many links, or another disk: then the content is there twice.
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP) return file_error(file, errno);
  std::error_code error;
  if (!fs::copy_file(blob, file, error) || error) return file_error(file, error.value());
  return {};
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  struct stat one {}, other {};
  return ::lstat(a.c_str(), &one) == 0 && ::lstat(b.c_str(), &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

bool is_folder(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

std::string relative_to(const fs::path& file, const fs::path& directory) { return file.string().substr(directory.string().size() + 1); }

void for_each_row(const projections::ReadModels& models, const std::string& entity, const std::string& workspace,
                  const std::function<void(const json::Value&)>& what) {
  for (std::string after;;) {
    const auto page = models.list(entity, workspace, after, 1000);
    if (!page) return;
    for (const auto& item : page->items)
      if (const auto row = json::parse(item)) what(*row);
    if (!page->next) return;
    after = *page->next;
  }
}

std::set<std::string> names_of(const projections::ReadModels& models, const std::string& entity, const std::string& workspace) {
  std::set<std::string> names;
  for_each_row(models, entity, workspace, [&](const json::Value& row) {
    if (const auto* name = row.find("name"); name && name->text()) names.insert(*name->text());
  });
  return names;
}

std::vector<std::string> entries_of(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) names.push_back(entry->path().filename());
  return names;
}

}  // namespace

FilesetLinks::FilesetLinks(const blobs::BlobStore& store, const projections::ReadModels& models, fs::path root, Warn warn)
    : store_(store), models_(models), root_(std::move(root)), aside_(root_ / aside_name), warn_(std::move(warn)) {
  thread_ = std::thread([this] { work(); });
}

FilesetLinks::~FilesetLinks() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  told_.notify_all();
  thread_.join();
}

// ------------------------------------------------------------------------------------------------------- one change at a time

void FilesetLinks::changed(std::span<const Fact> facts) {
  for (const auto& fact : facts)
    if (fact.stream.entity == "fileset" || std::holds_alternative<WorkspaceDeleted>(fact.event)) on(fact);
}

void FilesetLinks::on(const Fact& fact) {
  const std::lock_guard lock(disk_);
  const auto directory = root_ / fact.workspace / fact.name;
  if (const auto* put = std::get_if<FilePut>(&fact.event)) {
    warn_of(fact.workspace, fact.name, link(directory, put->file));
  } else if (const auto* deleted = std::get_if<FileDeleted>(&fact.event)) {
    unlink(directory, deleted->path);
  } else if (std::holds_alternative<FilesetCreated>(fact.event)) {
    std::error_code error;
    if (fs::create_directories(directory, error); error) warn_of(fact.workspace, fact.name, file_error(directory, error.value()));
  } else if (std::holds_alternative<FilesetDeleted>(fact.event)) {
    move_aside(directory);
  } else if (std::holds_alternative<WorkspaceDeleted>(fact.event)) {
    move_aside(root_ / fact.name);
  }
}

// The file takes its place at once, whatever stands there.
Result<void> FilesetLinks::link(const fs::path& fileset, const File& file) {
  const auto target = fileset / file.path, blob = store_.path_of(file.digest);
  if (is_same_file(blob, target)) return {};
  for (auto parent = target.parent_path(); parent.string().size() > root_.string().size(); parent = parent.parent_path())
    if (is_there(parent) && !is_folder(parent)) move_aside(parent);
  if (is_folder(target)) move_aside(target);
  std::error_code error;
  for (const auto& directory : {target.parent_path(), aside_})
    if (fs::create_directories(directory, error); error) return file_error(directory, error.value());
  const auto made = aside_ / ("new-" + std::to_string(++counter_));
  fs::remove_all(made, error);  // of a process before this one
  if (auto linked = link_file(blob, made); !linked) return linked;
  if (::rename(made.c_str(), target.c_str()) != 0) return file_error(target, errno);
  return {};
}

void FilesetLinks::unlink(const fs::path& fileset, const std::string& path) {
  const auto target = fileset / path;
  if (is_folder(target)) return;
  ::unlink(target.c_str());
  for (auto parent = target.parent_path(); parent != fileset && ::rmdir(parent.c_str()) == 0;) parent = parent.parent_path();
}

void FilesetLinks::move_aside(const fs::path& path) {
  std::error_code error;
  fs::create_directories(aside_, error);
  const auto to = aside_ / ("old-" + std::to_string(::getpid()) + "-" + std::to_string(++counter_));
  if (::rename(path.c_str(), to.c_str()) != 0) {
    if (errno != ENOENT) warn_("the directory of a fileset stays behind: " + file_error(path, errno).message);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    has_aside_ = true;
  }
  told_.notify_all();
}

void FilesetLinks::warn_of(const std::string& workspace, const std::string& name, const Result<void>& done) {
  if (done) return;
  warn_("the directory of fileset " + workspace + "/" + name + " is not complete: " + done.error().message);
  const std::lock_guard lock(mutex_);
  if (again_.size() < again_max) again_.emplace(workspace, name);
}

// ------------------------------------------------------------------------------------------------------- in the background

void FilesetLinks::start() {
  {
    const std::lock_guard lock(mutex_);
    compares_ = true;
  }
  told_.notify_all();
}

void FilesetLinks::wait() {
  std::unique_lock lock(mutex_);
  told_.wait(lock, [&] { return stops_ || (!compares_ && !has_aside_ && !is_busy_); });
}

bool FilesetLinks::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stops_;
}

void FilesetLinks::work() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    is_busy_ = true;
    if (std::exchange(has_aside_, false)) {
      lock.unlock();
      for (const auto& name : entries_of(aside_)) {
        // Not "new-…": that is on its way into its place.
        std::error_code ignored;
        if (name.starts_with("old-")) fs::remove_all(aside_ / name, ignored);
      }
      lock.lock();
    } else if (std::exchange(compares_, false)) {
      lock.unlock();
      compare_all();
      lock.lock();
    } else {
      is_busy_ = false;
      told_.notify_all();
      if (again_.empty()) {
        told_.wait(lock, [&] { return stops_ || has_aside_ || compares_ || !again_.empty(); });
      } else if (!told_.wait_for(lock, again_after, [&] { return stops_ || has_aside_ || compares_; })) {
        const auto filesets = std::exchange(again_, {});
        lock.unlock();
        for (const auto& [workspace, name] : filesets) compare(workspace, name);
        lock.lock();
      }
    }
  }
}

void FilesetLinks::compare_all() {
  auto workspaces = names_of(models_, "workspace", "system");
  workspaces.insert("system");
  for (const auto& workspace : workspaces) {
    for (const auto& name : names_of(models_, "fileset_head", workspace)) {
      if (is_stopping()) return;
      compare(workspace, name);
    }
    // Directories of filesets that are gone. Each is looked up once more, now that nothing changes meanwhile.
    for (const auto& name : entries_of(root_ / workspace)) {
      const std::lock_guard lock(disk_);
      const auto row = models_.get("fileset_head", workspace, name);
      if (row && !*row) move_aside(root_ / workspace / name);
    }
  }
  for (const auto& name : entries_of(root_)) {
    if (name == aside_name || name == "system") continue;
    const std::lock_guard lock(disk_);
    const auto row = models_.get("workspace", "system", name);
    if (row && !*row) move_aside(root_ / name);
  }
}

// First what differs, without holding up anybody; then each difference by itself.
void FilesetLinks::compare(const std::string& workspace, const std::string& name) {
  const auto text = models_.get("fileset", workspace, name);
  if (!text || !*text) return;
  const auto row = json::parse(**text);
  const auto* list = row ? row->find("files") : nullptr;
  if (!list || !list->array()) return;
  const auto directory = root_ / workspace / name;
  std::set<std::string> known, different;
  for (const auto& value : *list->array()) {
    const auto *path = value.find("path"), *digest = value.find("digest");
    if (!path || !path->text() || !digest || !digest->text()) continue;
    known.insert(*path->text());
    if (!is_same_file(store_.path_of(*digest->text()), directory / *path->text())) different.insert(*path->text());
  }
  std::error_code error;
  fs::create_directories(directory, error);
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error) && !entry->is_symlink(error)) continue;
    if (auto path = relative_to(entry->path(), directory); !known.contains(path)) different.insert(std::move(path));
  }
  for (const auto& path : different) {
    if (is_stopping()) return;
    put_right(workspace, name, path);
  }
}

void FilesetLinks::put_right(const std::string& workspace, const std::string& name, const std::string& path) {
  const std::lock_guard lock(disk_);
  const auto fileset = models_.get("fileset_head", workspace, name);
  const auto row = models_.get("file", workspace, name + "/" + path);
  if (!fileset || !*fileset || !row) return;
  if (!*row) return unlink(root_ / workspace / name, path);
  const auto file = json::from_json<File>(**row);
  if (file) warn_of(workspace, name, link(root_ / workspace / name, *file));
}

}  // namespace luthier::node
