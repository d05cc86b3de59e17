#include "actors/api/event_feed.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace luthier;
using namespace luthier::api;
using namespace std::chrono_literals;

TEST_CASE("a follower that is behind need not wait") {
  EventFeed feed;
  feed.moved(7);
  CHECK(feed.wait_beyond(6, 0ms));
  CHECK_FALSE(feed.wait_beyond(7, 1ms));
}

TEST_CASE("a follower is woken by the next event") {
  EventFeed feed;
  feed.moved(7);
  std::thread writer([&] {
    std::this_thread::sleep_for(10ms);
    feed.moved(8);
  });
  CHECK(feed.wait_beyond(7, 30s));
  writer.join();
}

TEST_CASE("an old position that is told late takes nothing back") {
  EventFeed feed;
  feed.moved(9);
  feed.moved(3);
  CHECK(feed.wait_beyond(8, 0ms));
}
