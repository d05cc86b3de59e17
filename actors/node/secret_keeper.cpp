#include "actors/node/secret_keeper.hpp"

#include <nlohmann/json.hpp>

namespace luthier::node {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto spared = 120s;         // longer than any command is on its way
constexpr auto sweep_interval = 130s;

void for_each_row(const projections::ReadModels& models, const std::string& entity, const std::string& workspace,
                  const std::function<void(const json&)>& what, bool& is_whole) {
  for (std::string after;;) {
    const auto page = models.list(entity, workspace, after, 1000);
    if (!page) {
      is_whole = false;
      return;
    }
    for (const auto& item : page->items) what(json::parse(item));
    if (!page->next) return;
    after = *page->next;
  }
}

}  // namespace

SecretKeeper::SecretKeeper(secrets::Keyring& keyring, const projections::ReadModels& models, std::string platform_key,
                           std::function<void(std::string)> warn)
    : keyring_(keyring), models_(models), platform_key_(std::move(platform_key)), warn_(std::move(warn)), thread_([this] { run(); }) {}

SecretKeeper::~SecretKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

Result<std::string> SecretKeeper::value(const std::string& workspace, const std::string& name) {
  if (workspace == "system" && name == "ngc-api-key" && !platform_key_.empty()) return platform_key_;
  const auto row = models_.get("secret", workspace, name);
  if (!row) return row.error();
  if (!*row) return Error{ErrorCode::not_found, "secret " + workspace + "/" + name + " not found", "name"};
  const auto document = json::parse(**row);
  const events::SealedValue sealed{document["sealed"]["key_id"].get<std::string>(), document["sealed"]["cipher"].get<std::string>()};
  return keyring_.open_value(sealed, workspace + "/" + name);
}

void SecretKeeper::changed(std::span<const events::Fact> facts) {
  for (const auto& fact : facts) {
    const bool leaves_a_key = std::holds_alternative<events::SecretDeleted>(fact.event) || std::holds_alternative<events::SecretUpdated>(fact.event);
    if (!leaves_a_key) continue;
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    return;
  }
}

void SecretKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (std::exchange(wanted_, false)) {
      lock.unlock();
      if (const auto done = sweep(); !done && warn_) warn_("destroying the keys of deleted secrets: " + done.error().message);
      lock.lock();
      // What was spared because it was young is looked at once more.
      if (woken_.wait_for(lock, sweep_interval, [this] { return stopping_; })) return;
      lock.unlock();
      if (const auto done = sweep(); !done && warn_) warn_("destroying the keys of deleted secrets: " + done.error().message);
      lock.lock();
    } else {
      woken_.wait_for(lock, 1s, [this] { return stopping_; });
    }
  }
}

Result<void> SecretKeeper::sweep() {
  bool is_whole = true;
  std::set<std::string> wanted;
  const auto add = [&](const json& row) { wanted.insert(row["sealed"]["key_id"].get<std::string>()); };
  for_each_row(models_, "secret", "system", add, is_whole);
  for_each_row(models_, "workspace", "system", [&](const json& workspace) {
    for_each_row(models_, "secret", workspace["name"].get<std::string>(), add, is_whole);
  }, is_whole);
  if (!is_whole) return Error{ErrorCode::io, "the read models cannot be read", ""};  // nothing is destroyed on half a list
  const auto destroyed = keyring_.destroy_all_but(wanted, spared);
  if (!destroyed) return destroyed.error();
  return {};
}

}  // namespace luthier::node
