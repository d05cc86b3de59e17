// The whole HTTP interface for a test: commands are decided on a world in memory, folded into read models at once, and asked over a
// socket on loopback. No actors, no bus; checks that need the world (checkpoints, rows) are not made.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "actors/api/api.hpp"
#include "actors/blobs/blob_store.hpp"
#include "actors/gateway/http_server.hpp"
#include "actors/gateway/peers_test.hpp"
#include "events/base/temporary_directory.hpp"
#include "events/codec/codec.hpp"
#include "events/log/memory_log.hpp"
#include "events/world/world.hpp"
#include "projections/decoding.hpp"
#include "projections/projections.hpp"

namespace luthier::api {

class TestPlatform final : public Platform {
 public:
  explicit TestPlatform(const std::filesystem::path& directory) : models_(std::move(*projections::Projections::open({directory}))) {}

  events::Limits limits;
  std::function<void(std::span<const events::Fact>)> on_change = [](auto) {};

  Result<Done> submit(events::Request request) override {
    const std::lock_guard lock(mutex_);
    const auto receipt = log_.find_receipt(request.key);
    if (receipt && *receipt) return Done{(*receipt)->position, (*receipt)->version, (*receipt)->events};
    const auto facts = events::decide(world_, request, limits);
    if (!facts) return facts.error();
    log::Append append;
    append.command = request.key;
    append.command_digest = events::request_digest(request);
    for (const auto& fact : *facts) {
      const bool known = std::any_of(append.expected.begin(), append.expected.end(), [&](const auto& one) { return one.stream == fact.stream; });
      if (!known) append.expected.push_back({fact.stream, world_.version_before(fact)});
      auto encoded = events::encode(fact.event);
      append.events.push_back({fact.stream, fact.workspace, fact.name, std::move(encoded.type), encoded.version, std::move(encoded.data)});
    }
    for (const auto& fact : *facts) events::evolve(world_, fact);
    const auto appended = log_.append({&append, 1}, now());
    if (!appended) return appended.error();
    const auto& written = appended->answers.front();
    if (!written) return written.error();
    const auto records = log_.read(models_->position() + 1, 100'000);
    if (!records) return records.error();
    if (auto applied = models_->apply(*records, *facts); !applied) return applied.error();
    on_change(*facts);
    return Done{written->position, written->version, written->events};
  }

  const projections::ReadModels& read_models() const override { return *models_; }
  Timestamp now() const override { return time_ += 1'000; }
  std::string random_bytes(std::size_t count) override {
    std::string bytes(count, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(++counter_);
    for (std::size_t i = 0; i < count && i < 8; ++i) bytes[i] = static_cast<char>(counter_ >> (8 * i));
    return bytes;
  }

 private:
  std::mutex mutex_;
  events::World world_;
  log::MemoryLog log_;
  std::unique_ptr<projections::Projections> models_;
  mutable std::atomic<Timestamp> time_ = 1'700'000'000'000'000;
  std::atomic<std::uint64_t> counter_ = 0;
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names as they came
  std::string body;
  rest::Json json() const { return rest::Json::parse(body, nullptr, false); }
  std::string detail() const { return json().value("detail", ""); }
};

class ApiFixture {
 public:
  TemporaryDirectory directory;
  blobs::BlobStore store = *blobs::BlobStore::open(directory / "blobs");
  TestPlatform platform{directory / "projections"};
  Documents documents{platform.read_models()};
  ApiSettings settings;
  SecretValues* secrets = nullptr;
  gateway::GatewayOptions options;

  ApiFixture() {
    settings.filesets_root = directory / "filesets";
    platform.on_change = [this](auto facts) { documents.changed(facts); };
  }
  ~ApiFixture() {
    if (server_) server_->stop();
  }

  // Once the settings are as they should be; the first call does it as well. There is a workspace "default".
  void open() {
    api_ = std::make_unique<Api>(Services{platform, documents, settings, &store, secrets}, [this](const auth::HeaderLookup& headers) {
      return auth::authenticate({}, headers, nullptr, nullptr, platform.now());
    });
    auto started = gateway::HttpServer::start(options, [this](gateway::Exchange& exchange) {
      if (!api_->handle(exchange)) exchange.answer(404, "text/plain", "no route");
    });
    REQUIRE(started);
    server_ = std::move(*started);
    events::Request request;
    request.key = {"system", "system", "first"};
    request.entity = "workspace";
    request.name = "default";
    request.command = events::CreateWorkspace{};
    REQUIRE(platform.submit(request));
  }
  gateway::Peer connect() {
    if (!server_) open();
    return gateway::connect_to(server_->port());
  }

  Reply call(const std::string& method, const std::string& path, const std::string& body = "", const std::string& more_headers = "") {
    auto peer = connect();
    const std::string type = more_headers.find("Content-Type:") == std::string::npos ? "Content-Type: application/json\r\n" : "";
    const std::string length = more_headers.find("Transfer-Encoding:") == std::string::npos ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "";
    peer.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + type + length + more_headers + "\r\n" + body);
    peer.wait_for_end();
    return read_reply(peer.received());
  }

  static Reply read_reply(const std::string& text) {
    Reply reply;
    const auto head = text.find("\r\n\r\n");
    INFO(text);
    REQUIRE(head != std::string::npos);
    reply.status = std::stoi(text.substr(9, 3));
    reply.body = text.substr(head + 4);
    for (auto line = text.find("\r\n") + 2; line < head;) {
      const auto end = text.find("\r\n", line), colon = text.find(": ", line);
      reply.headers[text.substr(line, colon - line)] = text.substr(colon + 2, end - colon - 2);
      line = end + 2;
    }
    return reply;
  }

 private:
  std::unique_ptr<Api> api_;
  std::unique_ptr<gateway::HttpServer> server_;
};

}  // namespace luthier::api
