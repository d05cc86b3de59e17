#include "actors/hub/download.hpp"

#include <catch2/catch.hpp>
#include <future>

#include "actors/hub/hub_double_test.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t size = 1'500'000;

// Sends `bytes`, from where the request wants them, up to `until`, and then breaks off.
void send_until(const httplib::Request& request, httplib::Response& response, const std::string& bytes, std::size_t until,
                const std::string& etag = "\"of-the-cdn\"") {
  if (!etag.empty()) response.set_header("ETag", etag);
  const auto shown = request.ranges.empty() ? 0 : static_cast<std::size_t>(request.ranges[0].first);
  response.set_content_provider(bytes.size(), "application/octet-stream",
                                [&bytes, until, shown](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                  offset = std::max(offset, shown);
                                  if (offset >= until) return false;
                                  return sink.write(bytes.data() + offset, std::min({length, until - offset, std::size_t{65536}}));
                                });
}

struct Story {
  HubDouble hub;
  TemporaryDirectory directory;
  Transfer transfer = quick();
  const fs::path to = directory / "model";
  Listing listing = *list(hub.source(), transfer);
  RemoteFile file = listing.files.back();

  const std::string& bytes() { return hub.large.at("model.safetensors"); }
  Result<std::string> get() { return fetch(hub.source(), listing, file, to, transfer); }
  std::vector<std::string> ranges() {
    std::vector<std::string> all;
    for (const auto& request : hub.cdn.seen()) all.push_back(request.header("Range"));
    return all;
  }
};

}  // namespace

TEST_CASE("a transfer that breaks goes on where it broke, in the same call") {
  Story story;
  story.hub.send = [&, number = 0](const auto& request, auto& response, const std::string& bytes) mutable {
    send_until(request, response, bytes, ++number * 400'000u);
  };
  const auto digest = story.get();
  REQUIRE(digest);
  CHECK(*digest == sha256_hex(story.bytes()));
  CHECK(text_of(story.to) == story.bytes());
  CHECK(story.ranges() == std::vector<std::string>{"", "bytes=400000-", "bytes=800000-", "bytes=1200000-"});
  CHECK(story.hub.cdn.seen()[1].header("If-Range") == "\"of-the-cdn\"");
}

TEST_CASE("the next call goes on with what a broken one has left") {
  Story story;
  story.transfer.attempts = 1;
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) { send_until(request, response, bytes, 700'000); };
  const auto broken = story.get();
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::unavailable);
  CHECK(contains(broken.error().message, "model owner/name: model.safetensors"));
  CHECK(contains(broken.error().message, "700000 of 1500000 bytes"));
  CHECK_FALSE(fs::exists(story.to));

  story.hub.send = HubDouble().send;
  CHECK(story.get());
  CHECK(text_of(story.to) == story.bytes());
  CHECK(story.ranges() == std::vector<std::string>{"", "bytes=700000-"});
  CHECK(count_of_files(story.directory.path()) == 1);
}

TEST_CASE("what is left of another file is not gone on with") {
  Story story;
  story.transfer.attempts = 1;
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) { send_until(request, response, bytes, 700'000); };
  CHECK_FALSE(story.get());
  story.hub.large["model.safetensors"] = pattern(size).replace(0, 5, "other");
  story.hub.send = HubDouble().send;
  story.file = list(story.hub.source(), story.transfer)->files.back();
  CHECK(story.get());
  CHECK(text_of(story.to) == story.bytes());
  CHECK(story.ranges() == std::vector<std::string>{"", ""});
}

TEST_CASE("a store whose validator has changed sends the file from its beginning") {
  Story story;
  story.transfer.attempts = 1;
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) {
    send_until(request, response, bytes, 700'000, "\"one\"");
  };
  CHECK_FALSE(story.get());

  SECTION("because it understands If-Range and answers 200") {
    story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) {
      CHECK(request.get_header_value("If-Range") == "\"one\"");
      const_cast<httplib::Request&>(request).ranges.clear();
      response.set_header("ETag", "\"two\"");
      response.set_content(bytes, "application/octet-stream");
    };
    CHECK(story.get());
    CHECK(story.ranges().size() == 2);
  }
  SECTION("because its ETag in a partial answer is another one") {
    story.transfer.attempts = 3;
    story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) {
      send_until(request, response, bytes, size, "\"two\"");
    };
    CHECK(story.get());
    CHECK(story.ranges() == std::vector<std::string>{"", "bytes=700000-", ""});
  }
  CHECK(text_of(story.to) == story.bytes());
}

TEST_CASE("without a digest and without an ETag nothing is gone on with") {
  Story story;
  story.file.sha256.clear();
  story.hub.send = [&, number = 0](const auto& request, auto& response, const std::string& bytes) mutable {
    send_until(request, response, bytes, ++number * 700'000u, "");
  };
  CHECK(story.get());
  CHECK(story.ranges() == std::vector<std::string>{"", "", ""});
  CHECK(text_of(story.to) == story.bytes());
}

TEST_CASE("other bytes than the listing promises are corrupt, and nothing of them stays") {
  Story story;
  story.hub.send = [](const auto&, auto& response, std::string bytes) {
    bytes[1'000'000] ^= 1;
    response.set_content(bytes, "application/octet-stream");
  };
  const auto digest = story.get();
  REQUIRE_FALSE(digest);
  CHECK(digest.error().code == ErrorCode::corrupt);
  CHECK(contains(digest.error().message, "SHA-256 should be " + sha256_hex(story.bytes())));
  CHECK(contains(digest.error().message, "model.safetensors"));
  CHECK(count_of_files(story.directory.path()) == 0);
  CHECK(story.ranges().size() == 1);  // what came in one piece is what the store has
}

TEST_CASE("small files are verified by their git object id") {
  Story story;
  story.hub.small["config.json"] = "{\"hidden_size\": 9}\n";
  const auto& file = story.listing.files[1];
  REQUIRE(file.path == "config.json");
  const auto digest = fetch(story.hub.source(), story.listing, file, story.to, story.transfer);
  REQUIRE_FALSE(digest);
  CHECK(digest.error().code == ErrorCode::corrupt);
  CHECK(contains(digest.error().message, "git object id"));
  CHECK(count_of_files(story.directory.path()) == 0);
}

TEST_CASE("parts that do not fit together are fetched once more, in one piece") {
  Story story;
  story.transfer.attempts = 1;
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) {
    static std::string damaged;
    damaged = bytes;
    damaged[5] ^= 1;
    send_until(request, response, damaged, 700'000);
  };
  CHECK_FALSE(story.get());
  story.hub.send = HubDouble().send;
  CHECK(story.get());
  CHECK(text_of(story.to) == story.bytes());
  CHECK(story.ranges() == std::vector<std::string>{"", "bytes=700000-", ""});
}

TEST_CASE("sizes that are not as listed are noticed") {
  Story story;
  SECTION("in the answer's head") {
    story.hub.send = [](const auto&, auto& response, const std::string& bytes) { response.set_content(bytes + "more", "text/plain"); };
    const auto digest = story.get();
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == ErrorCode::corrupt);
    CHECK(contains(digest.error().message, "sends 1500004 bytes where its listing says 1500000"));
  }
  SECTION("at the hub") {
    story.file.size = 7;
    const auto digest = story.get();
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == ErrorCode::corrupt);
    CHECK(contains(digest.error().message, "1500000 bytes where its listing says 7"));
  }
  SECTION("before anything is asked") {
    story.transfer.bytes_max = size - 1;
    const auto digest = story.get();
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == ErrorCode::limit);
    CHECK(digest.error().field == "bytes");
  }
  CHECK(count_of_files(story.directory.path()) == 0);
}

TEST_CASE("a busy host is asked again, up to a number of times") {
  Story story;
  SECTION("and then it answers") {
    story.hub.send = [number = 0](const auto& request, auto& response, const std::string& bytes) mutable {
      if (++number < 4) {
        response.status = number == 1 ? 429 : 503;
        return;
      }
      HubDouble().send(request, response, bytes);
    };
    CHECK(story.get());
    CHECK(story.ranges().size() == 4);
  }
  SECTION("and never does") {
    story.hub.send = [](const auto&, auto& response, const std::string&) { response.status = 503; };
    const auto digest = story.get();
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == ErrorCode::unavailable);
    CHECK(contains(digest.error().message, "503"));
    CHECK(story.ranges().size() == 4);
  }
  SECTION("but not when it says no") {
    story.hub.send = [](const auto&, auto& response, const std::string&) { response.status = 403; };
    CHECK_FALSE(story.get());
    CHECK(story.ranges().size() == 1);
  }
}

TEST_CASE("a wait that the host asks for is kept, within bounds") {
  Story story;
  story.transfer.backoff_max = std::chrono::milliseconds(400);
  story.hub.send = [number = 0](const auto& request, auto& response, const std::string& bytes) mutable {
    if (++number > 1) return HubDouble().send(request, response, bytes);
    response.status = 429;
    response.set_header("Retry-After", "3600");
  };
  const auto begin = std::chrono::steady_clock::now();
  CHECK(story.get());
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(400));
}

TEST_CASE("a host where nothing listens is unavailable, with its name") {
  int port = 0;
  {
    const WebServer gone([](const auto&, auto&) {});
    port = gone.port();
  }
  auto source = HuggingFace{"http://127.0.0.1:" + std::to_string(port), "owner/name", "model", "main", {}};
  const auto listing = list(source, quick());
  REQUIRE_FALSE(listing);
  CHECK(listing.error().code == ErrorCode::unavailable);
  CHECK(contains(listing.error().message, "127.0.0.1:" + std::to_string(port) + ": model owner/name: nothing answers there"));
  source.endpoint = "http://no-such-host.invalid";
  CHECK(list(source, quick()).error().code == ErrorCode::unavailable);
}

TEST_CASE("somebody can end a call, in whatever it is waiting") {
  Story story;
  std::atomic<bool> is_over{false};
  story.transfer.cancel = [&] { return is_over.load(); };
  story.transfer.read_timeout = std::chrono::seconds(60);
  story.transfer.backoff = story.transfer.backoff_max = std::chrono::seconds(60);

  SECTION("for bytes that do not come") {
    story.hub.send = [&](const auto&, auto& response, const std::string& bytes) {
      response.set_content_provider(bytes.size(), "text/plain", [&](std::size_t offset, std::size_t, httplib::DataSink& sink) {
        if (offset == 0) return sink.write(bytes.data(), 300'000);
        for (int i = 0; i < 500 && sink.is_writable(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return false;
      });
    };
  }
  SECTION("for the next try") {
    story.hub.send = [](const auto&, auto& response, const std::string&) { response.status = 503; };
  }
  SECTION("for nothing, while bytes come") {
    story.transfer.progress = [&](std::int64_t) { is_over = true; };
  }
  auto digest = std::async(std::launch::async, [&] { return story.get(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  is_over = true;
  REQUIRE(digest.wait_for(std::chrono::seconds(2)) == std::future_status::ready);
  const auto result = digest.get();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::cancelled);
  CHECK_FALSE(fs::exists(story.to));
}

TEST_CASE("progress counts what is here, and what an earlier call has left counts too") {
  Story story;
  story.transfer.attempts = 1;
  std::vector<std::int64_t> told;
  story.transfer.progress = [&](std::int64_t bytes) { told.push_back(bytes); };
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) { send_until(request, response, bytes, 700'000); };
  CHECK_FALSE(story.get());
  CHECK(told.back() == 700'000);
  told.clear();
  story.hub.send = HubDouble().send;
  CHECK(story.get());
  CHECK(told.front() > 700'000);
  CHECK(told.back() == size);
  CHECK(std::is_sorted(told.begin(), told.end()));
}

TEST_CASE("one call at a time fetches a file") {
  Story story;
  std::atomic<bool> goes_on{false};
  story.hub.send = [&](const auto& request, auto& response, const std::string& bytes) {
    while (!goes_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    HubDouble().send(request, response, bytes);
  };
  auto first = std::async(std::launch::async, [&] { return story.get(); });
  while (story.hub.cdn.seen().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto second = story.get();
  goes_on = true;
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(first.get());
}

TEST_CASE("a place where no file can be is an error that names it") {
  Story story;
  const auto blocked = story.directory / "file";
  std::ofstream(blocked) << "no directory";
  const auto digest = fetch(story.hub.source(), story.listing, story.file, blocked / "model", story.transfer);
  REQUIRE_FALSE(digest);
  CHECK(contains(digest.error().message, blocked.string()));
}
