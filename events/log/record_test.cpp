// The stored form of a record: golden files, hashes worked out elsewhere, hostile bytes.
#include "events/log/record.hpp"

#include <catch2/catch.hpp>

#include <random>

#include "events/base/file.hpp"
#include "events/base/sha256.hpp"
#include "events/log/chain.hpp"
#include "events/log/receipt.hpp"

using namespace luthier;
using namespace luthier::log;

namespace {

// One line each, as stored. Added to, never changed: a version that cannot read one has broken somebody's log.
std::string golden(const std::string& name) {
  auto text = read_text("tests/golden/log/" + name, 1 << 20);
  INFO((text ? "" : text.error().message));
  REQUIRE(text);
  REQUIRE(text->ends_with('\n'));
  text->pop_back();
  return std::move(*text);
}

Record sample() {
  Record record;
  record.position = 42;
  record.stream = {"model", "model-5Q2LoF8z8M9JZxZsHwJKNn"};
  record.version = 3;
  record.workspace = "default";
  record.name = "smol";
  record.type = "ModelUpdated";
  record.type_version = 2;
  record.time = 1'795'464'904'123'456;
  record.command = {"alice \"the\\first\"", "default", "01JD\n\t\x01"};
  record.correlation = "01JC";
  record.causation = "01JB";
  record.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  record.data = R"({"description":"größer, \"better\"","fileset":"default/smol"})";
  record.previous = std::string(32, 'a') + std::string(32, '0');
  return record;
}

}  // namespace

TEST_CASE("a record is written as its golden file has it, and read back") {
  Record record = sample();
  const auto stored = seal(record);
  CHECK(stored == golden("record.v1.json"));
  CHECK(record.hash == golden("record.v1.hash"));
  const auto back = decode_record(golden("record.v1.json"));
  INFO((back ? "" : back.error().message));
  REQUIRE(back);
  CHECK(*back == record);
  CHECK(stored_hash(stored) == record.hash);
}

TEST_CASE("a record's hash is SHA-256 over the previous hash's bytes and the text") {
  const Record record = sample();
  std::string input = std::string(16, '\xaa') + std::string(16, '\0') + canonical_text(record);
  CHECK(hash_record(record.previous, canonical_text(record)) == sha256_hex(input));
  CHECK(hash_record(zero_hash(), "") == sha256_hex(std::string(32, '\0')));
}

TEST_CASE("any changed byte of a stored record is noticed, and any cut") {
  Record record = sample();
  const auto stored = seal(record);
  for (std::size_t i = 0; i < stored.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = stored;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      const auto read = decode_record(damaged);
      REQUIRE_FALSE(read);
      REQUIRE(read.error().code == ErrorCode::corrupt);
    }
  for (std::size_t length = 0; length < stored.size(); ++length) REQUIRE_FALSE(decode_record(stored.substr(0, length)));
  REQUIRE_FALSE(decode_record(stored + " "));
  const auto wrong_place = decode_record_at(43, stored);
  REQUIRE_FALSE(wrong_place);
  CHECK(wrong_place.error().message == "position 43: holds the record of position 42");
}

TEST_CASE("text with a right hash in another layout is not a record") {
  Record record = sample();
  const auto text = canonical_text(record);
  const auto with_hash = [&](std::string other) {
    const auto hash = hash_record(record.previous, other);
    other.pop_back();
    return other + ",\"previous\":\"" + record.previous + "\",\"hash\":\"" + hash + "\"}";
  };
  REQUIRE(decode_record(with_hash(text)));
  const auto change = [&](const std::string& from, const std::string& to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    INFO(other);
    CHECK_FALSE(decode_record(with_hash(other)));
  };
  change("{\"position\":42", "{\"position\":042");
  change("{\"position\":42", "{\"position\":-0");
  change("{\"position\":42", "{\"position\":99999999999999999999");
  change("{\"position\":42", "{ \"position\":42");
  change("2026-11-23T20:15:04.123456Z", "2026-11-23 20:15:04");
  change("\"version\":3", "\"version\":\"3\"");
  change("\\u0001", "\\u0041");
  change("\\u0001", "\\u000");
  change("\\n", "\\/");
  change("\"workspace\"", "\"Workspace\"");
  change(",\"data\":", ",\"more\":1,\"data\":");
}

TEST_CASE("random bytes are no record and no receipt") {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random() % 600, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    CHECK_FALSE(decode_record(bytes));
    CHECK_FALSE(decode_receipt({}, bytes));
    CHECK_FALSE(decode_head(bytes));
  }
}

TEST_CASE("receipts and heads are written as their golden files have them, and read back") {
  Receipt receipt;
  receipt.command = {"alice", "default", "01JD"};
  receipt.command_digest = "9f86d081";
  receipt.position = 42;
  receipt.version = 3;
  receipt.events = {"ModelUpdated", "AdapterDisabled"};
  receipt.hash = Hash(64, 'b');
  CHECK(encode_receipt(receipt) == golden("receipt.v1.json"));
  CHECK(*decode_receipt(receipt.command, golden("receipt.v1.json")) == receipt);

  receipt.events.clear();
  receipt.refusal = Error{ErrorCode::conflict, "model default/\"smol\" exists already", "name"};
  CHECK(encode_receipt(receipt) == golden("receipt_refused.v1.json"));
  CHECK(*decode_receipt(receipt.command, golden("receipt_refused.v1.json")) == receipt);

  const StreamHead head{3, 42, "default", "smol"};
  CHECK(encode_head(head) == golden("head.v1.json"));
  CHECK(*decode_head(golden("head.v1.json")) == head);
}

TEST_CASE("a receipt or head that was cut is noticed") {
  for (const auto* name : {"receipt.v1.json", "receipt_refused.v1.json"}) {
    const auto stored = golden(name);
    for (std::size_t length = 0; length < stored.size(); ++length) CHECK_FALSE(decode_receipt({}, stored.substr(0, length)));
  }
  auto stored = golden("receipt_refused.v1.json");
  stored.replace(stored.find("\"conflict\""), 10, "\"nonsense\"");
  CHECK_FALSE(decode_receipt({}, stored));
}

TEST_CASE("a chain takes the next record only") {
  Record first = sample(), second = sample();
  first.position = 1;
  first.previous = zero_hash();
  const auto first_stored = seal(first);
  second.position = 2;
  second.previous = first.hash;
  const auto second_stored = seal(second);
  Record other = second;
  other.previous = Hash(64, 'c');
  const auto unlinked = seal(other);
  Record early = second;
  early.time = first.time - 1;
  const auto backwards = seal(early);

  Chain chain;
  CHECK(chain.next(2, second_stored).error().message.starts_with("position 1: is missing"));
  REQUIRE(chain.next(1, first_stored));
  CHECK(chain.next(1, first_stored).error().message.starts_with("position 2: is missing"));
  CHECK(chain.next(2, unlinked).error().message.starts_with("position 2: does not follow"));
  CHECK(chain.next(2, backwards).error().message.starts_with("position 2: its time is before"));
  CHECK(chain.head().position == 1);
  REQUIRE(chain.next(2, second_stored));
  CHECK(chain.head().hash == second.hash);
}
