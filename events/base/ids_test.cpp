#include "events/base/ids.hpp"

#include <catch2/catch.hpp>

#include "events/base/base58.hpp"
#include "events/base/clock.hpp"

using namespace luthier;

TEST_CASE("a time is written in UTC with microseconds") {
  CHECK(format_time(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_time(1'795'464'904'123'456) == "2026-11-23T20:15:04.123456Z");
  CHECK(format_time(951'782'400'000'000) == "2000-02-29T00:00:00.000000Z");
  CHECK(format_time(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(format_time(-62'167'219'200'000'000) == "0000-01-01T00:00:00.000000Z");
  CHECK(format_time(253'402'300'799'999'999) == "9999-12-31T23:59:59.999999Z");
  CHECK(format_time(253'402'300'800'000'000) == "10000-01-01T00:00:00.000000Z");
}

TEST_CASE("a time that was written is read back") {
  for (Timestamp time = -62'167'219'200'000'000; time < 253'402'300'799'000'000; time += 12'345'678'901'234) {
    const auto back = parse_time(format_time(time));
    REQUIRE(back);
    REQUIRE(*back == time);
  }
}

TEST_CASE("a time may have fewer digits of a second") {
  CHECK(*parse_time("1970-01-01T00:00:01Z") == 1'000'000);
  CHECK(*parse_time("1970-01-01T00:00:01.5Z") == 1'500'000);
  CHECK(*parse_time("1970-01-01T00:00:01.123456789Z") == 1'123'456);
}

TEST_CASE("what is not a time is refused by name") {
  for (const char* text : {"", "Z", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "1970-02-29T00:00:00Z",
                           "1970-13-01T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:00:60Z", "1970-01-01T00:00:00+01:00",
                           "1970-01-01T00:00:00.1234567890Z", "197-001-01T00:00:00Z", "1970-01-01T00:00:00.12x4Z", "+970-01-01T00:00:00Z"}) {
    INFO(text);
    const auto time = parse_time(text);
    REQUIRE_FALSE(time);
    CHECK(time.error().code == ErrorCode::invalid);
    CHECK(time.error().message.find(text) != std::string::npos);
  }
}

TEST_CASE("base58 agrees with published vectors") {
  const auto of = [](std::string_view text) {
    return base58({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(of("Hello World!") == "2NEpo7TZRRrLZSi2U");
  CHECK(of("The quick brown fox jumps over the lazy dog.") == "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
  CHECK(of(std::string_view("\0\0\x28\x7f\xb4\xcd", 6)) == "11233QC4");
  CHECK(of("").empty());
}

TEST_CASE("an entity id is a function of its command") {
  const CommandKey command{"alice", "default", "01JD"};
  const auto id = derive_entity_id("model", command);
  // printf with 8-byte big-endian lengths, sha256sum, base58 of the first 16 bytes: worked out in Python.
  CHECK(id == "model-67BaxHttfUCvSbC58mwBxQ");
  CHECK(id == derive_entity_id("model", command));
  CHECK(id != derive_entity_id("model", command, 1));
  CHECK(derive_entity_id("model", {"ab", "c", "x"}) != derive_entity_id("model", {"a", "bc", "x"}));
}

TEST_CASE("the system's clock is past 2020") { CHECK(SystemClock().now() > 1'577'836'800'000'000); }
