#include "actors/auth/tokens.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "actors/auth/token_text.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::auth {
namespace {

constexpr Timestamp now = 1'790'000'000'000'000, second = 1'000'000, day = 86'400 * second;

NewToken wanted(const std::string& name = "ci") { return {name, "ada@example.com", {{"default", Role::editor}, {"*", Role::viewer}}, {}}; }

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

struct Store {
  TemporaryDirectory directory;
  std::filesystem::path file = directory / "keys" / "tokens.json";
  TokenStore tokens{file};
};

std::string row(const std::string& id, const std::string& more = "") {
  return R"({"id":")" + id + R"(","name":")" + id + R"(","sha256":")" + std::string(64, 'a') +
         R"(","principal":"ada","scopes":[{"workspace":"*","role":"viewer"}],"created_at":"2026-01-01T00:00:00Z")" + more + "}";
}

}  // namespace

TEST_CASE("a token is found by its text, with all that it was made for") {
  Store store;
  const auto made = store.tokens.create(wanted(), now);
  REQUIRE(made);
  CHECK(made->text.size() == 54);
  const auto found = store.tokens.find(made->text, now);
  REQUIRE(found);
  CHECK(found->id == made->token.id);
  CHECK(found->principal == "ada@example.com");
  CHECK(found->scopes == wanted().scopes);
  CHECK(found->created_at == now);
  CHECK_FALSE(found->expires_at);
}

TEST_CASE("the file has digests alone, and only its owner may read it") {
  Store store;
  const auto made = store.tokens.create(wanted(), now);
  REQUIRE(made);
  CHECK(mode_of(store.file) == 0600);
  CHECK(mode_of(store.file.parent_path()) == 0700);
  CHECK(mode_of(store.file.string() + ".lock") == 0600);
  const auto text = read_text(store.file, 1 << 20);
  CHECK(text->find(made->text.substr(4, 20)) == std::string::npos);
  CHECK(text->find("\"sha256\"") != std::string::npos);
}

TEST_CASE("a file that others may read or write is not trusted") {
  Store store;
  const auto made = store.tokens.create(wanted(), now);
  REQUIRE(store.tokens.find(made->text, now));
  for (const mode_t mode : {0640, 0604, 0620, 0666}) {
    REQUIRE(::chmod(store.file.c_str(), mode) == 0);
    const auto found = store.tokens.find(made->text, now);
    REQUIRE_FALSE(found);
    CHECK(found.error().field == "token_file");
    CHECK_THAT(found.error().message, Catch::Matchers::Contains("chmod 600"));
    CHECK_FALSE(store.tokens.create(wanted("more"), now));
  }
  REQUIRE(::chmod(store.file.c_str(), 0600) == 0);
  CHECK(store.tokens.find(made->text, now));
}

TEST_CASE("a token that was mistyped is told from one that nobody has") {
  Store store;
  auto text = store.tokens.create(wanted(), now)->text;
  CHECK(store.tokens.find(*make_token_text(), now).error().code == ErrorCode::not_found);
  std::swap(text[10], text[11]);
  if (text[10] == text[11]) text[10] = text[10] == 'x' ? 'y' : 'x';
  CHECK(store.tokens.find(text, now).error().code == ErrorCode::invalid);
  for (const auto& odd : {std::string(), std::string("lth_"), std::string(1 << 20, 'a'), "lth_" + std::string(50, '1'), std::string(54, '\0')}) {
    const auto found = store.tokens.find(odd, now);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ErrorCode::invalid);
    CHECK(found.error().message.size() < 100);
  }
}

TEST_CASE("a token ends when it expires or is revoked, in another process's store as well") {
  Store store;
  TokenStore server(store.file);
  CHECK(server.list()->empty());
  auto until = wanted("until");
  until.expires_at = now + second;
  const auto made = store.tokens.create(until, now);
  REQUIRE(made);
  CHECK(server.find(made->text, now));
  const auto late = server.find(made->text, now + second);
  REQUIRE_FALSE(late);
  CHECK_THAT(late.error().message, Catch::Matchers::Contains("expired"));

  const auto other = store.tokens.create(wanted("other"), now);
  CHECK(server.find(other->text, now));
  REQUIRE(store.tokens.revoke("other"));
  CHECK(server.find(other->text, now).error().code == ErrorCode::not_found);
  REQUIRE(store.tokens.revoke(made->token.id));
  CHECK(store.tokens.revoke("other").error().code == ErrorCode::not_found);
  CHECK(server.list()->empty());
}

TEST_CASE("what a token may be made of is checked") {
  Store store;
  const auto refused = [&](auto change) {
    auto token = wanted();
    change(token);
    const auto made = store.tokens.create(token, now);
    return made ? std::string() : made.error().field;
  };
  for (const auto* name : {"", "-x", "a b", "a/b", "a\n", "\xc3\xa4"}) CHECK(refused([&](NewToken& t) { t.name = name; }) == "name");
  CHECK(refused([](NewToken& t) { t.name = std::string(64, 'a'); }) == "name");
  for (const auto* id : {"", "system", "worker:a", "group:a", "*", " a", "a\n", "\xff"})
    CHECK(refused([&](NewToken& t) { t.principal = id; }) == "principal");
  CHECK(refused([](NewToken& t) { t.scopes.clear(); }) == "scopes");
  CHECK(refused([](NewToken& t) { t.scopes = {{"No Name", Role::viewer}}; }) == "scopes");
  CHECK(refused([](NewToken& t) { t.scopes.assign(65, {"default", Role::viewer}); }) == "scopes");
  CHECK(refused([](NewToken& t) { t.expires_at = now; }) == "expires_at");
  CHECK(refused([](NewToken& t) { t.principal = "service:builder"; }).empty());
  CHECK(store.tokens.create(wanted(), now).error().code == ErrorCode::conflict);  // the name
}

TEST_CASE("tokens that expired long ago go when another is made") {
  Store store;
  auto until = wanted("until");
  until.expires_at = now + second;
  REQUIRE(store.tokens.create(until, now));
  REQUIRE(store.tokens.create(wanted("next"), now + 29 * day));
  CHECK(store.tokens.list()->size() == 2);
  REQUIRE(store.tokens.create(wanted("last"), now + 31 * day));
  CHECK(store.tokens.list()->size() == 2);
}

TEST_CASE("when a token was last used is written down, seldom") {
  Store store;
  const auto made = store.tokens.create(wanted(), now);
  REQUIRE(store.tokens.find(made->text, now + second));
  CHECK(store.tokens.list()->at(0).last_used == now + second);
  REQUIRE(store.tokens.find(made->text, now + 2 * second));
  CHECK(store.tokens.list()->at(0).last_used == now + second);
  REQUIRE(store.tokens.find(made->text, now + 400 * second));
  CHECK(store.tokens.list()->at(0).last_used == now + 400 * second);
  CHECK(mode_of(store.file) == 0600);
}

TEST_CASE("a damaged file lets nobody in and is not overwritten") {
  Store store;
  const auto made = store.tokens.create(wanted(), now);
  for (const auto& text : {std::string("{"), std::string(R"({"version":2,"tokens":[]})"), std::string(R"({"version":1,"tokens":[{}]})"),
                           R"({"version":1,"tokens":[)" + row("a", R"(,"extra":1)") + "]}",
                           R"({"version":1,"tokens":[)" + row("a", R"(,"expires_at":"soon")") + "]}",
                           std::string(9 << 20, ' ')}) {
    REQUIRE(write_file_durably(store.file, text, 0600));
    const auto found = store.tokens.find(made->text, now);
    REQUIRE_FALSE(found);
    CHECK(found.error().field != "token");
    if (text.find("soon") == std::string::npos) {
      CHECK_FALSE(store.tokens.create(wanted("more"), now));
      CHECK(*read_text(store.file, 16 << 20) == text);
    }
  }
  auto bad_role = row("a"), bad_digest = row("b");
  bad_role.replace(bad_role.find("viewer"), 6, "emperor");
  bad_digest.replace(bad_digest.find("aaaa"), 4, "AAAA");
  for (const auto& text : {bad_role, bad_digest}) {
    REQUIRE(write_file_durably(store.file, R"({"version":1,"tokens":[)" + text + "]}", 0600));
    CHECK(store.tokens.list().error().code == ErrorCode::corrupt);
    CHECK(store.tokens.find(made->text, now).error().code == ErrorCode::corrupt);
  }
}

TEST_CASE("no more than ten thousand tokens") {
  Store store;
  std::string rows = row("t0");
  for (int i = 1; i < 10'000; ++i) rows += "," + row("t" + std::to_string(i));
  std::filesystem::create_directories(store.file.parent_path());
  REQUIRE(write_file_durably(store.file, R"({"version":1,"tokens":[)" + rows + "]}", 0600));
  CHECK(store.tokens.list()->size() == 10'000);
  CHECK(store.tokens.create(wanted(), now).error().code == ErrorCode::limit);
}

TEST_CASE("threads and processes that change tokens at once lose none of them") {
  Store store;
  constexpr int per_writer = 8;
  std::vector<pid_t> children;
  for (int writer = 0; writer < 2; ++writer) {
    const pid_t child = ::fork();
    if (child == 0) {
      TokenStore own(store.file);
      int made = 0;
      for (int i = 0; i < per_writer; ++i)
        made += static_cast<bool>(own.create(wanted("p" + std::to_string(writer) + "-" + std::to_string(i)), now));
      ::_exit(made == per_writer ? 0 : 1);
    }
    children.push_back(child);
  }
  std::atomic<bool> is_done = false;
  std::atomic<int> lost = 0, made = 0;
  std::thread reader([&] {
    const auto first = store.tokens.create(wanted("first"), now);
    while (!is_done) lost += !store.tokens.find(first->text, now + 1000 * second * ++made);
  });
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer)
    writers.emplace_back([&, writer] {
      for (int i = 0; i < per_writer; ++i) lost += !store.tokens.create(wanted("t" + std::to_string(writer) + "-" + std::to_string(i)), now);
    });
  for (auto& writer : writers) writer.join();
  for (const auto child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  is_done = true;
  reader.join();
  CHECK(lost == 0);
  CHECK(store.tokens.list()->size() == 4 * per_writer + 1);
}

TEST_CASE("token texts differ, and each differs from its neighbours by the check sum") {
  std::set<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    auto text = *make_token_text();
    CHECK(text.size() == 54);
    CHECK(is_token_text(text));
    texts.insert(text);
    for (const std::size_t at : {std::size_t{4}, std::size_t{25}, text.size() - 1}) {
      auto other = text;
      other[at] = other[at] == 'z' ? 'y' : 'z';
      CHECK_FALSE(is_token_text(other));
    }
  }
  CHECK(texts.size() == 200);
}

}  // namespace luthier::auth
