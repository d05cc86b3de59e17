#include "actors/bus/nats_connection.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "actors/bus/nats_message.hpp"

namespace luthier::bus {

// ---------------------------------------------------------------------------------------------------- subscriptions

// What libnats holds a pointer to while a subscription lives. It is freed only when libnats has said that no message
// will come, and its read loop has let go of the subscription: libnats 3.4.1 takes a subscription out of its table and
// uses it afterwards without holding it.
class Listener {
 public:
  explicit Listener(NatsConnection::RawHandler handler) : handler_(std::move(handler)) {}
  ~Listener() { natsSubscription_Destroy(subscription_); }

  natsStatus start(natsConnection* connection, const std::string& subject) {
    const auto status = natsConnection_Subscribe(&subscription_, connection, subject.c_str(), &on_message, this);
    if (status == NATS_OK) natsSubscription_SetOnCompleteCB(subscription_, &on_complete, this);
    return status;
  }
  void stop() {
    {
      const std::lock_guard lock(handling_);  // waits for a handler that is running
      stopped_ = true;
    }
    natsSubscription_Unsubscribe(subscription_);
  }
  bool wait_until_complete(std::chrono::milliseconds timeout) {
    std::unique_lock lock(completing_);
    return completed_.wait_for(lock, timeout, [this] { return complete_; });
  }

 private:
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    const NatsMessage owned(message);
    auto& listener = *static_cast<Listener*>(self);
    const std::lock_guard lock(listener.handling_);
    if (!listener.stopped_) listener.handler_(message);
  }
  static void on_complete(void* self) {
    auto& listener = *static_cast<Listener*>(self);
    const std::lock_guard lock(listener.completing_);
    listener.complete_ = true;
    listener.completed_.notify_all();
  }

  NatsConnection::RawHandler handler_;
  natsSubscription* subscription_ = nullptr;
  std::mutex handling_, completing_;
  std::condition_variable completed_;
  bool stopped_ = false, complete_ = false;
};

namespace {

class NatsSubscription final : public Subscription {
 public:
  NatsSubscription(std::function<void(std::unique_ptr<Listener>)> end, std::unique_ptr<Listener> listener)
      : end_(std::move(end)), listener_(std::move(listener)) {}
  ~NatsSubscription() override { end_(std::move(listener_)); }

 private:
  std::function<void(std::unique_ptr<Listener>)> end_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<Subscription>> NatsConnection::subscribe(const std::string& subject, RawHandler handler) {
  auto listener = std::make_unique<Listener>(std::move(handler));
  if (const auto status = listener->start(handle_, subject); status != NATS_OK)
    return nats_error(status, "subscribing to " + subject);
  auto end = [self = shared_from_this()](std::unique_ptr<Listener> ended) { self->bury(std::move(ended)); };
  return std::unique_ptr<Subscription>(new NatsSubscription(std::move(end), std::move(listener)));
}

void NatsConnection::bury(std::unique_ptr<Listener> listener) {
  listener->stop();
  // A flush is a round trip through the read loop: after it, nothing there holds the subscription any more.
  const bool is_free = listener->wait_until_complete(std::chrono::milliseconds(1000)) && connected() &&
                       bool(flush(std::chrono::milliseconds(500)));
  if (is_free) return;
  const std::lock_guard lock(graves_mutex_);
  graves_.push_back(std::move(listener));
}

// ------------------------------------------------------------------------------------------------------ connection

struct NatsConnection::SignalBox {
  std::mutex mutex;
  Signals signals;
  std::chrono::milliseconds wait_max{2000};
  std::condition_variable closing;
  bool closed = false;
};

namespace {

struct OptionsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

Result<std::string> read_small_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, "cannot read the credentials file " + file.string(), "credentials"};
  std::string text(65536, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(in.gcount());
  return text;
}

std::string first_word(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_first_of(" \t\r\n", begin) - begin);
}

// "nats://user:password@host" -> {user, password}
std::pair<std::string, std::string> user_info(const std::string& url) {
  const auto begin = url.find("://");
  const auto at = url.rfind('@');
  if (begin == std::string::npos || at == std::string::npos || at < begin + 3) return {};
  const auto info = url.substr(begin + 3, at - begin - 3);
  const auto colon = info.find(':');
  if (colon == std::string::npos) return {info, ""};
  return {info.substr(0, colon), info.substr(colon + 1)};
}

Result<void> apply_address(natsOptions* raw, const NatsOptions& options) {
  std::string url = options.url;
  std::string user, password;
  if (!options.credentials.empty()) {
    const auto text = read_small_file(options.credentials);
    if (!text) return text.error();
    if (text->find("-----BEGIN NATS USER JWT-----") != std::string::npos) {
      const auto status = natsOptions_SetUserCredentialsFromFiles(raw, options.credentials.c_str(), nullptr);
      if (status != NATS_OK) return nats_error(status, "reading " + options.credentials.string());
    } else {
      const auto line = first_word(*text);
      if (line.find("://") == std::string::npos)
        return invalid(options.credentials.string() + " holds neither a NATS URL nor NATS credentials", "credentials");
      if (url.empty()) {
        url = line;
      } else {
        std::tie(user, password) = user_info(line);
      }
    }
  }
  if (url.empty()) return invalid("no address of a NATS server is given", "url");
  auto status = natsOptions_SetURL(raw, url.c_str());
  if (status == NATS_OK && !user.empty()) status = natsOptions_SetUserInfo(raw, user.c_str(), password.c_str());
  if (status != NATS_OK) return invalid("this is not the URL of a NATS server: it should look like nats://127.0.0.1:4222", "url");
  return {};
}

int64_t reconnect_delay(natsConnection*, int attempts, void* wait_max_ms) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto max = static_cast<int64_t>(reinterpret_cast<std::intptr_t>(wait_max_ms));
  const int64_t base = std::min<int64_t>(max, int64_t{25} << std::clamp(attempts, 0, 10));
  return base / 2 + static_cast<int64_t>(random() % static_cast<std::uint64_t>(base / 2 + 1));
}

}  // namespace

Result<std::shared_ptr<NatsConnection>> NatsConnection::open(const NatsOptions& options, Signals signals) {
  natsOptions* raw = nullptr;
  if (const auto status = natsOptions_Create(&raw); status != NATS_OK) return nats_error(status, "preparing NATS");
  const std::unique_ptr<natsOptions, OptionsDeleter> owned(raw);
  if (auto applied = apply_address(raw, options); !applied) return applied.error();

  auto box = std::make_shared<SignalBox>();
  box->signals = std::move(signals);
  auto* kept = new std::shared_ptr<SignalBox>(box);  // freed by on_closed
  natsOptions_SetName(raw, options.name.c_str());
  natsOptions_SetTimeout(raw, 2000);
  natsOptions_SetSendAsap(raw, true);  // otherwise a lone message waits a millisecond for the flusher
  natsOptions_SetMaxReconnect(raw, -1);
  natsOptions_SetCustomReconnectDelay(raw, &reconnect_delay,
                                      reinterpret_cast<void*>(static_cast<std::intptr_t>(options.reconnect_wait_max.count())));
  natsOptions_SetWriteDeadline(raw, 5000);  // a server that does not read must not hold the writer for ever
  natsOptions_SetPingInterval(raw, 10000);
  natsOptions_SetMaxPingsOut(raw, 2);
  natsOptions_SetFailRequestsOnDisconnect(raw, true);
  natsOptions_SetErrorHandler(raw, &on_error, nullptr);
  natsOptions_SetDisconnectedCB(raw, &on_disconnected, kept);
  natsOptions_SetReconnectedCB(raw, &on_reconnected, kept);
  natsOptions_SetClosedCB(raw, &on_closed, kept);
  if (!options.inbox_prefix.empty()) natsOptions_SetCustomInboxPrefix(raw, options.inbox_prefix.c_str());

  const std::shared_ptr<NatsConnection> made(new NatsConnection);
  const auto deadline = std::chrono::steady_clock::now() + options.connect_wait;
  auto status = natsConnection_Connect(&made->handle_, raw);
  while (status != NATS_OK && status != NATS_CONNECTION_AUTH_FAILED && std::chrono::steady_clock::now() < deadline) {
    nats_Sleep(50);
    status = natsConnection_Connect(&made->handle_, raw);
  }
  if (status != NATS_OK) {
    delete kept;
    if (status == NATS_CONNECTION_AUTH_FAILED)
      return invalid("the NATS server refuses these credentials", "credentials");
    return nats_error(status, "connecting to NATS");
  }
  made->box_ = std::move(box);
  status = natsConnection_JetStream(&made->jetstream_, made->handle_, nullptr);
  if (status != NATS_OK) return nats_error(status, "preparing JetStream");
  return made;
}

NatsConnection::~NatsConnection() {
  close();
  for (auto& grave : graves_)
    if (!grave->wait_until_complete(std::chrono::milliseconds(1000))) (void)grave.release();  // a leak is not a crash
  graves_.clear();
  jsCtx_Destroy(jetstream_);
  natsConnection_Destroy(handle_);
}

bool NatsConnection::connected() const { return natsConnection_Status(handle_) == NATS_CONN_STATUS_CONNECTED; }

Result<void> NatsConnection::flush(std::chrono::milliseconds timeout) const {
  const auto status = natsConnection_FlushTimeout(handle_, timeout.count());
  if (status != NATS_OK) return nats_error(status, "waiting for NATS");
  return {};
}

void NatsConnection::close() {
  if (!box_) return;
  {
    const std::lock_guard lock(box_->mutex);
    box_->signals = {};
  }
  natsConnection_Close(handle_);
  std::unique_lock lock(box_->mutex);
  box_->closing.wait_for(lock, std::chrono::seconds(2), [this] { return box_->closed; });
}

void NatsConnection::on_disconnected(natsConnection*, void* raw) {
  auto& box = **static_cast<std::shared_ptr<SignalBox>*>(raw);
  const std::lock_guard lock(box.mutex);
  if (!box.signals.disconnected) return;
  spdlog::warn("nats: disconnected");
  box.signals.disconnected();
}

void NatsConnection::on_reconnected(natsConnection*, void* raw) {
  auto& box = **static_cast<std::shared_ptr<SignalBox>*>(raw);
  const std::lock_guard lock(box.mutex);
  if (!box.signals.reconnected) return;
  spdlog::info("nats: connected again");
  box.signals.reconnected();
}

void NatsConnection::on_closed(natsConnection*, void* raw) {
  const std::unique_ptr<std::shared_ptr<SignalBox>> kept(static_cast<std::shared_ptr<SignalBox>*>(raw));
  auto& box = **kept;
  const std::lock_guard lock(box.mutex);
  if (box.signals.disconnected) {
    spdlog::error("nats: the connection is closed for good");
    box.signals.disconnected();
  }
  box.closed = true;
  box.closing.notify_all();
}

// A refused permission shows nowhere else. The subscription must not be touched here: it may be freed already.
void NatsConnection::on_error(natsConnection* connection, natsSubscription*, natsStatus status, void*) {
  const char* detail = nullptr;
  if (connection) natsConnection_GetLastError(connection, &detail);
  spdlog::warn("nats: {}{}{}", natsStatus_GetText(status), detail && *detail ? ": " : "", detail ? detail : "");
}

}  // namespace luthier::bus
